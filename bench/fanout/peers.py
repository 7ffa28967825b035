"""The servers that are compared, each in processes of its own, pinned to one core.

A peer is called with a number of topics and the bytes of data of the first event of each, which has
been published when its context begins, so that every stream has something to begin with.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from types import MappingProxyType
from typing import NamedTuple

from bench.fanout import tools
from bench.fanout.publishers import BoardPublisher, PostPublisher, Publisher
from bench.tokens import write_tokens
from schemas.local.embedded import free_port, valkey
from schemas.tasks import end

SERVER_CORE, CLIENT_CORE = sorted(os.sched_getaffinity(0))[:2]
# A server without a listening socket after this many seconds did not start.
PATIENCE = 20.0
# Topics of one first publishing: LiveStore's pipelines hold as many.
BATCH = 200

NGINX = """\
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
worker_rlimit_nofile {files};
load_module {module};
events {{ worker_connections {connections}; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  nchan_shared_memory_size 256M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/follow/(.+)$ {{
      nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message -1;
      nchan_eventsource_ping_interval 15;
    }}
    location ~ ^/publish/(.+)$ {{
      nchan_publisher http; nchan_channel_id $1; nchan_message_buffer_length 32;
      nchan_eventsource_event patch;
    }}
  }}
}}
"""


@dataclass
class Server:
    port: int
    path: str  # of load.c
    process: asyncio.subprocess.Process
    publisher: Publisher
    redis_url: str = ""
    load_options: dict[str, str] = field(default_factory=dict)

    def processes(self) -> list[int]:
        return [self.process.pid, *_children(self.process.pid)]

    def use(self) -> "Use":
        """So far, of all threads."""
        tasks = (t for pid in self.processes() for t in Path(f"/proc/{pid}/task").iterdir())
        stats = [(task / "schedstat").read_text().split() for task in tasks]
        return Use(sum(int(s[0]) for s in stats) / 1e9, sum(int(s[1]) for s in stats) / 1e9)

    def memory(self) -> int:
        """Bytes, what is shared among processes counted once."""
        rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.processes())
        return sum(
            int(line.split()[1]) * 1024
            for rollup in rollups
            for line in rollup.splitlines()
            if line.startswith("Pss:")
        )


class Use(NamedTuple):
    """Seconds of CPU that were used, and seconds that somebody else had it meanwhile."""

    cpu: float
    kept_waiting: float

    def __sub__(self, before: "Use") -> "Use":
        return Use(self.cpu - before.cpu, self.kept_waiting - before.kept_waiting)


Peer = Callable[[int, int], AbstractAsyncContextManager[Server]]


@asynccontextmanager
async def stopcast(
    topics: int, first: int, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[Server]:
    with valkey() as redis_url:
        publisher = await BoardPublisher.own(redis_url, first)
        telling = asyncio.create_task(publisher.tell())
        await _publish_first(publisher, topics, first)
        async with gateway(redis_url, settings) as (port, process):
            yield Server(port, "/v1/stops/bench:{#}/stream", process, publisher, redis_url)
        await end([telling])
        await publisher.live.close()


@asynccontextmanager
async def stopcast_with_tokens(topics: int, first: int) -> AsyncIterator[Server]:
    """Each stream has a token of its own, by ES256, which takes long to verify."""
    with tempfile.TemporaryDirectory(prefix="stopcast-tokens-") as folder:
        settings = write_tokens(Path(folder))
        async with stopcast(topics, first, settings) as server:
            server.load_options = {"tokens": f"{folder}/tokens"}
            yield server


@asynccontextmanager
async def gateway(
    redis_url: str, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """One gateway process; nothing asks it anything before this returns but a connection."""
    port = free_port()
    env = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        # At work, but out of reach: all clients have one address.
        "STOPCAST_REQUESTS_PER_ADDRESS": "1000000",
        "STOPCAST_STREAMS_PER_ADDRESS": "1000000",
        **settings,
    }
    command = [sys.executable, "-m", "stopcast", "gateway", "--port", str(port)]
    async with _pinned(*command, port=port, env=env) as process:
        yield port, process


@asynccontextmanager
async def sse_starlette(topics: int, first: int) -> AsyncIterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bench.fanout.queue_per_client", str(port)]
    async with _pinned(*command, port=port) as process:
        yield await _posted(port, process, topics, first)


@asynccontextmanager
async def nchan(topics: int, first: int) -> AsyncIterator[Server]:
    program, module = tools.nginx()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="stopcast-nchan-") as folder:
        files = int(os.sysconf("SC_OPEN_MAX"))
        config = Path(folder) / "nginx.conf"
        config.write_text(
            NGINX.format(
                folder=folder, module=module, port=port, files=files, connections=files - 100
            )
        )
        async with _pinned(program, "-p", folder, "-c", str(config), port=port) as process:
            yield await _posted(port, process, topics, first)


@asynccontextmanager
async def write_loop(topics: int, first: int) -> AsyncIterator[Server]:
    assert topics == 1, "it knows no topics"
    port = free_port()
    async with _pinned(tools.compiled("write_loop"), str(port), "20000", port=port) as process:
        yield await _posted(port, process, topics, first)


OURS, NCHAN, QUEUES, KERNEL = "stopcast", "nchan", "sse-starlette", "write loop"
TOKENS = "stopcast, tokens"
PEERS: dict[str, Peer] = {
    OURS: stopcast,
    TOKENS: stopcast_with_tokens,
    NCHAN: nchan,
    QUEUES: sse_starlette,
    KERNEL: write_loop,
}


async def _posted(
    port: int, process: asyncio.subprocess.Process, topics: int, first: int
) -> Server:
    publisher = await PostPublisher.connect(port, "/publish/%d")
    await _publish_first(publisher, topics, first)
    return Server(port, "/follow/{#}", process, publisher)


async def _publish_first(publisher: Publisher, topics: int, first: int) -> None:
    for start in range(0, topics, BATCH):
        await publisher.publish(range(start, min(start + BATCH, topics)), first)


@asynccontextmanager
async def _pinned(
    *command: str, port: int, env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process on the servers' core, from when it listens on `port`."""
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(SERVER_CORE), *command,
        stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, **(env or {})},
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_kill, process)
        async with asyncio.timeout(PATIENCE):
            while not await _listens(port):
                if process.returncode is not None:
                    raise RuntimeError(f"{command[0]} ended by itself: {process.returncode}")
                await asyncio.sleep(0.05)
        yield process


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Nobody waits for a drain; but nginx's master must end its worker itself."""
    if process.returncode is None:
        if _children(process.pid):
            process.terminate()
        else:
            process.kill()
    await process.wait()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
