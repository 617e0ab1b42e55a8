"""What a check is, and what it works with."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from bot.config.config import Config
from routing.finding import Finding, Group
from storage.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is examined. config: sound, as files and environment are now."""

    config: Config
    clock: Clock

    def options(self, channel: str) -> Any:
        """Return the options of a channel; None where it is not configured."""
        opened = self.config.opened.get(channel)
        return opened.options if opened else None

    def rooms(self, channel: str) -> dict[str, str]:
        """Return the rooms on a channel, and the policies that show their incidents there."""
        found: dict[str, list[str]] = {}
        for name, policy in self.config.policies.items():
            for room in policy.rooms:
                if channel in room:
                    found.setdefault(room[channel], []).append(name)
        return {room: ", ".join(policies) for room, policies in found.items()}

    def people(self, channel: str) -> dict[str, str]:
        """Return the addresses of people on a channel: person -> address."""
        reached = {name: self.config.contacts(name).get(channel) for name in self.config.people}
        return {name: address for name, address in reached.items() if address}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check's file exports.

    name:    the group of its findings; that of a channel where it examines one: it is then made
             only where the channel is configured.
    examine: yields what it finds; it changes nothing and sends nobody anything. What it raises
             is told as a fault of its own. It must not block the event loop.
    """

    name: str
    examine: Callable[[Patient, Group], AsyncIterator[Finding]]
