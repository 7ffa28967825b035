"""Whether a JSON Web Token was made by an issuer for us, and holds now (RFC 7519, RFC 8725)."""

from collections.abc import Collection
from typing import Any, NamedTuple, Self

import jwt

from gateway.auth.errors import TokenError
from gateway.auth.keys import Keys

# Characters; an access token of a large issuer has 2,000. What is longer is not parsed.
LONGEST = 8192

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
    """What a token says of itself: enough to choose who verifies it, and good for nothing else."""

    algorithm: object
    issuer: object
    kid: str | None

    @classmethod
    def of(cls, token: str) -> Self:
        """Read header and claims; the signature is not looked at.

        Raises:
            TokenError: `malformed`.
        """
        if len(token) > LONGEST or not token.isascii():
            raise TokenError("malformed")
        try:
            parts = jwt.decode_complete(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise TokenError("malformed") from None
        header = parts["header"]
        return cls(header.get("alg"), parts["payload"].get("iss"), header.get("kid"))


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
        said = Unverified.of(token)
        if said.issuer != self.issuer:  # before its issuer is asked for keys
            raise TokenError("issuer")
        if said.algorithm not in list(self.algorithms):  # a list: it may be anything
            raise TokenError("algorithm")
        key = await self._keys.find(said.kid)
        try:
            return jwt.decode(
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
