"""From a request to what it may read: by its token, or, in open access, without one."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from starlette.types import Scope

from gateway.auth import bearer
from gateway.auth.errors import KeysUnavailableError, TokenError
from gateway.auth.grant import Grant, TokenScope
from gateway.auth.verified_tokens import VerifiedTokens
from gateway.auth.verifier import Unverified, Verifier
from gateway.door import Door
from gateway.problems import Problem, unavailable
from schemas.arrivals import StopId


class Access:
    """Asks for tokens where `required`; where not, one that is sent must be good all the same.

    Without a verifier nobody can tell good from bad: then tokens are not looked at.
    """

    def __init__(
        self,
        verifiers: Sequence[Verifier],
        *,
        required: bool,
        door: Door,
        refusals: Counter[str],
        recall: Callable[[Scope], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.required = required
        self.refusals = refusals  # by reason
        self._recall = recall  # refuses whom we know to be over his limit, before a signature
        self._verifiers = verifiers
        self._door = door  # a signature takes 0.1 ms; open streams go on while a crowd comes
        self._verified = VerifiedTokens(clock)

    async def admit(
        self,
        scope: Scope,
        needed: TokenScope | None,
        stops: Sequence[StopId] = (),
        *,
        in_query: bool = False,
    ) -> None:
        """Let a request through; if it has a token, `scope["grant"]` is what that allows.

        Raises:
            Problem: 401, 403, or 400, 429 or 503 (gateway/auth/bearer.py).
        """
        if needed is None:
            return
        grant = await self.grant(scope, in_query=in_query)
        if grant is not None:
            scope["grant"] = grant
        if not self.required:
            return
        if grant is None:
            raise bearer.no_token(needed)
        if needed not in grant.scopes:
            raise bearer.no_scope(needed)
        for stop in stops:
            if not grant.opens(stop):
                raise bearer.closed_stop(stop)

    async def grant(self, scope: Scope, *, in_query: bool = False) -> Grant | None:
        """What the token of a request allows; None: it has none.

        Raises:
            Problem: 401, or 400, 429 or 503 (gateway/auth/bearer.py).
        """
        if not self._verifiers:
            return None
        if "token_problem" in scope:  # found when the request was counted (gateway/limits/gate.py)
            raise scope["token_problem"]
        token = bearer.sent_token(scope, in_query=in_query)
        if token is None:
            return None
        try:
            known = self._verified.find(token)
            if known is not None:
                return known
            self._recall(scope)
            return await self._verify(token)
        except TokenError as error:
            self.refusals[error.reason] += 1
            scope["error"] = str(error)
            raise bearer.bad_token(error) from None
        except KeysUnavailableError as error:
            self.refusals["keys_unavailable"] += 1
            scope["error"] = str(error)
            raise bearer.no_keys() from None

    async def _verify(self, token: str) -> Grant:
        try:
            await self._door.enter()
        except TimeoutError:
            raise _crowded() from None
        said = Unverified.of(token)
        verifier = self._verifier(said)
        grant = Grant.of(await verifier.verified(token, said), verifier.leeway)
        self._verified.add(token, grant)
        return grant

    def _verifier(self, said: Unverified) -> Verifier:
        """Of whom the token says that he made it; the verifier finds out whether it is true."""
        alike = [verifier for verifier in self._verifiers if verifier.issuer == said.issuer]
        for verifier in alike:
            if said.algorithm in list(verifier.algorithms):
                return verifier
        raise TokenError("algorithm" if alike else "issuer")


def _crowded() -> Problem:
    return unavailable("overloaded", "Too many tokens are to be verified at this moment.")
