"""`services`: the catalogue of what there is, whose it is, what hangs on it."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.config.fields import Switch, Url
from storage.model.services import Service

Word = Annotated[str, Field(min_length=1, max_length=200)]


def _as_text(value: object) -> object:
    """Take `tier: 1` as it is written."""
    return str(value) if type(value) is int else value


class ServiceSection(BaseModel):
    """One service; `storage.model.services` explains."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: Word | None = None
    tier: Annotated[Word | None, BeforeValidator(_as_text)] = None
    depends_on: tuple[Word, ...] = ()
    users: Word | None = None
    runbook: Url | None = None
    dashboards: dict[Word, Url] = {}
    also: tuple[Word, ...] = ()
    always_heard: Switch = False

    def built(self, name: str) -> Service:
        """Return it as routing knows it."""
        return Service(
            name=name,
            owner=self.owner or "",
            tier=self.tier or "",
            depends_on=self.depends_on,
            users=self.users or "",
            runbook=self.runbook or "",
            dashboards=self.dashboards,
            also=self.also,
            always_heard=self.always_heard,
        )
