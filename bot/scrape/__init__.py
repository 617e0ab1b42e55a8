"""Fetching samples from targets that expose them, as Prometheus does."""
