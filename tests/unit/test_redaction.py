"""What a log line may tell, and what not."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.redaction import HIDDEN, redacted

BEGIN = "-----BEGIN EC PRIVATE KEY-----"
SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2VjcmV0"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("GET /?access_token=abc&stop=a", f"GET /?access_token={HIDDEN}&stop=a"),
        ("Authorization: Bearer abc", f"Authorization: Bearer {HIDDEN}"),
        ("(b'authorization', b'Bearer abc')", f"(b'authorization', b'Bearer {HIDDEN}')"),
        ('{"Authorization": "abc"}', f'{{"Authorization": "{HIDDEN}"}}'),
        ("redis://:abc@host:1/0", f"redis://:{HIDDEN}@host:1/0"),
        (f"token {SIGNED}: bad", f"token {HIDDEN}: bad"),
        (f"scr_{'aZ-_' * 16} twice", f"{HIDDEN} twice"),
        ('{"refresh_token": "abc", "a": 1}', f'{{"refresh_token": "{HIDDEN}", "a": 1}}'),
        ("{'nonce': 'abc', 'a': 1}", f"{{'nonce': '{HIDDEN}', 'a': 1}}"),
        (
            r'"body": "{\"identity_token\":\"abc\"}"',
            rf'"body": "{{\"identity_token\":\"{HIDDEN}\"}}"',
        ),
        (
            "SignIn(nonce='abc', password=\"abc\")",
            f"SignIn(nonce='{HIDDEN}', password=\"{HIDDEN}\")",
        ),
        ("(authorization_code=b'abc')", f"(authorization_code=b'{HIDDEN}')"),
        ("?to=%2Fv1%3Faccess_token=abc", f"?to=%2Fv1%3Faccess_token={HIDDEN}"),
        ("?to=%2Fv1%3Faccess_token%3Dabc", f"?to=%2Fv1%3Faccess_token%3D{HIDDEN}"),
        ("X-Api-Key: abc", f"X-Api-Key: {HIDDEN}"),
        ("{'x-api-key': 'abc', 'a': 1}", f"{{'x-api-key': '{HIDDEN}', 'a': 1}}"),
        ("Authorization: Token abc", f"Authorization: {HIDDEN}"),
        ('Authorization: Digest a="me", response="abc"', f"Authorization: {HIDDEN}"),
        (
            "{'Authorization': 'Digest a=\"abc\"', 'a': 1}",
            f"{{'Authorization': '{HIDDEN}', 'a': 1}}",
        ),
        ('{"authorization":"Token abc=","a":"b"}', f'{{"authorization":"{HIDDEN}","a":"b"}}'),
        ('{"authorization":"Token abc=","a":1}', f'{{"authorization":"{HIDDEN}","a":1}}'),
        (
            r'{"authorization":"Digest username=\"me\", response=\"abc\"","a":1}',
            f'{{"authorization":"{HIDDEN}","a":1}}',
        ),
        (f"{BEGIN}\nabc\n{BEGIN.replace('BEGIN', 'END')}", HIDDEN),
        (rf"key={BEGIN}\nabc", f"key={HIDDEN}"),
    ],
)
def test_a_secret_is_hidden_and_what_is_around_it_stays(line: str, shown: str) -> None:
    assert redacted(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "request method=GET path=/v1/stops/demo:a/board status=200",
        "draining streams=3 grace=5.0",
        "the bearer of this; authorization is open",
        "http://127.0.0.1:8000/v1/stops/demo:a",
        "access_token=",
        "authorization_code: is needed; refresh_token: Field required",
        "the header Authorization, x-api-key or another",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert redacted(line) == line


WORDS = [
    "authorization",
    "x-api-key",
    "password",
    "nonce",
    "=",
    ":",
    ",",
    "'",
    '"',
    " ",
    "b",
    "\\",
    "}",
]
WORDS += ["[", "]", "\n", "bearer ", "digest", "abc", "%3d", "redis://u:", "@h", SIGNED, BEGIN]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


@given(st.dictionaries(TEXTS, TEXTS | st.none() | st.lists(TEXTS, max_size=2), max_size=4))
def test_json_stays_json(told: dict[str, Any]) -> None:
    assert isinstance(orjson.loads(redacted(orjson.dumps(told).decode())), dict)
    assert isinstance(orjson.loads(redacted(json.dumps(told))), dict)


@given(st.text(), st.text("abcXYZ019._~+/-", min_size=8).map(lambda text: f"9{text}9"), st.text())
def test_a_token_in_a_url_is_hidden_wherever_it_stands(before: str, token: str, after: str) -> None:
    assert token not in redacted(f"access_token={token}&{after.replace(token, '')}")
    assert f"access_token={HIDDEN}" in redacted(f"{before} ?access_token={token}")
