"""Rule files, their life cycle and their templates. Pure."""
