"""Who is limited, and what is said to a request: an address or a subject, a quota, a refusal."""

from typing import Literal, NamedTuple

from schemas import keys


class Limit(NamedTuple):
    """What each caller of one kind may do; 0: as much as it likes."""

    kind: Literal["address", "subject"]
    requests: int  # a minute
    streams: int  # open at once


class Caller:
    """One that this gateway has streams of, or that waits for an answer: one object for all of them."""

    __slots__ = ("key", "limit", "streams", "waiting")

    def __init__(self, limit: Limit, name: str) -> None:
        self.limit = limit
        self.key = keys.limit(limit.kind, name)
        self.streams = 0  # open at this gateway
        self.waiting = 0  # requests without an answer yet


Callers = tuple[Caller, ...]


class Quota(NamedTuple):
    """Where a caller stands after a request; `reset`: seconds until all of it is there again."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-06 has them, before they became one field."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class Refusal(NamedTuple):
    """Who is over which limit, and after how many seconds another try makes sense.

    `wait`: seconds before which one more request is refused for certain.
    """

    caller: Caller
    limit: Literal["requests", "streams"]
    quota: Quota
    retry_after: int
    wait: float = 0


# None: nobody counts its requests, or Redis is away.
Verdict = Quota | Refusal | None
