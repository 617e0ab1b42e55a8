"""`tocsin doctor`: asks everything that Tocsin depends on for proof, before the night does."""
