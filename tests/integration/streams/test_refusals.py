"""Streams that are not served: for good by a status, for now by `retry` and `goodbye`."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from tests.client import BoardClient
from tests.gateways import Gateway, eventually, running
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]


async def problem(
    gateway: Gateway, target: str, accept: str = "text/event-stream"
) -> httpx.Response:
    async with gateway.http() as client:
        return await client.get(target, headers={"Accept": accept})


async def goodbye(client: BoardClient) -> str:
    """The reason of a stream that is nothing but a goodbye."""
    assert client.status == 200
    await client.read_until(lambda: client.named("goodbye"))
    assert client.names() == ["goodbye"]
    assert client.retry is not None
    await client.closed()
    return str(client.events[0].data["reason"])


async def test_an_unknown_stop_is_404(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    answer = await problem(gateway, "/v1/stops/demo:none/stream")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unknown_stop"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    answer = await problem(gateway, "/v1/stops/nowhere:a/stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_feed")
    await eventually(lambda: not gateway.hub.topics)  # unknown ids are not kept


async def test_an_entrance_is_404_and_names_the_stop_with_the_board(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.live.tell_parents("demo", {"exit": "station"})
    answer = await problem(gateway, "/v1/stops/demo:exit/stream")
    assert answer.status_code == 404
    assert "demo:station" in answer.json()["detail"]


async def test_of_several_stops_the_unknown_are_gone_and_the_others_live(
    gateway: Gateway, demo: Publisher
) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    client = gateway.client()
    assert await client.connect("demo:none", a) == 200
    await client.read_until(lambda: client.boards)
    assert client.names() == ["feed", "gone", "snapshot"]
    assert client.events[1].data == {"stop_id": "demo:none"}
    assert client.cursor == str(demo.version)
    await client.cut()
    await client.connect("demo:none", a)  # said again: the client may have missed it
    await client.read_until(lambda: client.named("gone"))
    answer = await problem(gateway, "/v1/stream?stop=demo:none&stop=demo:neither")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("/v1/stream", "stop"),
        ("/v1/stream?stop=", "stop"),
        ("/v1/stream?stop=demo:a&stop=nocolon", "stop"),
        ("/v1/stream?" + "&".join(f"stop=demo:{n}" for n in range(51)), "stop"),
        ("/v1/stops/nocolon/stream", "stop_id"),
        ("/v1/stops/demo:%FF/stream", "stop_id"),
    ],
)
async def test_a_malformed_parameter_is_422_and_named(
    gateway: Gateway, target: str, named: str
) -> None:
    answer = await problem(gateway, target)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{named}: ")


async def test_other_methods_are_405(gateway: Gateway) -> None:
    async with gateway.http() as client:
        answer = await client.post("/v1/stream?stop=demo:a")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_boards_that_are_not_there_yet_are_worth_another_try(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.tell(complete=False)
    await demo.publish(demo.stop("a"))
    client = gateway.client()
    await client.connect(demo.stop("b"))
    assert await goodbye(client) == "unavailable"
    await client.connect(demo.stop("a"), demo.stop("b"))
    assert await goodbye(client) == "unavailable"
    answer = await problem(gateway, "/v1/stops/demo:b/stream", accept="*/*")
    assert (answer.status_code, answer.json()["code"]) == (503, "boards_not_ready")
    assert int(answer.headers["retry-after"]) > 0


async def test_without_any_feed_nothing_is_said_to_be_unknown(gateway: Gateway) -> None:
    client = gateway.client()
    await client.connect("demo:a")
    assert await goodbye(client) == "unavailable"


async def test_redis_away_is_a_passing_reason() -> None:
    async with running("redis://127.0.0.1:1/0", start_timeout=0.3) as gateway:
        client = gateway.client()
        await client.connect("demo:a")
        assert await goodbye(client) == "unavailable"
        answer = await problem(gateway, "/v1/stops/demo:a/stream", accept="*/*")
        assert (answer.status_code, answer.json()["code"]) == (503, "live_store_unavailable")


async def test_a_full_gateway_says_so(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(max_streams=1) as gateway:
        first, second = gateway.client(), gateway.client()
        await first.connect(a)
        await first.read_until(lambda: first.boards)
        await second.connect(a)
        assert await goodbye(second) == "overloaded"
        await first.cut()
        await eventually(lambda: not gateway.hub.subscribers)
        await second.connect(a)
        await second.read_until(lambda: second.boards)


async def test_a_crowd_that_comes_at_once_is_served_in_turns(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(starts_per_turn=1) as gateway:
        crowd = [gateway.client() for _ in range(50)]
        await asyncio.gather(*(client.connect(a) for client in crowd))
        for client in crowd:
            await client.agree(demo.boards)


async def test_a_crowd_that_would_wait_too_long_is_told_so(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run() as gateway:
        before = gateway.client()
        await before.connect(a)
        await before.agree(demo.boards)
        door = gateway.hub.door
        door.width = door._room = 0  # nobody comes in
        door.patience = -1  # and nobody has time
        crowd = [gateway.client() for _ in range(3)]
        connecting = [asyncio.create_task(client.connect(a)) for client in crowd]
        left = asyncio.create_task(gateway.client().connect(a))
        await eventually(lambda: len(door._waiting) == 4)
        await demo.publish(a)
        await before.agree(demo.boards)  # who is open goes on
        await gateway.clients[-1].cut()
        left.cancel()
        door.width = 1
        await asyncio.gather(*connecting)
        for client in crowd:
            assert await goodbye(client) == "overloaded"
        door.patience = 60
        await crowd[0].connect(a)
        await crowd[0].agree(demo.boards)
        await eventually(lambda: len(gateway.hub.subscribers) == 2)


async def test_http_1_0_is_told_what_it_lacks(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    reader, writer = await gateway.dial()
    writer.write(b"GET /v1/stops/demo:a/stream HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 505")
    assert b"HTTP/1.1 (chunked" in answer


async def test_a_stop_that_leaves_the_schedule_is_gone(gateway: Gateway, demo: Publisher) -> None:
    a, b = demo.stop("a"), demo.stop("b")
    await demo.publish(a, b)
    client = gateway.client()
    await client.connect(a, b)
    await client.agree(demo.boards)
    await demo.retire(a)
    await demo.publish(b)
    await client.agree(demo.boards)
    assert client.names() == ["feed", "snapshot", "snapshot", "gone", "patch"]
    assert client.named("gone")[0].id is None
    await demo.publish(a)  # and comes back
    await client.agree(demo.boards)
    assert client.names()[-1] == "snapshot"


async def test_a_stream_whose_only_stop_is_gone_stays_open(run: Run, demo: Publisher) -> None:
    a = demo.stop("a")
    await demo.publish(a)
    async with run(heartbeat=0.1) as gateway:
        client = gateway.client()
        await client.connect(a)
        await client.read_until(lambda: client.boards)
        await demo.retire(a)
        await client.read_until(lambda: client.named("gone"))
        beats = len(client.named("heartbeat"))
        await client.read_until(lambda: len(client.named("heartbeat")) > beats)
        late = gateway.client()
        assert await late.connect(a) == 404
