"""`stopcast gateway`."""

import resource

import click
import uvloop

from gateway.app import create_app
from gateway.server import Server, listen
from gateway.settings import GatewaySettings
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
def gateway(host: str, port: int) -> None:
    """Serve the boards: streams, plain requests and the page.

    Reads boards from REDIS_URL and stops from DATABASE_URL; keeps nothing, so run as many as you
    like. SIGTERM drains: /readyz says 503, streams are told to come back elsewhere, then it ends.
    Limits and intervals are settings in the environment (docs/configuration.md).
    """
    settings = GatewaySettings.load()
    logs.configure(settings)
    _raise_file_limit()
    with listen(host, port, settings.send_buffer) as bound:
        server = Server(create_app(settings))
        click.echo(f"Stopcast gateway on http://{host}:{bound.getsockname()[1]}", err=True)
        uvloop.run(server.serve(sockets=[bound]))


def _raise_file_limit() -> None:
    """A stream is an open file: take as many as the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
