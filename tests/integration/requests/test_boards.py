"""`GET /v1/stops/{stop_id}/board`."""

import gzip
from urllib.parse import quote

import pytest

from tests.served import Served

STOP = "demo:central"
PATH = "/v1/stops/demo:central/board"


async def test_a_board_comes_as_its_owner_encoded_it(gateway: Served) -> None:
    board = await gateway.publish(STOP, 7, stop={"name": "Zürich"})
    answer = await gateway.client.get(PATH, headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == '"7"'
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in answer.headers
    assert answer.json() == board


async def test_a_board_is_compressed_for_those_who_accept_it(gateway: Served) -> None:
    board = await gateway.publish(STOP, 8, arrivals={str(n): {"status": "x"} for n in range(99)})
    answer = await gateway.client.get(PATH, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.num_bytes_downloaded < len(answer.content)
    assert answer.json() == board
    _, body = await gateway.raw(PATH, "Accept-Encoding: gzip")
    assert gzip.decompress(body) == answer.content


async def test_head_tells_the_version_without_the_board(gateway: Served) -> None:
    await gateway.publish(STOP, 9)
    answer = await gateway.client.head(PATH, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (200, '"9"', b"")


@pytest.mark.parametrize("tag", ['"7"', 'W/"7"', '"6", "7"', "*"])
async def test_a_version_that_the_client_has_is_not_sent_again(gateway: Served, tag: str) -> None:
    await gateway.publish(STOP, 7)
    headers = {"Accept-Encoding": "identity", "If-None-Match": tag}
    answer = await gateway.client.get(PATH, headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"7"'
    assert answer.headers["x-request-id"]
    await gateway.publish(STOP, 10)
    if tag != "*":
        answer = await gateway.client.get(PATH, headers=headers)
        assert (answer.status_code, answer.headers["etag"]) == (200, '"10"')


async def test_a_board_has_an_etag_for_each_coding(gateway: Served) -> None:
    """They are other bytes: whoever has the ones must not be told that he has the others."""
    await gateway.publish(STOP, 7)
    tags = {"identity": '"7"', "gzip": '"7-gzip"'}
    for accepted, tag in tags.items():
        for held in tags.values():
            headers = {"Accept-Encoding": accepted, "If-None-Match": held}
            answer = await gateway.client.get(PATH, headers=headers)
            assert answer.headers["etag"] == tag
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.status_code == (304 if held == tag else 200)
            coding = answer.headers.get("content-encoding", "identity")
            assert coding == ("identity" if held == tag else accepted)


@pytest.mark.parametrize(
    "gtfs_id",
    [
        "a/b",
        "x/board",
        "x/stream",
        "north side",
        "}{%41",
        "a:b:c",
        "München Hbf",
        "?#&=+",
        "駅",
        ".",
    ],
)
async def test_any_id_can_be_in_a_path_percent_encoded(gateway: Served, gtfs_id: str) -> None:
    stop_id = f"demo:{gtfs_id}"
    await gateway.publish(stop_id, 3)
    await gateway.publish("demo:x", 99)  # what a decoded `x/board/board` could be taken for
    status, body = await gateway.raw(f"/v1/stops/{quote(stop_id, safe='')}/board")
    assert status == 200
    assert f'"stop_id":"{stop_id}","version":3'.encode() in body


async def test_what_need_not_be_encoded_may_be_sent_as_it_is(gateway: Served) -> None:
    await gateway.publish("demo:a}b:c", 3)
    status, _ = await gateway.raw("/v1/stops/demo:a}b:c/board")
    assert status == 200


@pytest.mark.parametrize("path", ["/v1/stops/demo:a/b/board", "/v1/stops//board"])
async def test_a_slash_that_is_not_encoded_ends_the_id(gateway: Served, path: str) -> None:
    await gateway.publish("demo:a/b", 3)
    status, body = await gateway.raw(path)
    assert status == 404
    assert b'"code":"not_found"' in body


@pytest.mark.parametrize("stop_id", ["central", "demo:", ":central", "demo:%FF", "demo:a%00b"])
async def test_what_is_no_stop_id_is_a_malformed_parameter(gateway: Served, stop_id: str) -> None:
    status, body = await gateway.raw(f"/v1/stops/{stop_id}/board")
    assert status == 422
    assert b'"code":"malformed_parameter"' in body
    assert b"stop_id" in body


async def test_an_unknown_stop_of_a_complete_feed_does_not_exist(gateway: Served) -> None:
    await gateway.tell(complete=True)
    answer = await gateway.client.get("/v1/stops/demo:nowhere/board")
    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_stop"
    assert "'demo:nowhere'" in answer.json()["detail"]


async def test_an_entrance_is_told_where_its_board_is(gateway: Served) -> None:
    await gateway.tell(complete=True)
    await gateway.publisher.live.tell_parents("demo", {"door/1": "central"})
    answer = await gateway.client.get("/v1/stops/demo:door%2F1/board")
    assert answer.status_code == 404
    assert answer.json()["code"] == "stop_without_board"
    assert "demo:central" in answer.json()["detail"]


async def test_a_feed_that_nobody_told_of_does_not_exist(gateway: Served) -> None:
    await gateway.tell(complete=True)
    answer = await gateway.client.get("/v1/stops/elsewhere:central/board")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_feed")


@pytest.mark.parametrize("told", [True, False])
async def test_boards_that_may_still_come_are_worth_another_try(
    gateway: Served, *, told: bool
) -> None:
    if told:
        await gateway.tell(complete=False)
    answer = await gateway.client.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "boards_not_ready")
    assert int(answer.headers["retry-after"]) > 0


async def test_an_emptied_redis_does_not_make_stops_unknown(gateway: Served) -> None:
    await gateway.tell(complete=True)
    await gateway.publisher.live.redis.flushall()
    await gateway.publisher.live.redis.sadd("stopcast:feeds", "other")
    answer = await gateway.client.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "boards_not_ready")
