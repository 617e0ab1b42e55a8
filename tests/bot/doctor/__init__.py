"""What `tocsin doctor` finds, asked of servers that speak as the vendors do."""
