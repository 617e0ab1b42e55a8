"""Numbers over time: journal, head and sealed segments."""
