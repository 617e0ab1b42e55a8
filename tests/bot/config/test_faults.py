"""One row, one way to be wrong: the exact sentence a person reads."""

from pathlib import Path

import pytest

from bot.config.channels import names
from bot.config.config import Config
from tests.bot.config.town import ENVIRON, SOUND, faults, read, spoilt

SECTIONS = ", ".join(sorted(Config.model_fields))
PERSON = "addresses, contacts, email, name, permission, phone, quiet_hours, rules, slack, timezone"
MAIL = "{host: mx, from_address: t@x.org, tls: off, username: t, password: very-secret}"
MAIL_BY_CA = MAIL.replace("off", "starttls, ca_file: ca.pem")
POLICY = (
    "ack_timeout, group_interval, group_wait, reopen_within, repeat_after, repeat_interval, rooms, "
    "steps"
)


def test_the_sound_configuration_has_no_fault(tmp_path: Path) -> None:
    assert set(read(tmp_path).people) == {"ada", "bob"}


VALUES = [
    pytest.param("alerts: {maintenance: {w: {match: [a=b], starts: 9999-12-31T23:00:00, "
        "lasts: 1h}}}\n",
        "config.yaml:15:27 alerts.maintenance.w: starts: expected a year from 2000 to 2099",
        id="window-of-no-year"),
    pytest.param("alerts: {maintenance: {w: {match: [a=b], starts: 2026-01-01T22:00:00, "
        "lasts: 1h, rule: FREQ=DAILY;INTERVAL=0}}}\n",
        "config.yaml:15:27 alerts.maintenance.w: found 'FREQ=DAILY;INTERVAL=0'; expected an "
        "RFC 5545 rule such as FREQ=WEEKLY;BYDAY=SU: INTERVAL is a number from 1 to 1,000",
        id="window-that-never-steps-on"),
    pytest.param("sources: {nas: {mail: {address: n@x.org, senders: ['x']}}}\nmail: {}\n",
        "config.yaml:15:52 sources.nas.mail.senders[0]: found 'x'; expected an address, "
        "*@example.com, or * for anybody", id="mail-sender"),
    pytest.param("sources: {nas: {mail: {address: n@x.org, senders: ['*'], text: '(a'}}}\n"
        "mail: {}\n",
        "config.yaml:15:64 sources.nas.mail.text: found '(a', which is no RE2 pattern (missing ): "
        "(a); expected one such as '\\[(?P<state>\\w+)\\] (?P<host>\\S+)'", id="mail-pattern"),
    pytest.param("sources: {nas: {mail: {address: n@x.org, senders: ['*']}}}\n",
        "config.yaml:15:33 sources.nas.mail.address: nobody listens for mails; expected a section "
        "`mail`, such as `mail: {}`", id="mail-to-nobody"),
    pytest.param("lookups: {a: {label: host, labels: {owner: o}}}\n",
        "config.yaml:15:14 lookups.a: found a mapping (label, labels); expected one of "
        "csv and url", id="lookup-nowhere"),
    pytest.param("lookups: {a: {label: host, csv: hosts.csv, labels: {owner: owner}}}\n",
        "config.yaml:15:14 lookups.a: csv: hosts.csv cannot be read: [Errno 2] No such "
        "file or directory: 'hosts.csv'", id="lookup-without-a-file"),
    pytest.param("lookups: {a: {label: host, url: 'https://x.org/{value}', labels: {o: 'a['}}}\n",
        "config.yaml:15:14 lookups.a: o: 'a[' is no JMESPath (Invalid jmespath "
        "expression: Incomplete expression:)", id="lookup-by-nothing"),
    pytest.param("lookups: {a: {label: host, url: 'https://{value}.org/', labels: {o: a}}}\n",
        "config.yaml:15:14 lookups.a: url: expected {value} once, behind the host, such as "
        "https://cmdb.example.com/hosts/{value}", id="lookup-of-any-host"),
    pytest.param("mail: {}\n",
        "config.yaml:15:7 mail: no source takes mails; expected `mail: {address: ..., senders: "
        "[...]}` in one", id="mail-for-nobody"),
    pytest.param("mail: {listen: '0.0.0.0:25'}\nsources: {n: {mail: {address: n@x.org, "
        "senders: ['*']}}}\n",
        "config.yaml:15:7 mail: 0.0.0.0:25 can be reached from other machines; expected `hosts`, "
        "the networks whose machines may deliver, such as [10.1.0.0/16]", id="mail-from-anywhere"),
    pytest.param("polices: {}\n",
        f"config.yaml:15:1 polices: no such key; did you mean 'policies'? known: {SECTIONS}",
        id="unknown-section"),
    pytest.param("server: {listen: 9099}\n",
        "config.yaml:15:18 server.listen: found 9099; expected an address and a port such as "
        "127.0.0.1:9099 or [::1]:9099", id="listen-without-address"),
    pytest.param("server: {listen: '127.0.0.1:99999'}\n",
        "config.yaml:15:18 server.listen: found '127.0.0.1:99999'; "
        "expected a port number from 0 to 65535", id="port-too-large"),
    pytest.param("server: {public_url: tocsin.example.com}\n",
        "config.yaml:15:22 server.public_url: found 'tocsin.example.com'; expected an http or "
        "https address such as https://tocsin.example.com", id="address-without-scheme"),
    pytest.param("server: {max_body: 4 megs}\n",
        "config.yaml:15:20 server.max_body: '4 megs' is not a size; "
        "expected one such as 512MiB or 20GB", id="size"),
    pytest.param("delivery: {failover_after: 60}\n",
        "config.yaml:15:28 delivery.failover_after: '60' has no unit; expected a duration such as "
        "30s, 5m, 1h30m, 7d (did you mean '60s'?)", id="duration-without-unit"),
    pytest.param("delivery: {failover_after: 0s}\n",
        "config.yaml:15:28 delivery.failover_after: found no time at all; "
        "expected a duration longer than 0s", id="no-time"),
    pytest.param("own_host: {enabled: no}\n",
        "config.yaml:15:21 own_host.enabled: found 'no'; expected true or false "
        "(did you mean false?)", id="no-is-a-word"),
    pytest.param("own_host: [1]\n",
        "config.yaml:15:11 own_host: found a list of 1; expected a mapping", id="not-a-mapping"),
    pytest.param("log: {level: wrning}\n",
        "config.yaml:15:14 log.level: found 'wrning'; did you mean 'warning'? "
        "expected debug or info or warning or error", id="one-of-few"),
    pytest.param("severities: {critcal: [chat]}\n",
        "config.yaml:15:14 severities.critcal: found 'critcal'; did you mean 'critical'? "
        "expected critical or warning or informational or predictive", id="severity-name"),
    pytest.param("severities: {warning: chat}\n",
        "config.yaml:15:23 severities.warning: found 'chat'; expected a list", id="not-a-list"),
    pytest.param("storage: {samples: {max_series: many}}\n",
        "config.yaml:15:33 storage.samples.max_series: found 'many'; expected a whole number",
        id="not-a-number"),
    pytest.param("storage: {samples: {max_series: 0}}\n",
        "config.yaml:15:33 storage.samples.max_series: found 0; expected a number of at least 1",
        id="too-small"),
    pytest.param("heartbeat: {interval: 1m}\n",
        "config.yaml:15:12 heartbeat: url is missing; expected it among interval, url",
        id="missing-key"),
    pytest.param("routes: [{match: [severity], policy: shop}]\n",
        "config.yaml:15:19 routes[0].match[0]: found 'severity'; expected a matcher such as "
        'severity="critical", team!="shop" or job=~"api|web"', id="matcher"),
    pytest.param("routes: [{match: ['job=~\"(\"'], policy: shop}]\n",
        "config.yaml:15:19 routes[0].match[0]: regular expression '(': missing ): ^(?:()$; "
        "expected a pattern in RE2's dialect", id="bad-pattern"),
    pytest.param("rules: [rules/*.yml]\n",
        "config.yaml:15:9 rules[0]: no file matches 'rules/*.yml' in {folder}; "
        "expected a file or a pattern such as rules/*.yaml",
        id="no-rule-file"),
    pytest.param("sources: {a: {token: ~}, b: {tokn: x}}\n",
        "config.yaml:15:30 sources.b.tokn: no such key; did you mean 'token'? "
        "known: expect, limits, mail, mapping, severity, token", id="misspelt-token"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "sentence"), VALUES)
