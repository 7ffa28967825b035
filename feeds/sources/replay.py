"""Recorded captures as a live source: read from files, served by a clock or step by step."""

import asyncio
import glob
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time as wall_time

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from feeds.realtime.captures import CaptureError
from feeds.sources.recording import Capture, Playing, Recording, Stepping
from feeds.sources.source import Source
from schemas.tasks import end

log = structlog.get_logger()

NAMED = re.compile(r"([a-z0-9][a-z0-9/_-]*)=(.+)")


def find_captures(arguments: Iterable[str]) -> list[tuple[str, Path]]:
    """Each capture's series and file, from arguments `PATH` (series "") and `NAME=PATH`.

    A PATH is a file, a folder (its files, not its subfolders; hidden ones left out), or a pattern.

    Raises:
        CaptureError: nothing is there.
    """
    found: list[tuple[str, Path]] = []
    for argument in arguments:
        named = None if Path(argument).exists() else NAMED.fullmatch(argument)
        name, path = named.groups() if named else ("", argument)
        files = files_of(path)
        if not files:
            raise CaptureError(f"{path}: no such file, folder or pattern, or nothing in it")
        found += [(name, file) for file in files]
    return found


def files_of(path: str) -> list[Path]:
    if Path(path).is_file():
        return [Path(path)]
    pattern = f"{glob.escape(path)}/*" if Path(path).is_dir() else path
    return sorted(Path(file) for file in glob.glob(pattern) if Path(file).is_file())  # noqa: PTH207  # Path.glob refuses absolute patterns


def read_recording(files: Iterable[tuple[str, Path]]) -> Recording:
    """Read captures of one or several series.

    Raises:
        CaptureError: the first file that is no FeedMessage or cannot be read.
    """
    series: dict[str, list[Capture]] = {}
    for name, file in files:
        try:
            data, modified = file.read_bytes(), file.stat().st_mtime
        except OSError as error:
            raise CaptureError(f"{file}: {error.strerror}") from None
        series.setdefault(name, []).append(Capture.read(str(file), data, modified))
    return Recording(series)


def playing_app(playing: Playing, wall: Callable[[], float] = wall_time) -> Starlette:
    """Serve a recording as its clock goes; the log tells when the last capture is reached."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001  # Starlette's signature
        task = asyncio.create_task(tell_end(playing, wall))
        yield
        await end([task])

    source = Source(playing.recording, lambda: playing.reading(wall()), announce_clock=True)
    return source.app(lifespan=lifespan)


async def tell_end(playing: Playing, wall: Callable[[], float]) -> None:
    await asyncio.sleep(playing.end - wall())
    log.info("replay_ended", note="the clock stands; the last captures are served on")


def stepping_app(stepping: Stepping) -> Starlette:
    """Serve a recording that goes to its next moment at each `POST /step`.

    The answer to a step is the clock's new reading, as of `GET /clock`; 409 after the last moment.
    """

    async def step(request: Request) -> Response:  # noqa: ARG001  # an endpoint's signature
        if not stepping.step():
            return PlainTextResponse("the recording has ended\n", status_code=409)
        return JSONResponse(stepping.reading()._asdict())

    source = Source(stepping.recording, stepping.reading, announce_clock=True)
    return source.app(step=step)
