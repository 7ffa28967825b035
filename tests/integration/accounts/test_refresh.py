"""`POST /v1/auth/refresh` and `/v1/auth/revoke`: one line of tokens per sign-in, whatever happens."""

import asyncio
from typing import Any

import pytest
import structlog

from tests.client import PATIENCE
from tests.deployment import Deployment, somebody_waits
from tests.gateways import eventually

LATER = "UPDATE refresh_families SET rotated_at = rotated_at - interval '121 s'"


async def next_of(deployment: Deployment, token: str) -> str:
    answer = await deployment.refresh(token)
    assert answer.status_code == 200, answer.text
    following: str = answer.json()["refresh_token"]
    return following


async def refused(deployment: Deployment, token: str) -> str:
    answer = await deployment.refresh(token)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"
    code: str = answer.json()["code"]
    return code


@pytest.fixture
async def token(deployment: Deployment) -> str:
    given: str = (await deployment.sign_in())["refresh_token"]
    return given


async def test_a_refresh_gives_both_tokens_anew(deployment: Deployment, token: str) -> None:
    answer = await deployment.refresh(token)
    given = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert given["refresh_token"] != token
    assert given["access_token"].count(".") == 2
    assert len(await deployment.rows("refresh_families")) == 1


async def test_a_refresh_whose_answer_was_lost_is_told_the_same_again(
    deployment: Deployment, token: str
) -> None:
    second = await next_of(deployment, token)
    assert await next_of(deployment, token) == second
    assert await next_of(deployment, second) not in {token, second}


async def test_reuse_after_the_successor_was_used_revokes_all(
    deployment: Deployment, token: str
) -> None:
    third = await next_of(deployment, await next_of(deployment, token))
    assert await refused(deployment, token) == "refresh_token_reused"
    assert await refused(deployment, third) == "refresh_token_invalid"
    assert not await deployment.rows("refresh_families")


async def test_reuse_long_after_revokes_all(deployment: Deployment, token: str) -> None:
    second = await next_of(deployment, token)
    await deployment.postgres.execute(LATER)
    assert await refused(deployment, token) == "refresh_token_reused"
    assert await refused(deployment, second) == "refresh_token_invalid"


async def test_twenty_refreshes_at_once_make_one_line(deployment: Deployment, token: str) -> None:
    """Twenty retries of one refresh, as far as anybody can tell: all are told the one successor."""
    following = await asyncio.gather(*(next_of(deployment, token) for _ in range(20)))
    assert len(set(following)) == 1
    [family] = await deployment.rows("refresh_families")
    assert family["previous"] != family["current"]
    await next_of(deployment, following[0])


async def test_a_refresh_decides_by_what_came_of_one_before_it(
    deployment: Deployment, token: str
) -> None:
    """Else the late one would put the line back to where it was."""
    [family] = await deployment.rows("refresh_families")
    query = "UPDATE refresh_families SET current = $1, previous = $1"  # two refreshes further on
    async with deployment.postgres.transaction():
        await deployment.postgres.execute("SELECT FROM refresh_families FOR UPDATE")
        late = asyncio.create_task(refused(deployment, token))
        await somebody_waits(deployment.postgres)
        await deployment.postgres.execute(query, family["current"][::-1])
    assert await late == "refresh_token_reused"


async def test_twenty_reuses_at_once_leave_nothing(deployment: Deployment, token: str) -> None:
    newest = await next_of(deployment, await next_of(deployment, token))
    codes = await asyncio.gather(*(refused(deployment, token) for _ in range(20)))
    assert codes.count("refresh_token_reused") == 1
    assert codes.count("refresh_token_invalid") == 19
    assert await refused(deployment, newest) == "refresh_token_invalid"


async def test_a_thief_who_is_two_refreshes_ahead_ends_it_for_both(
    deployment: Deployment, token: str
) -> None:
    thiefs = await next_of(deployment, token)
    await next_of(deployment, thiefs)
    assert await refused(deployment, token) == "refresh_token_reused"
    assert await refused(deployment, thiefs) == "refresh_token_invalid"


async def test_a_thief_as_quick_as_the_owner_is_noticed_when_one_of_them_is_late(
    deployment: Deployment, token: str
) -> None:
    """What retries cost: SECURITY.md, what does not hold."""
    for _ in range(3):
        owners, thiefs = await next_of(deployment, token), await next_of(deployment, token)
        assert owners == thiefs
        token = owners
    await next_of(deployment, token)
    await deployment.postgres.execute(LATER)
    assert await refused(deployment, token) == "refresh_token_reused"
    assert not await deployment.rows("refresh_families")


