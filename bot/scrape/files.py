"""Targets listed in files, in Prometheus' `file_sd` format (YAML or JSON), read again on change."""

from pathlib import Path

import structlog

from bot.config.scrape import ScrapeSection, parse_target
from bot.scrape.target import Target, target
from storage.documents import Faults, Mapping, Node, Scalar, describe, read_document
from storage.errors import ConfigError

log = structlog.get_logger(__name__)

Stamp = tuple[int, int, int]
"""Inode, modification time (ns) and size: what changes when a file is written or replaced."""
UNREAD: Stamp = (0, 0, 0)
"""Of a file that could not be read: it is tried again at the next look."""


class TargetFiles:
    """The files of one job. A file that cannot be read keeps the targets that it listed before."""

    def __init__(self, job: ScrapeSection) -> None:
        self._job = job
        self._read: dict[Path, tuple[Stamp, tuple[Target, ...]]] = {}

    def look(self) -> tuple[Target, ...]:
        """Read what changed; return all targets, each once. Blocks on the disk."""
        found = {
            path: None
            for pattern in self._job.files
            for path in sorted(pattern.parent.glob(pattern.name))
            if path.is_file()
        }
        self._read = {path: self._read[path] for path in found if path in self._read}
        for path in found:
            self._look_at(path)
        return tuple(dict.fromkeys(one for _, targets in self._read.values() for one in targets))

    def _look_at(self, path: Path) -> None:
        before = self._read.get(path)
        try:
            stat = path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if before is not None and before[0] == stamp:
                return
            targets = read_targets(self._job, path)
        except (ConfigError, OSError) as error:
            stamp, targets = UNREAD, () if before is None else before[1]
            if before is None or before[0] != stamp:
                log.warning("targets not read", job=self._job.job, why=str(error))
        else:
            log.info("targets read", job=self._job.job, file=str(path), targets=len(targets))
        self._read[path] = stamp, targets


def read_targets(job: ScrapeSection, path: Path) -> tuple[Target, ...]:
    """Read one file: `[{"targets": ["web1:9100"], "labels": {"rack": "a"}}]`.

    Raises ConfigError with every fault, each with its place.
    """
    faults = Faults()
    found: list[Target] = []
    for node in faults.sequence(read_document(path), "a list of groups of targets"):
        group = faults.mapping(node, "a mapping of targets and labels")
        if group is not None:
            faults.only(group, ("targets", "labels"))
            labels = _labels(group, faults)
            found += [target(job, address, labels) for address in _addresses(group, faults)]
    faults.raise_all()
    return tuple(found)


def _labels(group: Mapping, faults: Faults) -> dict[str, str]:
    node = group.get("labels")
    labels = faults.mapping(node, "a mapping of labels") if node is not None else None
    return {key.text: _text(value, faults) for key, value in labels or ()}


def _addresses(group: Mapping, faults: Faults) -> list[str]:
    node = group.get("targets")
    addresses = []
    for one in faults.sequence(node, "a list of addresses") if node is not None else ():
        try:
            addresses.append(parse_target(_text(one, faults)))
        except ValueError as error:
            faults.add(one, str(error))
    return addresses


def _text(node: Node, faults: Faults) -> str:
    if isinstance(node, Scalar) and node.value is not None:
        return node.text
    faults.add(node, f"found {describe(node)}; expected a text")
    return ""
