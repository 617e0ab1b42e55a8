"""A finished report as a mail: text and a page, charts within it, the CSV beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage

from bot.channels.letter import headers_of, template
from routing.delivery.report import Finished, Table, shortest
from routing.delivery.words import flat, shortened

MOST_ROWS, MOST_NOTES, LONGEST_CELL, LONGEST_LINE = 30, 8, 60, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLetter:
    """A report's mail to be written. id: its Message-ID, with brackets.  at: aware UTC."""

    report: Finished
    sender: str
    sender_name: str
    to: str
    id: str
    at: datetime


def written(letter: ReportLetter) -> bytes:
    """Return the mail as it goes over the wire."""
    report = letter.report
    shown = {
        "title": shortened(flat(report.title), LONGEST_CELL * 2),
        "headline": shortened(flat(report.headline), LONGEST_LINE),
        "notes": [shortened(flat(note), LONGEST_LINE) for note in report.notes[:MOST_NOTES]],
        "tables": [_table(table) for table in report.tables],
        "pictures": [f"chart{number}" for number in range(1, len(report.pictures) + 1)],
        "files": [file.safe_name for file in report.files],
        "to": letter.to,
    }
    mail = EmailMessage(policy=policy.SMTP)
    mail.set_content(template("report.txt").render(shown), cte="quoted-printable")
    html = template("report.html").render(shown)
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    page = mail.get_payload()[1]  # type: ignore[index]
    assert isinstance(page, EmailMessage)
    for number, picture in enumerate(report.pictures, start=1):
        page.add_related(
            picture.content,
            *picture.media_type.split("/"),
            cid=f"<chart{number}>",
            filename=picture.safe_name,
            disposition="inline",
        )
    for file in report.files:
        mail.add_attachment(file.content, *file.media_type.split("/"), filename=file.safe_name)
    headers = headers_of(
        sender=letter.sender,
        sender_name=letter.sender_name,
        to=letter.to,
        subject=shortened(flat(report.title), 150),
        at=letter.at,
        id=letter.id,
    )
    told = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return told.encode("ascii") + mail.as_bytes()


def _table(table: Table) -> dict[str, object]:
    rows, hidden = shortest(table.rows, MOST_ROWS)
    cells = [[shortened(flat(cell), LONGEST_CELL) for cell in row] for row in rows]
    return {
        "title": shortened(flat(table.title), LONGEST_CELL),
        "head": cells[0] if cells else [],
        "rows": cells[1:],
        "lines": _aligned(cells),
        "hidden": hidden,
    }


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    columns = range(max(map(len, cells), default=0))
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in columns]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip() for row in cells
    ]
