"""What an app sends, and is given, is not shown by the objects that hold it."""

from typing import Any

import pytest

from gateway.accounts.accounts import Tokens
from gateway.accounts.bodies import HeldToken, SignIn
from gateway.accounts.identity import Identity
from gateway.accounts.refresh_tokens import RefreshToken

HELD: list[Any] = [
    SignIn(identity_token="hunter2", nonce="hunter2-hunter2-", authorization_code="hunter2"),  # noqa: S106
    HeldToken(refresh_token="hunter2"),  # noqa: S106
    Identity("https://id.example", "hunter2", "app", "hunter2-hunter2-"),
    Tokens("hunter2", RefreshToken(b"hunter2", b"hunter2")),
    RefreshToken(b"hunter2", b"hunter2"),
]


@pytest.mark.parametrize("held", HELD, ids=lambda held: type(held).__name__)
def test_no_repr_shows_a_secret(held: Any) -> None:
    assert "hunter2" not in f"{held!r} {[held]}"
    assert type(held).__name__ in repr(held)
