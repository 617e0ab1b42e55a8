"""The composition root: the only place where real parts meet, and where they start and stop."""

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot import collector
from bot.channels.console import Console
from bot.channels.draws import Draws
from bot.channels.links import AnswerLinks, TakesLinks, kept_secret
from bot.config.build import (
    database_url,
    playbook,
    report_schedules,
    report_settings,
    series_limits,
    series_options,
)
from bot.config.config import Config
from bot.config.whole import Whole, read_whole
from bot.discreet import Discreet
from bot.evidence import Evidence
from bot.intake import Intake
from bot.logs import REDACTOR, set_up_logs
from bot.lookups.ask import Asker
from bot.numbers import open_numbers
from bot.observe import Observations
from bot.reload import InForce, Reloader
from bot.reports.publish import WORKER
from bot.reports.schedule import Schedules
from bot.roles import Roles
from bot.schema import lay_out
from bot.scrape.scraper import Scraper
from bot.twilio import Telephony
from bot.web.keys import keys_of
from bot.web.parts import Limits, Parts
from bot.web.server import Server
from bot.web.standing import restore
from routing.delivery.channel import Channel, ChannelKind
from routing.finding import Finding
from routing.flow.act import IncidentDesk
from routing.flow.current import Current
from routing.flow.deliver import Sender
from routing.flow.desks import Desks
from routing.flow.evaluate import Judge
from routing.flow.hear import Hearing
from routing.flow.heartbeats import Heartbeats
from routing.flow.housekeeping import Housekeeper
from routing.flow.quiet import QuietKeeper
from routing.flow.receive import Enrich, Receiver
from routing.flow.timers import TimerLoop
from routing.flow.wake import Wake
from storage.clock import SystemClock, boot_id
from storage.series.local import LocalSeries
from storage.sql import meta
from storage.sql.database import Database
from storage.sql.migrate import migrate

if TYPE_CHECKING:
    from bot.chat.slack import SlackMouth

log = structlog.get_logger(__name__)

OWNER = "tocsin"
"""Names this instance in leases; one instance works on a database, so the name can stay."""
STOPPING = 25.0
"""Seconds that a stop may take: what is in flight then is sent again after the next start."""


