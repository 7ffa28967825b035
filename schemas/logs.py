"""How every process logs: one event a line on stderr, with its keys and values.

For people where stderr is a terminal, else as JSON: whatever collects a pipe is a machine.

What libraries log by Python's own means comes out in the same form, and so does the error that ends
a process. No line tells a token or a password (schemas/redaction.py).
"""

import logging
import sys
from types import TracebackType

import structlog
from structlog.typing import Processor

from schemas import error_reports
from schemas.redaction import redact
from schemas.settings import Settings

log = structlog.get_logger()

# They tell of every request and every step of their own; ours tell what came of it.
TALKATIVE = ("httpx", "httpcore", "hpack", "uvicorn")


def configure(settings: Settings) -> None:
    """Log from now on as the settings say; called once, by the command of a process that stays.

    Raises:
        ErrorReportsError: Sentry is asked for and cannot be had.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        *error_reports.processors(),
    ]
    terminal = sys.stderr.isatty()
    chosen = settings.log_format or ("console" if terminal else "json")
    form = _json() if chosen == "json" else _console(terminal=terminal)
    form.append(redact)
    structlog.configure(
        processors=[*shared, *form],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *form],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # Its warnings are of requests that are no HTTP: `request_refused` tells more.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    sys.excepthook = _log_end


def _log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Of the process; Python itself would print what is in the error's text."""
    log.critical("process_failed", exc_info=(kind, error, trace))


def _json() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]


def _console(*, terminal: bool) -> list[Processor]:
    """For people. Through a pipe they read it by `stopcast up`, whose lines have the time already."""
    time: list[Processor] = [structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)]
    # A rich traceback would show local variables: passwords in URLs, agencies' keys.
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)
    return [*(time if terminal else []), renderer]
