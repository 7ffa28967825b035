"""How much may be wrong with a feed: WHAT[:LIMIT]."""

import click
import pytest

from feeds.commands.limit import LIMIT

QUALITY = {
    "stop_unknown": {"count": 4, "fate": "dropped", "example": "x"},
    "trip_unscheduled": {"count": 1, "fate": "unmatched", "example": "y"},
}


def exceeded(text: str) -> list[str]:
    return list(LIMIT.convert(text, None, None).exceeded(QUALITY, entities=40))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("any", ["stop_unknown", "trip_unscheduled"]),
        ("any:1", ["stop_unknown"]),
        ("any:5%", ["stop_unknown"]),
        ("any:10%", []),
        ("dropped:3", ["stop_unknown"]),
        ("unmatched", ["trip_unscheduled"]),
        ("stop_unknown:4", []),
        ("late", []),
    ],
)
def test_a_limit_is_of_a_kind_a_fate_or_any_and_a_number_or_a_share(
    text: str, kinds: list[str]
) -> None:
    assert [found.partition(":")[0] for found in exceeded(text)] == kinds


def test_what_is_wrong_with_a_whole_message_is_above_any_share_of_its_entities() -> None:
    stale = {"message_stale": {"count": 1, "fate": "late", "example": "x"}}
    assert [*LIMIT.convert("any:5%", None, None).exceeded(stale, entities=800)]
    assert [*LIMIT.convert("late:100%", None, None).exceeded(stale, entities=800)]
    assert not [*LIMIT.convert("late:1", None, None).exceeded(stale, entities=800)]


def test_what_is_above_is_told_with_its_limit() -> None:
    assert exceeded("dropped:5%") == ["stop_unknown: 4, more than 5% of 40 entities"]


@pytest.mark.parametrize("text", ["no_such_kind", "dropped:few", "", "any:%%"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        LIMIT.convert(text, None, None)
