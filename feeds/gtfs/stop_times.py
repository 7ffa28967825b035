"""stop_times.txt as columns of integers: trips, stops and headsigns by number, all times known."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feeds.gtfs.interpolation import distances, interpolated
from feeds.gtfs.problems import Problems
from feeds.gtfs.table import GtfsTable

ON_DEMAND = ("location_group_id", "location_id", "start_pickup_drop_off_window")


@dataclass(frozen=True, slots=True)
class StopTimeColumns:
    """Columns as in `stop_time_records.FIELDS`; headsigns' numbers are their positions."""

    columns: dict[str, NDArray[np.int32]]
    headsigns: pl.Series

    def __len__(self) -> int:
        return len(self.columns["trip"])

    @property
    def last_time(self) -> int:
        """The latest time of all, seconds after noon minus 12 h."""
        times = (self.columns["arrival"], self.columns["departure"])
        return max(int(column.max(initial=0)) for column in times)


def stop_time_columns(
    stop_times: GtfsTable, trips: GtfsTable, stops: GtfsTable, problems: Problems
) -> StopTimeColumns:
    """Number the references and fill the gaps between timepoints.

    Trips and stops are numbered in the order of their right rows. Rows of on-demand zones
    (GTFS-Flex) are left out: no vehicle calls there at a time.
    """
    on_demand = stop_times.values.select(pl.any_horizontal(pl.col(ON_DEMAND).is_not_null()))
    stop_times.wrong |= on_demand.to_series()
    placeless = stop_times.values["stop_id"].is_null() & ~stop_times.wrong
    stop_times.mark(placeless, ("stop_id",), "is empty", problems)
    stop_times.mark_unknown("trip_id", trips, problems)
    stop_times.mark_unknown("stop_id", stops, problems)
    _mark_timeless_ends(stop_times, problems)
    table = _numbered(stop_times.right, "trip_id", "trip", trips.right)
    table = _numbered(table, "stop_id", "stop", stops.right)
    headsigns = table.select(pl.col("stop_headsign").drop_nulls().unique(maintain_order=True))
    table = _numbered(table, "stop_headsign", "headsign", headsigns)
    table = table.sort("trip", "stop_sequence")
    return StopTimeColumns(_columns(table), headsigns.to_series())


def _numbered(table: pl.DataFrame, key: str, number: str, known: pl.DataFrame) -> pl.DataFrame:
    """`table` with the position in `known` of the row that `key` refers to."""
    numbers = known.select(key).with_row_index(number)
    return table.join(numbers, on=key, how="left", maintain_order="left")


def _mark_timeless_ends(stop_times: GtfsTable, problems: Problems) -> None:
    """A trip's first and last row must have a time; a trip where they have none is wrong."""
    arrival, departure = stop_times.values["arrival_time"], stop_times.values["departure_time"]
    timeless = arrival.is_null() & departure.is_null() & ~stop_times.wrong
    if not timeless.any():
        return
    sequence = pl.when(~pl.col("wrong")).then("stop_sequence")
    table = stop_times.values.with_columns(stop_times.wrong.alias("wrong"))
    is_end = table.select(
        (sequence == sequence.min().over("trip_id")) | (sequence == sequence.max().over("trip_id"))
    ).to_series()
    ends = timeless & is_end.fill_null(value=False)
    reason = "begins or ends a trip without a time"
    stop_times.mark(ends, ("trip_id", "stop_sequence"), reason, problems)
    trips = stop_times.values["trip_id"]
    stop_times.wrong |= trips.is_in(trips.filter(ends).implode())


def _columns(table: pl.DataFrame) -> dict[str, NDArray[np.int32]]:
    arrival = pl.coalesce("arrival_time", "departure_time").fill_null(0)
    departure = pl.coalesce("departure_time", "arrival_time").fill_null(0)
    known = table["arrival_time"].is_not_null() | table["departure_time"].is_not_null()
    table = table.select(
        pl.col("trip", "stop_sequence", "stop").cast(pl.Int32),
        arrival.alias("arrival"),
        departure.alias("departure"),
        pl.col("headsign").cast(pl.Int32).fill_null(-1),
        "pickup_type",
        "drop_off_type",
        "shape_dist_traveled",
    )
    shape_dist_traveled = table.drop_in_place("shape_dist_traveled")
    columns = {name: table[name].to_numpy() for name in table.columns}
    if not known.all():
        distance = distances(columns["trip"], shape_dist_traveled.fill_null(np.nan).to_numpy())
        columns["arrival"], columns["departure"] = interpolated(
            columns["arrival"], columns["departure"], known.to_numpy(), distance
        )
    return columns
