"""What is answered out of memory: as it is or in gzip, and not again to who has it."""

import gzip
from collections.abc import Callable, Mapping
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from gateway.coding import GZIP, PLAIN, Coding, accepted


def conditional(
    request: Request,
    version: str,
    headers: Mapping[str, str],
    media_type: str,
    body: Callable[[Coding], bytes],
) -> Response:
    """The body in the coding that the client likes; 304 where it has this version in that coding."""
    coding = accepted(request.headers.get("accept-encoding", ""))
    tag = etag(version, coding)
    told = {**headers, "ETag": tag, "Vary": "Accept-Encoding"}
    if etag_matches(request.headers.get("if-none-match", ""), tag):
        return Response(None, 304, told)
    if coding is GZIP:
        told["Content-Encoding"] = GZIP.name
    return Response(body(coding), 200, told, media_type)


def etag(version: str, coding: Coding) -> str:
    """A strong one: other bytes, be it by their coding, have another (RFC 9110, section 8.8.3)."""
    return f'"{version}"' if coding is PLAIN else f'"{version}-{coding.name}"'


def etag_matches(if_none_match: str, ours: str) -> bool:
    """RFC 9110, section 13.1.2: weak comparison with any tag of the list."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return ours in tags or "*" in tags


def digest(content: bytes) -> str:
    """A version of these bytes: short, and another one for others."""
    return sha256(content).hexdigest()[:16]


class KeptFile:
    """An endpoint that answers the same bytes to everybody."""

    def __init__(
        self, body: bytes, version: str, media_type: str, headers: Mapping[str, str]
    ) -> None:
        self._bodies = {PLAIN: body, GZIP: gzip.compress(body, mtime=0)}
        self._version = version
        self._media_type = media_type
        self._headers = headers

    async def __call__(self, request: Request) -> Response:
        return conditional(
            request, self._version, self._headers, self._media_type, self._bodies.__getitem__
        )
