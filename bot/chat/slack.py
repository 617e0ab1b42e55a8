"""Slack's people: commands and buttons, answered by the same verbs as anywhere.

They come over Socket Mode or over HTTP, to the same listeners. Every listener acknowledges first
and at once; the work follows as a task of its own.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.logger.messages import warning_client_prioritized_and_token_skipped
from slack_sdk.web.async_client import AsyncWebClient
from starlette.routing import Route

from bot.channels.mrkdwn import Block
from bot.channels.slack import NAME, Slack, SlackOptions
from bot.chat import slack_confirm, slack_reply
from bot.chat.manifest import SHORT_FORMS
from bot.chat.slack_confirm import Confirmations
from bot.chat.slack_http import SEAL, Door
from bot.chat.slack_press import Press, misplaced, put_right
from bot.chat.slack_socket import Socket
from bot.chat.speak import speak, verb_of
from bot.chat.verb import Reply
from routing.delivery.channel import Rejected, TryLater
from routing.flow.desks import Desks
from storage.errors import BotError, StorageUnavailable
from storage.sql import seen

log = structlog.get_logger(__name__)

COMMAND = "tocsin"
SOON = 1.5  # seconds without an answer, after which a person is told that it takes longer
PATIENCE = 120.0  # seconds for the work itself; the way to answer stays open for 30 minutes
MOST_AT_ONCE = 100  # commands being worked on
MOST_KEPT = 500  # answers kept for commands that Slack delivers twice
TELLING = (0.0, 1.0, 3.0)  # seconds before each attempt to answer

AWAY = "The database does not answer just now, so nothing was done. Try again in a moment."
LATE = "That took too long and was given up. It may have been done; `alerts` shows how things are."
BUSY = "Too many commands at once; nothing was done. Try again in a moment."
WORKING = "Working on it…"
TWICE = "Slack delivered this twice; it was done once. `alerts` shows how things stand."

Respond = Callable[..., Awaitable[Any]]
Work = Callable[[], Awaitable[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sentence from Slack.

    delivery: the same when Slack delivers it again.
    seal:     the signature of the request that brought it over HTTP: the same only where somebody
              sends the very request again.
    replaces: the answer takes the place of the message that was answered.
    """

    text: str
    user: str
    channel: str
    delivery: str
    seal: str = ""
    replaces: bool = False


