"""All trip_ids of a version, those too that run on none of the loaded days."""

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np


class TripIds:
    """Hashes in ascending order: 8 bytes each, where a set of strings takes some 150.

    Two of a million ids share a hash of 64 bits with a chance of one in 37 million.
    """

    def __init__(self, trip_ids: Iterable[str] = ()) -> None:
        self.array = np.sort(np.fromiter(map(hash, trip_ids), np.int64))
        self._hashes = self.array.data

    def __contains__(self, trip_id: str) -> bool:
        wanted = hash(trip_id)
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted
