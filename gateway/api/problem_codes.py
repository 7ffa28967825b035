"""Every code of a problem, with its status and when it comes (docs/protocol.md, "Errors")."""

from http import HTTPStatus
from typing import NamedTuple


class ProblemCode(NamedTuple):
    """`everywhere`: no operation lists it, since it comes before it is known which one is meant."""

    status: int
    when: str
    everywhere: bool = False


CODES = {
    "malformed_request": ProblemCode(400, "This is no request of HTTP/1.1.", everywhere=True),
    "several_tokens": ProblemCode(400, "More than one token was sent."),
    "token_missing": ProblemCode(401, "This deployment asks for a token."),
    "token_expired": ProblemCode(401, "The token was valid once."),
    "token_invalid": ProblemCode(401, "The token is not valid; the detail says why."),
    "identity_token_invalid": ProblemCode(401, "The identity token is not accepted."),
    "identity_token_used": ProblemCode(401, "Each sign-in needs a new identity token."),
    "authorization_code_invalid": ProblemCode(401, "Apple does not take the code."),
    "refresh_token_invalid": ProblemCode(401, "Not valid, or not any more: sign in again."),
    "refresh_token_reused": ProblemCode(
        401, "It was used before: all that came of that sign-in is revoked."
    ),
    "scope_missing": ProblemCode(403, "The token lacks the scope that this needs."),
    "admin_only": ProblemCode(403, "From elsewhere, this needs the scope `admin`."),
    "stop_not_allowed": ProblemCode(403, "The token is not for this stop."),
    "unknown_stop": ProblemCode(404, "There is no stop of that id."),
    "unknown_feed": ProblemCode(404, "There is no feed of that id."),
    "stop_without_board": ProblemCode(
        404, "An entrance, node or boarding area; the detail names the stop that has the board."
    ),
    "unknown_provider": ProblemCode(404, "No such provider is configured."),
    "no_accounts": ProblemCode(404, "This deployment has no accounts."),
    "not_found": ProblemCode(404, "No such path.", everywhere=True),
    "method_not_allowed": ProblemCode(405, "Not by this method; see `Allow`.", everywhere=True),
    "body_too_large": ProblemCode(413, "The body is larger than any needs to be.", everywhere=True),
    "url_too_long": ProblemCode(414, "The URL is longer than any needs to be.", everywhere=True),
    "unsupported_media_type": ProblemCode(415, "The body must be `application/json`."),
    "malformed_body": ProblemCode(422, "The detail names the member and what is wrong."),
    "malformed_parameter": ProblemCode(422, "The detail names the parameter and what is wrong."),
    "rate_limited": ProblemCode(429, "Too many requests, or too many streams, of yours."),
    "headers_too_large": ProblemCode(431, "The header fields are too large.", everywhere=True),
    "internal_error": ProblemCode(
        500, "Our fault; the log has it under the `request_id`.", everywhere=True
    ),
    "no_transport": ProblemCode(
        501, "A stream was asked for through another server than `stopcast gateway`."
    ),
    "boards_not_ready": ProblemCode(503, "The feed's boards are not all there yet."),
    "live_store_unavailable": ProblemCode(503, "Redis is out of reach."),
    "database_unavailable": ProblemCode(503, "Postgres is out of reach; streams go on."),
    "draining": ProblemCode(503, "This gateway is being replaced; another serves."),
    "overloaded": ProblemCode(503, "This gateway takes no more at this moment; another does."),
    "provider_unavailable": ProblemCode(503, "The identity provider is out of reach."),
    "accounts_unavailable": ProblemCode(
        503, "There is no key to sign tokens with, or none was read yet."
    ),
    "keys_unavailable": ProblemCode(503, "The keys of the token's issuer are out of reach."),
    "http_version": ProblemCode(
        505, "A stream was asked for by HTTP/1.0, mostly by a proxy that must be told otherwise."
    ),
}


EVERYWHERE = tuple(code for code, problem in CODES.items() if problem.everywhere)


def title(status: int) -> str:
    """The phrase of an HTTP status."""
    return HTTPStatus(status).phrase
