"""Which routes call at which stops, on any of the loaded days."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from feeds.timetable.entities import Trip

RouteWay = tuple[str, int | None]
"""A route_id and a direction_id."""

_NONE: frozenset[str] = frozenset()


class ServedRoutes:
    """Stops by route and direction, and the other way round."""

    def __init__(
        self,
        trips: Sequence[Trip],
        trip_of_row: NDArray[np.int32],
        stop_of_row: NDArray[np.integer],
        stop_ids: Sequence[str],
    ) -> None:
        """`stop_of_row` are positions in `stop_ids`, `trip_of_row` in `trips`, of equal length."""
        ways: dict[RouteWay, int] = {}
        way_of_trip = np.array(
            [ways.setdefault((trip.route_id, trip.direction_id), len(ways)) for trip in trips],
            dtype=np.int64,
        )
        named = list(ways)
        pairs = np.unique(stop_of_row.astype(np.int64) * len(named) + way_of_trip[trip_of_row])
        at: dict[str, list[RouteWay]] = defaultdict(list)
        stops: dict[RouteWay, list[str]] = defaultdict(list)
        for pair in pairs.tolist():
            stop, way = divmod(pair, len(named))
            at[stop_ids[stop]].append(named[way])
            stops[named[way]].append(stop_ids[stop])
        self._at = {stop_id: frozenset(found) for stop_id, found in at.items()}
        self._stops = {way: frozenset(found) for way, found in stops.items()}
        self._ways: dict[str, list[RouteWay]] = defaultdict(list)
        for way in named:
            self._ways[way[0]].append(way)

    def at(self, stop_ids: Iterable[str]) -> frozenset[RouteWay]:
        """The routes that call at any of these very stops."""
        return frozenset[RouteWay]().union(*(self._at.get(stop_id, ()) for stop_id in stop_ids))

    def stops(self, route_id: str, direction_id: int | None) -> frozenset[str]:
        """The stops that a route calls at; in any direction where that is None."""
        if direction_id is not None:
            return self._stops.get((route_id, direction_id), _NONE)
        return _NONE.union(*(self._stops[way] for way in self._ways.get(route_id, ())))
