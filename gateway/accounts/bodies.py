"""JSON bodies of requests, read by a pydantic model; what is wrong reaches the client by name."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from gateway.parameters import faults
from gateway.problems import Problem

Model = TypeVar("Model", bound=BaseModel)


class SignIn(BaseModel):
    """What an app got from its provider."""

    model_config = ConfigDict(hide_input_in_errors=True)

    identity_token: str = Field(
        min_length=1,
        repr=False,
        description="As the provider gave it (`identityToken`, `id_token`).",
    )
    nonce: str = Field(
        min_length=16,
        max_length=128,
        repr=False,
        description="Random, new for each sign-in; the provider was given the SHA-256 of it, "
        "in lower-case hex.",
    )
    authorization_code: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        repr=False,
        description="Apple's, where the deployment has a key of Apple's.",
    )


class HeldToken(BaseModel):
    """A refresh token, to be used or ended."""

    model_config = ConfigDict(hide_input_in_errors=True)

    refresh_token: str = Field(min_length=1, max_length=256, repr=False)


async def body(model: type[Model], request: Request) -> Model:
    """The body as `model`; members that it does not name are ignored.

    Raises:
        Problem: 415, or 422 naming every member that is wrong and why.
        ClientDisconnect: it left before the end, or the body became too large
            (gateway/protocol.py).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "unsupported_media_type", "The body must be application/json.")
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise Problem(422, "malformed_body", faults(error)) from None
