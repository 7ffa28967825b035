"""`stopcast up`: everything on this machine, the same processes as in production."""

import asyncio
import os
import shlex
import socket
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from schemas.errors import StopcastError
from schemas.local import children, embedded
from schemas.local.data_folder import data_folder
from schemas.local.greeting import Tokens, greet
from schemas.settings import Settings

# Nobody else balances the load on one's own machine, and honcho kills who needs more than 5 seconds.
DRAIN = {"STOPCAST_DRAIN_GRACE": "0", "STOPCAST_DRAIN_WINDOW": "1"}
DEMO_ENDPOINTS = ("trip-updates", "vehicle-positions", "alerts")


class UpError(StopcastError):
    """`stopcast up` cannot start as asked; the text says what to change."""


EPILOG = """
\b
A demo city on http://127.0.0.1:8000/:
  stopcast up
Your feeds, on another port:
  stopcast up --config mbta.toml --port 9000
"""


@click.command(epilog=EPILOG)
@click.option(
    "--config",
    envvar="STOPCAST_CONFIG",
    type=click.Path(path_type=Path),
    help="Your feeds, as in docs/examples/. Default: stopcast.toml if it is there, else a demo city.",
)
@click.option(
    "--port",
    envvar="PORT",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="Where the gateway listens.",
)
@click.option(
    "--host",
    envvar="STOPCAST_HOST",
    default="127.0.0.1",
    show_default=True,
    help="0.0.0.0 lets phones on your network in.",
)
@click.option(
    "--data-dir",
    envvar="STOPCAST_DATA_DIR",
    type=click.Path(path_type=Path),
    default=Path(".stopcast"),
    show_default=True,
    help="Where the embedded databases live; the next start uses it again.",
)
def up(config: Path | None, port: int, host: str, data_dir: Path) -> None:
    """Run everything on this machine: a demo city, or the feeds of a config.

    Starts an embedded Valkey and PostgreSQL (unless REDIS_URL and DATABASE_URL name yours), brings
    the database schema up to date, imports the schedules, and runs the processes of the Procfile
    until Ctrl-C. As soon as there are boards it prints a page to open and a curl line to paste.
    """
    _check_free(host, port)
    with data_folder(data_dir) as folder:
        env = os.environ | DRAIN | {"PORT": str(port), "STOPCAST_HOST": host}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
        # The log goes through a pipe: it would come in lumps, and as JSON.
        env["PYTHONUNBUFFERED"] = "1"
        env.setdefault("STOPCAST_LOG_FORMAT", "console")
        commands = children.procfile()
        config = config or _default_config()
        if config is None:
            config, commands["simulate"] = _demo_city(folder, env)
        env["STOPCAST_CONFIG"] = str(config)
        schedules = _schedules(config)
        with _databases(folder, schedules) as databases:
            env |= databases
            children.run_to_end("release", commands.pop("release"), env)
            for feed_id, arguments in schedules.items():
                _import(feed_id, arguments, env)
            url, redis_url = _url(host, port), databases["REDIS_URL"]
            children.run_together(
                commands,
                env,
                lambda: click.echo(
                    asyncio.run(greet(url, redis_url, set(schedules), _tokens(env)))
                ),
            )


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no obstacle
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UpError(
                f"cannot listen on {host}:{port}: {error.strerror}; "
                "choose another port with --port or PORT"
            ) from None


@contextmanager
def _databases(folder: Path, feeds: Iterable[str]) -> Iterator[dict[str, str]]:
    """REDIS_URL and DATABASE_URL: the environment's, else of servers that run meanwhile.

    Other feeds have another database in the same server: nobody finds stops of a city that does not
    run, and nothing has to be imported again when it does.
    """
    digest = sha256(" ".join(sorted(feeds)).encode()).hexdigest()
    servers = {
        "DATABASE_URL": partial(
            embedded.postgres, folder / "postgres", database=f"feeds_{digest[:12]}"
        ),
        "REDIS_URL": partial(embedded.valkey, folder / "valkey"),
    }
    with ExitStack() as stack:
        yield {
            name: os.environ.get(name) or stack.enter_context(server())
            for name, server in servers.items()
        }


def _default_config() -> Path | None:
    path: Path = Settings.model_fields["config"].default
    return path if path.exists() else None


def _demo_city(folder: Path, env: Mapping[str, str]) -> tuple[Path, str]:
    """Write the demo city's schedule and config; the config, and the command that brings it to life."""
    schedule, config, port = folder / "demo.zip", folder / "demo.toml", embedded.free_port()
    simulate = "stopcast feeds simulate"
    children.run_to_end("simulate", f"{simulate} --write-schedule {schedule}", env)
    endpoints = [
        f'[[feeds.demo.endpoints]]\nurl = "http://127.0.0.1:{port}/{name}"\ninterval = 5\n'
        for name in DEMO_ENDPOINTS
    ]
    config.write_text("\n".join([f'[feeds.demo]\nschedule = "{schedule}"\n', *endpoints]))
    return config, f"{simulate} --port {port}"


def _schedules(config: Path) -> dict[str, list[str]]:
    """What `feeds import` is to do for each feed of the config; `feeds ingest` checks the rest.

    Raises:
        UpError: the file cannot be read, or is no TOML with feeds in it.
    """
    try:
        feeds = tomllib.loads(config.read_text())["feeds"]
        return {feed_id: _arguments(feed) for feed_id, feed in feeds.items()}
    except OSError as error:
        raise UpError(f"config {config}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UpError(f"config {config}: {error}") from None
    except (KeyError, AttributeError):
        raise UpError(f"config {config}: no [feeds.<id>] in it; see docs/examples/") from None


def _arguments(feed: Mapping[str, Any]) -> list[str]:
    source = [feed["schedule"]] if "schedule" in feed else []
    return source + (["--skip-wrong"] if source and feed.get("skip_wrong") else [])


def _import(feed_id: str, arguments: Sequence[str], env: Mapping[str, str]) -> None:
    if arguments:
        command = shlex.join(["stopcast", "feeds", "import", *arguments, "--feed", feed_id])
        children.run_to_end("import", command, env)


def _tokens(env: Mapping[str, str]) -> Tokens:
    if env.get("STOPCAST_ACCESS") != "token":
        return "none"
    return "by secret" if "STOPCAST_TOKEN_SECRET" in env else "by issuer"


def _url(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104  # only compared
