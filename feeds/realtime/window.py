"""How far a board looks: from two minutes ago to two hours ahead."""

from zlib import crc32

PAST = 120  # seconds that a departed call stays
AHEAD = 7200  # seconds that a board looks ahead …
STEP = 300  # … its far edge moving in steps, so that calls enter together …
PHASES = 10  # … not of all stations at once: all boards of a city would change with one poll
MOST = 100  # arrivals on a board, the first ones


def phase(stop_id: str) -> int:
    """Seconds after the full step at which the edge of a stop's board moves."""
    return crc32(stop_id.encode()) % PHASES * (STEP // PHASES)


def edge(now: int, phase: int = 0) -> int:
    """Where the window that stands at `now` ends."""
    return (now - phase) // STEP * STEP + phase + AHEAD


def enters(moment: int, phase: int = 0) -> int:
    """When the window comes to reach beyond `moment`."""
    return ((moment - AHEAD - phase) // STEP + 1) * STEP + phase
