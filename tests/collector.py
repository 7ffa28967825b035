"""A stand-in for Sentry and for an OpenTelemetry collector: it keeps what is posted to it."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    port: int
    posts: list[tuple[str, bytes]] = field(default_factory=list)  # path and body
    answers: threading.Event = field(default_factory=threading.Event)  # cleared: it hangs

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.port}/1"

    def reports(self) -> list[dict[str, Any]]:
        """Sentry's events: an envelope is lines of JSON, a header, then each item and its own."""
        found = []
        for path, body in self.posts:
            if path == "/api/1/envelope/":
                _, *items = body.splitlines()
                pairs = zip(items[::2], items[1::2], strict=True)
                found += [json.loads(item) for head, item in pairs if b'"event"' in head]
        return found

    def spans(self) -> list[Span]:
        return [
            span
            for path, body in self.posts
            if path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def attributes(told: Iterator[KeyValue] | Any) -> dict[str, Any]:
    """As a dict, whatever the types."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in told}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.posts.append((self.path, body))
            collector.answers.wait()
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # its signature
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        collector.answers.set()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.answers.set()
            server.shutdown()
            thread.join()
