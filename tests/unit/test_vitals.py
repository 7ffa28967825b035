"""bench/page/vitals.py: what web.dev and Lighthouse call by these names."""

import pytest

from bench.page.vitals import blocked, layout_shift


@pytest.mark.parametrize(
    ("shifts", "worst"),
    [
        ([], 0),
        ([(100, 0.1), (1099, 0.2)], 0.3),  # one burst
        ([(100, 0.1), (1100, 0.2)], 0.2),  # a second between: two of them
        ([(1100, 0.2), (100, 0.1), (500, 0.1)], 0.4),  # told in another order
        ([(n * 900, 0.1) for n in range(6)], 0.6),
        ([(n * 900, 0.1) for n in range(8)], 0.6),  # five seconds are all that a burst has
    ],
)
def test_layout_shift_is_the_worst_burst(shifts: list[tuple[float, float]], worst: float) -> None:
    assert layout_shift(shifts) == pytest.approx(worst)


def test_what_blocks_is_a_long_tasks_time_beyond_50_ms_once_something_is_painted() -> None:
    assert blocked([(0, 400), (300, 150), (500, 70)], since=420) == 120
    assert blocked([], since=0) == 0
