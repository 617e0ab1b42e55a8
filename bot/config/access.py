"""Who may come in: tokens, the addresses listened on, the console, Slack's tokens."""

from bot.config.inspection import Inspection, Way
from bot.config.secret import Secret

_SLACK_TOKENS = (("bot_token", "xoxb-", "bot token"), ("app_token", "xapp-", "app-level token"))
_SHORTEST_TOKEN = 16


def check_access(inspection: Inspection) -> None:
    """Note what would let strangers in, or nobody."""
    _tokens(inspection)
    _listening(inspection)
    _console(inspection)
    _slack(inspection)
    _bodies(inspection)


def _bodies(inspection: Inspection) -> None:
    """A source's own limit of bodies is a narrower one: what all may send is in `server`."""
    most = inspection.config.server.max_body
    for name, source in inspection.config.sources.items():
        if source.limits.body is not None and source.limits.body > most:
            way: Way = ("sources", name, "limits", "body")
            text = f"this is more than server.max_body ({most} bytes); expected so many at most"
            inspection.add(way, text)


def _tokens(inspection: Inspection) -> None:
    """Each token says who comes: one token, one person or one source."""
    config, seen = inspection.config, dict[Secret, str]()
    given: list[tuple[Way, Secret, str]] = [
        (("server", "tokens", place, "token"), entry.token, f"server.tokens[{place}]")
        for place, entry in enumerate(config.server.tokens)
    ]
    given += [
        (("sources", name, "token"), source.token, f"sources.{name}")
        for name, source in config.sources.items()
        if source.token is not None
    ]
    given += [
        (("heartbeats", name, "token"), heartbeat.token, f"heartbeats.{name}")
        for name, heartbeat in config.heartbeats.items()
        if heartbeat.token is not None
    ]
    for way, token, whose in given:
        if (first := seen.setdefault(token, whose)) != whose:
            inspection.add(way, f"this token is also that of {first}; expected another for each")
        if len(token.reveal()) < _SHORTEST_TOKEN:
            expected = f"expected {_SHORTEST_TOKEN} characters at least (openssl rand -hex 24)"
            inspection.add(way, f"this token can be guessed; {expected}")
    secret = config.server.link_secret
    if secret is not None and len(secret.reveal()) < _SHORTEST_TOKEN:
        expected = f"expected {_SHORTEST_TOKEN} characters at least (openssl rand -hex 24)"
        inspection.add(("server", "link_secret"), f"this secret can be guessed; {expected}")
    owners: set[str] = set()
    for place, entry in enumerate(config.server.tokens):
        way = ("server", "tokens", place, "person")
        inspection.refers(way, "person", entry.person, inspection.names("people"))
        if entry.person in owners:
            text = f"{entry.person} has a token already; expected one for each person"
            inspection.add(way, text)
        owners.add(entry.person)


def _listening(inspection: Inspection) -> None:
    """Beyond loopback whoever sends samples shows a token."""
    config = inspection.config
    listen = config.server.listen
    if listen.is_loopback:
        return
    callers = [("sources", name, it.token) for name, it in config.sources.items()]
    callers += [("heartbeats", name, it.token) for name, it in config.heartbeats.items()]
    for section, name, token in callers:
        if token is None and not inspection.places.has(section, name, "token"):
            inspection.add_at_key(
                section,
                name,
                f"this {section[:-1]} has no token, and {listen} can be reached from other "
                "machines; expected a token, or a loopback address in server.listen",
            )
    if not inspection.names("sources") and not inspection.places.has("server", "tokens"):
        inspection.add(
            ("server", "listen"),
            f"{listen} can be reached from other machines and no token is set; expected tokens in "
            "sources and server.tokens, or a loopback address such as 127.0.0.1:9099",
        )


def _console(inspection: Inspection) -> None:
    """The console has no sign-in: it is for this machine alone, and one person speaks there."""
    console, listen = inspection.config.console, inspection.config.server.listen
    if console.person is not None:
        way: Way = ("console", "person")
        inspection.refers(way, "person", console.person, inspection.names("people"))
    if not console.enabled:
        return
    if console.person is None and not inspection.places.has("console", "person"):
        text = "person is missing; expected the person who speaks on this machine's console"
        inspection.add(("console",), text)
    if not listen.is_loopback:
        inspection.add(
            ("console", "enabled"),
            f"the console has no sign-in and {listen} can be reached from other machines; "
            "expected false, or a loopback address in server.listen",
        )


def _slack(inspection: Inspection) -> None:
    """Slack's tokens are easily mixed up; each shows by its beginning what it is."""
    opened = inspection.config.opened.get("slack")
    for key, prefix, kind in _SLACK_TOKENS:
        token = getattr(opened.options, key, None) if opened else None
        if not isinstance(token, Secret) or token.reveal().startswith(prefix):
            continue
        other = next((k for _, p, k in _SLACK_TOKENS if token.reveal().startswith(p)), "")
        found = f"found an {other}" if other.startswith("app") else f"found a {other}"
        found = found if other else "found something else"
        inspection.add(
            ("channels", "slack", key),
            f"{found}; expected the {kind}, which begins with {prefix}",
        )
    secret = getattr(opened.options, "signing_secret", None) if opened else None
    if isinstance(secret, Secret):
        _signing_secret(inspection, secret.reveal())


def _signing_secret(inspection: Inspection, secret: str) -> None:
    """Whoever guesses it speaks as anybody; Slack's own are 32 hexadecimal digits."""
    way: Way = ("channels", "slack", "signing_secret")
    expected = "expected the app's Signing Secret (Basic Information > App Credentials)"
    kind = next((kind for _, prefix, kind in _SLACK_TOKENS if secret.startswith(prefix)), "")
    if kind:
        inspection.add(way, f"found a token, the {kind}; {expected}")
    elif len(secret) < _SHORTEST_TOKEN:
        inspection.add(way, f"this secret can be guessed; {expected}")
