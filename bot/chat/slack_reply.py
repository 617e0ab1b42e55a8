"""An answer as Slack shows it: plain text literally, tables in monospace, files uploaded."""

from collections.abc import Sequence

from bot.channels.blocks import SECTION, Rendering, packed
from bot.channels.mrkdwn import entities, escaped, marked
from bot.channels.slack import Slack
from bot.channels.slack_errors import explained
from bot.chat.verb import Reply
from routing.delivery.words import ELLIPSIS, flat, shortened

MOST_TEXTS = 3  # sections of text; with a table behind them they stay below Slack's 13,200
LONGEST_CELL, LONGEST_TABLE, LONGEST_COMMENT, LONGEST_FALLBACK = 40, 2_800, 3_000, 600
SPACE = "  "


def rendered(reply: Reply) -> Rendering:
    """Write `reply` for Slack, within its limits; what is cut is marked."""
    texts = _texts(reply.text)
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}}
        for part in texts
    ]
    if reply.table:
        blocks.append({"type": "section", "text": marked(fenced(reply.table))})
    first = escaped(reply.text, LONGEST_FALLBACK) or "Done."
    if not blocks:
        blocks = [{"type": "section", "text": {"type": "plain_text", "text": first}}]
    return Rendering(text=first, blocks=blocks, simple=first)


def comment(reply: Reply) -> str:
    """Write text and table as what stands above uploaded files."""
    said = escaped(reply.text, LONGEST_COMMENT - LONGEST_TABLE - 1 if reply.table else 3_000)
    return "\n".join(part for part in (said, fenced(reply.table) if reply.table else "") if part)


def _texts(text: str) -> list[str]:
    lines = (escaped(line, SECTION - 1) or " " for line in text.strip().splitlines())
    parts = [part for part in packed(lines) if part.strip()]
    if len(parts) <= MOST_TEXTS:
        return parts
    hidden = sum(part.count("\n") + 1 for part in parts[MOST_TEXTS:])
    return [*parts[: MOST_TEXTS - 1], parts[MOST_TEXTS - 1] + f"\n{ELLIPSIS} {hidden} more lines"]


def fenced(table: Sequence[Sequence[str]], longest: int = LONGEST_TABLE) -> str:
    """Write a table in monospace, `longest` characters at most; rows left out are counted."""
    cells = [[_cell(cell) for cell in row] for row in table]
    columns = range(max(map(len, cells), default=0))
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in columns]
    kept, room = [], longest - 40
    for row in cells:
        spaced = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        line = entities(SPACE.join(spaced).rstrip())
        if (room := room - len(line) - 1) < 0:
            break
        kept.append(line)
    hidden = len(cells) - len(kept)
    more = f"\n{ELLIPSIS} {hidden} more rows" if hidden else ""
    return "```\n" + "\n".join(kept) + more + "\n```"


def _cell(text: str) -> str:
    """Make a cell one short line that cannot end the fence."""
    return shortened(flat(text).replace("`", "'"), LONGEST_CELL)


async def upload(slack: Slack, channel: str, reply: Reply) -> None:
    """Show an answer with its files to everyone in `channel`; raises TryLater or Rejected."""
    files = [
        {"filename": one.name, "title": one.name, "content": one.content}
        for one in reply.attachments
    ]
    try:
        await slack.client.files_upload_v2(
            channel=channel, initial_comment=comment(reply), file_uploads=files
        )
    except Exception as error:
        raise explained(error, f"Slack, uploading to {channel}") from error
