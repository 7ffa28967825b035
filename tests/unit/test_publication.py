"""What of a changed board is stored: its patch, or now and then all of it."""

from typing import Any

from feeds.ingest.publication import MOST, SHARE, Publications, Versions
from feeds.realtime.boards import Change
from schemas import frames, merge_patch
from schemas.arrivals import Board
from schemas.stored_board import StoredBoard


def board(**arrivals: Any) -> Board:
    return {
        "stop_id": "f:s", "version": 0, "stop": {"timezone": "Europe/Paris"},
        "routes": {}, "arrivals": arrivals, "alerts": {},
    }  # fmt: skip


def change(before: Board, number: int) -> Change:
    after: Any = {**before, "arrivals": {**before["arrivals"], "t": {"departure": number}}}
    return Change("s", before, after, merge_patch.diff(before, after))


def test_patches_are_stored_until_they_are_big_beside_the_snapshot() -> None:
    publications = Publications(Versions(lambda: 1.0))
    first = publications.of(Change("s", None, board(big={"headsign": "x" * 20_000}), {}))
    assert first.prev is None
    assert first.snapshot == first.frame
    stands = board(big={"headsign": "x" * 20_000})
    stands["version"] = first.version
    stored, sizes = [(first.version, first.frame)], []
    for number in range(100):
        moved = change(stands, number)
        sent = publications.of(moved)
        assert sent.prev == stands["version"]
        stands = moved.after
        if sent.snapshot:
            sizes.append(sum(len(frame) for _, frame in stored[1:]))
            stored = [(sent.version, sent.snapshot)]
        else:
            stored.append((sent.version, sent.frame))
        assert StoredBoard(tuple(stored)).board() == stands
    assert len(sizes) > 1
    assert max(sizes) <= min(MOST, SHARE * len(first.frame)) * 1.25


def test_a_board_that_another_owner_stored_gets_a_snapshot_first() -> None:
    publications = Publications(Versions(lambda: 1.0))
    stands = board()
    stands["version"] = 5
    sent = publications.of(change(stands, 1))
    assert sent.prev == 5
    assert sent.snapshot is not None
    assert sent.snapshot != sent.frame
    assert sent.frame.startswith(b"event: patch\n")


def test_a_stored_board_without_patches_is_its_snapshots_very_text() -> None:
    whole = frames.snapshot(board(t={"departure": 1}))
    assert StoredBoard(((7, whole),)).json() == frames.data(whole)
