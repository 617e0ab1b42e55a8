"""Faults that span sections: names that refer to nothing, and lists that hold nobody."""

import re

from bot.config.access import check_access
from bot.config.check_channels import check_channels, check_room_address
from bot.config.check_mail import check_mail
from bot.config.check_personal import FORECASTS, check_personal
from bot.config.check_remote import check_remote
from bot.config.check_reports import check_reports
from bot.config.check_routes import check_routes
from bot.config.check_scrape import check_scrape
from bot.config.check_services import check_services
from bot.config.check_sources import check_sources
from bot.config.inspection import Inspection, Way
from bot.config.phone import parse_phone
from bot.config.reach import check_reach
from routing.playbook import CHAT
from storage.model.alert import Severity
from storage.model.person import Permission

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SLACK_MEMBER = re.compile(r"[UW][A-Z0-9]{6,}")
OWN_HOST = "own_host"


def check(inspection: Inspection) -> None:
    """Note every fault that only shows when sections are read together."""
    readable = not inspection.faults
    _names(inspection)
    _people(inspection)
    _oncall(inspection)
    _policies(inspection)
    _routes(inspection)
    _severities(inspection)
    check_channels(inspection)
    check_personal(inspection)
    check_access(inspection)
    check_remote(inspection)
    check_reports(inspection)
    check_scrape(inspection, OWN_HOST)
    check_services(inspection)
    check_sources(inspection)
    check_mail(inspection)
    if readable and not inspection.faults:
        check_reach(inspection)


def _names(inspection: Inspection) -> None:
    """Names are typed by people and stand in the keys of messages."""
    for section in ("people", "oncall", "policies", "sources", "heartbeats"):
        for name in sorted(inspection.names(section)):
            if not _NAME.fullmatch(name):
                expected = "expected letters and digits, with . _ - between them"
                inspection.add_at_key(section, name, f"found the name {name!r}; {expected}")
    if OWN_HOST in inspection.names("sources"):
        text = "this source is Tocsin's own; it is set up in the section own_host"
        inspection.add_at_key("sources", OWN_HOST, text)


def _people(inspection: Inspection) -> None:
    """Somebody is told when Tocsin itself is in trouble; contacts lead somewhere."""
    people = inspection.config.people
    has_admin = any(person.permission is Permission.ADMIN for person in people.values())
    if people and not has_admin and inspection.is_sound("people"):
        inspection.add(
            ("people",),
            "nobody has `permission: admin`; expected one person at least, who is told when "
            "Tocsin itself is in trouble",
        )
    seen: dict[tuple[str, str], str] = {}
    for name, person in people.items():
        if person.slack is not None and not _SLACK_MEMBER.fullmatch(person.slack):
            expected = "expected a member id such as U012ABCDEF (profile > Copy member ID)"
            inspection.add(("people", name, "slack"), f"found {person.slack!r}; {expected}")
        for key, address in (
            ("slack", person.slack),
            ("phone", person.phone),
            ("email", person.email),
        ):
            if address and (first := seen.setdefault((key, address), name)) != name:
                text = f"{first} has the same; expected another for each person"
                inspection.add(("people", name, key), text)
        _numbers(inspection, name)
        _contacts(inspection, name)


def _numbers(inspection: Inspection, name: str) -> None:
    """Addresses that are phone numbers are written as the network writes them."""
    for channel in ("sms", "voice"):
        written = inspection.config.people[name].addresses.get(channel)
        if written is None:
            continue
        way: Way = ("people", name, "addresses", channel)
        try:
            number = parse_phone(written)
        except ValueError as error:
            inspection.add(way, str(error))
        else:
            if number != written:
                inspection.add(way, f"found {written!r}; expected it without gaps: {number}")


def _contacts(inspection: Inspection, name: str) -> None:
    person = inspection.config.people[name]
    for place, channel in enumerate(person.contacts):
        way: Way = ("people", name, "contacts", place)
        inspection.refers(way, "channel", channel, inspection.names("channels"))
        if channel in inspection.config.channels and not person.address(name, channel):
            own = {"slack": "slack", "sms": "phone", "voice": "phone", "email": "email"}
            key = own.get(channel, f"addresses.{channel}")
            inspection.add(way, f"{name} has no address for {channel}; expected it in `{key}`")


def _oncall(inspection: Inspection) -> None:
    """An on-call list names people, each once, and one at least."""
    for name, people in inspection.config.oncall.items():
        if not people and inspection.is_sound("oncall"):
            inspection.add(("oncall", name), "nobody is on this list; expected one person at least")
        for place, person in enumerate(people):
            way: Way = ("oncall", name, place)
            inspection.refers(way, "person", person, inspection.names("people"))
            if person in people[:place]:
                inspection.add(way, f"{person} stands on this list twice")


def _policies(inspection: Inspection) -> None:
    """Steps and rooms name what there is."""
    words = {CHAT, *inspection.names("channels")}
    for name, policy in inspection.config.policies.items():
        for number, step in enumerate(policy.steps):
            way: Way = ("policies", name, "steps", number)
            for place, target in enumerate(step.notify):
                here = (*way, "notify", place)
                if target.person is not None:
                    known = inspection.names("people")
                    inspection.refers((*here, "person"), "person", target.person, known)
                if target.oncall is not None:
                    known = inspection.names("oncall")
                    inspection.refers((*here, "oncall"), "on-call list", target.oncall, known)
            for place, word in enumerate(step.by):
                inspection.refers((*way, "by", place), "channel", word, words)
        _rooms(inspection, name)


def _rooms(inspection: Inspection, policy: str) -> None:
    shown = sorted(n for n, it in inspection.config.opened.items() if it.kind.shows_rooms)
    for place, room in enumerate(inspection.config.policies[policy].rooms):
        ((channel, address),) = room.items()
        way: Way = ("policies", policy, "rooms", place)
        inspection.refers(way, "channel", channel, inspection.names("channels"))
        if channel in inspection.config.channels and channel not in shown:
            inspection.add(way, f"{channel} has no rooms; expected one of {', '.join(shown)}")
        check_room_address(inspection, (*way, channel), channel, address)


def _routes(inspection: Inspection) -> None:
    """Every alert finds its policy."""
    policies = inspection.names("policies")
    default = inspection.config.default_policy
    if default is not None:
        inspection.refers(("default_policy",), "policy", default, policies)
    elif not inspection.places.has("default_policy"):
        known = ", ".join(sorted(policies)) or "none"
        inspection.add(
            (),
            "default_policy is missing; expected the policy for alerts that no route takes; "
            f"known: {known}",
        )
    check_routes(inspection)


def _severities(inspection: Inspection) -> None:
    """Channels by severity exist, and forecasts ring no phone."""
    words = {CHAT, *inspection.names("channels")}
    phones = inspection.config.ringing_channels
    for severity, chosen in inspection.config.severities.items():
        for place, word in enumerate(chosen):
            way: Way = ("severities", severity.value, place)
            inspection.refers(way, "channel", word, words)
            if severity is Severity.PREDICTIVE and word in phones:
                inspection.add(way, f"found {word!r}; {FORECASTS}")
        if not chosen and inspection.is_sound("severities"):
            inspection.add(
                ("severities", severity.value),
                f"{severity} goes nowhere; expected one channel at least",
            )
