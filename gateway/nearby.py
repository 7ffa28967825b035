"""A place and how far around it: what an index of points can look up first."""

from math import asin, cos, degrees, radians, sin
from typing import NamedTuple

EARTH = 6_371_008.8
"""Metres: the mean radius of WGS 84."""
_POLE, _MERIDIAN = 90.0, 180.0
_SLACK = 1e-9  # degrees, a tenth of a millimetre: what rounding may cost


class Place(NamedTuple):
    """Degrees north and east."""

    lat: float
    lon: float

    def boxes(self, radius: float) -> tuple[str, str]:
        """Two boxes of degrees, as Postgres reads them, that hold all within `radius` metres.

        Two, since a box ends at the 180th meridian; elsewhere both are the same. Around a pole it is
        every longitude.
        """
        high = degrees(radius / EARTH) + _SLACK
        north, south = self.lat + high, self.lat - high
        if max(north, -south) >= _POLE:
            whole = _box(south, -_MERIDIAN, north, _MERIDIAN)
            return whole, whole
        # The meridian that touches the circle (Bronstein: a right-angled spherical triangle).
        wide = degrees(asin(min(1.0, sin(radius / EARTH) / cos(radians(self.lat))))) + _SLACK
        west, east = self.lon - wide, self.lon + wide
        beyond = 360 if west < -_MERIDIAN else -360 if east > _MERIDIAN else 0
        return _box(south, west, north, east), _box(south, west + beyond, north, east + beyond)


def _box(south: float, west: float, north: float, east: float) -> str:
    return f"({west},{south}),({east},{north})"
