"""The pure parts of `stopcast load`: gaps, quantiles, clocks, where boards differ."""

import random
from collections import Counter
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.load.clock import Clock
from gateway.load.comparison import difference
from gateway.load.spread import Spread
from gateway.load.succession import Succession


@given(st.sets(st.tuples(st.integers(0, 4), st.integers(1, 30))), st.integers(0, 1000))
def test_every_lost_patch_shows_if_another_stream_got_it(
    lost: set[tuple[int, int]], seed: int
) -> None:
    """Streams 0 to 4 lose what is drawn, stream 5 nothing; each takes its patches when it likes."""
    taken = {s: [v for v in range(1, 31) if (s, v) not in lost] for s in range(6)}
    order = [stream for stream, versions in taken.items() for _ in versions]
    random.Random(seed).shuffle(order)  # noqa: S311  # an order
    held: Counter[int] = Counter()
    succession = Succession()
    found = 0
    for stream in order:
        version = taken[stream].pop(0)
        found += succession.gaps("f:a", held[stream], version)
        held[stream] = version
    runs = sum((s, v) in lost and (s, v + 1) not in lost and v < 30 for s, v in lost)
    assert found == runs


def test_a_patch_that_a_stream_has_already_is_no_gap() -> None:
    """A gateway that is a moment behind sends it to whoever resumes there."""
    succession = Succession()
    assert succession.gaps("f:a", 9, 10) == 0
    assert succession.gaps("f:a", 10, 10) == 0
    assert succession.gaps("f:a", 11, 10) == 0
    assert succession.gaps("f:a", 9, 10) == 0


@given(st.lists(st.floats(-10, 10), min_size=1), st.sampled_from([0.5, 0.99, 0.999]))
def test_quantiles_are_right_to_three_digits(values: list[float], share: float) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    assert spread.quantile(share) == pytest.approx(exact, rel=0.006)
    assert spread.quantile(1) == pytest.approx(max(values), rel=0.006)


def test_a_spread_of_nothing_says_so() -> None:
    assert Spread().report() == {"count": 0}


def eighths(low: int, high: int) -> st.SearchStrategy[float]:
    """Seconds that add to a POSIX time without being rounded."""
    return st.integers(low * 8, high * 8).map(lambda number: number / 8)


@given(
    eighths(-1000, 1000),
    st.lists(st.tuples(eighths(0, 100), eighths(0, 1), eighths(0, 3)), min_size=1),
)
def test_the_clocks_offset_is_within_what_answers_tell(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    """Dates are whole seconds, and `late` besides; boards take half of what an answer does."""
    clock, began = Clock(), 1763680000
    for after, took, late in answers:
        made = began + after + took / 2 + ahead
        received = began + after + took
        clock.answered(formatdate(int(made - late), usegmt=True), began + after, received)
        clock.brought(made, received)
    assert clock.low <= ahead <= clock.high
    assert clock.low <= clock.offset <= clock.high
    assert abs(clock.offset) <= abs(ahead)
    assert min(took / 2 + clock.offset - ahead for _, took, _ in answers) >= 0


def test_a_date_that_is_none_tells_nothing_and_a_declared_offset_stands() -> None:
    clock = Clock(-3.5)
    clock.answered("yesterday", 0, 1)
    clock.answered("", 0, 1)
    assert (clock.low, clock.high) == (-float("inf"), float("inf"))
    clock.answered(formatdate(1000, usegmt=True), 0, 1)
    assert clock.offset == -3.5
    assert Clock().offset == 0


@pytest.mark.parametrize(
    ("held", "served", "told"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "/a/b is 1, by the deployment 2"),
        ({"a": {}}, {"a": {"b": 2}}, "/a/b is missing"),
        ({"a": {"b": 2}}, {"a": {}}, "/a/b is too much"),
        ({"a": 1}, {"a": True}, "/a is 1, by the deployment true"),
        (None, {}, "the board is null, by the deployment {}"),
    ],
)
def test_a_difference_is_told_by_its_place(held: Any, served: Any, told: str) -> None:
    assert difference(held, served) == told
