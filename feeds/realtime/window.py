"""How far a board looks: from two minutes ago to two hours ahead."""

PAST = 120  # seconds that a departed call stays
AHEAD = 7200  # seconds that a board looks ahead …
STEP = 300  # … its far edge moving in steps, so that calls enter together


def edge(now: int) -> int:
    """Where the window that stands at `now` ends."""
    return now // STEP * STEP + AHEAD


def enters(moment: int) -> int:
    """When the window comes to reach beyond `moment`."""
    return ((moment - AHEAD) // STEP + 1) * STEP
