"""The town that is watched: who lives there, how they are reached, which rules there are."""

import re

from tests.promises.tocsin import Json, token_of
from tests.vendors.process import Remote

PHONES = {"ada": "+14155552601", "ben": "+14155552602", "cleo": "+14155552603"}
SLACK_IDS = {"ada": "U0ADA0001", "ben": "U0BEN0001"}
ROOM = "C0ALARMS1"
EDGE = "edge-token-0123456789"
FULL: Json = {
    "groups": [
        {
            "name": "disks",
            "interval": "1s",
            "rules": [
                {
                    "alert": "DiskFull",
                    "expr": "level > 90",
                    "labels": {"severity": "critical", "category": "capacity"},
                    "annotations": {"summary": "disk of {{ $labels.instance }} is full"},
                }
            ],
        }
    ]
}
"""One rule, judged for each series alone: an alert for each instance above 90."""


def town(
    twilio: Remote | None = None, slack: Remote | None = None, steps: list[Json] | None = None
) -> Json:
    """Return a configuration: each instance its own incident; Ada, then Ben, then Cleo by SMS.

    Rooms: one in Slack where there is a Slack, else the console's.
    """
    channels: Json = {}
    if twilio is not None:
        channels["sms"] = {
            "account_sid": twilio.facts["account_sid"],
            "auth_token": twilio.facts["auth_token"],
            "from_number": "+14155550100",
            "api_url": twilio.url,
            "verify": False,
        }
    if slack is not None:
        channels["slack"] = {
            "bot_token": slack.facts["bot_token"],
            "app_token": slack.facts["app_token"],
            "api_url": slack.facts["api_url"],
        }
    else:
        channels["console"] = {}
    room = {"slack": ROOM} if slack is not None else {"console": "alarms"}
    return {
        "server": {
            "listen": "127.0.0.1:0",
            "tokens": [{"person": who, "token": token_of(who)} for who in PHONES],
        },
        "storage": {"directory": "data"},
        "rules": ["rules.yaml"],
        "own_host": {"enabled": False},
        "sources": {"edge": {"token": EDGE}},
        "people": {who: _person(who, slack is not None) for who in PHONES},
        "oncall": {"primary": ["ada", "ben", "cleo"]},
        "policies": {
            "default": {
                "rooms": [room],
                "repeat_after": "15m",
                "steps": steps or [step("ada", 0), step("ben", 2), step("cleo", 2)],
            }
        },
        "default_policy": "default",
        "routes": [{"policy": "default", "group_by": ["alertname", "instance"]}],
        "channels": channels,
        "delivery": {"single": 0},  # witnesses count each page by itself
    }


def over_http(config: Json, slack: Remote) -> Json:
    """Let Slack call us instead of holding a socket open."""
    del config["channels"]["slack"]["app_token"]
    config["channels"]["slack"]["signing_secret"] = slack.facts["signing_secret"]
    return config


def _person(who: str, with_slack: bool) -> Json:
    person: Json = {"name": who.title(), "phone": PHONES[who]}
    if who == "ada":
        person["permission"] = "admin"
    if with_slack and who in SLACK_IDS:
        person["slack"] = SLACK_IDS[who]
    return person


def step(person: str, after: float, *by: str) -> Json:
    """Write a step: ask a person, so many seconds after the step before; by SMS unless said."""
    return {"after": f"{after:g}s", "notify": [{"person": person}], "by": list(by) or ["sms"]}


def texts(messages: list[Json]) -> list[tuple[int, str, bool, float]]:
    """Read Twilio's messages: (incident, to, whether it asks for an answer, monotonic time)."""
    return [
        (number_of(it["body"]), it["to"], "Answer: " in it["body"], it["at"]) for it in messages
    ]


def number_of(text: str) -> int:
    """Return the incident's number, the first that a message names; 0 where there is none."""
    found = re.search(r"#(\d+)", text)
    return int(found[1]) if found else 0
