"""A board as a terminal shows it: gateway/watch/."""

import re
from typing import Any

import pytest

from gateway.watch.ansi import badge, cells, clean, fit
from gateway.watch.drawing import FeedTold, Size, absent, draw
from gateway.watch.pictures import picture
from schemas import frames
from schemas.arrivals import Board

NOW = 1_763_680_000  # 15:06:40 in San Francisco
LIVE = FeedTold("live", NOW - 8, NOW)
WIDE = Size(80, 24)


def board(*arrivals: dict[str, Any], **members: Any) -> Board:
    made: Any = {
        "stop_id": "demo:EMBR", "version": 1, "alerts": {},
        "stop": {"name": "Embarcadero", "timezone": "America/Los_Angeles"},
        "routes": {"r": {"short_name": "Red", "color": "ff0000"}},
        "arrivals": {str(number): arrival for number, arrival in enumerate(arrivals)},
    }  # fmt: skip
    made.update(members)
    return made  # type: ignore[no-any-return]


def call(minutes: float, **members: Any) -> dict[str, Any]:
    return {
        "status": "predicted", "departure": int(NOW + 60 * minutes), "headsign": "Richmond",
        "route_id": "r", **members,
    }  # fmt: skip


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]


def rows(*arrivals: dict[str, Any]) -> list[list[str]]:
    """The words of each call's line."""
    return [line.split() for line in plain(draw(board(*arrivals), LIVE, WIDE))[2:]]


def test_a_line_has_route_destination_platform_time_delay_and_wait() -> None:
    told = call(5, delay=130, platform_code="2")
    assert rows(told) == [["Red", "Richmond", "2", "15:11", "+2", "min", "5", "min"]]


def test_calls_stand_in_order_of_their_effective_times_and_headways_by_their_start() -> None:
    headway = {"status": "scheduled", "headway": 600, "start": NOW + 400, "headsign": "Loop"}
    lines = rows(call(9, headsign="C"), call(2, headsign="A"), headway)
    assert [line[1] for line in lines] == ["A", "Loop", "C"]
    assert lines[1][-2:] == ["~10", "min"]


@pytest.mark.parametrize(
    ("minutes", "status", "wait"),
    [
        (0.9, "predicted", "now"),
        (1, "predicted", "1 min"),
        (59.9, "predicted", "59 min"),
        (91, "predicted", "1 h 31"),
        (-0.5, "departed", "left"),
        (-1.5, "departed", "-1 min"),
        (3, "canceled", "canceled"),
        (3, "skipped", "skipped"),
    ],
)
def test_the_wait_counts_down_by_the_board_clock(minutes: float, status: str, wait: str) -> None:
    [line] = plain(draw(board(call(minutes, status=status)), LIVE, WIDE))[2:]
    assert line.endswith(f" {wait}")


@pytest.mark.parametrize(
    ("delay", "told"), [(0, "on time"), (29, "on time"), (30, "+1 min"), (-30, "-1 min")]
)
def test_a_delay_is_told_in_minutes_and_no_prediction_is_not_on_time(delay: int, told: str) -> None:
    assert told in plain(draw(board(call(5, delay=delay)), LIVE, WIDE))[2]
    scheduled = call(5, status="scheduled")
    assert rows(scheduled) == [["Red", "Richmond", "15:11", "5", "min"]]


@pytest.mark.parametrize("status", ["canceled", "skipped"])
def test_what_does_not_come_is_struck_through_and_said(status: str) -> None:
    line = draw(board(call(5, status=status)), LIVE, WIDE)[2]
    assert "\x1b[2;9mRichmond\x1b[0m" in line
    assert f"\x1b[31m{status:>8}\x1b[0m" in line


def test_the_title_tells_name_board_clock_status_and_age() -> None:
    title = plain(draw(board(), LIVE, WIDE))[0]
    assert re.fullmatch(r"Embarcadero +15:06  ● live, 8 s old", title)
    old = draw(board(), FeedTold("stale", NOW - 300, NOW), WIDE)[0]
    assert "\x1b[33m● stale, 5 min old" in old


