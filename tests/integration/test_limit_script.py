"""gateway/limits/count.lua does what a bucket and a list of gateways do."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from gateway.limits.ledger import COUNT

CLOCK = "redis.call('TIME')"
LEASE = 30
GATEWAYS = "abc"


class Step(NamedTuple):
    passed: Fraction  # seconds since the one before
    gateway: str
    asked: int
    ended: int  # streams of that gateway
    wanted: int


steps = st.builds(
    Step,
    st.sampled_from([0, 0, 0, 1, 7, 23, LEASE, 100]).map(Fraction) | st.just(Fraction(1, 1000)),
    st.sampled_from(GATEWAYS),
    st.integers(0, 12),
    st.integers(0, 4),
    st.integers(0, 6),
)


class Model:
    """Tokens that drip into a bucket, and who holds how many streams until when."""

    def __init__(self, minute: int, most: int) -> None:
        self.minute = minute
        self.most = most
        self.now = Fraction(1_763_680_000)
        self.tokens = Fraction(minute)
        self.held: dict[str, tuple[int, Fraction]] = {}

    def after(self, step: Step) -> list[int]:
        self.now += step.passed
        self.tokens = min(Fraction(self.minute), self.tokens + step.passed * self.minute / 60)
        granted = min(step.asked, int(self.tokens)) if self.minute else step.asked
        self.tokens -= granted if self.minute else 0
        if not self.minute:
            return [granted, 0, 0, 0, self._places(step)]
        each = Fraction(60, self.minute)
        wait = max(Fraction(0), 1 - self.tokens) * each
        full = (self.minute - self.tokens) * each
        return [
            granted, int(self.tokens), int(wait * 10**6), int(full * 10**6), self._places(step)
        ]  # fmt: skip

    def holds(self, gateway: str) -> int:
        """What the gateway itself thinks, even if others believe it dead."""
        return self.held.get(gateway, (0, Fraction()))[0]

    def _places(self, step: Step) -> int:
        held = max(0, self.holds(step.gateway) - step.ended)
        others = sum(
            count
            for gateway, (count, until) in self.held.items()
            if gateway != step.gateway and until > self.now
        )
        places = max(0, min(step.wanted, self.most - others - held)) if self.most else step.wanted
        self.held[step.gateway] = held + places, self.now + LEASE
        return places


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Any]:
    with Redis.from_url(valkey_url) as client:
        yield client


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minute=st.sampled_from([0, 1, 6, 60, 6000]),
    most=st.integers(0, 8),
    script=st.lists(steps, max_size=30),
)
def test_the_script_is_the_model(redis: Any, minute: int, most: int, script: list[Step]) -> None:
    redis.flushall()
    assert COUNT.text.count(CLOCK) == 1
    text = COUNT.text.replace(CLOCK, "{0, redis.call('GET', 'clock')}")
    model = Model(minute, most)
    for step in script:
        held = max(0, model.holds(step.gateway) - step.ended)
        expected = model.after(step)
        redis.set("clock", int(model.now * 10**6))
        arguments = (step.gateway, LEASE * 10**6, step.asked, minute, held, step.wanted, most)
        assert redis.eval(text, 1, "caller", *arguments) == expected


def test_an_odd_number_a_minute_is_granted_whole(redis: Any) -> None:
    for minute in (7, 11, 49, 601, 5999, 999_983):
        redis.flushall()
        asked = ["g", 1, minute + 5, minute, 0, 0, 0]
        assert redis.eval(COUNT.text, 1, "caller", *asked)[0] == minute


def test_what_is_not_used_any_more_is_forgotten(redis: Any) -> None:
    redis.flushall()
    redis.eval(COUNT.text, 1, "caller", "g", LEASE * 10**6, 1, 60, 0, 1, 5)
    assert LEASE < redis.ttl("caller") <= 60
    assert set(redis.hgetall("caller")) == {b"full", b"g"}
    redis.eval(COUNT.text, 1, "caller", "g", LEASE * 10**6, 0, 60, 0, 0, 5)
    assert set(redis.hgetall("caller")) == {b"full"}


def test_each_caller_of_one_call_has_its_own(redis: Any) -> None:
    redis.flushall()
    asked = ["g", LEASE * 10**6, 3, 2, 0, 0, 0, 1, 60, 0, 4, 3]
    answers = redis.eval(COUNT.text, 2, "one", "other", *asked)
    assert (answers[0], answers[1], answers[4]) == (2, 0, 0)
    assert (answers[5], answers[6], answers[9]) == (1, 59, 3)
