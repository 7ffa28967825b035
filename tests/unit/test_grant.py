"""What claims allow."""

from typing import Any

import pytest

from gateway.auth.errors import TokenError
from gateway.auth.grant import Grant, TokenScope
from schemas.arrivals import StopId


def grant(**claims: Any) -> Grant:
    return Grant.of({"iss": "us", "sub": "me", "exp": 2_000_000_000, **claims}, leeway=10)


def test_a_grant_ends_when_the_token_does_with_leeway() -> None:
    assert grant().expires == 2_000_000_010
    assert grant(exp=2_000_000_000.9).expires == 2_000_000_010  # as the verification counts


def test_scopes_that_we_do_not_know_allow_nothing() -> None:
    assert grant(scope="openid boards:write boards:read  admin").scopes == {
        TokenScope.BOARDS,
        TokenScope.ADMIN,
    }
    assert grant(scope="BOARDS:READ boards").scopes == set()
    assert grant().scopes == set()


@pytest.mark.parametrize(
    ("globs", "stop", "opens"),
    [
        (None, "metro:12", True),
        ([], "metro:12", False),
        (["metro"], "metro:12", True),
        (["metro"], "metropolis:12", False),
        (["metro:*"], "metro:12", True),
        (["metro:12"], "metro:12", True),
        (["metro:12"], "metro:123", False),
        (["metro:12"], "Metro:12", False),
        (["metro:1?"], "metro:12", True),
        (["metro:1*"], "bus:12", False),
        (["*:12"], "bus:12", True),
        (["*"], "bus:12", True),
        (["bus", "metro:1*"], "metro:12", True),
        (["metro:a/b"], "metro:a/b", True),
        (["metro:*"], "metro:a\nb", True),
        (["metro:12\n"], "metro:12", False),
        (["metro:12"], "metro:12\n", False),
        (["metro:[12]"], "metro:1", True),
        (["metro:[[]1]"], "metro:[1]", True),
        ([""], "metro:12", False),
    ],
)
def test_a_glob_opens_stops(globs: list[str] | None, stop: str, opens: bool) -> None:  # noqa: FBT001
    assert grant(stops=globs).opens(StopId.parse(stop)) is opens


def test_a_glob_of_many_stars_takes_no_time() -> None:
    assert not grant(stops=["metro:" + "*a" * 300 + "b"]).opens(StopId("metro", "a" * 3000))


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None}, {"sub": 1}, {"sub": ""}, {"sub": "x" * 256}, {"exp": None}, {"exp": "1"},
        {"exp": float("nan")}, {"exp": float("inf")}, {"exp": 0}, {"scope": None}, {"scope": []},
        {"stops": "metro"}, {"stops": {}}, {"stops": [None]}, {"stops": ["a"] * 51},
    ],
)  # fmt: skip
def test_a_malformed_claim_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        grant(**claims)
