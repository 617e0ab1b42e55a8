"""Reports on demand: one report a file; each exports `REPORT`."""
