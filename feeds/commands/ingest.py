"""`stopcast feeds ingest`."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import click
import structlog

from feeds.config import Config, read_config
from feeds.ingest.fetch import http_client
from feeds.ingest.garbage import collect_rarely
from feeds.ingest.ingester import Ingester
from schemas import logs
from schemas.live import LiveStore, LiveStoreError
from schemas.settings import Settings
from schemas.tasks import end
from schemas.tracing import tracing

log = structlog.get_logger()


@click.command()
@click.option(
    "--config",
    envvar="STOPCAST_CONFIG",
    type=click.Path(path_type=Path),
    default=Path("stopcast.toml"),
    show_default=True,
    help="The feeds and their endpoints, as in docs/examples/.",
)
@click.option("--feed", "feed_ids", multiple=True, help="Only this feed of the config. Repeatable.")
def ingest(config: Path, feed_ids: tuple[str, ...]) -> None:
    """Poll the feeds of a config, work out every stop's board, publish what changes.

    Schedules must have been imported (`stopcast feeds import`). Start it twice for a standby: one
    process owns a feed at a time, another takes over within 10 seconds. Reads REDIS_URL and
    DATABASE_URL.
    """
    settings = Settings.load()
    logs.configure(settings)
    chosen = read_config(config)
    unknown = set(feed_ids) - chosen.feeds.keys()
    if unknown:
        known = ", ".join(chosen.feeds)
        raise click.UsageError(f"{config} has no feed {', '.join(sorted(unknown))}; it has {known}")
    collect_rarely()
    with tracing("stopcast-ingester"):
        asyncio.run(_ingest(settings, chosen, feed_ids or tuple(chosen.feeds)))


async def _ingest(settings: Settings, config: Config, feed_ids: tuple[str, ...]) -> None:
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    live = LiveStore.connect(settings.redis_url.get_secret_value())
    await _check_redis(live)
    async with http_client() as client:
        ingesters = [
            Ingester(
                feed_id,
                config.feeds[feed_id],
                live,
                database_url=settings.database_url.get_secret_value(),
                client=client,
                owner=f"{socket.gethostname()}:{os.getpid()}",
                shares=config.shares(feed_id),
            )
            for feed_id in feed_ids
        ]
        tasks = [asyncio.create_task(ingester.run()) for ingester in ingesters]
        await stopped.wait()
        await end(tasks)
        with suppress(LiveStoreError):  # then the leases just run out
            for ingester in ingesters:
                await ingester.release()
    await live.close()
    log.info("ingester_stopped")


async def _check_redis(live: LiveStore) -> None:
    """Boards must never be evicted. A Redis that is away now is waited for, later."""
    try:
        policy = (await live.server())["maxmemory_policy"]
    except LiveStoreError as error:
        log.warning("redis_away", error=str(error))
        return
    if policy != "noeviction":
        raise LiveStoreError(
            f"Redis evicts keys (maxmemory-policy {policy}): set it to noeviction, "
            "or boards vanish under load"
        )
