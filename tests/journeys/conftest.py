"""The journeys run against the same real processes as the promises."""

from tests.promises.conftest import found, session, slack, twilio

__all__ = ["found", "session", "slack", "twilio"]
