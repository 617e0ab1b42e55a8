"""Sections about other systems' numbers: who answers queries, and who gets our samples."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.config.fields import Folder, PositiveDuration, Url
from bot.config.secret import Secret, basic
from storage.metrics.remote import RemoteOptions
from storage.model.alert import Severity

Text = Annotated[str, Field(min_length=1, max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class BasicSection(_Section):
    """A user and a password, for basic authentication."""

    user: Text
    password: Secret


class RemoteSection(_Section):
    """How another system is reached.

    headers: sent along, such as `X-Scope-OrgID` of a Mimir; values are treated as secrets.
    ca_file: certificates by which it is known; none: those of the system.
    timeout: for one answer.
    """

    url: Url
    headers: dict[Text, Secret] = {}
    basic: BasicSection | None = None
    bearer: Secret | None = None
    ca_file: Folder | None = None
    timeout: PositiveDuration = timedelta(seconds=30)

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        named = any(name.lower() == "authorization" for name in self.headers)
        if (self.basic is not None) + (self.bearer is not None) + named > 1:
            raise ValueError("expected one of basic, bearer and the header Authorization")
        if "@" in self.url.split("/")[2]:
            raise ValueError("expected user and password in `basic`, not in the address")
        return self

    def options(self) -> RemoteOptions:
        """Return what those need who ask it; the authorization is a header like others."""
        headers = {name: value.reveal() for name, value in self.headers.items()}
        secrets = [value for value in headers.values() if value]
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.reveal()}"
            secrets.append(self.bearer.reveal())
        if self.basic is not None:
            pair = basic(self.basic.user, self.basic.password.reveal())
            headers["Authorization"] = f"Basic {pair}"
            secrets += [pair, self.basic.password.reveal()]
        return RemoteOptions(
            url=self.url,
            headers=headers,
            ca_file=self.ca_file,
            timeout=self.timeout.total_seconds(),
            secrets=tuple(secrets),
        )


class PrometheusSection(RemoteSection):
    """A Prometheus-compatible API that answers every query in place of our own store.

    expect: when it has not answered for so long, an incident of `severity` opens.
    """

    expect: PositiveDuration = timedelta(minutes=2)
    severity: Severity = Severity.CRITICAL


class MetricsSection(_Section):
    """Who answers queries; none: our own store."""

    prometheus: PrometheusSection | None = None


class ForwardSection(RemoteSection):
    """Where stored samples are also sent, by remote write.

    queue: samples that wait while it is away; the oldest are dropped beyond it, and counted.
    """

    queue: Annotated[int, Field(ge=1_000, le=20_000_000)] = 1_000_000
