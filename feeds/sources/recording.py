"""Captures in the order of their time, and two ways to play them: by a clock or step by step."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median

from google.transit.gtfs_realtime_pb2 import FeedHeader, FeedMessage

from feeds.realtime.captures import capture_time, message_from_capture
from feeds.sources.clock import Reading

LONGEST_GAP = 300  # seconds; a longer one is a pause of the recording, not of the agency
USUAL_INTERVAL = 60.0  # seconds; where the captures themselves tell none


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """A recorded FeedMessage in binary form, and the time of its data (POSIX seconds)."""

    time: float
    name: str
    message: bytes

    @classmethod
    def read(cls, name: str, data: bytes, modified: float) -> "Capture":
        """A capture's time is its header's, else a POSIX time in its name, else the file's.

        Raises:
            CaptureError: `data` is not a FeedMessage.
        """
        message = message_from_capture(data, name)
        written = re.search(r"(?<!\d)\d{10}(?!\d)", name)
        time = capture_time(message) or (int(written[0]) if written else modified)
        return cls(float(time), name, message)


class Recording:
    """Series of captures on one time line.

    `moments` are the times at which something was recorded, ascending. Playing at its own pace, the
    recording is at `moments[i]` after `offsets[i]` seconds; gaps above 5 minutes are shortened.
    """

    def __init__(self, series: Mapping[str, Sequence[Capture]]) -> None:
        self.series = {name: sorted(captures) for name, captures in series.items()}
        self.moments = sorted({c.time for captures in series.values() for c in captures})
        gaps = [later - earlier for earlier, later in pairwise(self.moments)]
        self.interval = median([g for g in gaps if g <= LONGEST_GAP] or [USUAL_INTERVAL])
        shortened = (self.interval if gap > LONGEST_GAP else gap for gap in gaps)
        self.offsets = list(accumulate(shortened, initial=0.0))

    @property
    def names(self) -> list[str]:
        return list(self.series)

    def time(self, played: float) -> float:
        """The recorded time after `played` seconds; it stands still at the last moment.

        In a shortened gap it runs on for one interval, then jumps to the next moment.
        """
        index = max(bisect_right(self.offsets, played) - 1, 0)
        if index + 1 == len(self.moments):
            return self.moments[-1]
        return self.moments[index] + max(played - self.offsets[index], 0.0)

    def played(self, time: float) -> float:
        """After how many seconds the recording is at `time`, the next moment if it is in a gap."""
        index = max(bisect_right(self.moments, time) - 1, 0)
        offset = self.offsets[index] + max(time - self.moments[index], 0.0)
        return min(offset, self.offsets[min(index + 1, len(self.offsets) - 1)])

    def message(self, name: str, time: float) -> bytes:
        """The newest message of a series at `time`; before its first one: a message of nothing."""
        captures = self.series[name]
        index = bisect_right(captures, time, key=lambda capture: capture.time) - 1
        if index >= 0:
            return captures[index].message
        header = FeedHeader(gtfs_realtime_version="2.0", timestamp=int(self.moments[0]))
        return FeedMessage(header=header).SerializeToString()


@dataclass(frozen=True, slots=True)
class Playing:
    """A recording that is at second `start` at wall time `since` and plays `speed` times as fast."""

    recording: Recording
    since: float
    speed: float = 1.0
    start: float = 0.0

    def reading(self, wall: float) -> Reading:
        """After the last capture the clock stands: the boards stay as they were at the end."""
        played = self.start + (wall - self.since) * self.speed
        return Reading(self.recording.time(played), 0.0 if self.ended(wall) else self.speed)

    def ended(self, wall: float) -> bool:
        return wall >= self.end

    @property
    def end(self) -> float:
        """The wall time of the last capture."""
        return self.since + (self.recording.offsets[-1] - self.start) / self.speed


@dataclass(slots=True)
class Stepping:
    """A recording that moves only when told: its clock stands at the time of one of its moments."""

    recording: Recording
    position: int = 0

    @classmethod
    def at(cls, recording: Recording, time: float) -> "Stepping":
        """Stand at the first moment that is not before `time`."""
        last = len(recording.moments) - 1
        return cls(recording, min(bisect_left(recording.moments, time), last))

    def reading(self) -> Reading:
        return Reading(self.recording.moments[self.position], 0.0)

    def step(self) -> bool:
        """Go to the next moment; False where there is none."""
        if self.position + 1 == len(self.recording.moments):
            return False
        self.position += 1
        return True
