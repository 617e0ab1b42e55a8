"""How a rule judges numbers: one detector a file. Pure."""