class SlackMouth:
    """Listens to one workspace for as long as it is started.

    slack: the open channel, whose session it shares.
    secret: signs what buttons are to confirm; the same after a restart.
    short_forms: also take `/ack` and its like, which the manifest must then name.
    """

    def __init__(
        self,
        slack: Slack,
        options: SlackOptions,
        desks: Desks,
        secret: str,
        *,
        short_forms: bool = False,
    ) -> None:
        self._slack, self._desks = slack, desks
        self._confirmations = Confirmations(secret, desks)
        web = AsyncWebClient(base_url=slack.client.base_url, retry_handlers=[])

        async def authorize() -> AuthorizeResult:
            # Without a call: a command must be acknowledged also while Slack's API is unwell.
            return AuthorizeResult(
                enterprise_id=None, team_id=None, bot_token=options.bot_token.reveal()
            )

        app = AsyncApp(
            client=web,
            authorize=authorize,
            name="tocsin",
            logger=_bolt_log(),
            request_verification_enabled=False,  # the door is stricter
        )
        for name in (COMMAND, *(SHORT_FORMS if short_forms else ())):
            app.command(f"/{name}")(self._command)
        app.action(re.compile(".*"))(self._button)
        app.event(re.compile(".*"))(_event)
        self._socket, self._door = None, None
        if options.app_token:
            self._socket = Socket(app, options.app_token.reveal(), web)
        if options.signing_secret:
            self._door = Door(app, options.signing_secret.reveal(), desks.clock)
        self._line: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._doing: set[asyncio.Future[Reply]] = set()
        self._answers: OrderedDict[str, Reply] = OrderedDict()

    @property
    def problem(self) -> str:
        """Why people in Slack are not heard at present; empty while they are."""
        return " ".join(way.problem for way in (self._socket, self._door) if way and way.problem)

    def routes(self) -> list[Route]:
        """Return what the web server serves for Slack; nothing with Socket Mode."""
        return self._door.routes() if self._door is not None else []

    async def start(self) -> None:
        """Begin to listen; returns at once, also while Slack is away."""
        if self._socket is not None:
            self._line = asyncio.create_task(self._socket.run())

    async def stop(self, patience: float = 5.0) -> None:
        """Listen no more, and let what was begun end within `patience` seconds."""
        if self._door is not None:
            self._door.close()
        if self._line is not None:
            self._line.cancel()
            await asyncio.gather(self._line, return_exceptions=True)
        if self._work:
            await asyncio.wait(self._work, timeout=patience)
        for task in self._work:
            task.cancel()
        # What was given up may still be ending a transaction: the database is closed after that.
        await asyncio.gather(*self._work, *self._doing, return_exceptions=True)

    # what Bolt calls

    async def _command(
        self, ack: Respond, body: dict[str, Any], context: dict[str, Any], respond: Respond
    ) -> None:
        await ack()
        name = str(body["command"]).removeprefix("/")
        text = _unescaped(str(body.get("text") or ""))
        said = Said(
            text=(text if name == COMMAND else f"{name} {text}").strip() or "help",
            user=str(body.get("user_id") or ""),
            channel=str(body.get("channel_id") or ""),
            delivery=str(body.get("trigger_id") or ""),
            seal=str(context.get(SEAL) or ""),
        )
        self._begin(said, lambda: self._speak(said), respond)

    async def _button(
        self, ack: Respond, body: dict[str, Any], context: dict[str, Any], respond: Respond
    ) -> None:
        await ack()
        press = Press.of(body)
        said = Said(
            text=press.sentence,
            user=press.user,
            channel=press.channel,
            delivery=str(body.get("trigger_id") or ""),
            seal=str(context.get(SEAL) or ""),
        )
        if press.verb in slack_confirm.ACTIONS:
            said = replace(said, text="", replaces=True)
            self._begin(said, lambda: self._confirm(press, said), respond)
        else:
            self._begin(said, lambda: self._press(press, said), respond)

    # the work

    def _begin(self, said: Said, do: Work, respond: Respond) -> None:
        if len(self._work) >= MOST_AT_ONCE:
            task = asyncio.create_task(self._tell(respond, Reply(BUSY, refused=True)))
        else:
            task = asyncio.create_task(self._answer(said, do, respond))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self, said: Said, do: Work, respond: Respond) -> None:
        """Do the work once, within bounds, and answer; whatever happens there is an answer.

        A request that somebody sent again is no person's: it is answered nothing.
        """
        doing: asyncio.Future[Reply] | None = None
        try:
            if said.seal and not await self._is_new(said.seal):
                return
            doing = asyncio.ensure_future(self._once(said, do))
            self._doing.add(doing)
            doing.add_done_callback(self._doing.discard)
            slow = verb_of(said.text)
            soon = 0.0 if slow is not None and slow.slow else SOON
            await asyncio.wait([doing], timeout=soon)
            if not doing.done():
                await self._tell(respond, Reply(WORKING), once=True)
            async with asyncio.timeout(PATIENCE):
                reply = await doing
        except TimeoutError:
            reply = Reply(LATE, refused=True)
        except StorageUnavailable:
            reply = Reply(AWAY, refused=True)
        except BotError as refusal:
            reply = Reply(str(refusal), refused=True)
        except Exception:
            log.exception("a command from Slack failed", user=said.user)
            reply = Reply("That failed inside Tocsin and is in its log.", refused=True)
        finally:
            if doing is not None:
                doing.cancel()
        await self._show(said, reply, respond)

    async def _once(self, said: Said, do: Work) -> Reply:
        """Do the work, unless this very delivery was done before."""
        if said.delivery and not await self._is_new(said.delivery):
            return self._answers.get(said.delivery) or Reply(TWICE)
        reply = await do()
        self._answers[said.delivery] = reply
        while len(self._answers) > MOST_KEPT:
            self._answers.popitem(last=False)
        return reply

    async def _is_new(self, delivery: str) -> bool:
        async with self._desks.database.transaction() as tx:
            return await seen.first_time(tx, f"{NAME}/{delivery}", self._desks.clock.utc_now())

    async def _speak(self, said: Said) -> Reply:
        return await speak(
            said.text,
            person=self._desks.playbook().speaker(NAME, said.user),
            who=said.user,
            via=NAME,
            origin=said.channel,
            desks=self._desks,
        )

    async def _press(self, press: Press, said: Said) -> Reply:
        """Do what a button says, if the button stands where its incident does."""
        if refusal := await misplaced(press, self._desks, self._slack):
            return Reply(refusal, refused=True)
        reply = await self._speak(said)
        await put_right(press, self._desks, self._slack, stale=reply.refused)
        return reply

    async def _confirm(self, press: Press, said: Said) -> Reply:
        """Do what was to be confirmed, by whoever was asked."""
        person = self._desks.playbook().speaker(NAME, said.user)
        who = person.id if person else None
        found = await self._confirmations.pressed(press.verb, press.value, who, said.user)
        if not found.sentence:
            return Reply(found.answer, refused=True)
        return await self._speak(replace(said, text=found.sentence))

    # the answer

    async def _show(self, said: Said, reply: Reply, respond: Respond) -> None:
        if reply.attachments:
            try:
                await slack_reply.upload(self._slack, said.channel, reply)
            except (TryLater, Rejected) as error:
                advice = f" ({error.advice})" if isinstance(error, Rejected) else ""
                note = f"{reply.text}\nThe files could not be shown: {error}{advice}"
                reply = Reply(note, table=reply.table, public=reply.public)
            else:
                return
        asks = self._asks(said, reply)
        if asks and reply.confirm is not None:
            reply = replace(reply, text=reply.confirm.question)
        await self._tell(respond, reply, asks=asks, replaces=said.replaces)

    def _asks(self, said: Said, reply: Reply) -> list[Block]:
        """Return the buttons that confirm, where something is to be confirmed by the speaker."""
        person = self._desks.playbook().speaker(NAME, said.user)
        if reply.confirm is None or person is None:
            return []
        block = self._confirmations.block(reply.confirm, person.id)
        return [block] if block else []

    async def _tell(
        self,
        respond: Respond,
        reply: Reply,
        *,
        once: bool = False,
        asks: Sequence[Block] = (),
        replaces: bool = False,
    ) -> None:
        shown = slack_reply.rendered(reply)
        kind = "in_channel" if reply.public and not reply.refused else "ephemeral"
        for pause in TELLING[:1] if once else TELLING:
            await asyncio.sleep(pause)
            try:
                answer = await respond(
                    text=shown.text,
                    blocks=[*shown.blocks, *asks],
                    response_type=kind,
                    replace_original=replaces,
                    unfurl_links=False,
                )
            except ValueError:
                return  # Slack named no place for an answer
            except Exception as error:
                problem = type(error).__name__
            else:
                if answer.status_code == 200:
                    return
                problem = f"status {answer.status_code}"
        log.warning("an answer to Slack was lost", reason=problem)


async def _event(ack: Respond) -> None:
    """Say that an event came; none is asked for, and what is not acknowledged comes again."""
    await ack()


def _unescaped(text: str) -> str:
    """Undo what Slack escapes in what people type."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _bolt_log() -> logging.Logger:
    """Return Bolt's log without its remark that SLACK_BOT_TOKEN, which it looks up, goes unused."""
    bolt = logging.getLogger("slack_bolt.tocsin")
    bolt.addFilter(_is_worth_telling)  # once, however often it is added
    return bolt


def _is_worth_telling(record: logging.LogRecord) -> bool:
    return record.getMessage() != warning_client_prioritized_and_token_skipped()
