"""Tokens in what tests have logged: looked for after every test, and in all log files at the end.

Signed tokens, accounts' refresh tokens and private keys are recognized wherever they come from;
whoever makes other secrets for tests registers them by `secret`. What a test prints on purpose must not be one.
"""

import re
from pathlib import Path

# As schemas/redaction.py does, but written on its own, so that one mistake does not hide the other.
_KNOWN = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}|scr_[A-Za-z0-9_-]{64}|BEGIN[A-Z ]* PRIVATE KEY"
)
_REGISTERED: set[str] = set()
_MOST = 64 * 1024 * 1024  # bytes of a log file that are looked at


def secret(text: str) -> str:
    """Register a token or password that no log may have; it is given back."""
    _REGISTERED.add(text)
    return text


def leaked(text: str) -> str | None:
    """Where a secret stands in a text: what is before it; None: nowhere."""
    found = [match.start() for match in _KNOWN.finditer(text)]
    found += [text.index(one) for one in _REGISTERED if one in text]
    return text[max(0, min(found) - 200) : min(found)] if found else None


def leaky_logs(folder: Path) -> dict[Path, str]:
    """The log files below a folder that have a secret in them, and what is before it."""
    logs = [path for path in folder.rglob("*log*") if path.is_file()]
    texts = {path: path.read_bytes()[:_MOST].decode(errors="replace") for path in logs}
    return {path: where for path, text in texts.items() if (where := leaked(text)) is not None}
