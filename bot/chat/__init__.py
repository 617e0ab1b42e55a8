"""Inbound people: words -> verbs -> replies, the same from every mouth."""
