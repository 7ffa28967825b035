"""Where a schedule comes from: a path, or a URL that is asked only for what is new."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx

from feeds.answers import AnswerError, answer, content, http_client
from feeds.gtfs.problems import ScheduleError
from feeds.gtfs.schedule import Progress
from schemas.errors import reason

TIMEOUT = httpx.Timeout(30, read=60)  # some agencies make the zip while one waits
DEADLINE = 3600.0  # seconds for the whole
LARGEST = 2 * 1024**3  # bytes of a zip; the biggest known to us, a country's, has some 300 MB
STEP = "downloading"


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a schedule's zip; `name` is safe to be shown and stored."""

    name: str
    sha256: str
    etag: str | None = None
    last_modified: str | None = None


@asynccontextmanager
async def fetched(
    source: str, known: Source | None, progress: Progress
) -> AsyncIterator[tuple[Path, Source] | None]:
    """The zip as a local file; None where the server says that it still is what is `known`.

    Raises:
        ScheduleError: it cannot be read or fetched; the text names the source and the reason.
    """
    if not source.startswith(("http://", "https://")):
        yield Path(source), Source(source, _sha256(Path(source)))
        return
    with TemporaryDirectory(prefix="stopcast-schedule-") as folder:
        path = Path(folder) / "schedule.zip"
        try:
            headers = await _download(source, path, known, progress)
        except httpx.InvalidURL as error:
            raise ScheduleError(f"{shown(source)}: {error}") from None
        except (httpx.HTTPError, AnswerError, TimeoutError) as error:
            told = f"{shown(source)} cannot be fetched: {reason(error)}"
            raise ScheduleError(told) from None
        if headers is None:
            yield None
            return
        etag, last_modified = headers.get("ETag"), headers.get("Last-Modified")
        yield path, Source(shown(source), _sha256(path), etag, last_modified)


def shown(source: str) -> str:
    """A URL without what may be secret in it; its query becomes a digest, so that URLs still differ."""
    if not source.startswith(("http://", "https://")):
        return source
    url = urlsplit(source)
    host = url.netloc.rpartition("@")[2]
    query = f"?sha256:{sha256(url.query.encode()).hexdigest()[:12]}" if url.query else ""
    return f"{url.scheme}://{host}{url.path}{query}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ScheduleError(f"{path}: {error.strerror}") from None


async def _download(
    url: str, path: Path, known: Source | None, progress: Progress
) -> httpx.Headers | None:
    """Into `path`; the answer's headers, or None for 304 Not Modified."""
    asked = _conditions(url, known)
    async with (
        http_client(TIMEOUT) as client,
        answer(client, url, keys={}, conditions=asked, deadline=DEADLINE) as response,
    ):
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        if response.status_code != httpx.codes.OK:
            reason = f"{response.status_code} {response.reason_phrase}"
            raise ScheduleError(f"{shown(url)} cannot be fetched: the server says {reason}")
        size = int(response.headers.get("Content-Length", 0))
        with path.open("wb") as file:
            async for chunk in content(response, LARGEST):
                file.write(chunk)
                done = response.num_bytes_downloaded
                progress(STEP, done, max(size, done))
        return response.headers


def _conditions(url: str, known: Source | None) -> dict[str, str]:
    if known is None or known.name != shown(url):
        return {}
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in conditions.items() if value is not None}
