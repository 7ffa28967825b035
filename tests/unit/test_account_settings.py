"""What the settings of accounts must be; and that their secrets are not shown."""

import base64
import json
from typing import Any

import pytest

from gateway.accounts.settings import AccountSettings
from schemas.settings import SettingsError
from tests.issuer import APPLE_KEY

KEY = base64.b64encode(bytes(range(32))).decode()
WHOLE: dict[str, Any] = {
    "public_url": "https://boards.example.org",
    "account_key": KEY,
    "providers": json.dumps({"apple": {"client_ids": ["org.example.app"]}}),
}
APPLE = {"apple_team_id": "TEAM123456", "apple_key_id": "KEY1234567", "apple_key": APPLE_KEY}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {**WHOLE, **APPLE}.items():
        monkeypatch.setenv(f"STOPCAST_{name.upper()}", value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_apple_needs_only_the_apps_that_are_ours() -> None:
    apple = AccountSettings.load().providers["apple"]
    assert apple.issuer == "https://appleid.apple.com"
    assert apple.keys == "https://appleid.apple.com/auth/keys"
    assert apple.algorithms == ("RS256",)


@pytest.mark.usefixtures("environment")
def test_secrets_are_not_shown() -> None:
    settings = AccountSettings.load()
    shown = f"{settings!r} {settings} {settings.model_dump()}"
    assert KEY not in shown
    assert repr(bytes(range(32)))[2:20] not in shown
    assert APPLE_KEY.splitlines()[1] not in shown


def test_accounts_are_off_without_any() -> None:
    settings = AccountSettings.load()
    assert settings.account_key is None
    assert settings.providers == {}


def test_a_public_url_alone_is_no_account() -> None:
    assert AccountSettings.load(public_url="https://boards.example.org").account_key is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no key": ({"account_key": None}, "accounts need STOPCAST_ACCOUNT_KEY"),
    "no providers": ({"providers": "{}"}, "accounts need STOPCAST_PROVIDERS"),
    "no address": ({"public_url": None}, "accounts need STOPCAST_PUBLIC_URL"),
    "a short key": ({"account_key": "c2hvcnQ="}, "STOPCAST_ACCOUNT_KEY: .*32 bytes"),
    "a key that is no base64": ({"account_key": "!" * 44}, "STOPCAST_ACCOUNT_KEY: .*base64"),
    "an address for all to read": ({"public_url": "http://b.example"}, "STOPCAST_PUBLIC_URL: "),
    "an address that is none": ({"public_url": "boards"}, "STOPCAST_PUBLIC_URL: .*URL"),
    "providers that are no JSON": ({"providers": "{"}, "STOPCAST_PROVIDERS: .*no JSON"),
    "providers that are a list": ({"providers": "[]"}, "STOPCAST_PROVIDERS: "),
    "a provider without client ids": (
        {"providers": '{"apple": {}}'},
        r"STOPCAST_PROVIDERS\.apple\.client_ids: Field required",
    ),
    "an unknown provider without issuer": (
        {"providers": '{"mine": {"client_ids": ["a"], "keys": "https://a.example"}}'},
        r"STOPCAST_PROVIDERS\.mine\.issuer: Field required",
    ),
    "keys that anyone could answer for": (
        {"providers": '{"apple": {"client_ids": ["a"], "keys": "http://a.example"}}'},
        r"STOPCAST_PROVIDERS\.apple\.keys: ",
    ),
    "an algorithm with a shared secret": (
        {"providers": '{"apple": {"client_ids": ["a"], "algorithms": ["HS256"]}}'},
        r"STOPCAST_PROVIDERS\.apple\.algorithms",
    ),
    "a provider called as a step": (
        {"providers": json.dumps({"refresh": {**json.loads(WHOLE["providers"])["apple"], "issuer": "https://a.example", "keys": "https://a.example"}})},
        "'refresh' cannot be a provider's name",
    ),
    "half of Apple's key": ({"apple_key_id": "KEY"}, "STOPCAST_APPLE_TEAM_ID, STOPCAST_APPLE_KEY,"),
    "another key for Apple": ({**APPLE, "apple_key": "-----BEGIN"}, "STOPCAST_APPLE_KEY: .*p8"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_the_start_ends_with_what_is_wrong(case: str) -> None:
    changed, said = WRONG[case]
    with pytest.raises(SettingsError, match=said) as caught:
        AccountSettings.load(**{**WHOLE, **changed})
    assert KEY not in str(caught.value)


def test_apples_key_without_apple_is_a_mistake() -> None:
    provider = {"issuer": "https://a.example", "keys": "https://a.example", "client_ids": ["a"]}
    with pytest.raises(SettingsError, match="STOPCAST_APPLE_KEY needs 'apple'"):
        AccountSettings.load(**{**WHOLE, **APPLE, "providers": json.dumps({"mine": provider})})
