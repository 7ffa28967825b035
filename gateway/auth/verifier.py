"""Whether a JSON Web Token was made by an issuer for us, and holds now (RFC 7519, RFC 8725)."""

from base64 import urlsafe_b64decode
from collections.abc import Collection
from typing import Any, NamedTuple, Self

import jwt
import orjson

from gateway.auth.errors import TokenError
from gateway.auth.keys import Keys

# Characters; an access token of a large issuer has 2,000. What is longer is not parsed.
LONGEST = 8192

# `typ` of a token that may grant something, in lower case (RFC 7519, 5.1; RFC 9068, 2.1): another is
# for another purpose, whoever signed it (RFC 8725, section 3.11). Most issuers say JWT or nothing.
_KINDS = {"jwt", "at+jwt"}
_REQUIRED = ["iss", "aud", "sub", "exp"]
_REASONS = {
    jwt.InvalidAlgorithmError: "algorithm",
    jwt.InvalidSignatureError: "signature",
    jwt.InvalidIssuerError: "issuer",
    jwt.InvalidAudienceError: "audience",
    jwt.ExpiredSignatureError: "expired",
    jwt.ImmatureSignatureError: "not_yet_valid",
    jwt.MissingRequiredClaimError: "claims",
    jwt.exceptions.InvalidSubjectError: "claims",
}


class Unverified(NamedTuple):
    """What a token says of itself: enough to choose who verifies it, and good for nothing else.

    So it is read with less care than PyJWT takes, which is a third of what a token costs.
    """

    algorithm: object
    issuer: object
    kid: str | None

    @classmethod
    def of(cls, token: str) -> Self:
        """Read header and claims; the signature is not looked at.

        Raises:
            TokenError: `malformed`, or `kind`.
        """
        if len(token) > LONGEST or not token.isascii():
            raise TokenError("malformed")
        try:
            header, claims, _ = token.split(".")
            said, claimed = _object(header), _object(claims)
        except ValueError:
            raise TokenError("malformed") from None
        if str(said.get("typ", "JWT")).lower().removeprefix("application/") not in _KINDS:
            raise TokenError("kind")
        kid = said.get("kid")
        if not isinstance(kid, str | None):
            raise TokenError("malformed")
        return cls(said.get("alg"), claimed.get("iss"), kid)


def _object(part: str) -> dict[str, Any]:
    found = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  # as what cannot be read
    return found


class Verifier:
    """Accepts the tokens of one issuer for one audience.

    `algorithms` are ours to choose, never the token's: each key is for one of them, and a key of
    another is refused. `leeway`: seconds that the issuer's clock and ours may differ.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | Collection[str],
        algorithms: Collection[str],
        keys: Keys,
        leeway: int = 0,
    ) -> None:
        self.issuer = issuer
        self.algorithms = frozenset(algorithms)
        self.leeway = leeway
        self._audience = audience
        self._keys = keys

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer, audience and times are right.

        Raises:
            TokenError: why it is not accepted.
            KeysUnavailableError: the issuer's keys are not there, for a passing reason.
        """
        return await self.verified(token, Unverified.of(token))

    async def verified(self, token: str, said: Unverified) -> dict[str, Any]:
        """The same, of a token that was looked at before."""
        if said.issuer != self.issuer:  # before its issuer is asked for keys
            raise TokenError("issuer")
        if said.algorithm not in list(self.algorithms):  # a list: it may be anything
            raise TokenError("algorithm")
        key = await self._keys.find(said.kid)
        try:
            claims = jwt.decode(
                token,
                key,
                list(self.algorithms),
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
                issuer=self.issuer,
                audience=self._audience,
                leeway=self.leeway,
            )
        except jwt.PyJWTError as error:
            raise TokenError(_REASONS.get(type(error), "malformed")) from None
        return claims | {"iss": self.issuer}  # one text for all that are remembered
