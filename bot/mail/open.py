"""Opens the door for mails with the parts of a running Tocsin."""

from typing import TYPE_CHECKING

from bot.config.mail import MailSection
from bot.mail.box import Ours
from bot.mail.door import MailDoor, Reception
from bot.outbound import read_networks
from storage.errors import BotError

if TYPE_CHECKING:
    from bot.app import App


async def open_mail(app: "App", section: MailSection) -> MailDoor:
    """Listen where the configuration says; raises BotError where that is not to be had."""
    opened = app.config.opened.get("email")
    reception = Reception(
        hearing=app.hearing,
        now=app.clock.utc_now,
        boxes=lambda: app.keys().boxes,
        accepting=app.is_accepting,
        refused=app.intake.turn_away,
        hosts=read_networks(section.hosts),
        ours=Ours(address=opened.options.from_address.lower() if opened else ""),
    )
    door = MailDoor(reception, hostname=section.hostname, max_size=section.max_size)
    try:
        await door.start(
            section.listen.host,
            section.listen.port,
            section.context(),
            require_tls=section.require_tls,
        )
    except OSError as error:
        raise BotError(f"mail: cannot listen on {section.listen}: {error}") from error
    return door
