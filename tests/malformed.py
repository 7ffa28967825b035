"""Requests that are wrong in every way that we could think of, from a seed."""

import random
from collections.abc import Callable
from urllib.parse import quote

PATHS = [
    *("/", "/healthz", "/readyz", "/metrics", "/v1/feeds", "/v1/feeds/demo", "/v1/stops"),
    *("/v1/stops/demo:a", "/v1/stops/demo:a/board", "/v1/stops/demo:a/stream", "/v1/stream"),
    *("/v1/auth/apple", "/v1/auth/refresh", "/v1/account", "/openapi.json", "/docs", "/nowhere"),
]
PARAMETERS = ["stop", "last_event_id", "q", "lat", "lon", "radius", "limit", "cursor", "display"]
HEADERS = [
    *("Accept", "Accept-Encoding", "Authorization", "If-None-Match", "Last-Event-ID", "Origin"),
    *("X-Request-ID", "X-Forwarded-For", "Range", "Cookie", "Content-Type", "Expect", "Upgrade"),
    *("Connection", "Host", "Access-Control-Request-Method", "TE", "Content-Length"),
    "Transfer-Encoding",
]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "XYZ"]
NASTY = [
    *("%00", "%ff", "%ed%a0%80", "%c0%af", "%c0%80", "%2e%2e%2f", "../", "..%5c", "%u0041", "%"),
    *("%2", "%zz", "%25%30%30", "/", "//", ":", "demo:", ":a", "demo:%00", "%0d%0aX: y", "\x7f"),
    *("9" * 400, "-1", "1e999", "NaN", "-Infinity", "0x10", "true", "[]", "{}", "null", "'", '"'),
    *(
        ";--",
        "%E2%80%AE",
        "%F0%9F%9A%8B",
        "*",
        "W/",
        ",",
        "gzip;q=",
        ";q=1e9",
        "=?",
        "Bearer ",
        "a",
    ),
    *("eyJhbGciOiJub25lIn0.e30.", "WzFd", "W251bGwsMCwiIiwiIl0", "WzFlOTk5LDAsIlx1MDAwMCIsIiJd"),
]
NASTY_BYTES = [b"\0", b"\r", b"\n", b"\r\n", b"\xff", b"\xc3\x28", b"\t", b" ", b"\x1b[2J", b"\x80"]


class Malformed:
    """The same requests for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # to be repeated

    def request(self) -> bytes:
        """One of them: whole requests with odd parts, damaged ones, or no HTTP at all."""
        whole = self._whole()
        kinds: list[Callable[[bytes], bytes]] = [self._same, self._damaged, self._noise]
        return self._random.choices(kinds, [6, 2, 1])[0](whole)

    def _whole(self) -> bytes:
        chance = self._random
        target = chance.choice(PATHS)
        if chance.random() < 0.3:
            cut = chance.randrange(len(target) + 1)
            target = target[:cut] + self._value() + target[cut:]
        if chance.random() < 0.7:
            pairs = (
                f"{chance.choice(PARAMETERS)}={self._value()}" for _ in range(chance.randrange(4))
            )
            target += "?" + chance.choice("&;").join(pairs)
        if chance.random() < 0.7:
            target = quote(target, safe="/%:?&=;")
        version = chance.choice(["1.1"] * 30 + ["1.0", "0.9", "2.0", "9.9"])
        method = chance.choice(["GET"] * 10 + METHODS)
        lines = [f"{method} {target} HTTP/{version}", "Host: x", "Connection: close"]
        lines += [f"{chance.choice(HEADERS)}: {self._value()}" for _ in range(chance.randrange(4))]
        body = self._value().encode() if chance.random() < 0.2 else b""
        if body and chance.random() < 0.8:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body

    def _value(self) -> str:
        chance = self._random
        return "".join(chance.choice(NASTY) for _ in range(chance.randrange(1, 4)))

    def _same(self, whole: bytes) -> bytes:
        return whole

    def _damaged(self, whole: bytes) -> bytes:
        """Cut, or with bytes put in, taken out or repeated."""
        chance = self._random
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(whole) + 1)
            until = min(len(whole), at + chance.randrange(40))
            change = chance.choice(["cut", "insert", "remove", "repeat"])
            if change == "cut":
                whole = whole[:at]
            elif change == "insert":
                whole = whole[:at] + chance.choice(NASTY_BYTES) + whole[at:]
            elif change == "remove":
                whole = whole[:at] + whole[until:]
            else:
                whole = whole[:until] + whole[at:until] * chance.choice([1, 3, 500]) + whole[until:]
        return whole

    def _noise(self, whole: bytes) -> bytes:
        return self._random.randbytes(self._random.randrange(1, min(300, len(whole) + 1)))
