"""The clouds, on loopback: servers that speak the vendors' protocols and keep their limits.

slack.py and twilio.py are the servers, used in-process (`async with SlackServer() as slack:`) or,
when a test kills the client, as processes of their own (process.py: `async with spawned("slack")`;
nursery.py: how they come to be).
faults.py says what can go wrong; calls.py what is written down of every call.
"""
