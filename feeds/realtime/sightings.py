"""The sightings of a feed's vehicles, by the run that they name and by vehicle. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from feeds.realtime.decode import Origin
from feeds.realtime.sighting import Sighting


class Sightings:
    """Those that all endpoints tell of now. Times are POSIX seconds."""

    def __init__(self) -> None:
        self._heard: dict[int, int] = {}  # by endpoint, as of when its message is
        self._by_origin: dict[Origin, Sighting] = {}
        self._of_run: dict[str, dict[Origin, Sighting]] = defaultdict(dict)
        self._of_vehicle: dict[str, dict[Origin, Sighting]] = defaultdict(dict)
        self._oldest: dict[int, int] = {}  # by endpoint

    def hear(self, endpoint: int, moment: int) -> None:
        """An endpoint's message is as of that moment."""
        self._heard[endpoint] = moment

    def time(self, sighting: Sighting) -> int:
        """When it was so; an undated one is as new as its message."""
        return sighting.time or self._heard[sighting.endpoint]

    def newest(self, sightings: Iterable[Sighting]) -> Sighting | None:
        """Of several, whatever their order; None of none."""
        return max(sightings, key=lambda each: (self.time(each), each.raw), default=None)

    def of_run(self, run: str) -> Collection[Sighting]:
        """Those of vehicles that name the run."""
        return self._of_run[run].values() if run in self._of_run else ()

    def of_vehicle(self, vehicle_id: str) -> Collection[Sighting]:
        """Those of one vehicle, whatever run it names."""
        return self._of_vehicle[vehicle_id].values() if vehicle_id in self._of_vehicle else ()

    def add(self, sighting: Sighting) -> None:
        """Take it in; its endpoint was heard."""
        origin = sighting.endpoint, sighting.raw
        self._by_origin[origin] = sighting
        time = self.time(sighting)
        self._oldest[sighting.endpoint] = min(self._oldest.get(sighting.endpoint, time), time)
        if sighting.run:
            self._of_run[sighting.run][origin] = sighting
        if sighting.vehicle_id:
            self._of_vehicle[sighting.vehicle_id][origin] = sighting

    def remove(self, origins: Iterable[Origin]) -> list[Sighting]:
        """Forget what was said there; the sightings that it was."""
        removed = []
        for origin in origins:
            sighting = self._by_origin.pop(origin, None)
            if sighting is None:
                continue
            removed.append(sighting)
            for index, name in (
                (self._of_run, sighting.run),
                (self._of_vehicle, sighting.vehicle_id),
            ):
                if name in index:
                    index[name].pop(origin, None)
                    if not index[name]:
                        del index[name]
        return removed

    def remove_said_by(self, endpoint: int) -> list[Sighting]:
        """Forget all that an endpoint said."""
        return self.remove([origin for origin in self._by_origin if origin[0] == endpoint])

    def remove_older(self, endpoint: int, moment: float) -> list[Sighting]:
        """Forget those of an endpoint from before `moment`."""
        if endpoint not in self._oldest or moment <= self._oldest[endpoint]:
            return []
        said = (pair for pair in self._by_origin.items() if pair[0][0] == endpoint)
        times = {origin: self.time(sighting) for origin, sighting in said}
        stay = (time for time in times.values() if time >= moment)
        self._oldest[endpoint] = min(stay, default=int(moment))
        return self.remove([origin for origin, time in times.items() if time < moment])
