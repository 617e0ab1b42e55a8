"""The top floor: everything that talks to the world (chat, channels, HTTP, command line)."""
