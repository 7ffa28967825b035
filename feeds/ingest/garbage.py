"""How often Python looks for garbage that reference counts do not free."""

import gc

# A poll makes some 100,000 objects, none of them in cycles, beside millions that stay: to walk
# those took up to a second, in the middle of a poll (p99 of bench/ingest).
THRESHOLDS = (100_000, 20, 100)


def collect_rarely() -> None:
    """For processes that hold boards."""
    gc.set_threshold(*THRESHOLDS)
