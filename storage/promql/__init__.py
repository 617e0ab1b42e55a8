"""The query language: text -> plan -> values. Pure."""
