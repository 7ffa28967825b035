"""Errors to Sentry, where SENTRY_DSN is set: what is logged as an error, from whichever process.

A line and its traceback go there, never a request, a header or the value of a variable, and what
looks like a secret in an error's text is hidden as in the log.
"""

import os
import sys
import time
from typing import Any

import orjson
from structlog.typing import EventDict, Processor

from schemas.errors import StopcastError
from schemas.redaction import redacted

VARIABLE = "SENTRY_DSN"
# Of one process; the rest is in the log. A report is made on the event loop, and where one stream
# fails, thousands may.
PER_MINUTE = 30
_TAGS = ("feed", "request_id", "endpoint", "task", "worker")


class ErrorReportsError(StopcastError):
    """Sentry was asked for and cannot be had."""


def processors() -> list[Processor]:
    """What structlog needs for it: nothing, unless the variable is set.

    Raises:
        ErrorReportsError: the package is missing, or the DSN is none.
    """
    if not os.environ.get(VARIABLE):
        return []
    try:
        import sentry_sdk  # noqa: PLC0415  # absent unless asked for
        from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    except ImportError:
        raise ErrorReportsError(
            f"{VARIABLE} is set, but sentry-sdk is not installed: unset it, or, in a clone, "
            "pip install '.[sentry]' (the image has it)"
        ) from None
    try:
        sentry_sdk.init(
            # Others look into requests, or report what is logged a second time.
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[AtexitIntegration(callback=lambda _pending, _timeout: None)],
            auto_session_tracking=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            before_send=_without_secrets,
        )
    except ValueError as error:
        raise ErrorReportsError(f"{VARIABLE}: {error}") from None
    return [_Reporter(sentry_sdk)]


def _without_secrets(event: Any, _: Any) -> Any:
    """Already of JSON's types; what is hidden ends before the next quotation mark."""
    return orjson.loads(redacted(orjson.dumps(event).decode()))


class _Reporter:
    """As a processor of structlog: hands every line on as it came."""

    def __init__(self, sentry: Any) -> None:
        self._sentry = sentry
        self._minute = 0
        self._reported = 0

    def __call__(self, _: Any, __: str, line: EventDict) -> EventDict:
        if line["level"] in ("error", "critical") and self._allowed():
            self._report(line)
        return line

    def _allowed(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._reported = minute, 0
        self._reported += 1
        return self._reported <= PER_MINUTE

    def _report(self, line: EventDict) -> None:
        with self._sentry.new_scope() as scope:
            scope.set_tag("event", line["event"])
            for name in _TAGS:
                if name in line:
                    scope.set_tag(name, line[name])
            if "error" in line:
                scope.set_extra("error", str(line["error"]))
            if error := _exception(line.get("exc_info")):
                scope.capture_exception(error, level=line["level"])
            else:
                scope.capture_message(str(line["event"]), level=line["level"])


def _exception(told: Any) -> BaseException | None:
    """What `exc_info` may be, as logging and structlog have it."""
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple):
        return told[1]  # type: ignore[no-any-return]  # as sys.exc_info has it
    return sys.exc_info()[1] if told else None
