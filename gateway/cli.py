"""`stopcast gateway`."""

import gc
import resource
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory

import click
import uvloop

from gateway.app import create_app
from gateway.server import Server, listen
from gateway.settings import GatewaySettings
from gateway.siblings import Siblings
from gateway.workers import Workers
from schemas import logs


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
    if workers > 1:
        _serve_together(settings, host, port, workers)
        return
    with listen(host, port, settings) as bound:
        _announce(host, bound)
        _serve(settings, bound)


def _serve_together(settings: GatewaySettings, host: str, port: int, workers: int) -> None:
    with listen(host, port, settings) as alone:  # is it free? It could be shared unasked later
        port = alone.getsockname()[1]
    with (
        TemporaryDirectory(prefix="stopcast-gateway-") as folder,
        listen(host, port, settings, shared=True) as kept,  # bound only: it gets no connection
    ):

        def serve(number: int) -> None:
            with listen(host, port, settings, shared=True) as bound:
                _serve(settings, bound, Siblings(Path(folder), number))

        _announce(host, kept)
        Workers(workers, serve).run()


def _serve(settings: GatewaySettings, bound: socket, siblings: Siblings | None = None) -> None:
    server = Server(create_app(settings, siblings))
    _collect_rarely()
    uvloop.run(server.serve(sockets=[bound]))


def _announce(host: str, bound: socket) -> None:
    click.echo(f"Stopcast gateway on http://{host}:{bound.getsockname()[1]}", err=True)


def _collect_rarely() -> None:
    """Look for garbage cycles rarely, and never among what is there from the start.

    A stream is some sixty objects that stay. With Python's own thresholds, looking at them again and
    again was a third of what a connection costs when thousands come at once (docs/decisions/0017).
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _raise_file_limit() -> None:
    """A stream is an open file: take as many as the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
