"""Other programs' configuration files, turned into ours."""
