"""Faults in what channels are told: their own options, and addresses that they do not have."""

import re

from bot.config.inspection import Inspection, Way
from bot.config.mail_address import parse_mail_address
from routing.delivery.channel import ChannelKind


def check_channels(inspection: Inspection) -> None:
    """Note what a channel's options refuse, and every use of a channel that it does not serve."""
    for name, opened in inspection.config.opened.items():
        if opened.kind.faults is not None:
            for keys, text in opened.kind.faults(opened.options):
                inspection.add(("channels", name, *keys), text)
    _rooms(inspection)
    _people(inspection)
    _words(inspection)


def _rooms(inspection: Inspection) -> None:
    """A room of a channel that names its rooms is one of them."""
    for name, policy in inspection.config.policies.items():
        for place, room in enumerate(policy.rooms):
            for channel, address in room.items():
                way: Way = ("policies", name, "rooms", place, channel)
                check_address(inspection, way, channel, address)
    for place, room in enumerate(inspection.config.alerts.silences.to):
        for channel, address in room.items():
            way = ("alerts", "silences", "to", place)
            inspection.refers(way, "channel", channel, inspection.names("channels"))
            if channel in inspection.config.opened:
                check_address(inspection, (*way, channel), channel, address)
                check_room_address(inspection, (*way, channel), channel, address)


def _people(inspection: Inspection) -> None:
    for name, person in inspection.config.people.items():
        for channel, address in person.addresses.items():
            way: Way = ("people", name, "addresses", channel)
            kind = _kind(inspection, channel)
            if kind is not None and not kind.asks:
                inspection.add(way, _roomy(channel))
            else:
                check_address(inspection, way, channel, address)


def _words(inspection: Inspection) -> None:
    """Nobody is asked by a channel that only has rooms."""
    config, used = inspection.config, list[tuple[Way, str]]()
    for name, policy in config.policies.items():
        for number, step in enumerate(policy.steps):
            place: Way = ("policies", name, "steps", number, "by")
            used += [((*place, at), word) for at, word in enumerate(step.by)]
    for severity, words in config.severities.items():
        used += [(("severities", severity.value, at), word) for at, word in enumerate(words)]
    for way, word in used:
        kind = _kind(inspection, word)
        if kind is not None and not kind.asks:
            inspection.add(way, _roomy(word))


def _kind(inspection: Inspection, channel: str) -> ChannelKind | None:
    opened = inspection.config.opened.get(channel)
    return opened.kind if opened else None


def check_address(inspection: Inspection, way: Way, channel: str, address: str) -> None:
    """Note an address that a channel does not have, where it names its own."""
    opened = inspection.config.opened.get(channel)
    if opened is not None and opened.kind.addresses is not None:
        known = opened.kind.addresses(opened.options)
        inspection.refers(way, f"address of channels.{channel}", address, known)


def _roomy(channel: str) -> str:
    return f"{channel} reaches no person; expected it among the rooms of a policy only"


def check_room_address(inspection: Inspection, way: Way, channel: str, address: str) -> None:
    """Note the address of a room that is none of its channel's kind."""
    if channel == "slack" and not re.fullmatch(r"[CG][A-Z0-9]{6,}", address):
        expected = "expected a channel id such as C012ABCDEF (channel > View details, at the end)"
        inspection.add(way, f"found {address!r}; {expected}")
    if channel == "email":
        try:
            parse_mail_address(address)
        except ValueError as error:
            inspection.add(way, str(error))
