"""One pub/sub connection to one shard, and the stops that are followed there."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import MovedError

from schemas import keys, shards
from schemas.live import LiveStoreError
from schemas.shards import Shard
from schemas.tasks import cancellable

if TYPE_CHECKING:  # the Listener makes Links
    from gateway.listener import Hearer, Listener

# Seconds of silence after which Redis is asked for a sign of life, and given as many to answer.
# Twice that is less than cursor.SKEW: what other shards send meanwhile has ids, and whoever comes
# back with one still gets what this one has missed.
SILENCE = 4.0


class Link:
    """Subscribes at its shard and hands on what arrives."""

    def __init__(self, shard: Shard) -> None:
        self.name = shard.name
        self.stops: dict[str, int] = {}  # and the slot of each
        self._shard = shard
        self._commands: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()

    def follow(self, stop_id: str, slot: int) -> None:
        """Subscribe; while disconnected, `run` will do it."""
        self.stops[stop_id] = slot
        self._subscribe(stop_id)

    def unfollow(self, stop_id: str) -> None:
        del self.stops[stop_id]
        self._commands.put_nowait(("SUNSUBSCRIBE", keys.channel(stop_id)))

    async def wanted(self) -> None:
        """Wait until a stop is followed here."""
        while not self.stops:
            await self._commands.get()

    async def run(self, listener: "Listener", hearer: "Hearer") -> None:
        """Connect, subscribe to all that is followed here, and listen until the connection breaks.

        Raises:
            LiveStoreError: always, in the end.
        """
        connection = self._shard.listening()
        try:
            with cancellable():
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py
            self._commands = asyncio.Queue()
            hearer.connected()
            for stop_id in self.stops:
                self._subscribe(stop_id)
            await _first_to_end(self._write(connection), self._read(connection, listener, hearer))
        except shards.ERRORS as error:
            raise LiveStoreError(f"Redis pub/sub: {error!r}") from error
        finally:
            hearer.interrupted(self.stops)
            await connection.disconnect(nowait=True)

    def _subscribe(self, stop_id: str) -> None:
        self._commands.put_nowait(("SSUBSCRIBE", keys.channel(stop_id)))

    async def _write(self, connection: AbstractConnection) -> None:
        while True:
            commands = [await self._commands.get()]
            while not self._commands.empty():
                commands.append(self._commands.get_nowait())
            with cancellable():
                await connection.send_packed_command(
                    connection.pack_commands(commands), check_health=False
                )

    async def _read(
        self, connection: AbstractConnection, listener: "Listener", hearer: "Hearer"
    ) -> None:
        asked = False
        while True:
            try:
                reply: Any = await connection.read_response(
                    timeout=SILENCE, disconnect_on_error=False
                )
            except MovedError as moved:
                await listener.moved(self, moved)
                continue
            if reply is not None:
                asked = False
                self._dispatch(reply, hearer)
            elif asked:
                raise TimeoutError(f"no answer for {SILENCE} s")
            else:
                asked = True
                self._commands.put_nowait(("PING",))

    def _dispatch(self, reply: Any, hearer: "Hearer") -> None:
        match reply:
            case [b"smessage", channel, data]:
                hearer.receive(keys.stop_of_channel(channel), data)
            case [b"ssubscribe", channel, _]:
                hearer.confirmed(keys.stop_of_channel(channel))
            case [b"sunsubscribe", channel, _]:
                # Unasked when a Cluster moves the slot: it is asked again, and says who has it now.
                # Asked, the stop may be followed again.
                stop_id = keys.stop_of_channel(channel)
                if stop_id in self.stops:
                    hearer.interrupted([stop_id])
                    self._subscribe(stop_id)


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
