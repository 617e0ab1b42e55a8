"""The demo: the real product, a small shop that can be broken, and a supervisor over both."""
