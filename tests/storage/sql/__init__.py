"""Tests of the incident database, on both databases where they may differ."""
