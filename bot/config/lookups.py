"""`lookups`: tables that know more of alerts, in a CSV file or behind an address."""

import re
from csv import DictReader
from csv import Error as CsvError
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import Folder, MatcherText, PositiveDuration, Size, Switch, Url
from bot.config.remote import BasicSection
from bot.config.secret import Secret, basic
from bot.outbound import host_of, read_networks
from routing.lookups import Lookup, Row

if TYPE_CHECKING:
    from bot.lookups.address import Address

Text = Annotated[str, Field(min_length=1, max_length=1_000)]
LONGEST_WAIT = timedelta(seconds=5)
LARGEST_FILE, LONGEST_CELL = 32 * 1024**2, 2_000
VALUE = "{value}"


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError(f"found {text[:60]!r}; expected the name of a label, such as owner")
    return text


def _network(text: str) -> str:
    read_networks([text])
    return text


Name = Annotated[str, AfterValidator(_name)]
Network = Annotated[Text, AfterValidator(_network)]


class LookupSection(BaseModel):
    """One table; `docs/services.md` explains.

    label:      whose value is looked up.  match: only for alerts that satisfy these.
    csv:        a file with a line of names at its top.  column: where the value stands; none: the
                column that is called as the label.
    url:        an address with {value} in it, which answers JSON.
    labels, annotations: name -> a column of the file, or JMESPath into the answer.
    overwrite:  true: the table wins over what the alert says itself.
    timeout:    for one answer.  keep: after this it is asked for anew.  max_size: of an answer.
    allow:      networks inside that may be called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    label: Name
    match: tuple[MatcherText, ...] = ()
    csv: Folder | None = None
    column: Text | None = None
    url: Url | None = None
    labels: dict[Name, Text] = {}
    annotations: dict[Name, Text] = {}
    overwrite: Switch = False
    timeout: PositiveDuration = timedelta(milliseconds=500)
    keep: PositiveDuration = timedelta(minutes=10)
    allow: tuple[Network, ...] = ()
    max_size: Size = 64 * 1024
    headers: dict[Text, Secret] = {}
    basic: BasicSection | None = None
    bearer: Secret | None = None
    ca_file: Folder | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.csv is None) == (self.url is None):
            raise ValueError("expected one of csv and url")
        if not self.labels and not self.annotations:
            raise ValueError("nothing is looked up; expected some in labels or annotations")
        if self.csv is not None:
            self._rows(self.csv)
        else:
            self._check_address(self.url or "")
        return self

    def _check_address(self, url: str) -> None:
        host_of(url)
        if VALUE in url.split("/")[2] or url.count(VALUE) != 1:
            raise ValueError(
                f"url: expected {VALUE} once, behind the host, such as "
                f"https://cmdb.example.com/hosts/{VALUE}"
            )
        if self.timeout > LONGEST_WAIT:
            raise ValueError(
                f"timeout: alerts wait for it; expected {LONGEST_WAIT.seconds}s at most"
            )
        if self.basic is not None and self.bearer is not None:
            raise ValueError("expected one of basic and bearer")
        self._compiled()

    def _compiled(self) -> tuple[dict[str, Any], dict[str, Any]]:
        import jmespath
        from jmespath.exceptions import JMESPathError

        def compiled(told: dict[str, str]) -> dict[str, Any]:
            found = {}
            for name, text in told.items():
                try:
                    found[name] = jmespath.compile(text)
                except JMESPathError as error:
                    first = str(error).strip().splitlines()[0]
                    raise ValueError(f"{name}: {text[:80]!r} is no JMESPath ({first})") from error
            return found

        return compiled(self.labels), compiled(self.annotations)

    def _rows(self, path: Path) -> dict[str, Row]:
        """Read the file; raises ValueError that says what is wrong, and where."""
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise ValueError(f"csv: {path} is larger than {LARGEST_FILE >> 20} MiB")
            with path.open(encoding="utf-8-sig", newline="") as file:
                return self._read(DictReader(file, strict=True), path)
        except (OSError, UnicodeDecodeError, CsvError) as error:
            raise ValueError(f"csv: {path} cannot be read: {error}") from error

    def _read(self, lines: "DictReader[str]", path: Path) -> dict[str, Row]:
        there, key = lines.fieldnames or [], self.column or self.label
        for column in (key, *self.labels.values(), *self.annotations.values()):
            if column not in there:
                known = ", ".join(there)
                raise ValueError(f"csv: {path} has no column {column!r}; it has {known}")
        found: dict[str, Row] = {}
        for line in lines:
            value = (line[key] or "").strip()
            if value in found:
                where = f"line {lines.line_num}"
                raise ValueError(f"csv: {path}, {where}: {value[:60]!r} stands there twice")
            if value:
                found[value] = Row(_cells(line, self.labels), _cells(line, self.annotations))
        return found

    def built(self, name: str) -> Lookup:
        """Return it as routing knows it; the file is read now."""
        return Lookup(
            name=name,
            label=self.label,
            rows=self._rows(self.csv) if self.csv is not None else {},
            matchers=self.match,
            overwrites=self.overwrite,
            asks=self._address() if self.url is not None else None,
        )

    def _address(self) -> "Address":
        from bot.lookups.address import Address

        headers = {name: value.reveal() for name, value in self.headers.items()}
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.reveal()}"
        if self.basic is not None:
            pair = basic(self.basic.user, self.basic.password.reveal())
            headers["Authorization"] = f"Basic {pair}"
        labels, annotations = self._compiled()
        return Address(
            url=self.url or "",
            headers=headers,
            labels=labels,
            annotations=annotations,
            timeout=self.timeout.total_seconds(),
            keep=self.keep.total_seconds(),
            allow=self.allow,
            max_size=self.max_size,
            ca_file=self.ca_file,
        )


def _cells(line: dict[str, str], wanted: dict[str, str]) -> dict[str, str]:
    cells = {name: (line[column] or "").strip()[:LONGEST_CELL] for name, column in wanted.items()}
    return {name: text for name, text in cells.items() if text}
