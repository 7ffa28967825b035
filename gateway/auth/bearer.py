"""The token that a request carries, and how one is asked for (RFC 6750)."""

from starlette.datastructures import QueryParams
from starlette.types import Scope

from gateway.auth.errors import TokenError
from gateway.auth.grant import TokenScope
from gateway.problems import Problem, unavailable
from schemas.arrivals import StopId


def sent_token(scope: Scope, *, in_query: bool = False) -> str | None:
    """The token in `Authorization: Bearer`, or, where allowed, in the parameter `access_token`.

    Other schemes of Authorization are somebody else's, say a proxy's.

    Raises:
        Problem: 400, there are several; who checks another than we do would be fooled.
    """
    found = [
        value[7:].decode("latin-1").strip()
        for name, value in scope["headers"]
        if name == b"authorization" and value[:7].lower() == b"bearer "
    ]
    if in_query and b"access_token" in scope["query_string"]:
        found += QueryParams(scope["query_string"]).getlist("access_token")
    if len(found) > 1:
        detail = "One token, please: in `Authorization`, or in `access_token`."
        raise Problem(400, "several_tokens", detail, challenge(error="invalid_request"))
    return found[0] if found else None


def no_token(needed: TokenScope) -> Problem:
    detail = f"This needs a token with the scope {needed} (`Authorization: Bearer …`)."
    return Problem(401, "token_missing", detail, challenge(scope=needed))


def no_account_token() -> Problem:
    detail = "This needs the access token of an account (`Authorization: Bearer …`)."
    return Problem(401, "token_missing", detail, challenge())


def bad_token(error: TokenError) -> Problem:
    asked = challenge(error="invalid_token", error_description=str(error))
    if error.reason == "expired":
        return Problem(401, "token_expired", str(error), asked)
    return Problem(401, "token_invalid", str(error), asked)


def no_keys() -> Problem:
    return unavailable("keys_unavailable", "The keys of the token's issuer are out of reach.")


def no_scope(needed: TokenScope) -> Problem:
    detail = f"The token lacks the scope {needed}."
    asked = challenge(error="insufficient_scope", scope=needed)
    return Problem(403, "scope_missing", detail, asked)


def closed_stop(stop: StopId) -> Problem:
    return Problem(403, "stop_not_allowed", f"The token is not for the stop {str(stop)!r}.")


def challenge(**parameters: str) -> dict[str, str]:
    """What a 401 names (RFC 9110, section 15.5.2). Values are texts of ours: none needs escapes."""
    told = {"realm": "stopcast", **parameters}
    listed = ", ".join(f'{name}="{value}"' for name, value in told.items())
    return {"WWW-Authenticate": f"Bearer {listed}"}
