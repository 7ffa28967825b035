"""Settings of tokens that cannot be meant end the start; `stopcast auth token` makes a token."""

import time
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result

import stopcast
from gateway.settings import GatewaySettings
from schemas.settings import SettingsError
from tests.key_server import SECRET


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"access": "token"}, "STOPCAST_TOKEN_SECRET, STOPCAST_TOKEN_KEYS or accounts"),
        ({"access": "closed"}, "STOPCAST_ACCESS"),
        ({"token_secret": "x" * 31}, "STOPCAST_TOKEN_SECRET: .*32 bytes"),
        ({"token_secret": ""}, "STOPCAST_TOKEN_SECRET"),
        ({"token_keys": "https://a.example/keys"}, "STOPCAST_TOKEN_KEYS needs STOPCAST_TOKEN_IS"),
        ({"token_keys": "http://a.example/keys", "token_issuer": "a"}, "STOPCAST_TOKEN_KEYS: "),
        ({"token_leeway": 3600}, "STOPCAST_TOKEN_LEEWAY"),
        ({"token_leeway": -1}, "STOPCAST_TOKEN_LEEWAY"),
        ({"token_issuer": ""}, "STOPCAST_TOKEN_ISSUER"),
        ({"token_audience": ""}, "STOPCAST_TOKEN_AUDIENCE"),
    ],
)
def test_what_cannot_be_meant_is_named(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as error:
        GatewaySettings.load(**given)
    assert "x" * 31 not in str(error.value)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(GatewaySettings.load(token_secret=SECRET))


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(stopcast.cli, ["auth", "token", *arguments], env=environment)


def test_a_token_is_one_line() -> None:
    result = run(
        "--scope", "boards:read", "--scope", "admin", "--ttl", "90d", "--sub", "wall display",
        "--stops", "metro", "--stops", "bus:1*", STOPCAST_TOKEN_SECRET=SECRET,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    claims = jwt.decode(result.output.strip(), SECRET, ["HS256"], audience="stopcast")
    assert abs(claims["exp"] - time.time() - 90 * 86400) < 60
    assert claims["scope"] == "boards:read admin"
    assert (claims["iss"], claims["sub"]) == ("stopcast", "wall display")
    assert claims["stops"] == ["metro", "bus:1*"]


@pytest.mark.parametrize(("ttl", "seconds"), [("90", 90), ("15m", 900), ("12h", 43200)])
def test_a_duration_has_a_unit(ttl: str, seconds: int) -> None:
    result = run("--scope", "admin", "--ttl", ttl, STOPCAST_TOKEN_SECRET=SECRET)
    claims = jwt.decode(result.output.strip(), SECRET, ["HS256"], audience="stopcast")
    assert claims["exp"] - claims["iat"] == seconds
    assert "stops" not in claims


@pytest.mark.parametrize("ttl", ["0", "-1", "1w", "h", "1.5h", "9999999999"])
def test_another_duration_is_refused(ttl: str) -> None:
    result = run("--scope", "admin", "--ttl", ttl, STOPCAST_TOKEN_SECRET=SECRET)
    assert result.exit_code == 2


def test_without_a_secret_it_says_what_to_set() -> None:
    result = run("--scope", "admin")
    assert isinstance(result.exception, SettingsError)
    assert "STOPCAST_TOKEN_SECRET" in str(result.exception)
