"""Groups of segments that were read a moment ago: a dashboard asks for them again every minute."""

from collections import OrderedDict
from threading import Lock

from storage.model.sample import Floats, Ints

MOST_BYTES = 32 << 20
"""Two million samples: a week of minutes of two hundred series. Nothing until history is read."""


class Recent:
    """Decoded times and values by segment and group; the longest unused go first. Any thread."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._lock = most_bytes, Lock()
        self._columns: OrderedDict[tuple[str, int], tuple[Ints, Floats]] = OrderedDict()
        self.bytes = 0

    def get(self, segment: str, group: int) -> tuple[Ints, Floats] | None:
        """Return the times and values of a group, if they are still here; not to be changed."""
        with self._lock:
            columns = self._columns.get((segment, group))
            if columns is not None:
                self._columns.move_to_end((segment, group))
            return columns

    def keep(self, segment: str, group: int, times: Ints, values: Floats) -> None:
        """Remember the columns of a group."""
        times.flags.writeable = values.flags.writeable = False
        with self._lock:
            if (segment, group) in self._columns:
                return
            self._columns[segment, group] = times, values
            self.bytes += times.nbytes + values.nbytes
            while self.bytes > self._most:
                _, oldest = self._columns.popitem(last=False)
                self.bytes -= sum(column.nbytes for column in oldest)

    def forget(self, segment: str) -> None:
        """Let go of the groups of a segment that is no more."""
        with self._lock:
            for key in [key for key in self._columns if key[0] == segment]:
                self.bytes -= sum(column.nbytes for column in self._columns.pop(key))
