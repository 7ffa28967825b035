"""Shared gzip: what any client gets at any moment decodes to what a plain one gets."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coding import GZIP, PLAIN, accepted
from gateway.event import Batch, Event

# Frames are alike, which is what a compressor would remember from one to the next.
frames = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"event: patch\ndata: {}\n\n" * 9, b"a" * 70_000])),
    max_size=8,
)  # fmt: skip


@given(before=frames, after=frames)
def test_who_joins_decodes_each_piece_when_it_comes(
    before: list[bytes], after: list[bytes]
) -> None:
    shared = [GZIP.encode(piece) for piece in before + after]
    client = zlib.decompressobj(wbits=31)
    assert client.decompress(GZIP.opening) == b""
    for piece, coded in zip(after, shared[len(before) :], strict=True):
        assert client.decompress(coded) == piece
    assert client.unused_data == b""


@given(before=frames, piece=st.binary(max_size=200))
def test_what_went_before_does_not_show(before: list[bytes], piece: bytes) -> None:
    alone = GZIP.encode(piece)
    for other in before:
        GZIP.encode(other)
    assert GZIP.encode(piece) == alone


def test_frames_become_small_and_short_ones_are_stored() -> None:
    patch = b'event: patch\ndata: {"stop_id":"demo:a","arrivals":{"t1":{"arrival":1}}}\n\n' * 20
    assert len(GZIP.encode(patch)) < len(patch) / 5
    assert GZIP.encode(b"retry: 2345\n\n") == b"\x00\x0d\x00\xf2\xffretry: 2345\n\n"


def test_the_opening_is_a_gzip_header() -> None:
    whole = GZIP.opening + GZIP.encode(b"x" * 100) + b"\x03\x00"  # an end, which streams have not
    trailer = zlib.crc32(b"x" * 100).to_bytes(4, "little") + (100).to_bytes(4, "little")
    assert gzip.decompress(whole + trailer) == b"x" * 100


def test_an_event_is_coded_once_for_all() -> None:
    event = Event(7, b"event: patch\ndata: {}\n\n")
    for coding in (PLAIN, GZIP):
        for numbered in (True, False):
            first = event.chunk(coding, numbered=numbered)
            assert event.chunk(coding, numbered=numbered) is first
    assert event.chunk(PLAIN, numbered=True) == b"1d\r\nid: 7\nevent: patch\ndata: {}\n\n\r\n"


def test_a_batch_is_coded_only_for_those_who_are_there() -> None:
    events = [Event(7, b"a" * 100), Event(8, b"b" * 100)]
    batch = Batch(events, numbered=True)
    assert not batch
    both = b"".join(event.chunk(GZIP, numbered=True) for event in events)
    assert batch[GZIP] == both
    assert set(batch) == {GZIP}


@pytest.mark.parametrize(
    ("header", "gzip_is_sent"),
    [
        ("", False),
        ("gzip", True),
        ("x-gzip", True),
        ("br, GZIP;q=0.8", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate, *", True),
        ("*;q=0, gzip", True),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip; q=0.00", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity;q=0.5, *;q=0", False),
        ("identity", False),
        ("gzip;q=nonsense", False),
        ("gzip;q=nan", False),
        (",;q=,,", False),
    ],
)
def test_gzip_is_sent_to_those_who_accept_it(header: str, *, gzip_is_sent: bool) -> None:
    assert accepted(header) is (GZIP if gzip_is_sent else PLAIN)
