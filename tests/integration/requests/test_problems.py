"""What every answer has, and every error: a request id, problem+json, a line in the log."""

from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.live import LiveStore
from tests.gateways import eventually
from tests.served import Served


def lines(logs: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    return [line for line in logs if line["event"] == event]


async def test_every_answer_names_its_request(gateway: Served) -> None:
    first = await gateway.client.get("/healthz")
    second = await gateway.client.get("/nowhere")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert second.json()["request_id"] == second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123_DEF", True), ("a b", False), ("x" * 129, False), ("é", False)]
)
async def test_a_sane_request_id_of_the_client_is_kept(
    gateway: Served, given: str, *, kept: bool
) -> None:
    answer = await gateway.client.get("/healthz", headers={b"X-Request-ID": given.encode()})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]


async def test_an_unknown_path_is_a_problem(gateway: Served) -> None:
    answer = await gateway.client.get("/v2/nothing?token=secret")
    problem = answer.json()
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["type"] == "about:blank"
    assert (problem["title"], problem["status"]) == ("Not Found", 404)
    assert problem["code"] == "not_found"
    assert "/v2/nothing" in problem["detail"]
    assert "secret" not in answer.text


async def test_another_method_is_a_problem_that_names_the_right_ones(gateway: Served) -> None:
    answer = await gateway.client.post("/v1/stops/demo:a/board")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_redis_away_is_a_passing_problem_that_names_no_host(gateway: Served) -> None:
    away, gateway.app.state.live = gateway.app.state.live, LiveStore.connect("redis://127.0.0.1:1")
    with structlog.testing.capture_logs() as logs:
        answer = await gateway.client.get("/v1/stops/demo:a/board")
    gateway.app.state.live = away
    assert (answer.status_code, answer.json()["code"]) == (503, "live_store_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answer.text
    [line] = lines(logs, "request")
    assert "Redis" in line["error"]


async def test_a_fault_of_ours_is_logged_with_the_id_and_shows_no_trace(gateway: Served) -> None:
    async def fail(_: Request) -> Response:
        raise ZeroDivisionError("inner matter")

    gateway.app.router.routes.append(Route("/fail", fail))
    with structlog.testing.capture_logs() as logs:
        answer = await gateway.client.get("/fail", headers={"X-Request-ID": "mine"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "mine"
    assert "inner matter" not in answer.text
    [failure] = lines(logs, "request_failed")
    assert failure["request_id"] == "mine"
    [line] = lines(logs, "request")
    assert line["status"] == 500


async def test_a_request_is_logged_without_its_query_string(gateway: Served) -> None:
    with structlog.testing.capture_logs() as logs:
        await gateway.client.get("/healthz?token=secret", headers={"X-Request-ID": "mine"})
    [line] = lines(logs, "request")
    assert line["method"] == "GET"
    assert line["path"] == "/healthz"
    assert line["status"] == 200
    assert line["request_id"] == "mine"
    assert line["seconds"] >= 0
    assert "secret" not in str(logs)


async def test_a_stream_is_logged_when_it_ends(gateway: Served) -> None:
    await gateway.tell()
    await gateway.publish("demo:a", 1)
    with structlog.testing.capture_logs() as logs:
        async with gateway.client.stream("GET", "/v1/stops/demo:a/stream") as answer:
            assert answer.headers["x-request-id"]
            await anext(answer.aiter_bytes())
            assert lines(logs, "request") == []
        await eventually(lambda: lines(logs, "request"))
    [line] = lines(logs, "request")
    assert (line["path"], line["status"]) == ("/v1/stops/demo:a/stream", 200)


async def test_a_path_that_is_not_ascii_does_no_harm(gateway: Served) -> None:
    await gateway.publish("demo:é", 1)
    status, _ = await gateway.raw("/v1/stops/demo:é/board")
    assert status == 400  # by the HTTP parser: a URI is ASCII (RFC 3986)
    assert (await gateway.client.get("/healthz")).status_code == 200
