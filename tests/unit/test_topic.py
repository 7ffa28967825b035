"""A followed stop: what messages and boards do to it."""

from gateway.coding import PLAIN
from gateway.topic import State, Topic
from schemas import frames
from schemas.stored_board import Message, StoredBoard


def snapshot(version: int) -> bytes:
    return frames.event("snapshot", {"stop_id": "demo:a", "version": version})


def patch(prev: int, version: int) -> Message:
    return Message(prev, version, 1, frames.event("patch", {"version": version}))


def board(version: int) -> StoredBoard:
    return StoredBoard(((version, snapshot(version)),))


def live(version: int, *, patches: int = 9) -> Topic:
    topic = Topic("demo:a", patches, 10_000)
    topic.fetched(board(version))
    return topic


def versions(topic: Topic) -> list[int]:
    return [event.version for event in topic.events()]


def test_patches_that_follow_each_other_make_the_tail() -> None:
    topic = live(1)
    assert topic.apply(patch(1, 2)) is not None
    assert topic.apply(patch(2, 5)) is not None
    assert versions(topic) == [1, 2, 5]
    assert topic.version == 5


def test_what_is_known_already_is_dropped() -> None:
    topic = live(5)
    assert topic.apply(patch(4, 5)) is None
    assert topic.apply(Message(0, 3, 1, snapshot(3))) is None
    assert not topic.behind
    assert versions(topic) == [5]


def test_a_gap_is_closed_by_what_redis_holds() -> None:
    topic = live(1)
    assert topic.apply(patch(2, 3)) is None
    assert topic.behind
    [event] = topic.fetched(board(4))
    assert event.frame == snapshot(4)
    assert not topic.needs_board


def test_a_gap_is_closed_by_the_patches_that_were_missed() -> None:
    topic = live(1)
    topic.apply(patch(1, 2))
    assert topic.apply(patch(4, 5)) is None
    frames_of = {n: patch(n - 1, n).frame for n in (2, 3, 4, 5)}
    missed = topic.fetched(StoredBoard(((1, snapshot(1)), *frames_of.items())))
    assert [(event.version, event.frame) for event in missed] == [*frames_of.items()][1:]
    assert versions(topic) == [1, 2, 3, 4, 5]
    assert not topic.needs_board


def test_a_patch_while_fetching_asks_for_another_fetch() -> None:
    topic = Topic("demo:a", 9, 10_000)
    assert topic.apply(patch(7, 8)) is None
    assert topic.behind
    assert not topic.known.is_set()


def test_a_snapshot_while_fetching_is_enough() -> None:
    topic = Topic("demo:a", 9, 10_000)
    topic.apply(Message(0, 8, 1, snapshot(8)))
    assert topic.state is State.LIVE
    assert topic.known.is_set()
    assert topic.fetched(board(7)) == []  # the fetch was slower
    assert versions(topic) == [8]


def test_an_overfull_tail_is_swapped_for_a_board_that_covers_it() -> None:
    topic = live(1, patches=2)
    for version in (2, 3, 4):
        topic.apply(patch(version - 1, version))
    assert topic.overfull
    assert topic.fetched(board(3)) == []  # its subscribers have it
    assert versions(topic) == [3, 4]
    assert topic.tail_bytes == len(topic.tail[0].frame)
    assert not topic.overfull


def test_a_tail_is_overfull_by_bytes_too() -> None:
    topic = Topic("demo:a", 9, 60)
    topic.fetched(board(1))
    topic.apply(patch(1, 2))
    assert not topic.overfull
    topic.apply(patch(2, 3))
    assert topic.overfull


def test_a_board_newer_than_the_messages_waits_for_them() -> None:
    topic = live(1, patches=1)
    topic.apply(patch(1, 2))
    topic.apply(patch(2, 3))
    assert topic.fetched(board(9)) == []
    assert versions(topic) == [1, 2, 3]


def test_an_older_board_is_no_news() -> None:
    topic = live(5)
    topic.behind = True
    assert topic.fetched(board(3)) == []
    assert versions(topic) == [5]


def test_a_stop_goes_and_comes_back() -> None:
    topic = live(1)
    gone = topic.apply(Message(0, 2, 1, frames.gone("demo:a")))
    assert gone is not None
    assert b"id: " not in gone.chunk(PLAIN, numbered=True)
    assert topic.state is State.GONE
    assert topic.retire() == []
    assert topic.apply(patch(2, 3)) is None
    back = topic.apply(Message(0, 4, 1, snapshot(4)))
    assert back is not None
    assert topic.events() == [back]
    assert b"id: 4\n" in back.chunk(PLAIN, numbered=True)
    assert b"id: " not in back.chunk(PLAIN, numbered=False)


def test_a_missing_board_is_gone_only_where_nothing_is_known_yet() -> None:
    new = Topic("demo:a", 9, 10_000)
    new.fetched(None)
    assert new.state is State.GONE
    known = live(1)
    assert known.fetched(None) == []
    assert known.state is State.LIVE


def test_of_a_feed_that_begins_anew_lower_versions_are_newer_from_its_lineage_on() -> None:
    topic = live(9)
    topic.restart(5)
    assert topic.needs_board
    assert topic.fetched(board(3)) == []  # from before the writes were lost
    assert topic.apply(Message(0, 4, 1, snapshot(4))) is None
    assert topic.needs_board
    assert topic.apply(Message(0, 6, 1, snapshot(6))) is not None
    assert versions(topic) == [6]
    assert not topic.needs_board
    assert topic.apply(Message(0, 5, 1, snapshot(5))) is None


def test_a_feed_that_begins_anew_with_the_board_that_stands_changes_nothing() -> None:
    topic = live(9)
    topic.restart(5)
    assert topic.fetched(board(9)) == []
    assert not topic.needs_board
