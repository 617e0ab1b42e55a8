"""The configuration: one YAML file -> frozen models, every fault at once."""
