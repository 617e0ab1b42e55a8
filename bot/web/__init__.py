"""The HTTP server: ingest, API, console page."""
