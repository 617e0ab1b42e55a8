"""The clouds, on loopback: servers that speak the vendors' protocols and keep their limits."""