def test_a_wrong_value_is_answered(tmp_path: Path, more: str, sentence: str) -> None:
    folder = str(tmp_path.absolute())
    expected = sentence.replace("{folder}", folder)
    assert faults(tmp_path, SOUND + more) == [expected]


SPOILT = [
    pytest.param("phone: +49 30 901820", "phone: 030 901820",
        "config.yaml:2:54 people.ada.phone: found '030 901820'; the country code is missing; "
        "expected an international number such as +49 30 901820", id="phone-without-country"),
    pytest.param("phone: +49 30 901820", "phone: +1415555010",
        "config.yaml:2:54 people.ada.phone: found '+1415555010', which is too short for +1 (US)",
        id="phone-too-short"),
    pytest.param("phone: +49", "fone: +49",
        f"config.yaml:2:47 people.ada.fone: no such key; did you mean 'phone'? known: {PERSON}",
        id="misspelt-key"),
    pytest.param("phone: +49", "timezone: Europe/Berlni, phone: +49",
        "config.yaml:2:57 people.ada.timezone: no time zone is called 'Europe/Berlni'; did you "
        "mean Europe/Berlin?", id="time-zone"),
    pytest.param("phone: +49", "rules: [{hours: 22-7, steps: [{by: [sms]}]}], phone: +49",
        "config.yaml:2:63 people.ada.rules[0].hours: found '22-7'; "
        "expected a time of day such as 22:00", id="hours"),
    pytest.param("phone: +49",
        "rules: [{steps: [{after: 5m, by: [slack]}, {by: [slack]}]}], phone: +49",
        "config.yaml:2:63 people.ada.rules[0].steps: the steps do not ascend; `after` counts from "
        "the page: 2m, then 5m", id="turns-do-not-ascend"),
    pytest.param("slack: U023ABCDEF",
        "slack: U023ABCDEF, rules: [{steps: [{by: [sms]}]}, {steps: [{by: [sns, slack]}]}]",
        "config.yaml:3:51 people.bob.rules[0].steps[0].by[0]: bob cannot be reached by sms; "
        "expected an address for it\n"
        "config.yaml:3:60 people.bob.rules[1]: never asked: rule 1 takes every page; expected it "
        "further up, or with `severity` or `hours`\n"
        "config.yaml:3:75 people.bob.rules[1].steps[0].by[0]: no channel is called 'sns'; "
        "did you mean 'sms'? known: chat, slack, sms", id="rules"),
    pytest.param("phone: +49", "quiet_hours: {from: 22:00, to: 22:00}, phone: +49",
        "config.yaml:2:60 people.ada.quiet_hours: found no time at all; expected two different "
        "times of day", id="quiet"),
    pytest.param("phone: +49",
        "rules: [{severity: [critical], steps: [{by: [slack]}]}], phone: +49",
        "config.yaml:7:3 policies.shop: a critical alarm reaches nobody outside chat by this "
        "policy; expected sms in the rules of ada for criticals", id="rules-that-wake-nobody"),
    pytest.param("phone: +49",
        "rules: [{severity: [critical, predictive], steps: [{by: [sms]}]}], phone: +49",
        "config.yaml:2:104 people.ada.rules[0].steps[0].by[0]: found 'sms'; expected chat or "
        "email only: forecasts ring no phone", id="forecasts-by-sms"),
    pytest.param("permission: admin", "permission: admn",
        "config.yaml:2:21 people.ada.permission: found 'admn'; did you mean 'admin'? "
        "expected view or respond or admin", id="permission"),
    pytest.param("permission: admin, ", "",
        "config.yaml:2:3 people: nobody has `permission: admin`; expected one person at least, "
        "who is told when Tocsin itself is in trouble", id="no-admin"),
    pytest.param("slack: U012ABCDEF", "slack: '@ada'",
        "config.yaml:2:35 people.ada.slack: found '@ada'; expected a member id such as U012ABCDEF "
        "(profile > Copy member ID)", id="slack-name"),
    pytest.param("slack: U023ABCDEF", "slack: U012ABCDEF",
        "config.yaml:3:16 people.bob.slack: ada has the same; expected another for each person",
        id="same-member-twice"),
    pytest.param("slack: U023ABCDEF", "contacts: [slack, sns]",
        "config.yaml:3:20 people.bob.contacts[0]: bob has no address for slack; "
        "expected it in `slack`\n"
        "config.yaml:3:27 people.bob.contacts[1]: no channel is called 'sns'; "
        "did you mean 'sms'? known: slack, sms", id="contacts"),
    pytest.param("bob:", "b ob:",
        "config.yaml:3:3 people.b ob: found the name 'b ob'; "
        "expected letters and digits, with . _ - between them\n"
        "config.yaml:5:18 oncall.primary[1]: no person is called 'bob'; did you mean 'b ob'? "
        "known: ada, b ob", id="name-with-a-space"),
    pytest.param("[ada, bob]", "[ada, bop]",
        "config.yaml:5:18 oncall.primary[1]: no person is called 'bop'; did you mean 'bob'? "
        "known: ada, bob", id="unknown-person"),
    pytest.param("[ada, bob]", "[]",
        "config.yaml:5:12 oncall.primary: nobody is on this list; expected one person at least",
        id="empty-list"),
    pytest.param("[ada, bob]", "[ada, ada]",
        "config.yaml:5:18 oncall.primary[1]: ada stands on this list twice", id="twice-on-a-list"),
    pytest.param("{oncall: primary}", "{oncall: primry}",
        "config.yaml:10:27 policies.shop.steps[0].notify[0].oncall: no on-call list is called "
        "'primry'; did you mean 'primary'? known: primary", id="unknown-list"),
    pytest.param("{oncall: primary}", "{person: primary}",
        "config.yaml:10:27 policies.shop.steps[0].notify[0].person: no person is called "
        "'primary'; known: ada, bob", id="list-as-person"),
    pytest.param("{oncall: primary}", "{}",
        "config.yaml:10:18 policies.shop.steps[0].notify[0]: found an empty mapping; expected one "
        "of person and oncall, such as {oncall: primary}", id="nobody-to-notify"),
    pytest.param("[{oncall: primary}]", "[{oncall: primary}]\n        by: [chat, slak]",
        "config.yaml:11:20 policies.shop.steps[0].by[1]: no channel is called 'slak'; "
        "did you mean 'slack'? known: chat, slack, sms", id="unknown-channel"),
    pytest.param("    steps:\n      - notify: [{oncall: primary}]", "    step: 1",
        "config.yaml:8:5 policies.shop: steps is missing; expected it among "
        f"{POLICY}\n"
        "config.yaml:9:5 policies.shop.step: no such key; did you mean 'steps'? "
        f"known: {POLICY}", id="no-steps"),
    pytest.param("      - notify: [{oncall: primary}]", "      []",
        "config.yaml:10:7 policies.shop.steps: found a list of 0; "
        "expected a list that is not empty", id="empty-steps"),
    pytest.param("{slack: C012ABCDEF}", "{slack: '#alerts'}",
        "config.yaml:8:21 policies.shop.rooms[0].slack: found '#alerts'; expected a channel id "
        "such as C012ABCDEF (channel > View details, at the end)", id="room-by-name"),
    pytest.param("{slack: C012ABCDEF}", "{sms: '+4930901820'}",
        "config.yaml:8:13 policies.shop.rooms[0]: sms has no rooms; expected one of slack",
        id="room-on-a-phone"),
    pytest.param("{slack: C012ABCDEF}", "{slack: C012ABCDEF, sms: x}",
        "config.yaml:8:13 policies.shop.rooms[0]: found a mapping (slack, sms); expected one "
        "channel and its room, such as {slack: C0123456789}", id="two-in-one-room"),
    pytest.param("default_policy: shop", "default_policy: shp",
        "config.yaml:11:17 default_policy: no policy is called 'shp'; did you mean 'shop'? "
        "known: shop", id="unknown-default"),
    pytest.param("default_policy: shop\n", "",
        "config.yaml:1:1: default_policy is missing; expected the policy for alerts that no "
        "route takes; known: shop", id="no-default"),
    pytest.param("default_policy: shop", "default_policy: shop\nroutes: [{policy: sho}]",
        "config.yaml:12:19 routes[0].policy: no policy is called 'sho'; did you mean 'shop'? "
        "known: shop", id="route-to-nowhere"),
    pytest.param("default_policy: shop", "default_policy: shop\nseverities: {predictive: [sms]}",
        "config.yaml:12:27 severities.predictive[0]: found 'sms'; expected chat or email only: "
        "forecasts ring no phone", id="forecast-by-sms"),
    pytest.param("default_policy: shop", "default_policy: shop\nseverities: {warning: []}",
        "config.yaml:12:23 severities.warning: warning goes nowhere; "
        "expected one channel at least", id="severity-nowhere"),
    pytest.param("default_policy: shop", "default_policy: shop\nsources: {own_host: {}}",
        "config.yaml:12:11 sources.own_host: this source is Tocsin's own; "
        "it is set up in the section own_host", id="reserved-source"),
    pytest.param("+49 30 901820}", "+49 30 901820, email: ada at example.com}",
        "config.yaml:2:76 people.ada.email: found 'ada at example.com'; "
        "expected an e-mail address such as ada@example.com", id="no-mail-address"),
    pytest.param("bob: {slack", 'bob: {email: "a@x.org\\r\\nBcc: b@x.org", slack',
        "config.yaml:3:16 people.bob.email: found 'a@x.org\\r\\nBcc: b@x.org', whose part before "
        "the @ no relay would take; expected an e-mail address such as ada@example.com",
        id="mail-address-with-a-header"),
    pytest.param("rooms: [{slack: C012ABCDEF}]", "rooms: [{slack: C012ABCDEF}, {sms: x}]",
        "config.yaml:8:34 policies.shop.rooms[1]: sms has no rooms; expected one of slack",
        id="room-of-sms"),
    pytest.param("  slack: {bot", f"  email: {MAIL}\n  slack: {{bot",
        "config.yaml:13:10 channels.email: a password would go over the network for all to read; "
        "expected tls: starttls or implicit, or no username and password", id="mail-in-the-clear"),
    pytest.param("  slack: {bot", f"  email: {MAIL_BY_CA}\n  slack: {{bot",
        "config.yaml:13:10 channels.email: ca_file: ca.pem cannot be used (No such file or "
        "directory); expected a file of certificates in PEM", id="no-ca-file"),
    pytest.param("default_policy: shop", "default_policy: shop\nserver: {link_secret: short}",
        "config.yaml:12:23 server.link_secret: this secret can be guessed; expected 16 characters "
        "at least (openssl rand -hex 24)", id="short-link-secret"),
    pytest.param("  slack: {bot", "  slak: {}\n  slack: {bot",
        "config.yaml:13:3 channels.slak: no channel is called 'slak'; did you mean 'slack'? "
        "known: {channels}", id="unknown-channel-section"),
    pytest.param("account_sid: AC1, ", "",
        "config.yaml:14:8 channels.sms: account_sid is missing; expected it among {sms}",
        id="channel-key-missing"),
    pytest.param("account_sid: AC1", "account_sid: AC1, acount: 1",
        "config.yaml:14:27 channels.sms.acount: no such key; did you mean 'account_sid'? "
        "known: {sms}", id="channel-key-unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentences"), SPOILT)
