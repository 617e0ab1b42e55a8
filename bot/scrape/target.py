"""What is scraped: one address of a job, the labels it gives to its samples, its place in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from yarl import URL

from bot.config.scrape import ScrapeSection
from storage.model.labels import NAME, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target. labels: `job`, `instance` and whatever the job and its file say besides.

    Two that are equal are the same target, wherever they were listed.
    """

    url: str
    labels: Labels

    def offset(self, interval: float) -> float:
        """Return where in an interval (seconds) this target's turn is: always the same place.

        Targets are spread evenly, so that they are not all asked at once.
        """
        digest = blake2b(f"{self.url}{self.labels}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64 * interval

    def report(self, name: str) -> Labels:
        """Return the labels of one of our own series about it, such as `up`."""
        return self.labels.with_({NAME: name})


def target(job: ScrapeSection, address: str, labels: Mapping[str, str] | None = None) -> Target:
    """Return the target at `address` (host:port) of a job.

    labels: of the file that lists it; `__scheme__`, `__metrics_path__` and `__param_<name>` set
            how it is asked, other names with two underscores in front are not stored.
    """
    said = {**job.labels, **(labels or {})}
    params = {key: list(values) for key, values in job.params.items()}
    for key, value in said.items():
        if key.startswith("__param_"):
            params.setdefault(key.removeprefix("__param_"), [""])[:1] = [value]
    url = URL(f"{said.get('__scheme__', job.scheme)}://{address}").join(
        URL(said.get("__metrics_path__", job.path))
    )
    query = [(key, value) for key, values in params.items() for value in values]
    shown = {key: value for key, value in said.items() if not key.startswith("__")}
    return Target(
        url=str(url.extend_query(query)),
        labels=Labels.of({"job": job.job, "instance": address, **shown}),
    )


def merge(target: Target, name: str, exposed: dict[str, str], *, honor: bool) -> Labels:
    """Return what is stored of a series that a target exposes.

    honor: where both name a label, the target's own text wins; else it is kept as
           `exported_<label>`.
    """
    said = {key: value for key, value in exposed.items() if value}
    about = dict(target.labels)
    if honor:
        return Labels.of({**about, **said, NAME: name})
    for key in sorted(said.keys() & about.keys()):
        new = f"exported_{key}"
        while new in said or new in about:
            new = f"exported_{new}"
        said[new] = said.pop(key)
    return Labels.of({**said, **about, NAME: name})