class App:
    """One running Tocsin: `open` it, `run` it until told to stop, `close` it."""

    def __init__(self, whole: Whole, environ: Mapping[str, str]) -> None:
        self.config, self._whole, self._environ = whole.config, whole, environ
        self.stop_asked = asyncio.Event()
        self.server: Server
        self._accepting = True
        self._reloads: set[asyncio.Task[None]] = set()
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Open every part and begin to serve; raises BotError where one refuses.

        What was opened before a refusal is closed again.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._open.aclose)
            await self._open_storage()
            await self._open_routing()
            await self._open_world()
            undo.pop_all()

    async def _open_storage(self) -> None:
        config = self.config
        config.storage.directory.mkdir(parents=True, exist_ok=True)
        self.database = await Database.open(database_url(config))
        self._open.push_async_callback(self.database.close)
        log.info("database", name=self.database.name, did=await migrate(self.database))
        self.clock = await steady_clock(self.database)
        self.limits = Current(series_limits(config))
        self.series = await LocalSeries.open(
            config.storage.directory / "samples", series_options(config, self.limits), self.clock
        )
        self._open.push_async_callback(self.series.close)
        self.numbers = await open_numbers(config, self.series, self._open)

    async def _open_routing(self) -> None:
        self.playbook = Current(playbook(self.config))
        self.keys = Current(keys_of(self.config))
        self.rules = Current(self._whole.groups)
        self.scrape = Current(self.config.scrape)
        self.schedules = Current(report_schedules(self.config))
        self.settings = Current[Mapping[str, Any]](report_settings(self.config))
        self.wake = Wake()
        shared = (self.database, self.clock, self.playbook, self.wake)
        self.receiver = Receiver(*shared, self._open_lookups())
        self.quiet = QuietKeeper(*shared)
        self.desks = Desks(
            incidents=IncidentDesk(*shared),
            database=self.database,
            clock=self.clock,
            metrics=self.numbers.pages,
            playbook=self.playbook,
            wake=self.wake,
            rules=self.rules,
            examine=self._examine,
            settings=self.settings,
        )
        self.hearing = Hearing(
            self.database, self.clock, self.playbook, self.receiver, self.desks.incidents
        )
        self.heartbeats = Heartbeats(self.database, self.clock, self.playbook, self.receiver)
        self.reports = Schedules(self.desks, self.schedules, self.wake)
        self.judge = Judge(
            metrics=self.numbers.metrics,
            receiver=self.receiver,
            database=self.database,
            clock=self.clock,
            playbook=self.playbook,
            groups=self.rules,
            append=self.numbers.append,
            answered_by=self.numbers.answered_by,
        )
        await self.judge.restore()
        self._open.push_async_callback(self.judge.close)
        self.timers = TimerLoop(*shared, OWNER)
        self.housekeeper = Housekeeper(*shared, keep=self.config.storage.history)

        self.reloader = Reloader(
            self._whole,
            self._environ,
            InForce(
                playbook=self.playbook,
                rules=self.rules,
                keys=self.keys,
                scrape=self.scrape,
                limits=self.limits,
                settings=self.settings,
                schedules=self.schedules,
            ),
            self.database,
            self.clock,
            keys_of=keys_of,
            learn=REDACTOR.learn,
        )

    def _open_lookups(self) -> Enrich:
        lookups = Asker(self.playbook, self.clock)
        self._open.push_async_callback(lookups.close)
        lookups.warm()
        return lookups.enrich

    async def _open_world(self) -> None:
        self.observed = Observations(
            self.clock,
            self.database,
            self.series.stats,
            self.judge.status,
            more=[forwarder.families] if (forwarder := self.numbers.forwarder) else (),
        )
        self.observed.reloads = self.reloader
        self.intake = Intake(self.numbers.store, self.judge, self.observed)
        self.scraper = Scraper(self.scrape, self.intake, self.clock)
        self._open.push_async_callback(self.scraper.stop)
        self.channels = await open_channels(self.config)
        self.links = await self._sign_links()
        for _, channel in self.channels.values():
            self._open.push_async_callback(channel.close)
        self._open.push_async_callback(WORKER.close)
        senders: dict[str, tuple[ChannelKind, Channel]] = {
            name: (kind, Discreet(it, REDACTOR.clean)) for name, (kind, it) in self.channels.items()
        }
        self.sender = Sender(self.database, self.clock, senders, self.playbook, self.wake, OWNER)
        self.telephony = Telephony(self, self.link_secret)
        self.mouth = self._open_mouth()
        self.roles = Roles(self)
        parts = await self._with_demo(self._parts())
        if parts.console is not None:
            await restore(parts.console, parts.desks)
        listen = self.config.server.listen
        self.server = Server(parts, host=listen.host, port=listen.port)
        await self.server.start()
        await self._open_mail()

    async def _open_mail(self) -> None:
        """Take mails, where the configuration says so; what that takes is loaded only then."""
        if self.config.mail is not None:
            from bot.mail.open import open_mail

            self._open.push_async_callback((await open_mail(self, self.config.mail)).close)

    async def _sign_links(self) -> AnswerLinks:
        """Let messages carry links that answer, signed by the secret of this installation."""
        written = self.config.server.link_secret
        secret = written.reveal() if written else await kept_secret(self.database)
        self.link_secret = secret
        REDACTOR.learn([secret])
        links = AnswerLinks(secret, self.playbook, self.clock)
        for _, channel in self.channels.values():
            if isinstance(channel, TakesLinks):
                channel.take_links(links)
            if isinstance(channel, Draws):
                channel.take_plots(Evidence(self.desks).plot)
        return links

    async def _examine(self) -> tuple[Finding, ...]:
        """Ask all that the configuration in force depends on for proof."""
        from bot.doctor.check import Patient
        from bot.doctor.examine import examine

        return await examine(Patient(config=self.reloader.config, clock=self.clock))

    def _open_mouth(self) -> "SlackMouth | None":
        """Prepare to listen to Slack, where it is configured; Bolt is loaded only then."""
        opened = self.config.opened.get("slack")
        if opened is None:
            return None
        from bot.channels.slack import Slack
        from bot.chat.slack import SlackMouth

        _, channel = self.channels["slack"]
        assert isinstance(channel, Slack)
        short = self.config.commands.short_forms
        return SlackMouth(channel, opened.options, self.desks, self.link_secret, short_forms=short)

    def _parts(self) -> Parts:
        server, console = self.config.server, self.channels.get("console")
        return Parts(
            intake=self.intake,
            desks=self.desks,
            metrics=self.observed.text,
            numbers=self.numbers.pages,
            takes_samples=self.config.takes_samples,
            judging=self.judge.status,
            keys=self.keys,
            listens_on=server.listen.host,
            console=console[1] if console and isinstance(console[1], Console) else None,
            limits=Limits(body_bytes=server.max_body, unpacked_bytes=server.max_unpacked),
            troubles=self.roles.troubles,
            not_ready=self.not_ready,
            reload=self.reloader.reload,
            links=self.links,
            hearing=self.hearing,
            twilio=self.telephony.door,
            heartbeats=self.heartbeats,
            is_accepting=self.is_accepting,
            more_routes=self.mouth.routes() if self.mouth is not None else (),
        )

    async def _with_demo(self, parts: Parts) -> Parts:
        """Add the demo's switches, where this is the engine of a demo."""
        if "TOCSIN_DEMO_DIRECTORY" not in self._environ:
            return parts
        from bot.demo.engine import EXTRA, Demo, demo_place

        place = demo_place(self._environ)
        if place is None or parts.console is None:
            return parts
        demo = Demo(place, self.desks, parts.console)
        demo.start()
        self._open.push_async_callback(demo.stop)
        routes = [*parts.more_routes, *demo.routes()]
        return replace(parts, more_routes=routes, page_extras=[EXTRA])

    def hung_up(self) -> None:
        """Reload, as SIGHUP asks; what is refused stands in the log. Before all is open: nothing.

        What is being opened then has read the files a moment ago.
        """
        if hasattr(self, "server"):
            task = asyncio.create_task(self._reload_by_signal(), name="reload")
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

    async def _reload_by_signal(self) -> None:
        with suppress(Exception):  # the log has it already
            await self.reloader.reload(actor="local", via="signal")

    def is_accepting(self) -> bool:
        """Say whether anything is still taken in."""
        return self._accepting

    def not_ready(self) -> tuple[str, ...]:
        """Say what keeps requests from being served."""
        return self.roles.failures() if self._accepting else ("shutting down",)

    async def ask_remote(self) -> None:
        """See whether the other system answers, where one does; raises MetricsUnavailable."""
        await self.numbers.ask(self.clock)
        self.judge.answered()

    async def run(self) -> None:
        """Work until `stop_asked`, then finish what is in flight and close everything."""
        await self.roles.start()
        collector.begin()
        log.info("serving", address=f"http://{self.server.host}:{self.server.port}")
        try:
            await self.stop_asked.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Take nothing more in, finish what is in flight, let go of everything."""
        log.info("stopping")
        self._accepting = False
        try:
            async with asyncio.timeout(STOPPING):
                await self.roles.stop()
                left = await self.sender.drain(STOPPING / 2)
                await self.server.stop()
                log.info("stopped", messages_in_flight=left)
        except TimeoutError:
            log.warning("stopped in a hurry; what was in flight is sent again at the next start")
        finally:
            await self._open.aclose()


async def open_channels(config: Config) -> dict[str, tuple[ChannelKind, Channel]]:
    """Open every channel that the configuration names."""
    found: dict[str, tuple[ChannelKind, Channel]] = {}
    for name, opened in config.opened.items():
        channel = opened.kind.open(opened.options)
        found[name] = (opened.kind, await channel if isawaitable(channel) else channel)
    return found


async def steady_clock(database: Database) -> SystemClock:
    """Go on with this boot's steady scale, or begin a new one and remember it."""
    boot = boot_id()
    async with database.transaction() as tx:
        known = json.loads(await meta.get(tx, "steady") or "{}")
        if boot and known.get("boot") == boot:
            return SystemClock(known["offset"])
        clock = SystemClock()
        await meta.put(tx, "steady", json.dumps({"boot": boot, "offset": clock.offset}))
    return clock


def serve(path: Path, environ: Mapping[str, str]) -> None:
    """Run Tocsin until SIGTERM or SIGINT; raises BotError where it cannot start."""
    whole = read_whole(path, environ)
    config = whole.config
    set_up_logs(config.log.level, config.log.format)
    REDACTOR.learn(config.secrets())
    lay_out(config)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(_serve(whole, environ))


async def _serve(whole: Whole, environ: Mapping[str, str]) -> None:
    app = App(whole, environ)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop_asked.set)
    loop.add_signal_handler(signal.SIGHUP, app.hung_up)
    await app.open()
    await app.run()


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
