"""The middle floor: the decisions (rules, alerts, incidents, rotas, delivery)."""
