"""One thing that is examined = one file with one constant, CHECK = Check(...)."""