def test_alerts_are_told_and_more_than_three_are_counted() -> None:
    alerts = {str(n): {"header": {"es": "no", "en": f"alert {n}"}} for n in range(5)}
    lines = [line.strip() for line in plain(draw(board(alerts=alerts), LIVE, WIDE))]
    assert lines[1:5] == ["! alert 0", "! alert 1", "! alert 2", "! 2 more"]


@pytest.mark.parametrize("width", [30, 45, 60, 80, 300])
def test_every_line_fits_the_width_and_all_lines_the_height(width: int) -> None:
    alerts: Any = {"a": {"header": {"": "Out of order " * 30}}}
    many = [
        call(n, headsign="東京駅" * n, delay=60 * n, last=n == 3, stops_away=n) for n in range(60)
    ]
    lines = draw(board(*many, alerts=alerts), LIVE, Size(width, 10))
    assert len(lines) == 10
    assert cells(plain(lines)[1]) == width  # an alert takes all that there is
    assert {cells(line) for line in plain(lines)} == {min(width, 88), width}


@pytest.mark.parametrize(
    ("away", "status", "told"),
    [
        (0, "stopped_at", "here"),
        (0, "incoming_at", "next"),
        (1, "stopped_at", "1 stop"),
        (4, "in_transit_to", "4 stops"),
    ],
)
def test_where_the_vehicle_is_is_told_where_there_is_room(
    away: int, status: str, told: str
) -> None:
    made = board(call(5, stops_away=away, vehicle={"status": status}))
    assert f" {told}    5 min" in plain(draw(made, LIVE, WIDE))[2]
    assert told not in plain(draw(made, LIVE, Size(71, 24)))[2]


def test_an_empty_board_says_so() -> None:
    assert "Nothing leaves" in plain(draw(board(), LIVE, WIDE))[-1]


def test_a_feeds_text_cannot_steer_the_terminal() -> None:
    evil = "A\x1b[2J\x07\x9b31m\u202eB\nC\u2028D"
    assert clean(evil) == "A[2J31mB C D"
    routes: Any = {"r": {"short_name": evil, "color": "1m\x1b[2J"}}
    alerts: Any = {"a": {"header": {"": evil}}}
    arrival = call(5, headsign=evil, platform_code=evil)
    lines = draw(board(arrival, routes=routes, alerts=alerts), LIVE, Size(120, 24))
    assert not [line for line in plain(lines) if not line.isprintable()]
    assert not [line for line in plain(absent(evil, 80)) if not line.isprintable()]


def test_text_is_cut_and_filled_by_cells() -> None:
    assert fit("abcdef", 4) == "abc…"
    assert fit("東京駅", 4) == "東… "
    assert fit("e\N{COMBINING ACUTE ACCENT}", 3, right=True) == "  e\N{COMBINING ACUTE ACCENT}"


def test_a_badge_has_the_ink_that_is_easier_to_read() -> None:
    assert badge("x", "ffff33").startswith("\x1b[38;5;16;")
    assert badge("x", "000080").startswith("\x1b[38;5;231;")
    assert badge("x", "no colour") == "\x1b[1mx\x1b[0m"


def test_a_zone_that_this_machine_does_not_know_is_told_as_utc() -> None:
    title = plain(draw(board(stop={"timezone": "Mars/Olympus"}), LIVE, WIDE))[0]
    assert "demo:EMBR" in title
    assert "23:06" in title


def test_a_picture_is_of_the_snapshot_and_the_patches_since_and_ends_where_it_may_not_scroll() -> (
    None
):
    snapshot = frames.snapshot(board(call(5)))
    patch = frames.patch(
        {"stop_id": "demo:EMBR", "version": 2, "arrivals": {"0": {"headsign": "Millbrae"}}}
    )
    drawn = picture("demo:EMBR", (snapshot, patch), LIVE, Size(80, 8)).decode()
    assert "Millbrae" in drawn
    assert "Richmond" not in drawn
    assert drawn.count("\n") == 3
    assert drawn.startswith("\x1b[H")
    assert drawn.endswith("\x1b[K\n\x1b[J")
    many = frames.snapshot(board(*(call(n) for n in range(50))))
    assert picture("demo:EMBR", (many,), LIVE, Size(80, 8)).count(b"\n") == 7
    gone = picture("demo:EMBR", (frames.gone("demo:EMBR"),), LIVE, WIDE)
    assert b"left the schedule" in gone
