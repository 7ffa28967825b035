"""What tokens allow that were verified lately: who reconnects costs no signature."""

from collections.abc import Callable
from hashlib import blake2b

from gateway.auth.grant import Grant

# Tokens of a generation: as many as a process has streams unless told otherwise.
REMEMBERED = 20_000
# Seconds after which a token is verified anew at the latest, so that a key that was withdrawn is noticed.
TRUSTED = 600.0


class VerifiedTokens:
    """Two generations; a token is forgotten with the whole of its own, after 5 to 10 minutes.

    So none has a time and a place in an order to itself: there is one for each open stream.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._young: dict[bytes, Grant] = {}
        self._old: dict[bytes, Grant] = {}
        self._born = clock()  # the young one

    def find(self, token: str) -> Grant | None:
        """What the token allows; None: it is to be verified."""
        now = self._clock()
        if now >= self._born + TRUSTED:
            self._young = {}
            self._age(now)
        elif now >= self._born + TRUSTED / 2:
            self._age(self._born + TRUSTED / 2)
        digest = _digest(token)
        grant = self._young.get(digest) or self._old.get(digest)
        return grant if grant and now < grant.expires else None

    def add(self, token: str, grant: Grant) -> None:
        if len(self._young) >= REMEMBERED:
            self._age(self._clock())
        self._young[_digest(token)] = grant

    def _age(self, born: float) -> None:
        self._old, self._young, self._born = self._young, {}, born


def _digest(token: str) -> bytes:
    """The token itself is kept nowhere."""
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()
