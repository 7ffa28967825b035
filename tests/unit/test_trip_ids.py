"""All trip_ids of a version, in 8 bytes each."""

from hypothesis import given
from hypothesis import strategies as st

from feeds.timetable.trip_ids import TripIds


@given(st.sets(st.text()), st.text())
def test_it_has_what_it_was_given_and_nothing_else(given_ids: set[str], other: str) -> None:
    trip_ids = TripIds(given_ids)
    assert all(trip_id in trip_ids for trip_id in given_ids)
    assert (other in trip_ids) == (other in given_ids)
    assert trip_ids.array.nbytes == 8 * len(given_ids)
