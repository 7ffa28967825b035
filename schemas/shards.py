"""Where a key lives: in the one Redis that there is, or in one of the masters of a Cluster.

A Redis alone is one shard with one slot, so that who reads, writes or listens knows one way only.
docs/decisions/0020-redis-cluster.md has the reasons.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, RedisClusterException, RedisError

# What redis-py raises when a Redis or a Cluster is away or refuses. RuntimeError is uvloop's word for
# something written to a connection that has just closed.
ERRORS = (RedisError, RedisClusterException, OSError, RuntimeError)

_CLUSTER = "+cluster"
_TIMEOUTS: Mapping[str, Any] = {"socket_timeout": 10, "socket_connect_timeout": 5}
# A connection of the pool that was reset while nobody used it (Redis was restarted) does not show it
# until it is used. So whatever breaks at once is asked again once, on a new connection. A script that
# had been carried out nonetheless is refused then, as its own boards stand by now.
_BROKEN: Any = (RedisConnectionError, RuntimeError)
_ASKED_AGAIN = Retry(NoBackoff(), 1, supported_errors=_BROKEN)
# How often a pipeline looks for a Cluster's new shape before it gives up.
_RETRIES = 3


class Shard(NamedTuple):
    """One Redis that answers for slots, and what makes a connection to it."""

    name: str
    connection_class: type[AbstractConnection]
    options: Mapping[str, Any]

    def listening(self) -> AbstractConnection:
        """A connection for pub/sub, not connected yet; it never reconnects by itself."""
        # RESP2: with RESP3, redis-py formats every pushed message for a debug log.
        return self.connection_class(
            **{
                **self.options,
                "protocol": 2,
                "retry": Retry(NoBackoff(), 0),
                "maint_notifications_config": None,
            }
        )


class Shards(Protocol):
    """The client for commands, and which shard has which key. All may raise `ERRORS`."""

    redis: Redis
    batch: int  # keys that one script may write

    def slot(self, key: str) -> int:
        """What decides which shard has the key."""

    def shard(self, slot: int) -> Shard:
        """Who has it, as far as is known: see `refresh`, and `moved`."""

    def masters(self) -> list[Shard]: ...
    async def refresh(self) -> None:
        """Learn which shards there are."""

    async def moved(self, error: MovedError) -> None:
        """A shard has said who has a slot now."""

    async def infos(self) -> list[dict[str, Any]]:
        """INFO of every master: sections server and memory at least."""

    async def close(self) -> None: ...


def connect(url: str) -> Shards:
    """For `redis://…`, or for `redis+cluster://host:port,host:port…` (`rediss`: with TLS).

    No connection is made yet.

    Raises:
        ValueError: `url` is neither.
        RedisClusterException: it names a database, which a Cluster does not have.
    """
    return _Cluster(url) if _CLUSTER in urlsplit(url).scheme else _Alone(url)


class _Alone:
    """One Redis, with replicas or without."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url, retry=_ASKED_AGAIN, **_TIMEOUTS)
        # Some milliseconds, for which Redis does nothing else.
        self.batch = 100
        pool = self.redis.connection_pool
        self._shard = Shard("redis", pool.connection_class, pool.connection_kwargs)

    def slot(self, key: str) -> int:
        del key
        return 0

    def shard(self, slot: int) -> Shard:
        del slot
        return self._shard

    def masters(self) -> list[Shard]:
        return [self._shard]

    async def refresh(self) -> None:
        """There is one."""

    async def moved(self, error: MovedError) -> None:
        """The Redis of a Cluster, without `+cluster` in the URL: nobody could follow it."""
        raise error

    async def infos(self) -> list[dict[str, Any]]:
        return [await self.redis.info("server", "memory")]

    async def close(self) -> None:
        await self.redis.aclose()


class _Cluster:
    """A Cluster, of which at least one of the named nodes is there."""

    def __init__(self, url: str) -> None:
        scheme, netloc, *rest = urlsplit(url)
        login, at, hosts = netloc.rpartition("@")
        first, *others = hosts.split(",")
        nodes = (urlsplit(f"//{host}") for host in others)
        self._client: RedisCluster = RedisCluster.from_url(
            urlunsplit((scheme.removesuffix(_CLUSTER), f"{login}{at}{first}", *rest)),
            startup_nodes=[ClusterNode(str(node.hostname), node.port or 6379) for node in nodes],
            retry=Retry(NoBackoff(), _RETRIES),
            **_TIMEOUTS,
        )
        self.redis = cast(Redis, self._client)  # the same commands; type checkers ask for one
        # Two stops may share a slot, but while the slot migrates, a script of both is refused.
        self.batch = 1

    def slot(self, key: str) -> int:
        return self._client.keyslot(key)

    def shard(self, slot: int) -> Shard:
        return _shard(self._client.nodes_manager.get_node_from_slot(slot))

    def masters(self) -> list[Shard]:
        return [_shard(node) for node in self._client.get_primaries()]

    async def refresh(self) -> None:
        await self._client.initialize()
        await self._client.nodes_manager.initialize()

    async def moved(self, error: MovedError) -> None:
        await self._client.nodes_manager.move_slot(error)

    async def infos(self) -> list[dict[str, Any]]:
        found = await self._infos()
        if any(info["role"] != "master" for info in found):
            await self.refresh()
            found = await self._infos()
        return found

    async def _infos(self) -> list[dict[str, Any]]:
        await self._client.initialize()
        sections = ("server", "memory", "replication")
        nodes = self._client.get_primaries()
        return await asyncio.gather(
            *(self._client.info(*sections, target_nodes=node) for node in nodes)
        )

    async def close(self) -> None:
        await self._client.aclose()
        # After an error it believes itself closed, and leaves connections open.
        await self._client.nodes_manager.aclose()


def _shard(node: ClusterNode) -> Shard:
    return Shard(node.name, node.connection_class, node.connection_kwargs)
