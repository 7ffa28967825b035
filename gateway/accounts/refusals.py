"""What goes wrong with accounts, as clients see it. docs/protocol.md lists the codes."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from gateway.accounts.accounts import CodeMissingError, ReplayError, UnknownProviderError
from gateway.accounts.apple import AppleError, CodeError
from gateway.accounts.identity import NonceError
from gateway.accounts.key_ring import SigningKeyError
from gateway.accounts.refresh_tokens import RefreshTokenError
from gateway.accounts.vault import VaultError
from gateway.auth.bearer import challenge
from gateway.auth.errors import KeysUnavailableError, TokenError
from gateway.problems import Problem, unavailable
from schemas.errors import StopcastError

_CHALLENGE = challenge()  # of the scheme that is there; these tokens came in the body, though
_NONCE = (
    "The identity token was not made for this nonce: "
    "it must hold the SHA-256 of it, in lower-case hex."
)
_REUSED = "The refresh token was used before. All that came of that sign-in is revoked."
_OVER = "The refresh token is not valid, or not any more."


@contextmanager
def refusals(scope: Scope) -> Iterator[None]:
    """Turn what the block raises into problems; the log gets the text of what is ours to mend."""
    try:
        yield
    except UnknownProviderError as error:
        raise Problem(404, "unknown_provider", str(error)) from None
    except CodeMissingError as error:
        raise Problem(422, "malformed_body", f"authorization_code: {error}") from None
    except (TokenError, ReplayError, CodeError, RefreshTokenError) as error:
        raise _unauthorized(error) from None
    except (AppleError, KeysUnavailableError) as error:
        scope["error"] = str(error)
        raise unavailable("provider_unavailable", "The provider is out of reach.") from None
    except (SigningKeyError, VaultError) as error:
        scope["error"] = str(error)
        raise unavailable("accounts_unavailable", "Accounts are not ready here.") from None


def _unauthorized(error: StopcastError) -> Problem:
    """Sign in again, says each of them."""
    if isinstance(error, RefreshTokenError):
        if error.reused:
            return Problem(401, "refresh_token_reused", _REUSED, _CHALLENGE)
        return Problem(401, "refresh_token_invalid", _OVER, _CHALLENGE)
    if isinstance(error, ReplayError):
        detail = "The identity token was used before: each sign-in needs a new one."
        return Problem(401, "identity_token_used", detail, _CHALLENGE)
    if isinstance(error, CodeError):
        detail = f"Apple does not take the code: {error}."
        return Problem(401, "authorization_code_invalid", detail, _CHALLENGE)
    detail = str(error).replace("The token", "The identity token")
    if isinstance(error, NonceError):
        detail = _NONCE
    return Problem(401, "identity_token_invalid", detail, _CHALLENGE)
