"""One file a step of the schema; `NNNN_what.py`, counted up."""
