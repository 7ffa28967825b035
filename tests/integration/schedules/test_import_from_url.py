"""An agency's server that knows conditional requests, played by a local one."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from feeds.gtfs.problems import ScheduleError
from feeds.gtfs.schedule_import import import_schedule
from feeds.gtfs.source import shown
from schemas.database import Connection
from tests.small_city import SMALL_CITY

Write = Callable[..., Path]


class Agency(ThreadingHTTPServer):
    """Serves `body`; remembers the headers of each request and the status it gave."""

    body = b""
    headers: dict[str, str]
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.headers = {}
        self.asked: list[tuple[dict[str, str], int]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/gtfs.zip"


class Handler(BaseHTTPRequestHandler):
    server: Agency

    def do_GET(self) -> None:
        agency = self.server
        asked = dict(self.headers)
        same = agency.headers.get("ETag") == asked.get("If-None-Match", "-")
        same |= agency.headers.get("Last-Modified") == asked.get("If-Modified-Since", "-")
        status = 304 if same else agency.status
        agency.asked.append((asked, status))
        self.send_response(status)
        body = agency.body if status == 200 else b""
        headers = agency.headers | {"Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def agency(gtfs_zip: Write) -> Iterator[Agency]:
    server = Agency()
    server.body = gtfs_zip().read_bytes()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "headers",
    [{"ETag": '"one"'}, {"Last-Modified": "Wed, 01 May 2024 00:00:00 GMT"}],
    ids=["etag", "last-modified"],
)
async def test_an_unchanged_url_is_not_downloaded_again(
    agency: Agency, connection: Connection, headers: dict[str, str]
) -> None:
    agency.headers = headers
    first = await import_schedule(agency.url, "city", connection)
    again = await import_schedule(agency.url, "city", connection)
    assert (first.changed, again.changed) == (True, False)
    assert [status for _, status in agency.asked] == [200, 304]


async def test_the_same_bytes_under_a_new_etag_are_no_new_version_and_the_etag_is_kept(
    agency: Agency, connection: Connection
) -> None:
    for etag in ('"one"', '"two"', '"two"'):
        agency.headers = {"ETag": etag}
        result = await import_schedule(agency.url, "city", connection)
    assert not result.changed
    assert [status for _, status in agency.asked] == [200, 200, 304]


async def test_a_changed_url_is_imported(
    agency: Agency, connection: Connection, gtfs_zip: Write
) -> None:
    agency.headers = {"ETag": '"one"'}
    first = await import_schedule(agency.url, "city", connection)
    agency.headers = {"ETag": '"two"'}
    stops = SMALL_CITY["stops.txt"].replace("Alpha", "Aleph")
    agency.body = gtfs_zip({"stops.txt": stops}).read_bytes()
    second = await import_schedule(agency.url, "city", connection)
    assert second.changed
    assert second.version > first.version


async def test_another_url_is_asked_without_conditions(
    agency: Agency, connection: Connection
) -> None:
    agency.headers = {"ETag": '"one"'}
    await import_schedule(agency.url, "city", connection)
    await import_schedule(f"{agency.url}?region=north", "city", connection)
    assert [status for _, status in agency.asked] == [200, 200]


async def test_a_refusal_is_told_and_the_key_in_the_url_is_not(
    agency: Agency, connection: Connection
) -> None:
    agency.status = 403
    with pytest.raises(ScheduleError, match="the server says 403 Forbidden") as caught:
        await import_schedule(f"{agency.url}?api_key=secret", "city", connection)
    assert "secret" not in str(caught.value)


async def test_a_page_instead_of_a_zip_is_told(agency: Agency, connection: Connection) -> None:
    agency.body = b"<html>Moved"
    with pytest.raises(ScheduleError, match=r"gtfs\.zip is no zip: it begins with b'<html>Moved'"):
        await import_schedule(agency.url, "city", connection)


async def test_a_server_that_is_not_there_is_told(connection: Connection) -> None:
    with pytest.raises(ScheduleError, match=r"http://127\.0\.0\.1:1/gtfs\.zip cannot be fetched: "):
        await import_schedule("http://127.0.0.1:1/gtfs.zip", "city", connection)


def test_a_url_is_shown_without_its_secrets_and_still_tells_queries_apart() -> None:
    one, two = shown("https://me:pw@x.org/g.zip?key=1"), shown("https://me:pw@x.org/g.zip?key=2")
    assert one.startswith("https://x.org/g.zip?sha256:")
    assert one != two
    assert shown("folder/g.zip?x") == "folder/g.zip?x"
