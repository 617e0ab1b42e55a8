"""The shop's metrics: what any instrumented web shop counts."""

from bisect import bisect_left
from collections import Counter
from typing import Any

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency buckets, seconds; Prometheus' own defaults, from 10 ms."""

CODES = (200, 500)


class Counters:
    """Requests by code, and a histogram of how long they took (seconds)."""

    def __init__(self) -> None:
        self._answers: Counter[int] = Counter(dict.fromkeys(CODES, 0))
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def answered(self, code: int, seconds: float) -> None:
        """Count one answer."""
        self._answers[code] += 1
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def scrape(self, at: float) -> dict[str, Any]:
        """Return all series stamped `at` (Unix seconds), as the JSON ingest takes them."""
        return {
            "complete": True,
            "samples": [
                {"name": name, "labels": {"job": "shop", **labels}, "time": at, "value": value}
                for name, labels, value in self._series()
            ],
        }

    def _series(self) -> list[tuple[str, dict[str, str], float]]:
        found: list[tuple[str, dict[str, str], float]] = [
            ("shop_requests_total", {"code": str(code)}, count)
            for code, count in sorted(self._answers.items())
        ]
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._buckets, strict=True):
            below += count
            found.append(("shop_request_seconds_bucket", {"le": bound}, below))
        found.append(("shop_request_seconds_count", {}, below))
        found.append(("shop_request_seconds_sum", {}, self._seconds))
        return found
