"""The port through which everyone asks for numbers."""
