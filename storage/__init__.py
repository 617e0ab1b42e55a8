"""The ground floor: the memory (what things are, SQL, series, PromQL)."""
