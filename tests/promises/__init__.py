"""What must hold when things break: the running product, seen from outside by real clients."""
