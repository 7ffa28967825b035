"""The recorded feeds that benchmarks read: those of the tests."""

import os
from pathlib import Path

CAPTURES = Path(os.environ.get("STOPCAST_CAPTURES", Path(__file__).parents[2] / "shared" / "data"))
NYC_BUSES = CAPTURES / "gtfsrealtime-r" / "nyc-trip-updates.pb"
