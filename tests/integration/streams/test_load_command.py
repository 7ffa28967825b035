"""`stopcast load` as a person or a machine starts it: exit codes, Ctrl-C, a terminal, TLS."""

import asyncio
import datetime as dt
import ipaddress
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.subscriber import Subscriber
from schemas.local.embedded import free_port
from tests.client import PATIENCE
from tests.gateways import Gateway, eventually
from tests.publisher import Publisher

# Of a run that ends by itself: longer than its streams need to open, however busy the machine is.
DURATION = "10"
COMMAND = (str(Path(sys.executable).with_name("stopcast")), "load")
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`start(*arguments)`: the command; it ends with the test at the latest."""
    started: list[asyncio.subprocess.Process] = []

    async def process(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE, **options}
        started.append(await asyncio.create_subprocess_exec(*COMMAND, *arguments, **pipes))
        return started[-1]

    yield process
    for each in started:
        if each.returncode is None:
            each.kill()
            await each.communicate()


async def served(gateway: Gateway, streams: int) -> None:
    """Wait until so many streams have what they begin with: it is with the command by then."""
    subscribers = gateway.hub.subscribers
    await eventually(
        lambda: len(subscribers) == streams and all(s.lacks is None for s in subscribers)
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), (errors or b"").decode()


@pytest.fixture
async def url(gateway: Gateway, demo: Publisher) -> str:
    await demo.publish(demo.stop("a"), demo.stop("b"))
    return f"http://127.0.0.1:{gateway.port}"


async def test_a_run_that_finds_nothing_wrong_ends_with_0_and_a_report_for_machines(
    start: Start, demo: Publisher, url: str, tmp_path: Path
) -> None:
    file = tmp_path / "stops.txt"
    file.write_text(f"# of the demo\n{demo.stop('a')}\n\n{demo.stop('b')}\n")
    options = ("--connections", "4", "--duration", DURATION, "--stops-per-stream", "2", "--json")
    process = await start(url, "--stops", str(file), "--clock-offset", "-2", *options)
    code, output, errors = await ended(process)
    assert (code, errors) == (0, "")
    told = orjson.loads(output)
    assert (told["verdict"], told["stopped"]) == ("right", False)
    assert told["boards"]["right"] == 8
    assert (told["clock"]["offset"], told["clock"]["declared"]) == (-2, True)


async def test_ctrl_c_ends_a_run_with_its_report(
    start: Start, gateway: Gateway, demo: Publisher, url: str
) -> None:
    process = await start(url, "--stop", demo.stop("a"), "--connections", "3")
    await served(gateway, 3)
    process.send_signal(2)
    code, output, errors = await ended(process)
    assert (code, errors) == (0, "")
    assert "stopped early" in output
    assert "3 right, 0 wrong" in output
    assert "publish to receive" in output


async def test_a_wrong_board_ends_it_with_1_and_the_place(
    start: Start, gateway: Gateway, demo: Publisher, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = demo.stop("a")
    process = await start(url, "--stop", a, "--connections", "3")
    await served(gateway, 3)
    with monkeypatch.context() as broken:  # a gateway that loses patches
        broken.setattr(Subscriber, "offer", lambda *_: False)
        await demo.publish(a, size=50)
        await eventually(lambda: gateway.hub.topics[a].version == demo.version)
    await demo.publish(a, size=3)
    process.send_signal(2)
    code, output, _ = await ended(process)
    assert code == 1
    assert "0 right, 3 wrong" in output
    assert f"{a}, version {demo.version}: /arrivals/" in output


async def test_what_cannot_be_reached_ends_it_with_2_and_the_reason(start: Start) -> None:
    code, output, errors = await ended(await start(f"http://127.0.0.1:{free_port()}"))
    assert (code, output) == (2, "")
    assert "cannot be reached" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("--connections", "5001"),
        ("--ramp", "501"),
        ("--duration", "3601"),
        ("--stops-per-stream", "51"),
        ("--stop", "nocolon"),
        ("--header", "no colon"),
        ("--header", "A: b\r\nC: d"),
    ],
)
async def test_what_is_out_of_bounds_is_a_wrong_usage(
    start: Start, arguments: tuple[str, ...]
) -> None:
    code, output, errors = await ended(await start("http://127.0.0.1:1", *arguments))
    assert (code, output) == (2, "")
    assert "Usage:" in errors


async def test_a_terminal_shows_how_it_goes(start: Start, demo: Publisher, url: str) -> None:
    terminal, end = os.openpty()
    process = await start(
        url, "--stop", demo.stop("a"), "--connections", "3", "--json",
        stderr=end, env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(end)
    seen = b""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        while b"3 of 3 streams open" not in seen:
            seen += await loop.run_in_executor(None, os.read, terminal, 4096)
    process.send_signal(2)
    code, output, _ = await ended(process)
    os.close(terminal)
    assert code == 0
    assert orjson.loads(output)["verdict"] == "right"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that only trusts itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


@asynccontextmanager
async def behind_tls(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """A port that passes bytes to another, as a load balancer does that ends TLS."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_tls_with_a_certificate_that_is_trusted_and_one_that_is_not(
    start: Start, gateway: Gateway, demo: Publisher, url: str, tmp_path: Path
) -> None:
    del url  # boards are published
    pem, private = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    arguments = ("--stop", demo.stop("a"), "--connections", "3")
    async with behind_tls(gateway.port, context) as port:
        address = f"https://127.0.0.1:{port}"
        trusting = {**os.environ, "SSL_CERT_FILE": str(pem)}
        process = await start(address, *arguments, "--duration", DURATION, env=trusting)
        code, output, errors = await ended(await start(address, *arguments))
        assert (code, output) == (2, "")
        assert "CERTIFICATE_VERIFY_FAILED" in errors
        code, output, errors = await ended(process)
        assert (code, errors) == (0, "")
        assert "3 right, 0 wrong" in output
