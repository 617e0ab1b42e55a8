"""Twilio's parts, put together: channels that it calls back, the mouth for SMS, the door."""

from typing import TYPE_CHECKING

from bot.channels.sms import Sms, SmsOptions
from bot.channels.twilio import TakesCallbacks
from bot.channels.voice import Voice
from bot.channels.voice_token import CallTokens
from bot.chat.sms import SmsMouth
from bot.chat.voice import VoiceMouth
from bot.web.answer_links import Allowance
from bot.web.twilio import COMPLAINTS_A_MINUTE, TwilioDoor
from routing.flow.phones import PhoneBook

if TYPE_CHECKING:
    from bot.app import App

CHANNELS = ("sms", "voice")


class Telephony:
    """What Twilio is to this process.

    mouth: hears SMS; None: there is no such channel.  door: None: Twilio cannot reach us.
    """

    def __init__(self, app: "App", secret: str) -> None:
        opened = {name: it for name, it in app.config.opened.items() if name in CHANNELS}
        self.mouth: SmsMouth | None = None
        self.door: TwilioDoor | None = None
        book: PhoneBook | None = None
        if "sms" in opened:
            channel, options = app.channels["sms"][1], opened["sms"].options
            assert isinstance(channel, Sms)
            assert isinstance(options, SmsOptions)
            book = PhoneBook(app.database, app.clock, verify=options.verify)
            channel.take_book(book)
            self.mouth = SmsMouth(channel, app.desks, book)
        place = app.config.server.called_at
        if not place or not opened:
            return
        for name in opened:
            channel = app.channels[name][1]
            if isinstance(channel, TakesCallbacks):
                channel.take_callbacks(place, secret)
        calls = app.channels["voice"][1] if "voice" in opened else None
        tokens = dict.fromkeys(it.options.auth_token.reveal() for it in opened.values())
        self.door = TwilioDoor(
            place=place,
            tokens=tuple(tokens),
            told=app.sender.outcomes.told,
            complaints=Allowance(COMPLAINTS_A_MINUTE, app.clock),
            sms=self.mouth,
            voice=VoiceMouth(calls, app.desks, place, CallTokens(secret))
            if isinstance(calls, Voice)
            else None,
            book=book,
        )
