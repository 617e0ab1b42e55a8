"""Outbound messages: one channel a file; each exports `CHANNEL`."""
