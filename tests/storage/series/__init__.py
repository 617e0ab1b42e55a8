"""Tests of the embedded series store."""
