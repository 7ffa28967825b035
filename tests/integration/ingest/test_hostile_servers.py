"""What an agency's server may try once it is somebody else's, tried (SECURITY.md)."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from feeds import answers
from feeds.config import Endpoint
from feeds.gtfs import source
from feeds.gtfs.problems import ScheduleError
from feeds.ingest import fetch
from feeds.ingest.fetch import DEADLINE, Fetcher, FetchError, http_client
from tests.timetables import message

GOOD = message()
KEY = "k" * 20


@dataclass
class Server:
    """Redirects so many times, then answers with `body`, then so many single bytes (`drip`)."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = GOOD
    drip: int = 0
    redirects: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            told = {"Content-Length": str(len(self.body) + self.drip), **self.headers}
            if self.redirects:
                told["Location"] = self.redirects.pop(0)
            status = "302 Found" if "Location" in told else "200 OK"
            lines = [f"HTTP/1.1 {status}", *(f"{name}: {told[name]}" for name in told)]
            writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + self.body)
            await writer.drain()
            for _ in range(self.drip):
                await asyncio.sleep(0.01)
                writer.write(b"x")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()


Start = Callable[..., Awaitable[Server]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(
            server: Server | None = None, context: ssl.SSLContext | None = None
        ) -> Server:
            one = server or Server()
            listening = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=context)
            stack.push_async_callback(listening.wait_closed)
            stack.callback(listening.close)
            port = listening.sockets[0].getsockname()[1]
            one.url = f"{'https' if context else 'http'}://127.0.0.1:{port}/"
            return one

        yield started


@dataclass
class Trust:
    """A certificate for 127.0.0.1: the server's side, and that of who trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return Trust(server, ssl.create_default_context(cafile=str(path)))


async def fetched(
    url: str, client: httpx.AsyncClient | None = None, deadline: float = DEADLINE
) -> bytes:
    endpoint = Endpoint.model_validate({"url": url, "headers": {"x-api-key": KEY}})
    async with client or http_client() as asking:
        answer = await Fetcher(endpoint, asking, deadline).fetch()
    assert answer.data is not None
    return answer.data


async def refused(url: str, deadline: float = DEADLINE) -> str:
    with pytest.raises(FetchError) as refusal:
        await fetched(url, deadline=deadline)
    return refusal.value.kind


def packed(size: int) -> bytes:
    """So many NUL bytes as gzip, made without holding them."""
    packing = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    parts = [packing.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + packing.flush()


@asynccontextmanager
async def at_most(megabytes: int) -> AsyncIterator[None]:
    """Python's own memory, zlib's output included, stays below."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes << 20
    finally:
        tracemalloc.stop()


async def test_a_gzip_bomb_ends_at_the_limit(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 4 << 20)
    body = packed(64 << 20)
    server = await start(Server(headers={"Content-Encoding": "gzip"}, body=body))
    async with at_most(16):
        assert await refused(server.url) == "too_large"


async def test_gzip_within_gzip_is_not_unpacked(start: Start) -> None:
    """httpx unpacks as many layers as the header names: 3,400 bytes became 2 GB in one step."""
    body = gzip.compress(packed(64 << 20))
    server = await start(Server(headers={"Content-Encoding": "gzip, gzip"}, body=body))
    async with at_most(4):
        assert await refused(server.url) == "too_large"


async def test_what_follows_the_end_of_gzip_is_ignored(start: Start) -> None:
    body = gzip.compress(GOOD) + bytes(4 << 20)
    server = await start(Server(headers={"Content-Encoding": "gzip"}, body=body))
    assert await fetched(server.url) == GOOD


async def test_damaged_gzip_is_refused(start: Start) -> None:
    server = await start(Server(headers={"Content-Encoding": "gzip"}, body=b"no gzip"))
    assert await refused(server.url) == "malformed"


async def test_an_answer_that_drips_is_given_up(start: Start) -> None:
    server = await start(Server(drip=500))
    assert await refused(server.url, deadline=0.2) == "timeout"


async def test_a_redirect_does_not_lead_into_the_network_behind_us(start: Start) -> None:
    inside, outside = await start(), await start()
    outside.redirects.append(inside.url)
    assert await refused(outside.url) == "redirected"
    assert not inside.asked


async def test_a_name_that_leads_inside_needs_a_certificate(start: Start, trust: Trust) -> None:
    """Nothing is asked before the handshake."""
    inside, outside = await start(context=trust.server), await start()
    outside.redirects.append(inside.url)
    assert await refused(outside.url) == "unreachable"
    assert not inside.asked


async def test_another_server_that_is_trusted_is_asked_without_our_keys(
    start: Start, trust: Trust
) -> None:
    elsewhere, asked = await start(context=trust.server), await start()
    asked.redirects.append(elsewhere.url)
    client = httpx.AsyncClient(verify=trust.client)
    assert await fetched(asked.url, client) == GOOD
    assert KEY in asked.asked[0]
    assert KEY not in elsewhere.asked[0]


async def test_the_same_server_may_redirect_and_keeps_its_keys(start: Start) -> None:
    server = await start(Server(redirects=["/now/here.pb"]))
    assert await fetched(server.url) == GOOD
    assert [KEY in asked for asked in server.asked] == [True, True]


async def test_redirects_end(start: Start) -> None:
    server = await start(Server(redirects=["/again"] * 20))
    assert await refused(server.url) == "redirected"
    assert len(server.asked) == answers.MOST_REDIRECTS + 1


async def test_cookies_are_not_kept(start: Start) -> None:
    server = await start(Server(headers={"Set-Cookie": "a=b"}))
    async with http_client() as client:
        fetcher = Fetcher(Endpoint(url=server.url), client)
        await fetcher.fetch()
        fetcher.forget()
        await fetcher.fetch()
    assert "cookie" not in server.asked[1].lower()


@pytest.mark.parametrize("layers", ["gzip", "gzip, gzip"])
async def test_a_schedule_that_grows_ends_at_the_limit(
    start: Start, monkeypatch: pytest.MonkeyPatch, layers: str
) -> None:
    monkeypatch.setattr(source, "LARGEST", 4 << 20)
    server = await start(Server(headers={"Content-Encoding": layers}, body=packed(64 << 20)))
    async with at_most(16):
        with pytest.raises(ScheduleError, match=r"more than 4194304 bytes|more than once"):
            async with source.fetched(server.url, None, lambda *_: None):
                pass


async def test_a_schedule_is_not_fetched_from_within(start: Start) -> None:
    inside, outside = await start(), await start()
    outside.redirects.append(inside.url)
    with pytest.raises(ScheduleError, match="another server that is not https"):
        async with source.fetched(outside.url, None, lambda *_: None):
            pass
    assert not inside.asked
