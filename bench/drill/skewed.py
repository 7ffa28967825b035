"""`stopcast …` on a host whose clock is off: python -m bench.drill.skewed SECONDS ARGUMENT…

Wall time enters a process by `time.time` and `time.time_ns` alone, so both are moved before any of
our modules is imported. Monotonic time, which timeouts run on, stays as it is, as on a real host.
"""

import sys
import time


def move(seconds: float) -> None:
    """Let this process's clock be so many seconds ahead."""
    wall, wall_ns = time.time, time.time_ns
    time.time = lambda: wall() + seconds
    time.time_ns = lambda: wall_ns() + round(seconds * 1e9)


if __name__ == "__main__":
    move(float(sys.argv[1]))
    from stopcast import main

    main(sys.argv[2:])
