"""A Redis Cluster of embedded servers: three masters, and a replica of the first."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from schemas import keys
from schemas.local import embedded
from tests.client import PATIENCE

SLOTS = 16384
MIGRATION = 60_000  # milliseconds that a node gives another for some keys
MASTERS = 3


@dataclass
class Node:
    redis: Any  # what redis-py types of it does not suffice
    port: int
    node_id: str = ""

    async def tell(self, *words: str | int) -> Any:
        """One of the CLUSTER commands."""
        return await self.redis.execute_command("CLUSTER", *words)

    async def whole(self) -> bool:
        """It knows who has every slot, and all of them answer."""
        return b"cluster_state:ok" in await self.tell("INFO")


@dataclass
class Cluster:
    nodes: list[Node]  # the masters, then the replica

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def home(self, stop_id: str) -> Node:
        """The master that had the stop's board at first."""
        return self.nodes[slot(stop_id) * MASTERS // SLOTS]

    def stops(self, each: int) -> list[str]:
        """Stops of feed `demo`, so many of every master, one master after the other."""
        found: list[list[str]] = [[] for _ in range(MASTERS)]
        for number in count():
            stop_id = f"demo:{number}"
            found[slot(stop_id) * MASTERS // SLOTS].append(stop_id)
            if min(map(len, found)) >= each:
                break
        return [stop_id for stops in found for stop_id in stops[:each]]

    async def owner(self, stop_id: str) -> int:
        """The port of the master that has it now."""
        asked = self.nodes[-1].redis  # who outlives all others
        ranges = await asked.execute_command("CLUSTER SLOTS")
        return next(
            int(master[1]) for first, last, master, *_ in ranges if first <= slot(stop_id) <= last
        )

    async def lose(self, node: Node) -> None:
        """SIGKILL; the others find it dead after a second, though they are patient otherwise."""
        process_id = (await node.redis.info("server"))["process_id"]
        for each in self.nodes:
            await each.redis.config_set("cluster-node-timeout", 1000)
        os.kill(process_id, signal.SIGKILL)

    async def migrate(self, stop_id: str, target: Node) -> None:
        """Move the slot of a stop by the steps of old, key by key (redis.io, "cluster setslot")."""
        moving, source = slot(stop_id), self.home(stop_id)
        await target.tell("SETSLOT", moving, "IMPORTING", source.node_id)
        await source.tell("SETSLOT", moving, "MIGRATING", target.node_id)
        while names := await source.tell("GETKEYSINSLOT", moving, 10):
            await source.redis.execute_command(
                "MIGRATE", "127.0.0.1", target.port, "", 0, MIGRATION, "KEYS", *names
            )
            await asyncio.sleep(0)
        for node in (target, source, *self.nodes):
            if node is not self.nodes[-1]:  # a replica learns it from its master
                await node.tell("SETSLOT", moving, "NODE", target.node_id)


def slot(stop_id: str) -> int:
    return key_slot(keys.channel(stop_id).encode())


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """Run one until the block ends."""
    with ExitStack() as stack:
        urls = [stack.enter_context(embedded.valkey(cluster=True)) for _ in range(MASTERS + 1)]
        nodes = [_node(url) for url in urls]
        try:
            async with asyncio.timeout(PATIENCE):
                await _join(nodes)
            yield Cluster(nodes)
        finally:
            for node in nodes:
                await node.redis.aclose()


def _node(url: str) -> Node:
    # redis-py gives a server 5 seconds, unless it is told otherwise.
    redis = Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    port = urlsplit(url).port
    assert port is not None
    return Node(redis, port)


async def _join(nodes: list[Node]) -> None:
    first, *others = nodes
    bounds = [-(-SLOTS * n // MASTERS) for n in range(MASTERS + 1)]
    for node, start, end in zip(nodes, bounds, bounds[1:], strict=False):
        await node.tell("ADDSLOTSRANGE", start, end - 1)
    for node in others:
        bus = (await node.redis.config_get("cluster-port"))["cluster-port"]
        await first.tell("MEET", "127.0.0.1", node.port, bus)
    for node in nodes:
        node.node_id = (await node.tell("MYID")).decode()
    replica = nodes[-1]
    await until(lambda: _done(replica.tell("REPLICATE", first.node_id)))  # once it has heard of it
    await until(lambda: _all(node.whole() for node in nodes))
    await until(lambda: _in_step(replica))
    await until(lambda: _all(_knows(node, replica) for node in nodes))


async def until(condition: Callable[[], Any]) -> None:
    """Wait until what `condition` asks the servers holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  # the servers tell when asked
            await asyncio.sleep(0.02)


async def _done(command: Any) -> bool:
    try:
        await command
    except RedisError:
        return False
    return True


async def _all(answers: Iterable[Any]) -> bool:
    return all(await asyncio.gather(*answers))


async def _in_step(replica: Node) -> bool:
    return bool((await replica.redis.info("replication"))["master_link_status"] == "up")


async def _knows(node: Node, replica: Node) -> bool:
    """That the replica is one, and could be elected."""
    ranges = await node.redis.execute_command("CLUSTER SLOTS")
    return replica.port in {held[1] for entry in ranges for held in entry[3:]}