async def test_a_token_of_thirty_days_ago_is_over(deployment: Deployment, token: str) -> None:
    await deployment.postgres.execute("UPDATE refresh_families SET expires_at = now()")
    assert await refused(deployment, token) == "refresh_token_invalid"


async def test_a_refresh_counts_the_thirty_days_anew(deployment: Deployment, token: str) -> None:
    soon = "UPDATE refresh_families SET expires_at = now() + interval '1 minute'"
    await deployment.postgres.execute(soon)
    await next_of(deployment, token)
    query = "SELECT expires_at > now() + interval '29 days 23 hours' FROM refresh_families"
    assert await deployment.postgres.fetchval(query)


async def test_rows_that_expired_go_with_the_next_sign_in(
    deployment: Deployment,
) -> None:
    await deployment.sign_in()
    await deployment.sign_in()
    await deployment.postgres.execute("UPDATE refresh_families SET expires_at = now()")
    await next_of(deployment, (await deployment.sign_in())["refresh_token"])
    assert len(await deployment.rows("refresh_families")) == 1


@pytest.mark.parametrize("text", ["scr_" + "A" * 64, "scr_short", "é" * 68, "\0", "eyJ.eyJ.x"])
async def test_what_never_was_a_token_is_not_one(deployment: Deployment, text: str) -> None:
    assert await refused(deployment, text) == "refresh_token_invalid"


async def test_one_device_signs_out_and_the_other_stays(deployment: Deployment, token: str) -> None:
    other = (await deployment.sign_in())["refresh_token"]
    answer = await deployment.post("revoke", {"refresh_token": token})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert await refused(deployment, token) == "refresh_token_invalid"
    await next_of(deployment, other)


async def test_signing_out_works_with_an_older_token_too(
    deployment: Deployment, token: str
) -> None:
    newest = await next_of(deployment, token)
    await deployment.post("revoke", {"refresh_token": token})
    assert await refused(deployment, newest) == "refresh_token_invalid"


@pytest.mark.parametrize("text", ["scr_" + "A" * 64, "nonsense"])
async def test_signing_out_with_no_token_of_ours_is_done_at_once(
    deployment: Deployment, text: str
) -> None:
    assert (await deployment.post("revoke", {"refresh_token": text})).status_code == 204


MALFORMED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "no JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "malformed_body", "JSON"),
    "not UTF-8": ({"content": b'{"refresh_token": "\xff"}', "headers": {"Content-Type": "application/json"}}, 422, "malformed_body", ""),
    "half a character": ({"content": b'{"refresh_token": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 422, "malformed_body", ""),
    "a list": ({"json": []}, 422, "malformed_body", ""),
    "nothing": ({}, 415, "unsupported_media_type", "application/json"),
    "a form": ({"data": {"refresh_token": "x"}}, 415, "unsupported_media_type", "application/json"),
    "no token": ({"json": {}}, 422, "malformed_body", "refresh_token: "),
    "a number": ({"json": {"refresh_token": 7}}, 422, "malformed_body", "refresh_token: "),
    "an endless one": ({"json": {"refresh_token": "s3cret" * 100}}, 422, "malformed_body", "refresh_token: "),
    "too large": ({"json": {"refresh_token": "s3cret" * 2000}}, 413, "body_too_large", "8192"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
@pytest.mark.parametrize("step", ["refresh", "revoke"])
async def test_a_body_is_refused_that_is(deployment: Deployment, step: str, case: str) -> None:
    sent, status, code, said = MALFORMED[case]
    answer = await deployment.client.post(f"/v1/auth/{step}", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert said in answer.json()["detail"]
    assert "s3cret" not in answer.text


HEAD = b"POST /v1/auth/refresh HTTP/1.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Content-Length: 80\r\n\r\n{", 0),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"800\r\n%b\r\n" % (b" " * 2048) * 5, 413),
    ],
)
async def test_a_body_that_never_ends_is_nobodys_fault(
    deployment: Deployment, sent: bytes, status: int
) -> None:
    """Its client leaves, or sends too much of it."""
    requests = deployment.app.state.hub.counts.requests
    with structlog.testing.capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", deployment.client.base_url.port)
        writer.write(HEAD + sent)
        if status:
            async with asyncio.timeout(PATIENCE):
                assert (await reader.read()).startswith(b"HTTP/1.1 413")
        writer.transport.abort()
        await eventually(lambda: requests[status])
        await eventually(lambda: requests[0])
    assert requests.keys() == {0, status}
    assert {line["log_level"] for line in logs} == {"info"}
