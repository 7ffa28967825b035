"""The law: once quiet, every rider's boards are the gateways' boards, and those are the truth."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson

from bench.drill.city import unversioned
from bench.drill.process import Process
from bench.drill.world import World

# Seconds until all must be right again: a lost pub/sub connection is noticed within 20, a poller
# that was refused for long asks again within as long, a default sweep comes every 30.
PATIENCE = 90.0
LOOK = 0.25


class LawBroken(Exception):  # noqa: N818  # a verdict
    """What differs is the text."""


async def hold(world: World, patience: float = PATIENCE) -> float:
    """Wait until the law holds; the seconds that it took.

    Raises:
        LawBroken: it never did.
    """
    truth = world.city.boards()
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        while True:
            world.check_riders()
            found = list(_riders(world, truth)) or await _gateways(world, client, truth)
            taken = time.monotonic() - began
            if not found:
                return taken
            if taken > patience:
                wrong = await _gateways(world, client, truth)  # whose fault it is
                raise LawBroken("\n".join(dict.fromkeys([*found, *wrong])))
            await asyncio.sleep(LOOK)


def _riders(world: World, truth: Mapping[str, Any]) -> Iterator[str]:
    for rider in world.riders:
        for stop in rider.stops:
            held = rider.client.boards.get(stop)
            if held is None or unversioned(held) != truth[stop]:
                where = f"{rider.name} (cursor {rider.client.cursor}, port {rider.client.port})"
                yield f"{where} at {stop}: {_difference(held, truth[stop])}"


async def _gateways(world: World, client: httpx.AsyncClient, truth: Mapping[str, Any]) -> list[str]:
    """By plain requests: all boards at one gateway, the riders' at both, versions too."""
    found = []
    held = {
        stop: [r.client.boards[stop] for r in world.riders if stop in r.client.boards]
        for stop in truth
    }
    for number, port in enumerate(world.ports):
        for stop, boards in held.items():
            if number and not boards:
                continue
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/v1/stops/{stop}/board")
            except httpx.TransportError as error:
                return [f"gateway-{number}: {error!r}"]
            if not answer.is_success:
                found.append(f"gateway-{number} at {stop}: {answer.status_code} {answer.text}")
                continue
            board = orjson.loads(answer.content)
            if unversioned(board) != truth[stop]:
                found.append(f"gateway-{number} at {stop}: {_difference(board, truth[stop])}")
            found += [
                f"a rider holds version {other['version']} of {stop}, gateway-{number} "
                f"{board['version']}"
                for other in boards
                if other["version"] != board["version"]
            ]
    return found


def _difference(held: Mapping[str, Any] | None, truth: Mapping[str, Any]) -> str:
    if held is None:
        return "no board"
    for member in truth:
        ours, theirs = held.get(member), truth[member]
        if ours == theirs:
            continue
        if not isinstance(theirs, dict) or not isinstance(ours, dict):
            return f"{member} {ours} instead of {theirs}"
        wrong = sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
        first = wrong[0]
        return (
            f"version {held.get('version')}: {len(wrong)} {member} differ; "
            f"{first} is {ours.get(first)} instead of {theirs.get(first)}"
        )
    return f"{sorted(held.keys() - truth.keys())} too many"


def errors(process: Process, since: int) -> list[str]:
    """Lines of its log from that byte on that no fault from outside explains."""
    with process.log.open("rb") as file:
        file.seek(since)
        lines = file.read().splitlines()
    marks = (b'"level": "error"', b"Traceback", b"was never awaited")
    return [line.decode(errors="replace") for line in lines if any(mark in line for mark in marks)]
