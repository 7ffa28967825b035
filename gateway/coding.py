"""How a stream's bytes are coded: as they are, or in gzip that all streams share.

In gzip (RFC 1952) every frame is deflated on its own, once: nothing in it refers to what came before,
and a full flush (RFC 1951: an empty stored block) ends it on a byte. So the same bytes serve every
client at any moment, and each decodes as it comes. There is no trailer: its checksum would be another
for every client (docs/decisions/0016).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

# Deflate, no flags, no time, no hint, unknown system.
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# One for all frames: a full flush leaves it as it began, and to make one costs more than a patch.
_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
# Up to this length a frame (`retry`, mostly) is smaller stored, and costs nothing.
_STORED = 24


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """`opening` goes before all else of a response, then every piece through `encode`.

    Coded pieces may be joined, and cut only where they were joined.
    """

    name: str  # of Content-Encoding
    opening: bytes
    encode: Callable[[bytes], bytes]


def chunk(data: bytes) -> bytes:
    """HTTP/1.1 chunked transfer coding of `data` (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _deflated(data: bytes) -> bytes:
    if len(data) <= _STORED:
        length = len(data).to_bytes(2, "little")
        return b"\x00%b%b%b" % (length, bytes(byte ^ 0xFF for byte in length), data)
    return _DEFLATE.compress(data) + _DEFLATE.flush(zlib.Z_FULL_FLUSH)


PLAIN = Coding("identity", b"", bytes)
GZIP = Coding("gzip", _GZIP_HEAD, _deflated)


@lru_cache(maxsize=256)  # few browsers, many requests
def accepted(accept_encoding: str) -> Coding:
    """What to send to a client with this header (RFC 9110, section 12.5.3).

    gzip, unless it is not acceptable or the client says that it likes `identity` better.
    """
    weights: dict[str, float] = {}
    for choice in accept_encoding.lower().replace(" ", "").replace("\t", "").split(","):
        coding, _, weight = choice.partition(";q=")
        weights[coding.replace("x-gzip", "gzip")] = _weight(weight)
    gzip = weights.get("gzip", weights.get("*", 0))
    return GZIP if gzip > 0 and gzip >= weights.get("identity", 0) else PLAIN


def _weight(text: str) -> float:
    """1 where none is given. What is none (which `float` would take: nan, 1e9) is never preferred."""
    if not text:
        return 1
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else 0
