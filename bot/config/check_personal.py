"""Faults of personal rules: channels that nobody knows or the person lacks, rules never asked."""

from bot.config.inspection import Inspection, Way
from routing.playbook import CHAT
from storage.model.alert import Severity

FORECASTS = "expected chat or email only: forecasts ring no phone"


def check_personal(inspection: Inspection) -> None:
    """Note what is wrong with the rules of each person, and caps of channels nobody knows."""
    for channel in inspection.config.delivery.daily_cap:
        way: Way = ("delivery", "daily_cap", channel)
        inspection.refers(way, "channel", channel, inspection.names("channels"))
    for name, person in inspection.config.people.items():
        taken = 0
        for place, rule in enumerate(person.rules):
            if taken:
                expected = "expected it further up, or with `severity` or `hours`"
                way = ("people", name, "rules", place)
                inspection.add(way, f"never asked: rule {taken} takes every page; {expected}")
            taken = taken or (place + 1 if rule.takes_all else 0)
            for number, step in enumerate(rule.steps):
                for position, word in enumerate(step.by):
                    here: Way = ("people", name, "rules", place, "steps", number, "by", position)
                    _word(inspection, here, name, word)
                    forecasts = Severity.PREDICTIVE in rule.severity
                    if forecasts and word in inspection.config.ringing_channels:
                        inspection.add(here, f"found {word!r}; {FORECASTS}")


def _word(inspection: Inspection, way: Way, name: str, word: str) -> None:
    config = inspection.config
    inspection.refers(way, "channel", word, {CHAT, *inspection.names("channels")})
    if word in config.channels and word not in config.contacts(name):
        inspection.add(way, f"{name} cannot be reached by {word}; expected an address for it")