def test_a_spoilt_configuration_is_answered(
    tmp_path: Path, old: str, new: str, sentences: str
) -> None:
    from bot.channels.sms import CHANNEL

    known = ", ".join(sorted(CHANNEL.options.__dataclass_fields__))
    sentences = sentences.replace("{sms}", known).replace("{channels}", ", ".join(names()))
    assert faults(tmp_path, spoilt(old, new)) == sentences.splitlines()


LISTENING = "server: {listen: '0.0.0.0:9099'}\n"
ACCESS = [
    pytest.param(LISTENING,
        "config.yaml:15:18 server.listen: 0.0.0.0:9099 can be reached from other machines and no "
        "token is set; expected tokens in sources and server.tokens, or a loopback address such "
        "as 127.0.0.1:9099", id="open-to-all"),
    pytest.param(LISTENING + "sources: {prom: {}}\n",
        "config.yaml:16:11 sources.prom: this source has no token, and 0.0.0.0:9099 can be "
        "reached from other machines; expected a token, or a loopback address in server.listen",
        id="source-without-token"),
    pytest.param(LISTENING + "sources: {p: {token: very-secret-token}}\n"
        "console: {enabled: true, person: ada}\n",
        "config.yaml:17:20 console.enabled: the console has no sign-in and 0.0.0.0:9099 can be "
        "reached from other machines; expected false, or a loopback address in server.listen",
        id="open-console"),
    pytest.param("console: {enabled: true}\n",
        "config.yaml:15:10 console: person is missing; expected the person who speaks on this "
        "machine's console", id="console-of-nobody"),
    pytest.param("sources: {p: {token: very-secret-token}, q: {token: very-secret-token}}\n",
        "config.yaml:15:53 sources.q.token: this token is also that of sources.p; "
        "expected another for each", id="token-twice"),
    pytest.param("sources: {p: {token: short}}\n",
        "config.yaml:15:22 sources.p.token: this token can be guessed; "
        "expected 16 characters at least (openssl rand -hex 24)", id="short-token"),
    pytest.param("server: {max_body: 1KiB}\nsources: {p: {limits: {body: 1MiB}}}\n",
        "config.yaml:16:30 sources.p.limits.body: this is more than server.max_body (1024 bytes); "
        "expected so many at most", id="wider-than-the-door"),
    pytest.param("server: {tokens: [{person: eve, token: very-secret-token}]}\n",
        "config.yaml:15:28 server.tokens[0].person: no person is called 'eve'; known: ada, bob",
        id="token-of-nobody"),
    pytest.param("server: {tokens: [{person: ada, token: very-secret-token}, "
        "{person: ada, token: very-secret-other}]}\n",
        "config.yaml:15:69 server.tokens[1].person: ada has a token already; "
        "expected one for each person", id="two-tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "sentence"), ACCESS)
def test_strangers_are_kept_out(tmp_path: Path, more: str, sentence: str) -> None:
    assert faults(tmp_path, SOUND + more) == [sentence]


@pytest.mark.parametrize(("token", "sentence"), [
    ("xapp-very-secret", "found an app-level token; expected the bot token, "
        "which begins with xoxb-"),
    ("very-secret", "found something else; expected the bot token, which begins with xoxb-"),
    ("", "found '${BOT}'; expected a secret text that is not empty"),
])  # fmt: skip
def test_a_mixed_up_slack_token_is_noticed_and_not_shown(
    tmp_path: Path, token: str, sentence: str
) -> None:
    environ = {**ENVIRON, "BOT": token}
    assert faults(tmp_path, SOUND, environ) == [
        f"config.yaml:13:22 channels.slack.bot_token: {sentence}"
    ]


APP, BOTH = 'app_token: "${APP}"', "app_token and signing_secret; expected app_token (xapp-..., "
BOTH += "Socket Mode, no public address needed) or signing_secret (Slack calls server.public_url)"


@pytest.mark.parametrize(("listening", "sentence"), [
    ("", f"13:10 channels.slack: found neither {BOTH}"),
    (f"{APP}, signing_secret: very-secret-very-long", f"13:10 channels.slack: found both {BOTH}"),
    ('signing_secret: ""', "13:48 channels.slack.signing_secret: found a text; expected a secret "
        "text that is not empty"),
    ("signing_secret: '   '", "13:48 channels.slack.signing_secret: found a text; expected a "
        "secret text that is not empty"),
    ("signing_secret: very-secret", "13:48 channels.slack.signing_secret: this secret can be "
        "guessed; expected the app's Signing Secret (Basic Information > App Credentials)"),
    ("signing_secret: xapp-very-secret", "13:48 channels.slack.signing_secret: found a token, the "
        "app-level token; expected the app's Signing Secret (Basic Information > App Credentials)"),
])  # fmt: skip
def test_slack_is_heard_in_exactly_one_way(tmp_path: Path, listening: str, sentence: str) -> None:
    text = spoilt(APP, listening) if listening else spoilt(f", {APP}", "")
    assert faults(tmp_path, text) == [f"config.yaml:{sentence}"]


def test_a_signing_secret_is_enough(tmp_path: Path) -> None:
    config = read(tmp_path, spoilt(APP, "signing_secret: 0123456789abcdef0123456789abcdef"))
    assert "0123456789abcdef0123456789abcdef" in config.secrets()


SILENT = (
    "config.yaml:7:3 policies.shop: a critical alarm reaches nobody outside chat by this policy; "
)
REACH = [
    pytest.param(", phone: +49 30 901820", "", "expected a number in `phone` of one of ada",
        id="no-number"),
    pytest.param("[{oncall: primary}]", "[{oncall: primary}]\n        by: [chat]",
        "expected sms in severities.critical or in `by` of a step", id="chat-only-step"),
    pytest.param("default_policy: shop", "default_policy: shop\nseverities: {critical: [chat]}",
        "expected sms in severities.critical or in `by` of a step", id="chat-only-severity"),
    pytest.param("[ada, bob]", "[bob, ada]", "expected a number in `phone` of one of bob",
        id="first-of-the-list-has-no-phone"),
    pytest.param('  sms: {account_sid: AC1, auth_token: "${TWILIO}", from_number: "+14155550100"}',
        "  console: {}", "expected a channel that rings, such as channels.sms",
        id="no-phone-channel"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "advice"), REACH)
def test_an_alarm_that_wakes_nobody_is_refused(
    tmp_path: Path, old: str, new: str, advice: str
) -> None:
    assert faults(tmp_path, spoilt(old, new)) == [SILENT + advice]


def quiet_policy(*routes: str, default: str = "shop") -> str:
    """Return the sound configuration with a second policy that asks in chat only."""
    text = SOUND.replace("default_policy: shop", f"default_policy: {default}")
    quiet = "  quiet: {steps: [{notify: [{person: bob}]}]}\n"
    text = text.replace("  shop:\n", quiet + "  shop:\n")
    return text + f"routes: [{', '.join(routes)}]\n"


@pytest.mark.parametrize("route", [
    "{match: ['severity=\"warning\"'], policy: quiet}",
    "{match: ['severity!=\"critical\"', 'team=\"x\"'], policy: quiet}",
])  # fmt: skip
def test_a_policy_that_gets_no_criticals_may_stay_in_chat(tmp_path: Path, route: str) -> None:
    assert set(read(tmp_path, quiet_policy(route)).policies) == {"quiet", "shop"}


@pytest.mark.parametrize(("routes", "default"), [
    (("{match: ['team=\"x\"'], policy: quiet}",), "shop"),
    (("{match: ['severity=~\"crit.*\"'], policy: quiet}",), "shop"),
    ((), "quiet"),
    (("{match: ['severity=\"critical\"'], policy: shop}",), "quiet"),
])  # fmt: skip
def test_a_policy_that_can_get_criticals_must_ring(
    tmp_path: Path, routes: tuple[str, ...], default: str
) -> None:
    (fault,) = faults(tmp_path, quiet_policy(*routes, default=default))
    assert "policies.quiet: a critical alarm reaches nobody outside chat" in fault


def test_what_stands_behind_a_route_that_takes_all_gets_nothing(tmp_path: Path) -> None:
    text = quiet_policy("{policy: shop}", "{policy: quiet}", default="quiet")
    assert read(tmp_path, text).default_policy == "quiet"


def test_every_fault_is_told_at_once_and_one_makes_no_others_up(tmp_path: Path) -> None:
    text = """\
people:
  ada: {permission: boss, phone: 12}
oncall:
  primary: [ada, eve]
policies:
  shop: {steps: [{after: 5, notify: [{oncall: primary}]}], rooms: [{slack: C012ABCDEF}]}
default_policy: shop
routes: [{policy: shop, group_by: team}, {match: [a=b], policy: nil}]
channels:
  slack: {bot_token: "${BOT}", app_token: "${NOPE}", api: x}
log: {format: jsn}
"""
    assert faults(tmp_path, text, {"BOT": "xoxp-very-secret"}) == [
        "config.yaml:2:21 people.ada.permission: found 'boss'; expected view or respond or admin",
        "config.yaml:2:34 people.ada.phone: found '12'; the country code is missing; "
        "expected an international number such as +49 30 901820",
        "config.yaml:4:18 oncall.primary[1]: no person is called 'eve'; known: ada",
        "config.yaml:6:26 policies.shop.steps[0].after: '5' has no unit; expected a duration such "
        "as 30s, 5m, 1h30m, 7d (did you mean '5s'?)",
        "config.yaml:8:35 routes[0].group_by: found 'team'; expected a list",
        "config.yaml:8:65 routes[1].policy: no policy is called 'nil'; known: shop",
        "config.yaml:10:43 channels.slack.app_token: the environment has no NOPE; "
        "expected it, or NOPE_FILE, to be set",
        "config.yaml:10:54 channels.slack.api: no such key; did you mean 'api_url'? "
        "known: api_url, app_token, bot_token, signing_secret",
        "config.yaml:11:15 log.format: found 'jsn'; did you mean 'json'? expected text or json",
    ]


JOBS = [
    pytest.param("{job: a}", "scrape[0]: ", "found no targets", id="no-targets"),
    pytest.param("{job: a, targets: ['http://b/metrics']}", "scrape[0].targets[0]: ",
        "expected an address such as web1:9100: the scheme and the path", id="target-as-address"),
    pytest.param("{job: a, targets: [b], timeout: 1m}", "scrape[0]: ",
        "a timeout longer than the interval", id="timeout"),
    pytest.param("{job: a, targets: [b], path: metrics}", "scrape[0].path: ",
        "expected a path such as /metrics", id="path"),
    pytest.param("{job: a, targets: [b], labels: {job: c}}", "scrape[0].labels: ",
        "found the label job", id="label-job"),
    pytest.param("{job: a, targets: [b], labels: {__x: c}}", "scrape[0].labels: ",
        "expected a name such as cluster", id="label-reserved"),
    pytest.param("{job: a, targets: [b], ca_file: no.pem, scheme: https}",
        "scrape[0].ca_file: ", "no such file", id="ca-file"),
    pytest.param("{job: a b, targets: [b]}", "scrape[0].job: ",
        "found the name 'a b'", id="job-name"),
    pytest.param("{job: own_host, targets: [b]}", "scrape[0].job: ",
        "own_host is a source already", id="job-own-host"),
    pytest.param("{job: a, targets: [b]}, {job: a, targets: [c]}", "scrape[1].job: ",
        "a is a job already", id="job-twice"),
    pytest.param("{job: a, targets: [b], bearer: x, basic: {user: u, password: p}}",
        "scrape[0]: ", "expected one of basic and bearer", id="two-authorizations"),
]  # fmt: skip


@pytest.mark.parametrize(("jobs", "where", "what"), JOBS)
def test_a_wrong_job_is_answered(tmp_path: Path, jobs: str, where: str, what: str) -> None:
    [fault] = faults(tmp_path, f"{SOUND}scrape: [{jobs}]\n")
    assert where in fault
    assert what in fault


def test_forecasts_may_go_by_mail(tmp_path: Path) -> None:
    mail = "email: {host: mx, tls: off, from_address: tocsin@example.com}"
    text = SOUND.replace("channels:\n", f"channels:\n  {mail}\n")
    config = read(tmp_path, f"{text}severities: {{predictive: [chat, email]}}\n")
    assert "email" in config.opened
