"""What never stands in a log: tokens and passwords. The last line of defence; nobody logs them.

A finished line is looked at, since a secret may be in any value, or in the text of an exception.
What was JSON is JSON afterwards: nothing is hidden beyond the quote that ends a text.
"""

import re
from typing import Any

HIDDEN = "[hidden]"
# Begins a value. A plain one before these ends a text of JSON, whatever the text says.
_QUOTE = r"(?:\\[\"']|'|\"(?![,:}\]\s]))"
_SECRETS = re.compile(
    r"(?P<before>"
    # A parameter of a URL or a form, RFC 6750 names the first; or a member as JSON or Python shows it.
    r"(?:access_token|refresh_token|identity_token|id_token|authorization_code|client_secret"
    r"|nonce|api_?key|password)"
    rf"(?:(?:=|%3d)(?:b?{_QUOTE})?|\"\s*:\s*\"|\\?[\"']\s*:\s*b?{_QUOTE})"
    r"|\bbearer\s+(?=[\w.~+/-]{8})"
    # The password of a URL, its host behind it.
    r"|://[^\s:@/]*:(?=[^\s@/]+@)"
    r")"
    r"(?P<secret>[^\s&\"'\\@,;)]+)"
    # A header as HTTP, or as Python or JSON shows a pair: all of its value, but for the scheme.
    # Quotes within it follow a `=`; one that ends a text of JSON has none of these behind it.
    r"|(?P<header>(?:authorization|x-api-key)"
    rf"(?:\"\s*:\s*\[?\"|\\?[\"']\s*[:=,]\s*[\[(]?b?{_QUOTE}|\s*[:=]\s*(?:b?{_QUOTE})?)"
    r"(?:(?:bearer|basic)\s+)?)"
    r"(?:\\.|=\"(?:[^\",:}\]\\\s][^\"\\]*)?\"|[^\"'\\\n])+"
    # A signed token wherever it stands: two JSON objects in base64url, and a signature.
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    # A refresh token of ours (gateway/accounts/refresh_tokens.py); it may have been cut.
    r"|\bscr_[\w-]{16,}"
    # A private key, to its end, or to that of the line.
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^\"]*?-----END [A-Z ]*PRIVATE KEY-----)?(?:\\.|[^\"\\\n])*",
    re.IGNORECASE,
)


def redacted(line: str) -> str:
    """The line without secrets."""
    return _SECRETS.sub(lambda found: f"{found['before'] or found['header'] or ''}{HIDDEN}", line)


def redact(_: Any, __: str, line: Any) -> str:
    """As the last of structlog's processors: they hand on what the renderer made, a text."""
    return redacted(line)
