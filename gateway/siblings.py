"""How the workers of one gateway tell each other their metrics: a Unix socket each, in one folder.

A scrape reaches one of them, whichever the kernel chose; it asks all, itself too.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()

# Seconds. A worker that is slower than this is missing in one scrape.
PATIENCE = 1.0
_SUFFIX = ".sock"


class Siblings:
    """The workers as one of them sees them; `folder` is theirs alone, `gateway` names them together."""

    def __init__(self, folder: Path, number: int, gateway: str) -> None:
        self.gateway = gateway
        self._folder = folder
        self._path = folder / f"{number}{_SUFFIX}"

    async def answer(self, tell: Callable[[], bytes]) -> None:
        """Tell whoever connects, for ever."""

        async def told(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(tell())
            writer.close()

        self._path.unlink(missing_ok=True)  # of the process that had this place before
        async with await asyncio.start_unix_server(told, self._path) as server:
            await server.serve_forever()

    async def ask(self) -> dict[str, str]:
        """What each worker tells, by its number; without those that do not answer."""
        paths = sorted(self._folder.glob(f"*{_SUFFIX}"))
        answers = await asyncio.gather(*map(_ask, paths))
        return {path.stem: text for path, text in zip(paths, answers, strict=True) if text}


async def _ask(path: Path) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return (await reader.read()).decode()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        log.warning("worker_silent", worker=path.stem, error=str(error) or "no answer")
        return ""
