"""Measurements beside the neighbours, each in one run on one machine; see README.md."""
