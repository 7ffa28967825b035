"""`stopcast gateway`."""

import gc
import resource
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import click
import uvloop

from gateway.app import create_app
from gateway.server import BindError, Server, listen
from gateway.settings import GatewaySettings
from gateway.siblings import Siblings
from gateway.workers import Workers
from schemas import logs
from schemas.tracing import tracing

# Sockets that listen on the one port. Each has its own queue of connections that wait to be accepted,
# and Linux lets none be longer than net.core.somaxconn (4,096): of 15,000 clients that came at once
# some found it full, and asked again a second later, or three (docs/decisions/0019).
ACCEPT_QUEUES = 4


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="STOPCAST_HOST",
    show_envvar=True,
    help="Address to listen on; 0.0.0.0: all.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    envvar="PORT",
    show_envvar=True,
    help="Port to listen on; 0: any that is free.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    envvar="STOPCAST_WORKERS",
    show_envvar=True,
    help="Processes that share the port, on a machine with several cores.",
)
def gateway(host: str, port: int, workers: int) -> None:
    """Serve the boards: streams, plain requests and the page.

    Reads boards from REDIS_URL and stops from DATABASE_URL; keeps nothing, so run as many as you
    like. SIGTERM drains: /readyz says 503, streams are told to come back elsewhere, then it ends.
    Limits and intervals are settings in the environment (docs/configuration.md).
    """
    settings = GatewaySettings.load()
    logs.configure(settings)
    _raise_file_limit()
    with ExitStack() as stack:  # are they free? They could be shared unasked later
        port = stack.enter_context(listen(host, port, settings)).getsockname()[1]
        if port == settings.admin_port:  # two hosts would not help: who came where is told by port
            raise BindError(f"STOPCAST_ADMIN_PORT is the public port, {port}: it needs its own")
        if settings.admin_port is not None:
            stack.enter_context(listen(settings.admin_host, settings.admin_port, settings))
    if workers > 1:
        _serve_together(settings, host, port, workers)
    else:
        _serve(settings, host, port)


def _serve_together(settings: GatewaySettings, host: str, port: int, workers: int) -> None:
    with (
        TemporaryDirectory(prefix="stopcast-gateway-") as folder,
        listen(host, port, settings, shared=True),  # bound only: it gets no connection
    ):
        gateway = token_hex(8)  # of them all: whichever answers tells their sums

        def serve(number: int) -> None:
            _serve(settings, host, port, Siblings(Path(folder), number, gateway))

        Workers(workers, serve).run()


def _serve(
    settings: GatewaySettings, host: str, port: int, siblings: Siblings | None = None
) -> None:
    with ExitStack() as stack:
        stack.enter_context(tracing("stopcast-gateway"))
        server = Server(create_app(settings, siblings))
        queues = [
            stack.enter_context(listen(host, port, settings, shared=True))
            for _ in range(ACCEPT_QUEUES)
        ]
        if settings.admin_port is not None:
            admin = listen(settings.admin_host, settings.admin_port, settings, shared=True)
            queues.append(stack.enter_context(admin))
        _collect_rarely()
        uvloop.run(server.serve(sockets=queues))


def _collect_rarely() -> None:
    """Look for garbage cycles rarely, and never among what is there from the start.

    A stream is some sixty objects that stay. With Python's own thresholds, looking at them again and
    again was a third of what a connection costs when thousands come at once. New objects are looked
    at few at a time, as all streams wait for it: half a millisecond (docs/decisions/0017).
    """
    gc.freeze()
    gc.set_threshold(2_000, 1_000, 100)


def _raise_file_limit() -> None:
    """A stream is an open file: take as many as the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
