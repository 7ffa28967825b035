"""`GET /v1/stops/{stop_id}/watch`: what plain curl draws, and that it is bounded as streams are."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from gateway.auth.grant import TokenScope
from gateway.auth.minting import mint
from gateway.settings import GatewaySettings
from gateway.watch.watcher import Watcher
from tests.client import PATIENCE, BoardClient
from tests.contract import Contract
from tests.gateways import Gateway, eventually
from tests.key_server import SECRET
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]

HOME = "\x1b[H"
PROXIED = {"trusted_proxies": "127.0.0.0/8"}


async def watch(
    client: BoardClient, stop_id: str, query: str = "", accept: str = "*/*", of: int = 0
) -> int:
    """`of`: which client it is, where a proxy is trusted."""
    headers = {"Accept": accept, "X-Forwarded-For": f"192.0.2.{of}"}
    return await client.request(f"/v1/stops/{stop_id}/watch{query}", headers)


def pictures(client: BoardClient) -> list[list[str]]:
    """Each as its lines without colours; the last may be half there."""
    text = client.body.decode(errors="replace")
    shown = text.split(HOME)[1:]
    return [re.sub(r"\x1b\[[0-9;]*[mKJ]", "", picture).split("\n") for picture in shown]


def calls(client: BoardClient) -> int:
    """On the last picture that is whole."""
    whole = [picture for picture in pictures(client) if picture[-1] == ""]
    return sum(":" in line for line in whole[-1][2:]) if whole else -1


async def test_a_terminal_gets_the_board_at_once_and_again_when_it_changes(
    gateway: Gateway, demo: Publisher
) -> None:
    stop = demo.stop("a")
    await demo.publish(stop, size=3)
    client = gateway.client()
    assert await watch(client, stop) == 200
    assert client.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.headers["cache-control"] == "no-store"
    assert "content-encoding" not in client.headers
    Contract().check_answer("/v1/stops/{stop_id}/watch", 200, client.headers, b"")
    await client.read_until(lambda: calls(client) == len(demo.boards[stop]["arrivals"]))
    assert client.body.startswith(b"\x1b[2J\x1b[H")
    for size in (9, 2, 5):
        await demo.publish(stop, size=size)
        expected = len(demo.boards[stop]["arrivals"])
        await client.read_until(lambda: calls(client) == expected)  # noqa: B023  # at once
    assert pictures(client)[-1][0].startswith(stop)
    assert "● live" in pictures(client)[-1][0]


async def test_countdowns_move_with_the_heartbeat(run: Run, demo: Publisher) -> None:
    async with run(heartbeat=0.1) as gateway:
        await demo.publish(demo.stop("a"))
        client = gateway.client()
        await watch(client, demo.stop("a"))
        await client.read_until(lambda: len(pictures(client)) > 4)
        assert gateway.hub.counts.deliveries == 0


async def test_a_feeds_new_status_is_drawn(run: Run, demo: Publisher) -> None:
    async with run(feed_poll=0.05) as gateway:
        await demo.publish(demo.stop("a"))
        client = gateway.client()
        await watch(client, demo.stop("a"))
        await client.read_until(lambda: "live" in client.body.decode())
        await demo.tell(status="stale")
        await client.read_until(lambda: "● stale" in client.body.decode())


async def test_width_and_height_are_the_terminals(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"), size=60)
    client = gateway.client()
    await watch(client, demo.stop("a"), "?width=40&height=9")
    await client.read_until(lambda: calls(client) > 0)
    [*lines, last] = pictures(client)[0]
    assert (len(lines), last) == (8, "")
    assert {len(line) for line in lines} == {40}


async def test_a_shell_that_does_not_tell_its_size_gets_the_usual_one(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"), size=60)
    client = gateway.client()
    assert await watch(client, demo.stop("a"), "?width=&height=") == 200
    await client.read_until(lambda: calls(client) > 0)
    [*lines, _] = pictures(client)[0]
    assert {len(line) for line in lines} == {80}
    assert len(lines) == 23


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("demo:nowhere/watch", 404, b"unknown_stop"),
        ("demo:a/watch?width=20", 422, b"width: "),
        ("demo:a/watch?height=x", 422, b"height: "),
    ],
)
async def test_what_cannot_be_drawn_is_a_problem(
    gateway: Gateway, demo: Publisher, path: str, status: int, code: bytes
) -> None:
    await demo.publish(demo.stop("a"))
    client = gateway.client()
    assert await client.request(f"/v1/stops/{path}", {"Accept": "*/*"}) == status
    await client.read_until(lambda: client.ended)
    assert code in client.body


async def test_a_gateway_draws_for_so_many_terminals_at_once(run: Run, demo: Publisher) -> None:
    async with run(max_watchers=2, **PROXIED) as gateway:
        stop = demo.stop("a")
        await demo.publish(stop)
        first, second, third = (gateway.client() for _ in range(3))
        told = [await watch(each, stop, of=n) for n, each in enumerate([first, second, third])]
        assert told == [200, 200, 503]
        await third.connect(stop)
        await third.agree(demo.boards)  # streams are not counted
        await first.cut()
        await eventually(lambda: len(gateway.hub.subscribers) == 2)
        assert await watch(first, stop, of=0) == 200


async def test_one_address_does_not_take_all_places(run: Run, demo: Publisher) -> None:
    stop = demo.stop("a")
    await demo.publish(stop)
    async with run(max_watchers=20, **PROXIED) as gateway:
        first, second, third, other = (gateway.client() for _ in range(4))
        told = [await watch(client, stop, of=1) for client in (first, second, third)]
        assert told == [200, 200, 503]
        await third.read_until(lambda: third.ended)
        assert b"of your network address" in third.body
        assert await watch(other, stop, of=2) == 200
        await first.cut()
        await eventually(lambda: len(gateway.hub.subscribers) == 2)
        assert await watch(third, stop, of=1) == 200


async def test_who_has_no_good_token_takes_no_place(run: Run, demo: Publisher) -> None:
    settings: dict[str, Any] = {"access": "token", "token_secret": SECRET, "max_watchers": 1}
    stop = demo.stop("a")
    await demo.publish(stop)
    token = mint(GatewaySettings.load(**settings), "me", [TokenScope.BOARDS], 600)
    async with run(**settings) as gateway:
        access = gateway.app.state.access
        looking, looked, verify = asyncio.Event(), asyncio.Event(), access.grant

        async def slowly(*given: Any, **named: Any) -> Any:
            access.grant = verify  # the next one is verified as usual
            looking.set()
            await looked.wait()
            return await verify(*given, **named)

        access.grant = slowly
        stranger, owner = gateway.client(), gateway.client()
        refused = asyncio.create_task(watch(stranger, stop, "?access_token=x"))
        await looking.wait()
        assert await watch(owner, stop, f"?access_token={token}") == 200
        looked.set()
        assert await refused == 401


async def test_a_terminal_counts_as_a_stream(run: Run, demo: Publisher) -> None:
    async with run(max_streams=1) as gateway:
        await demo.publish(demo.stop("a"))
        await watch(gateway.client(), demo.stop("a"))
        await eventually(lambda: gateway.hub.subscribers)
        assert await gateway.client().connect(demo.stop("a"), headers={"Accept": "*/*"}) == 503


async def test_a_drain_ends_it_with_a_word(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    client = gateway.client()
    await watch(client, demo.stop("a"))
    await client.read_until(lambda: calls(client) > 0)
    gateway.server.stop()
    await client.read_until(lambda: client.ended)
    assert client.body.endswith(b"The gateway ends this (draining). Ask again to go on.\n")


async def test_a_terminal_ends_when_its_time_is_over(run: Run, demo: Publisher) -> None:
    async with run(stream_lifetime=0.2, heartbeat=0.05) as gateway:
        await demo.publish(demo.stop("a"))
        client = gateway.client()
        await watch(client, demo.stop("a"))
        await client.read_until(lambda: client.ended)
        assert b"The gateway ends this (lifetime)." in client.body


async def test_a_terminal_needs_a_token_where_streams_do_and_ends_with_it(
    run: Run, demo: Publisher
) -> None:
    settings: dict[str, Any] = {"access": "token", "token_secret": SECRET, "token_leeway": 0}
    stop = demo.stop("a")
    await demo.publish(stop)
    token = mint(GatewaySettings.load(**settings), "me", [TokenScope.BOARDS], 600)
    async with run(**settings) as gateway:
        client = gateway.client()
        assert await watch(client, stop, accept="text/event-stream") == 401
        assert await watch(client, stop, f"?access_token={token}&width=40") == 200
        await client.read_until(lambda: calls(client) > 0)
        expires = time.time() + 601
        gateway.hub.expiries.clock = lambda: expires
        await client.read_until(lambda: client.ended)
        assert b"(token_expired)" in client.body


async def test_a_terminal_counts_among_the_streams_of_its_address(
    run: Run, demo: Publisher
) -> None:
    stop = demo.stop("a")
    await demo.publish(stop)
    async with run(streams_per_address=1) as gateway:
        first, second = gateway.client(), gateway.client()
        assert await watch(first, stop) == 200
        for accept in ("*/*", "text/event-stream"):  # a goodbye is for those who read events
            assert await watch(second, stop, accept=accept) == 429
            assert int(second.headers["retry-after"]) > 0
        await first.cut()
        await eventually(lambda: len(gateway.app.state.limits.ledger) == 0)
        assert await watch(second, stop) == 200


async def test_a_terminal_that_takes_nothing_gets_the_newest_when_it_does(
    run: Run, demo: Publisher
) -> None:
    async with run(write_buffer=1024, send_buffer=4096) as gateway:
        stop = demo.stop("a")
        await demo.publish(stop)
        client = gateway.client(receive_buffer=4096)
        await watch(client, stop, "?width=300&height=200")
        await eventually(lambda: gateway.hub.subscribers)
        async with asyncio.timeout(PATIENCE):
            while not gateway.hub.counts.conflations:
                await demo.publish(stop, size=60)
                await asyncio.sleep(0)
        for _ in range(50):
            await demo.publish(stop, size=60)
        [watcher] = gateway.hub.subscribers
        assert isinstance(watcher, Watcher)
        await eventually(lambda: gateway.hub.topics[stop].version == demo.version)
        assert watcher.transport.get_write_buffer_size() < 128 * 1024
        expected = len(demo.boards[stop]["arrivals"])
        await client.read_until(lambda: watcher.lacks is None and calls(client) == expected)


async def test_a_stop_that_leaves_the_schedule_says_so(gateway: Gateway, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    client = gateway.client()
    await watch(client, demo.stop("a"))
    await client.read_until(lambda: calls(client) > 0)
    await demo.retire(demo.stop("a"))
    await client.read_until(lambda: b"left the schedule" in client.body)


async def test_all_terminals_alike_share_a_picture(
    gateway: Gateway, demo: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def draw(*given: object) -> list[str]:
        made.append(given)
        return ["drawn 12:00"]

    monkeypatch.setattr("gateway.watch.pictures.draw", draw)
    facts = {"status": "live", "timestamp": 0, "now": 0}
    monkeypatch.setattr(gateway.hub.feeds, "told", lambda _: facts)  # time stands still
    stop = demo.stop("shared")
    await demo.publish(stop)
    clients = [gateway.client() for _ in range(5)]
    for client in clients:
        await watch(client, stop)
        await client.read_until(lambda: b"drawn" in client.body)  # noqa: B023  # at once
    assert len(made) == 1
    await demo.publish(stop)
    for client in clients:
        await client.read_until(lambda: client.body.count(b"drawn") == 2)  # noqa: B023  # at once
    assert len(made) == 2


async def test_curl_draws_it(
    program: Callable[[str], str], gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    url = f"http://127.0.0.1:{gateway.port}/v1/stops/{demo.stop('a')}/watch"
    curl = await asyncio.create_subprocess_exec(
        program("curl"), "-sSN", url, stdout=asyncio.subprocess.PIPE
    )
    assert curl.stdout is not None
    async with asyncio.timeout(PATIENCE):
        assert await curl.stdout.readuntil(b"\x1b[J")
        await demo.publish(demo.stop("a"))
        assert await curl.stdout.readuntil(b"\x1b[J")
        gateway.server.stop()
        assert b"draining" in await curl.stdout.read()
        assert await curl.wait() == 0
