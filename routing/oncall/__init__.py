"""Who is on call, and how they are reached. Pure."""
