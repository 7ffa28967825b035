"""Frames are Server-Sent Events as a client's parser reads them."""

import orjson
from httpx_sse import ServerSentEvent
from httpx_sse._decoders import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st
from sse_starlette.event import ServerSentEvent as LibraryEvent

from schemas import frames
from schemas.arrivals import Board

# Beside `\n` and `\r`; JSON escapes the control characters among them by itself.
UNICODE_LINE_ENDS = "\x85\u2028\u2029"


def parse(stream: bytes) -> list[ServerSentEvent]:
    decoder = SSEDecoder()
    events = (decoder.decode(line) for line in stream.decode().split("\n")[:-1])
    return [event for event in events if event is not None]


def board(name: str) -> Board:
    return {
        "stop_id": "demo:1",
        "version": 7,
        "stop": {"name": name, "timezone": "Europe/Paris"},
        "routes": {},
        "arrivals": {},
        "alerts": {},
    }


@given(st.text())
def test_any_text_survives_on_one_line_of_data(name: str) -> None:
    frame = frames.snapshot(board(name))
    assert frame.count(b"\n") == 3
    [event] = parse(frames.with_id(7, frame))
    assert (event.event, event.id) == ("snapshot", "7")
    assert orjson.loads(event.data) == board(name)
    assert orjson.loads(frames.data(frame)) == board(name)


@given(st.text(st.sampled_from(["a", "\x0b", "\x0c", "\x1c", "\r", "\n", *UNICODE_LINE_ENDS])))
def test_every_reader_of_lines_finds_the_same_ones(name: str) -> None:
    frame = frames.snapshot(board(name)).decode()
    assert frame.splitlines() == frame.split("\n")[:-1]
    assert orjson.loads(frames.data(frame.encode())) == board(name)


def test_an_event_is_complete_with_its_data() -> None:
    assert frames.with_id(7, frames.gone("demo:1")) == (
        b'id: 7\nevent: gone\ndata: {"stop_id":"demo:1"}\n\n'
    )


def test_goodbye_says_when_to_come_back() -> None:
    assert frames.goodbye("draining", 1500) == (
        b'retry: 1500\n\nevent: goodbye\ndata: {"reason":"draining"}\n\n'
    )


@given(st.text(st.characters(codec="utf-8")))
def test_frames_are_what_the_library_would_send(name: str) -> None:
    data = orjson.dumps(board(name)).decode()
    for end in UNICODE_LINE_ENDS:
        data = data.replace(end, f"\\u{ord(end):04x}")
    expected = LibraryEvent(data, event="snapshot", sep="\n").encode()
    assert frames.snapshot(board(name)) == expected


def test_a_retry_is_what_the_library_makes() -> None:
    assert frames.retry(2500) == LibraryEvent(retry=2500, sep="\n").encode()
