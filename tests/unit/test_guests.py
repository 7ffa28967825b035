"""Boards with guests: what is published of our own board and of theirs."""

from typing import Any

from feeds.ingest.guests import Guests
from feeds.realtime.boards import Change
from feeds.realtime.window import MOST
from schemas.arrivals import Board
from schemas.live import LiveStore
from tests.timetables import make_timetable, stop

STOPS = [stop("station", location_type=1), stop("p", "station"), stop("q")]
ROWS = [(1, "p", "10:00:00", "10:00:00"), (2, "q", "10:10:00", "10:10:00")]


def board(stop_id: str, **arrivals: Any) -> Board:
    return {
        "stop_id": stop_id, "version": 7, "stop": {"timezone": "Europe/Berlin"},
        "routes": {}, "arrivals": arrivals, "alerts": {},
    }  # fmt: skip


def guests(theirs: Board) -> Guests:
    found = Guests(LiveStore.connect("redis://127.0.0.1:1"), {"p": [theirs["stop_id"]]})
    found.know(make_timetable({"t": ROWS}, stops=STOPS))
    found._boards[theirs["stop_id"]] = theirs
    return found


def own(stop_id: str, **arrivals: Any) -> Change:
    return Change(stop_id, None, board(f"f:{stop_id}", **arrivals), {})


def test_a_guest_of_a_platform_stands_on_its_station_too() -> None:
    theirs = board("bus:x", k={"status": "scheduled", "scheduled_departure": 5})
    joined = guests(theirs).joined([own("station"), own("p"), own("q")])
    shown = [set(change.after["arrivals"]) for change in joined]
    assert shown == [{"k"}, {"k"}, set()]


def test_a_guests_platform_is_told() -> None:
    arrivals = {"k": {"status": "scheduled"}, "m": {"status": "scheduled", "stop_id": "x1"}}
    [change] = guests(board("bus:x", **arrivals)).joined([own("p")])
    assert [told["stop_id"] for told in change.after["arrivals"].values()] == ["x", "x1"]


def test_the_first_hundred_of_both_are_shown() -> None:
    def calls(name: str, first: int) -> dict[str, Any]:
        times = range(first, first + 2 * MOST, 2)
        return {f"{name}{t}": {"status": "scheduled", "scheduled_departure": t} for t in times}

    [change] = guests(board("bus:x", **calls("theirs", 1))).joined([own("p", **calls("ours", 0))])
    assert list(change.after["arrivals"]) == [
        f"{'theirs' if t % 2 else 'ours'}{t}" for t in range(MOST)
    ]


def test_what_is_published_already_is_no_change() -> None:
    found = guests(board("bus:x", k={"status": "scheduled"}))
    [first] = found.joined([own("p")])
    assert first.before is None
    assert found.joined([own("p")]) == []
    [second] = found.joined([own("p", ours={"status": "scheduled"})])
    assert second.before == first.after
    assert second.patch == {"arrivals": {"ours": {"status": "scheduled"}}}
