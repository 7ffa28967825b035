"""What a verified token allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Self

from gateway.auth.errors import TokenError
from schemas.arrivals import StopId

# A `sub` of OpenID Connect has at most 255 characters (Core 1.0, section 2).
_LONGEST_SUBJECT = 255
# Each is tried for each stop of a stream. Who needs more names feeds.
_MOST_GLOBS = 50
# The end of the year 9999; JSON has larger numbers, clocks do not.
_LATEST = 253_402_300_800


class TokenScope(StrEnum):
    """What can be allowed, as the claim `scope` names it (RFC 8693, section 4.2)."""

    BOARDS = "boards:read"
    FEEDS = "feeds:read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may do what, until when."""

    issuer: str
    subject: str  # of this issuer: another's of the same name is somebody else
    scopes: frozenset[TokenScope]
    stops: tuple[str, ...] | None  # globs of global stop ids; None: all stops
    expires: int  # POSIX seconds, leeway included: from then on it allows nothing

    @classmethod
    def of(cls, claims: Mapping[str, Any], leeway: int = 0) -> Self:
        """The claims of a verified token. Scopes that we do not know allow nothing.

        Raises:
            TokenError: `claims`, one of them is missing or malformed.
        """
        issuer, subject, expires = claims["iss"], claims.get("sub"), claims.get("exp")
        if not (isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT):
            raise TokenError("claims")
        if not isinstance(expires, int | float) or not 0 < expires < _LATEST:
            raise TokenError("claims")
        scopes = claims.get("scope", "")
        if not isinstance(scopes, str):
            raise TokenError("claims")
        until = int(expires) + leeway
        return cls(issuer, subject, _scopes(scopes), _globs(claims), until)

    def opens(self, stop: StopId) -> bool:
        """Whether boards of this stop may be read, by a token that may read boards."""
        return self.stops is None or any(fnmatchcase(str(stop), glob) for glob in self.stops)


@lru_cache(maxsize=64)  # most tokens have the same: one set for all of them
def _scopes(named: str) -> frozenset[TokenScope]:
    known = set(named.split())
    return frozenset(scope for scope in TokenScope if scope in known)


def _globs(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """A glob without a colon is one of feeds: all of their stops."""
    given = claims.get("stops")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > _MOST_GLOBS:
        raise TokenError("claims")
    if not all(isinstance(glob, str) for glob in given):
        raise TokenError("claims")
    return tuple(glob if ":" in glob else f"{glob}:*" for glob in given)
