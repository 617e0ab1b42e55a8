"""A finished report in a room of Slack: words and a table, with charts and files below them."""

from typing import TYPE_CHECKING

from bot.channels.slack_errors import explained
from bot.chat.slack_reply import rendered, upload
from bot.chat.verb import Attachment, Reply
from routing.delivery.channel import Receipt
from routing.delivery.report import Finished

if TYPE_CHECKING:
    from bot.channels.slack import Slack


async def show(slack: "Slack", report: Finished, room: str) -> Receipt:
    """Upload a report; raises TryLater or Rejected."""
    files = [
        Attachment(name=it.safe_name, media_type=it.media_type, content=it.content)
        for it in (*report.pictures, *report.files)
    ]
    table = report.tables[0].rows if report.tables else ()
    reply = Reply(report.words, table=table, attachments=files)
    if files:
        await upload(slack, room, reply)
        return Receipt(provider_id="")
    shown = rendered(reply)
    try:
        answer = await slack.client.chat_postMessage(
            channel=room, text=shown.text, blocks=shown.blocks
        )
    except Exception as error:
        raise explained(error, f"Slack, a report in {room}") from error
    return Receipt(provider_id=str(answer.get("ts") or ""))
