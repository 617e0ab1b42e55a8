"""Inbound bytes -> samples: one format a file; each exports `FORMAT`."""
