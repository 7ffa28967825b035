"""The one pub/sub connection of a process.

redis-py's PubSub reconnects and subscribes again without a word, so nobody would know that messages
were missed. This speaks to one connection directly: when it breaks, `run` ends by an error, and the
next `run` begins with `connected`.
"""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, Protocol

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from schemas import keys
from schemas.live import LiveStore, LiveStoreError

# Seconds of silence after which Redis is asked for a sign of life, and given as many to answer.
SILENCE = 10.0


class Follower(Protocol):
    """Who gets the messages (the Hub)."""

    @property
    def topics(self) -> Collection[str]: ...
    def connected(self) -> None: ...
    def confirmed(self, stop_id: str) -> None: ...
    def receive(self, stop_id: str, data: bytes) -> None: ...


class Listener:
    """Subscribes to stops' channels and hands on what arrives."""

    def __init__(self, live: LiveStore) -> None:
        self._pool = live.redis.connection_pool
        self._commands: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    def follow(self, stop_id: str) -> None:
        """Subscribe; `confirmed` tells when it holds. While disconnected, `run` will do it."""
        self._commands.put_nowait(("SSUBSCRIBE", keys.channel(stop_id)))

    def unfollow(self, stop_id: str) -> None:
        self._commands.put_nowait(("SUNSUBSCRIBE", keys.channel(stop_id)))

    async def run(self, follower: Follower) -> None:
        """Connect, subscribe to all that is followed, and listen until the connection breaks.

        Raises:
            LiveStoreError: always, in the end.
        """
        connection = self._connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
            self._commands = asyncio.Queue()
            follower.connected()
            for stop_id in follower.topics:
                self.follow(stop_id)
            await _first_to_end(self._write(connection), self._read(connection, follower))
        except (RedisError, OSError) as error:
            raise LiveStoreError(f"Redis pub/sub: {error}") from error
        finally:
            await connection.disconnect(nowait=True)

    def _connection(self) -> AbstractConnection:
        # RESP2: with RESP3, redis-py formats every pushed message for a debug log.
        options = {
            **self._pool.connection_kwargs,
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            "maint_notifications_config": None,
        }
        connection: AbstractConnection = self._pool.connection_class(**options)
        return connection

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            commands = [await self._commands.get()]
            while not self._commands.empty():
                commands.append(self._commands.get_nowait())
            await connection.send_packed_command(
                connection.pack_commands(commands), check_health=False
            )

    async def _read(self, connection: AbstractConnection, follower: Follower) -> None:
        asked = False
        while True:
            reply: Any = await connection.read_response(timeout=SILENCE, disconnect_on_error=False)
            if reply is not None:
                asked = False
                self._dispatch(reply, follower)
            elif asked:
                raise TimeoutError(f"no answer for {SILENCE} s")
            else:
                asked = True
                self._commands.put_nowait(("PING",))

    def _dispatch(self, reply: Any, follower: Follower) -> None:
        match reply:
            case [b"smessage", channel, data]:
                follower.receive(keys.stop_of_channel(channel), data)
            case [b"ssubscribe", channel, _]:
                follower.confirmed(keys.stop_of_channel(channel))
            case [b"sunsubscribe", channel, _]:
                # Unasked when a Cluster moves the slot; asked, the stop may be followed again.
                stop_id = keys.stop_of_channel(channel)
                if stop_id in follower.topics:
                    self.follow(stop_id)


async def _first_to_end(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run side by side until one ends; its error is raised, the others are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
