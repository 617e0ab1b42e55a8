"""One verb a file; each exports `VERB`."""
