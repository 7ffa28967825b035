"""What each request of `/v1` has to pass, streams too: by its address, and by its subject."""

import asyncio
from collections import Counter, OrderedDict
from hashlib import sha256

from starlette.types import Scope

from gateway.limits.address import Addresses
from gateway.limits.caller import Callers, Limit, Quota, Refusal
from gateway.limits.ledger import Ledger
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from schemas.shards import Shards

# Addresses that are known to be over their limit: 0.5 kB each. Who is not is asked about in Redis.
REMEMBERED = 1000
# Seconds: Redis may be away by now, and then nobody is refused.
LONGEST = 1.0


class Limits:
    """The limits of the settings. `scope["grant"]` says whose token it is, if there is one."""

    def __init__(self, settings: GatewaySettings, shards: Shards) -> None:
        self.ledger = Ledger(shards, settings.stream_lease)
        self._address = Limit(
            "address", settings.requests_per_address, settings.streams_per_address
        )
        self._subject = Limit(
            "subject", settings.requests_per_subject, settings.streams_per_subject
        )
        self._addresses = Addresses(settings.trusted_proxies)
        self.refused: Counter[tuple[str, str]] = Counter()  # by kind of caller and limit
        self._over: OrderedDict[str, tuple[float, Refusal]] = OrderedDict()  # until, by address

    def recall(self, scope: Scope) -> None:
        """Refuse, before its token costs a signature, whose address is over its limit for certain.

        Raises:
            Problem: 429.
        """
        if not self._over:
            return
        address = self.address(scope)
        until, refusal = self._over.get(address, (0.0, None))
        if refusal is None:
            return
        if asyncio.get_running_loop().time() < until:
            raise self._refused(refusal, scope)
        del self._over[address]

    async def request(self, scope: Scope) -> Quota | None:
        """Count a request; None: nothing is counted, or Redis is away.

        Raises:
            Problem: 429, its caller has made too many.
        """
        callers = self._callers(scope)
        return await self._ask(callers, scope, stream=False) if callers else None

    async def stream(self, scope: Scope) -> Callers:
        """Count a request for a stream, and the stream until `leave`.

        Raises:
            Problem: 429, its caller has made too many requests or has too many streams.
        """
        callers = self._callers(scope)
        if callers:
            await self._ask(callers, scope, stream=True)
        return callers

    def leave(self, callers: Callers) -> None:
        """The stream that `stream` let in is over."""
        self.ledger.leave(callers)

    def address(self, scope: Scope) -> str:
        """Where a request comes from, as it is counted."""
        return self._addresses.of(scope)

    def _callers(self, scope: Scope) -> Callers:
        limit, callers = self._address, Callers()
        if limit.requests or limit.streams:
            callers = (self.ledger.caller(limit, self.address(scope)),)
        limit, grant = self._subject, scope.get("grant")
        if grant and (limit.requests or limit.streams):
            callers += (self.ledger.caller(limit, _pseudonym(grant.issuer, grant.subject)),)
        return callers

    async def _ask(self, callers: Callers, scope: Scope, *, stream: bool) -> Quota | None:
        verdict = await self.ledger.ask(callers, stream=stream)
        if isinstance(verdict, Refusal):
            self._remember(verdict, scope)
            raise self._refused(verdict, scope)
        return verdict

    def _remember(self, refusal: Refusal, scope: Scope) -> None:
        if refusal.wait and refusal.caller.limit is self._address:
            until = asyncio.get_running_loop().time() + min(refusal.wait, LONGEST)
            self._over[self.address(scope)] = until, refusal
            if len(self._over) > REMEMBERED:
                self._over.popitem(last=False)

    def _refused(self, refusal: Refusal, scope: Scope) -> Problem:
        self.refused[refusal.caller.limit.kind, refusal.limit] += 1
        scope["error"] = f"over the limit of {refusal.limit}: {refusal.caller.key}"
        return _problem(refusal)


def _pseudonym(issuer: str, subject: str) -> str:
    """What Redis and the log have of a subject, which may be a mail address: docs/operations.md."""
    return sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


def _problem(refusal: Refusal) -> Problem:
    kind, most = refusal.caller.limit.kind, refusal.quota.limit
    whose = {"address": "your network address", "subject": "your token's subject"}[kind]
    over = {
        "requests": f"More than {most} requests a minute come from {whose}.",
        "streams": f"From {whose}, {most} streams are open, which is as many as there may be.",
    }[refusal.limit]
    headers = {"Retry-After": str(refusal.retry_after), **refusal.quota.headers()}
    return Problem(429, "rate_limited", over, headers)
