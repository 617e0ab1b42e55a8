"""The incident state machine: what can happen, what follows. Pure."""
