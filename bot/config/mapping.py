"""`sources.<name>.mapping`: how a source's own JSON becomes alerts."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from storage.model.alert import Severity

if TYPE_CHECKING:
    from bot.doors.mapping import Mapped


def _expression(text: str) -> str:
    """Check that a JMESPath expression can be read; raises ValueError."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        first = str(error).strip().splitlines()[0]
        raise ValueError(
            f"found {text[:80]!r}, which is no JMESPath ({first}); expected one such as "
            "host.name, events[], or 'a fixed text' in single quotes"
        ) from error
    return text


Expression = Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_expression)]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class StatusSection(BaseModel):
    """What says whether an alert is over: `value` finds a word, the lists say what it means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Expression
    firing: tuple[Word, ...] = ()
    resolved: tuple[Word, ...] = ()


class MappingSection(BaseModel):
    """JMESPath expressions that find an alert's parts in a source's JSON; see docs/doors.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alerts: Expression | None = None
    key: Expression | None = None
    status: StatusSection | None = None
    labels: Annotated[dict[Word, Expression], Field(min_length=1)]
    annotations: dict[Word, Expression] = {}
    severities: dict[Word, Severity] = {}
    starts_at: Expression | None = None

    def compiled(self) -> "Mapped":
        """Return the mapping as `bot.doors.mapping` applies it."""
        import jmespath

        from bot.doors.mapping import Mapped

        def found(text: str | None) -> Any:
            return None if text is None else jmespath.compile(text)

        status = self.status
        return Mapped(
            labels={name: found(text) for name, text in self.labels.items()},
            annotations={name: found(text) for name, text in self.annotations.items()},
            alerts=found(self.alerts),
            key=found(self.key),
            status=found(status.value) if status else None,
            firing=frozenset(word.lower() for word in status.firing) if status else frozenset(),
            resolved=frozenset(word.lower() for word in status.resolved) if status else frozenset(),
            severities={word.lower(): str(ours) for word, ours in self.severities.items()},
            starts_at=found(self.starts_at),
        )
