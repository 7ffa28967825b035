"""What an index looks up around a place holds all that is near enough."""

import re
from math import asin, atan2, cos, degrees, radians, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.nearby import EARTH, Place

RADII = st.floats(1, 100_000)
BEARINGS = st.floats(0, 360)


def beyond(place: Place, bearing: float, metres: float) -> tuple[float, float]:
    """Degrees north and east of where a straight way ends (of -180 to 180)."""
    far, way, lat = metres / EARTH, radians(bearing), radians(place.lat)
    north = asin(max(-1, min(1, sin(lat) * cos(far) + cos(lat) * sin(far) * cos(way))))
    east = atan2(sin(way) * sin(far) * cos(lat), cos(far) - sin(lat) * sin(north))
    return degrees(north), (place.lon + degrees(east) + 540) % 360 - 180


def holds(box: str, lat: float, lon: float) -> bool:
    west, south, east, north = map(float, re.findall(r"[-+.e\d]+", box))
    return south <= lat <= north and west <= lon <= east


@given(st.floats(-90, 90), st.floats(-180, 180), RADII, BEARINGS, st.floats(0, 1))
def test_all_within_the_radius_is_in_one_of_the_boxes(
    lat: float, lon: float, radius: float, bearing: float, share: float
) -> None:
    place = Place(lat, lon)
    end = beyond(place, bearing, radius * share * 0.999_999)
    assert any(holds(box, *end) for box in place.boxes(radius))


@pytest.mark.parametrize("place", [Place(0, 0), Place(60, 179.999), Place(-45, -180), Place(89, 1)])
def test_the_boxes_hold_little_else(place: Place) -> None:
    opposite = (-place.lat, (place.lon + 360) % 360 - 180)
    for box in place.boxes(1000):
        assert not holds(box, *opposite)
        assert not holds(box, place.lat - 0.01, place.lon)
        assert not holds(box, place.lat, (place.lon + 1 + 540) % 360 - 180)


@pytest.mark.parametrize("lat", [0, 60, 85, 88, -88.9, 89.5])
def test_the_boxes_are_wide_enough_near_a_pole(lat: float) -> None:
    place = Place(lat, 100)
    for bearing in range(360):
        end = beyond(place, bearing, 99_999)
        assert any(holds(box, *end) for box in place.boxes(100_000)), bearing
