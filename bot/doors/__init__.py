"""Ways in for alerts that somebody else has judged. One file each."""
