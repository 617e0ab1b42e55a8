"""What becomes of an alert before it is an incident: routing and grouping. Pure."""
