"""Why a token is not accepted."""

from schemas.errors import StopcastError

# By reason, which is a word for programs and metrics: what people read. Nothing of the token itself.
_TEXTS = {
    "malformed": "it is no JSON Web Token that can be read",
    "kind": "it is of another kind than access and identity tokens",
    "algorithm": "its algorithm is not accepted here",
    "issuer": "its issuer is not trusted here",
    "key_unknown": "its issuer has no such key",
    "signature": "its signature is wrong",
    "audience": "it is meant for another audience",
    "expired": "it has expired",
    "not_yet_valid": "it is not valid yet",
    "claims": "a claim is missing or malformed",
}


class TokenError(StopcastError):
    """A token that is not accepted; `reason` is one of a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The token is not accepted: {_TEXTS[reason]}.")
        self.reason = reason


class KeyUnknownError(TokenError):
    """The issuer has no key of this id."""

    def __init__(self) -> None:
        super().__init__("key_unknown")


class KeysUnavailableError(StopcastError):
    """An issuer's keys could not be read even once, so nothing can be said of its tokens."""
