"""The imperative shell of this floor: load, decide, save, send."""
