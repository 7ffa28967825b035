"""Commands to Redis in pipelines, scripts among them: a server that has not seen one is told it.

docs/decisions/0020-redis-cluster.md has the reasons.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from schemas.shards import Shards

# One pipeline holds this many commands at most: 200 busy boards are about 2 MB.
PIPELINE = 200

Command = tuple[Any, ...]


class Script:
    """A script as a command; the servers have it by its hash."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self._sha = hashlib.sha1(self.text.encode()).hexdigest()  # noqa: S324  # Redis's own choice

    def __call__(self, keys: Sequence[str], args: Iterable[Any]) -> Command:
        return "EVALSHA", self._sha, len(keys), *keys, *args


class Commands:
    """Sends commands to whichever shard has their keys. Raises `schemas.shards.ERRORS`."""

    def __init__(self, shards: Shards, scripts: Sequence[Script]) -> None:
        self._redis = shards.redis
        self._scripts = scripts

    async def answers(self, commands: Iterable[Command]) -> list[Any]:
        """What Redis answers to each, in pipelines."""
        left, answers = iter(commands), list[Any]()
        while some := list(islice(left, PIPELINE)):
            answers += await self._pipeline(some)
        return answers

    async def _pipeline(self, commands: Sequence[Command]) -> list[Any]:
        answers = await self._send(commands)
        unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:  # a server that is new, or was restarted
            for script in self._scripts:
                await self._redis.script_load(script.text)
            again = await self._send([commands[n] for n in unknown])
            for n, answer in zip(unknown, again, strict=True):
                answers[n] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        if len(commands) == 1:  # costs 38 µs, in a pipeline 55
            try:
                return [await self._redis.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
            except ResponseError as error:
                return [error]
        async with self._redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)  # queues it
            return await pipe.execute(raise_on_error=False)
