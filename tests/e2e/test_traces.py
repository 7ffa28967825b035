"""Traces of a gateway, as OpenTelemetry's own exporter sends them, to a stand-in."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.collector import Collector, attributes, collecting
from tests.e2e.processes import PATIENCE, gateway, wait_until

SDK_PATIENCE = (
    30  # seconds that OpenTelemetry gives its last export, whatever the exporter's time-out
)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def settings(collector: Collector) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}


def of_the_trace(collector: Collector) -> list[Span]:
    return [span for span in collector.spans() if span.trace_id.hex() == TRACE]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def test_each_plain_request_is_a_span_within_its_callers_trace(
    valkey_url: str, tmp_path: Path, collector: Collector
) -> None:
    """Without what its query and its headers may have in them. What a client does wrong is no error."""
    headers = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "Authorization": "Bearer hunter2",
        "X-Request-ID": "of-this-test",
    }
    away = {"REDIS_URL": valkey_url, "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    with gateway(away, tmp_path / "log", **settings(collector)) as port:
        url = f"http://127.0.0.1:{port}/v1"
        httpx.get(f"{url}/feeds/nobody?access_token=hunter2", headers=headers, timeout=PATIENCE)
        httpx.get(f"{url}/stops?q=main", headers=headers, timeout=PATIENCE)
        wait_until(lambda: len(of_the_trace(collector)) == 2)
    wrong, failed = of_the_trace(collector)
    assert wrong.parent_span_id.hex() == failed.parent_span_id.hex() == PARENT
    assert (wrong.name, failed.name) == ("GET /v1/feeds/{feed_id}", "GET /v1/stops")
    told = attributes(wrong.attributes)
    assert told["http.response.status_code"] == 404
    assert told["stopcast.request_id"] == "of-this-test"
    assert "error.type" not in told
    told = attributes(failed.attributes)
    assert (told["http.response.status_code"], told["error.type"]) == (503, "503")
    sent = b"".join(body for _, body in collector.posts)
    assert b"stopcast-gateway" in sent
    assert b"hunter2" not in sent


def test_a_stream_is_no_span(valkey_url: str, tmp_path: Path, collector: Collector) -> None:
    with gateway({"REDIS_URL": valkey_url}, tmp_path / "log", **settings(collector)) as port:
        url = f"http://127.0.0.1:{port}"
        with httpx.stream("GET", f"{url}/v1/stops/demo:a/stream", timeout=PATIENCE) as stream:
            stream.read() if stream.status_code != httpx.codes.OK else next(stream.iter_raw())
        httpx.get(f"{url}/v1/feeds", timeout=PATIENCE)
        wait_until(lambda: any(span.name == "GET /v1/feeds" for span in collector.spans()))
    assert not [span for span in collector.spans() if "stream" in span.name]


def test_a_collector_that_hangs_does_not_hold_up_the_end(
    valkey_url: str, tmp_path: Path, collector: Collector
) -> None:
    collector.answers.clear()
    told = {**settings(collector), "OTEL_EXPORTER_OTLP_TIMEOUT": str(10 * PATIENCE)}
    with gateway({"REDIS_URL": valkey_url}, tmp_path / "log", **told):
        wait_until(lambda: collector.posts)
        began = time.monotonic()
    assert time.monotonic() - began < SDK_PATIENCE


def test_nothing_is_set_up_without_the_variable() -> None:
    """redis-py imports the SDK by itself where it is there."""
    program = (
        "import sys\nimport gateway.app, feeds.commands.ingest\nfrom schemas import tracing\n"
        "with tracing.tracing('test'), tracing.span('poll', {}):\n    pass\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.exporter')]\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)  # noqa: S603  # our own


def test_a_missing_package_ends_the_start_with_what_to_do() -> None:
    program = (
        "import sys\nsys.modules['opentelemetry.sdk.resources'] = None\nimport stopcast\n"
        "stopcast.main(['gateway', '--port', '0'])\n"
    )
    environment = {
        "PYTHONPATH": ":".join(sys.path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
    }
    done = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-c", program], env=environment, check=False, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install '.[otel]'" in done.stderr
    assert "Traceback" not in done.stderr
