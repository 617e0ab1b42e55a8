"""Alerts as they stand: everything that any source told, whether anybody heard of it or not."""

from dataclasses import dataclass
from datetime import datetime

from storage.clock import Steady
from storage.model.alert import Alert, AlertStatus
from storage.model.incident import IncidentId
from storage.model.labels import Fingerprint
from storage.model.silence import Mute


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One alert and what is known about it besides; at most one for a fingerprint.

    alert:      as its source last told it.
    updated_at: when the source last told of it, aware UTC.
    expires:    steady moment after which it counts as resolved unless told again; None: it
                stands until its source says otherwise.
    expired:    it was resolved by that, so its source may still think that it fires.
    mutes:      why it is not heard; empty: nothing keeps it from being heard everywhere.
    waiting:    groups (keys of incidents) that are to hear of it when their mute ends.
    """

    alert: Alert
    updated_at: datetime
    expires: Steady | None = None
    expired: bool = False
    mutes: tuple[Mute, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> Fingerprint:
        """Name the alert."""
        return self.alert.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The little of a standing alert that says whether what is told now is news.

    updated_at: when the source last told of it; None of what is told in the same batch.
    """

    status: AlertStatus
    starts_at: datetime
    ends_at: datetime | None = None
    no_data_since: datetime | None = None
    expired: bool = False
    waiting: tuple[str, ...] = ()
    trail: str = ""
    updated_at: datetime | None = None

    @property
    def is_firing(self) -> bool:
        """Whether it fires, as far as was told before."""
        return self.status is AlertStatus.FIRING

    @classmethod
    def of(cls, alert: Alert) -> "Known":
        """Return what is known once this has been told."""
        return cls(
            status=alert.status,
            starts_at=alert.starts_at,
            ends_at=alert.ends_at,
            no_data_since=alert.no_data_since,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An incident that has an alert: `alert` as the incident was last told of it.

    group: the incident's, by which its policy and labels are named.
    """

    incident: IncidentId
    group: str
    is_open: bool
    alert: Alert
