"""Traces by OpenTelemetry, where the usual variables name a collector; else nothing of it runs.

OTLP over HTTP. The SDK reads the other variables itself: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, ….
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from schemas.errors import StopcastError

if TYPE_CHECKING:  # absent unless asked for
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# Seconds for the last spans when a process ends. A collector that hangs must not hold it up.
LAST_EXPORT = 2.0


class TracingError(StopcastError):
    """Traces were asked for and cannot be had."""


class Span:
    """One of OpenTelemetry's, or none."""

    def __init__(self, span: "trace.Span | None") -> None:
        self._span = span

    def rename(self, name: str) -> None:
        if self._span:
            self._span.update_name(name)

    def tell(self, name: str, value: str | int) -> None:
        """Put an attribute to it."""
        if self._span:
            self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        """It ends with an error of this kind."""
        if self._span:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415  # absent unless asked for

            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR)


_tracer: "trace.Tracer | None" = None


def active() -> bool:
    """Whether spans go anywhere."""
    return _tracer is not None


@contextmanager
def tracing(service: str) -> Iterator[None]:
    """Trace within this block, in this process: threads do not survive a fork.

    `service`: the name of whoever has none by OTEL_SERVICE_NAME.

    Raises:
        TracingError: the packages are missing.
    """
    global _tracer  # noqa: PLW0603  # one for a process, as its log
    if not any(os.environ.get(name) for name in VARIABLES):
        yield
        return
    provider = _provider(service)
    _tracer = provider.get_tracer("stopcast")
    try:
        yield
    finally:
        _tracer = None
        last = Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_EXPORT)


def _provider(service: str) -> "TracerProvider":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise TracingError(
            f"{' or '.join(VARIABLES)} is set, but OpenTelemetry is not installed: unset it, or, in "
            "a clone, pip install '.[otel]' (the image has it)"
        ) from None
    resource = Resource.create()
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": service}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, str | int],
    *,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Span]:
    """A span around the block, within the one around it; nothing unless there is `tracing`.

    `headers`: of a request, whose `traceparent` may name the trace that it belongs to. An error is
    told by its type: its text may have in it what must not be shown.
    """
    if _tracer is None:
        yield Span(None)
        return
    from opentelemetry.propagate import extract  # noqa: PLC0415  # absent unless asked for
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    with _tracer.start_as_current_span(
        name,
        context=None if headers is None else extract(headers),
        kind=SpanKind.INTERNAL if headers is None else SpanKind.SERVER,
        attributes=dict(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        made = Span(begun)
        try:
            yield made
        except Exception as error:
            made.fail(type(error).__qualname__)
            raise
