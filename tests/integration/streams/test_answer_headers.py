"""What every answer carries: bounds for browsers, and who may read it; plain answers and streams."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from gateway.auth.grant import TokenScope
from gateway.auth.rules import RULES
from gateway.settings import GatewaySettings
from schemas.settings import SettingsError
from tests.gateways import Gateway
from tests.publisher import Publisher

Run = Callable[..., AbstractAsyncContextManager[Gateway]]
PAGE = "https://app.example"
STRANGER = "https://stranger.example"


async def answers(gateway: Gateway, origin: str | None) -> dict[str, httpx.Headers]:
    """The headers of a stream and of plain answers, good and bad."""
    headers = {} if origin is None else {"Origin": origin}
    found = {}
    async with gateway.http() as http:
        for path in ["/v1/stops/demo:a/board", "/healthz", "/nowhere", "/v1/stream", "/"]:
            found[path] = (await http.get(path, headers=headers)).headers
        path = "/v1/stops/demo:a/stream"
        async with http.stream("GET", path, headers=headers) as stream:
            found[path] = stream.headers
    return found


async def test_every_answer_is_bounded_and_may_be_read_by_all(
    gateway: Gateway, demo: Publisher
) -> None:
    await demo.publish(demo.stop("a"))
    for origin in [None, STRANGER, "null"]:
        for path, headers in (await answers(gateway, origin)).items():
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in headers
            exposed = headers["access-control-expose-headers"].lower().split(", ")
            assert {"etag", "x-request-id", "retry-after", "ratelimit-reset"} <= set(exposed)
            policies = headers.get_list("content-security-policy")
            assert len(policies) == 1
            assert "default-src 'none'" in policies[0]
            assert "frame-ancestors 'none'" in policies[0]
            assert ("script-src" in policies[0]) is (path == "/")


async def test_only_listed_origins_may_read(run: Run, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    async with run(cors_origins=f"{PAGE}, http://localhost:3000") as gateway:
        for origin, allowed in [(PAGE, PAGE), (STRANGER, None), (PAGE + ".evil", None)]:
            for path, headers in (await answers(gateway, origin)).items():
                assert headers.get("access-control-allow-origin") == allowed, path
                assert "Origin" in headers.get_list("vary", split_commas=True)


async def test_no_origin_may_read_where_none_is_listed(run: Run, demo: Publisher) -> None:
    await demo.publish(demo.stop("a"))
    async with run(cors_origins="") as gateway:
        for headers in (await answers(gateway, STRANGER)).values():
            assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("origins", ["*", PAGE])
async def test_no_page_may_read_admin_routes(run: Run, origins: str) -> None:
    """Without a port of their own they are open to this machine, and so to its browsers."""
    preflight = {"Access-Control-Request-Method": "GET"}
    admin = [path for path, needed in RULES.items() if needed is TokenScope.ADMIN]
    assert admin
    async with run(cors_origins=origins) as gateway, gateway.http() as http:
        for path in admin:
            read = await http.get(path, headers={"Origin": PAGE})
            asked = await http.options(path, headers={"Origin": PAGE, **preflight})
            assert read.status_code == 200
            assert read.headers["x-content-type-options"] == "nosniff"
            for answer in (read, asked):
                assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/v1/stops/demo:a/stream", "/v1/stream?stop=demo:a", "/v1/feeds", "/v1/account", "/"]
)
async def test_a_browser_may_ask_first(run: Run, path: str) -> None:
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, last-event-id",
    }
    async with run(cors_origins=PAGE) as gateway, gateway.http() as http:
        good = await http.options(path, headers=asked)
        bad = await http.options(path, headers={**asked, "Origin": STRANGER})
    assert (good.status_code, good.content) == (204, b"")
    assert good.headers["access-control-allow-origin"] == PAGE
    assert "DELETE" in good.headers["access-control-allow-methods"]
    allowed = good.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "last-event-id", "if-none-match", "content-type"} <= set(allowed)
    assert good.headers["x-request-id"]
    assert "access-control-allow-origin" not in bad.headers


async def test_other_questions_about_options_are_answered_by_the_routes(gateway: Gateway) -> None:
    async with gateway.http() as http:
        answer = await http.options("/healthz")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("text", ["https://a.example/", "a.example", "https://*.a.example", "*,x"])
def test_what_no_browser_would_send_is_no_origin(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOPCAST_CORS_ORIGINS", text)
    with pytest.raises(SettingsError, match=r"STOPCAST_CORS_ORIGINS: .* is no origin"):
        GatewaySettings.load()


def test_origins_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOPCAST_CORS_ORIGINS", f"{PAGE},ionic://localhost ,")
    assert GatewaySettings.load().cors_origins == (PAGE, "ionic://localhost")
