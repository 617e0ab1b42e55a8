"""The configuration -> what the floors below work with."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.config.alerts import flapping_of
from bot.config.check import OWN_HOST
from bot.config.config import Config, StepSection
from bot.config.fields import Listen
from bot.config.limits import LimitsSection
from bot.config.personal import quiet_of, rule_of
from bot.reports.schedule import Schedule
from routing.catalogue import Catalogue
from routing.delivery.cap import DailyCap
from routing.delivery.throttle import Pace
from routing.dependencies import Dependencies
from routing.playbook import BY_SEVERITY, Playbook, Source
from storage.metrics.remote import RemoteMetrics
from storage.model.alert import Severity
from storage.model.person import ContactPoint, OnCallList, Person, PersonId
from storage.model.policy import Policy, Room, Step, Target, TargetKind
from storage.series.options import SeriesOptions, SourceLimits

DATABASE_FILE = "tocsin.db"


def playbook(config: Config) -> Playbook:
    """Build the playbook; `config` has been checked, so every name refers to something."""
    services = [it.built(name) for name, it in config.services.items()]
    return Playbook(
        people={PersonId(name): _person(config, name) for name in config.people},
        oncall={
            name: OnCallList(name=name, people=tuple(map(PersonId, people)))
            for name, people in config.oncall.items()
        },
        policies={name: _policy(config, name) for name in config.policies},
        default=config.default_policy or "",
        routes=tuple(route.built() for route in config.routes),
        inhibit=tuple(rule.built() for rule in config.alerts.inhibit),
        intervals={
            name: tuple(entry.built() for entry in entries)
            for name, entries in config.alerts.time_intervals.items()
        },
        maintenance=tuple(it.built(name) for name, it in config.alerts.maintenance.items()),
        limits=config.alerts.silences.built(),
        flapping_of={n: flapping_of(it) for n, it in config.alerts.flapping_of.items()},
        reminder=config.alerts.silences.reminder(),
        by_severity={**BY_SEVERITY, **config.severities},
        chat=config.chat_channels,
        silent=frozenset(n for n, it in config.opened.items() if not it.kind.wakes),
        pages_only=frozenset(n for n, it in config.opened.items() if it.kind.pages_only),
        wants_alerts=frozenset(n for n, it in config.opened.items() if it.kind.wants_alerts),
        sources=_sources(config),
        resolve_timeout=config.alerts.resolve_timeout,
        catalogue=Catalogue.of(services, (it.built(name) for name, it in config.lookups.items())),
        dependencies=Dependencies.of(services, hides=config.alerts.inhibit_dependents),
        heartbeats={name: it.built(name) for name, it in config.heartbeats.items()},
        failover_after=config.delivery.failover_after,
        caps={
            name: DailyCap(person=cap.person, total=cap.total)
            for name, cap in config.delivery.daily_cap.items()
        },
        pace=Pace(config.delivery.single, config.delivery.single_within.total_seconds()),
        link=config.server.public_url or "",
        console=_console(config),
    )


def _console(config: Config) -> str:
    """Return the console's address for messages: it has no sign-in and answers this machine only,
    so only who says that people sit at this machine gets links to it."""
    address = config.server.public_url or ""
    there = config.console.enabled and Listen(urlsplit(address).hostname or "", 0).is_loopback
    return address if there else ""


def _person(config: Config, name: str) -> Person:
    section = config.people[name]
    contacts = config.contacts(name).items()
    return Person(
        id=PersonId(name),
        name=section.name or name,
        contacts=tuple(ContactPoint(channel=c, address=a) for c, a in contacts),
        permission=section.permission,
        rules=tuple(rule_of(rule, section.timezone) for rule in section.rules),
        quiet=quiet_of(section.quiet_hours, section.timezone) if section.quiet_hours else None,
        zone=section.timezone,
    )


def _policy(config: Config, name: str) -> Policy:
    section = config.policies[name]
    rooms = tuple(entry for room in section.rooms for entry in room.items())
    return Policy(
        name=name,
        steps=tuple(step for written in section.steps for step in _steps(written)),
        rooms=tuple(Room(channel=channel, address=address) for channel, address in rooms),
        group_wait=section.group_wait,
        group_interval=section.group_interval,
        ack_timeout=section.ack_timeout,
        repeat_after=section.repeat_after,
        repeat_interval=section.repeat_interval,
        reopen_within=section.reopen_within,
        flapping=flapping_of(config.alerts.flapping),
    )


def _steps(section: StepSection) -> list[Step]:
    """Return the step, and each repetition as a step of its own."""
    targets = tuple(
        Target(kind=TargetKind.ONCALL, name=target.oncall)
        if target.oncall is not None
        else Target(kind=TargetKind.PERSON, name=str(target.person))
        for target in section.notify
    )
    waits = [section.after] + [section.every] * section.repeat
    return [Step(after=wait, targets=targets, by=section.by) for wait in waits]


def _sources(config: Config) -> dict[str, Source]:
    sources = {
        name: Source(name=name, expect=section.expect, severity=section.severity)
        for name, section in config.sources.items()
    }
    sources |= {
        job.job: Source(name=job.job, expect=job.silence, severity=job.severity)
        for job in config.scrape
    }
    remote = config.storage.metrics.prometheus
    if remote is not None:
        name = RemoteMetrics.name_of(remote.url)
        sources[name] = Source(name=name, expect=remote.expect, severity=remote.severity)
    if config.watches_host:
        silence = 6 * config.own_host.interval
        sources[OWN_HOST] = Source(name=OWN_HOST, expect=silence, severity=Severity.WARNING)
    return sources


def report_settings(config: Config) -> dict[str, Any]:
    """Return what each report is told, by its name."""
    return {"performance": config.reports.performance.options()}


def report_schedules(config: Config) -> tuple[Schedule, ...]:
    """Return the reports that come by themselves."""
    return tuple(section.schedule() for section in config.reports.schedules)


def series_limits(config: Config) -> dict[str, SourceLimits]:
    """Return what each known source may have; under an empty name: any other."""
    samples = config.storage.samples
    usual = samples.max_series_per_source or max(1, samples.max_series // 2)
    sections: dict[str, LimitsSection] = {n: it.limits for n, it in config.sources.items()}
    sections |= {job.job: job.limits for job in config.scrape}
    limits = {
        name: SourceLimits(
            series=section.series or usual, labels=section.labels, label_bytes=section.label_bytes
        )
        for name, section in sections.items()
    }
    return {**limits, "": SourceLimits(series=usual)}


def body_limits(config: Config) -> dict[str, int]:
    """Return how large the bodies of those sources may be that have a limit of their own."""
    sources = config.sources.items()
    return {name: section.limits.body for name, section in sources if section.limits.body}


def series_options(
    config: Config, limits: Callable[[], Mapping[str, SourceLimits]]
) -> SeriesOptions:
    """Return the limits of the store of samples. limits: by source, as `series_limits` says."""
    samples = config.storage.samples

    def limits_of(source: str) -> SourceLimits:
        # What we make ourselves has the room that there is.
        return limits().get(source, limits()[""]) if source else SourceLimits()

    return SeriesOptions(
        retention=samples.retention,
        retention_bytes=samples.max_size,
        out_of_order=samples.out_of_order,
        too_old=samples.too_old,
        future=samples.future,
        max_series=samples.max_series,
        max_labels=samples.max_labels,
        max_label_bytes=samples.max_label_bytes,
        limits_of=limits_of,
    )


def database_url(config: Config) -> str:
    """Return the incident database's address; an SQLite file among the data unless set."""
    if config.storage.database is not None:
        return config.storage.database.reveal()
    return str(config.storage.directory / DATABASE_FILE)
