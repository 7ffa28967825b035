"""`/openapi.json` and `/docs` as they are served."""

import pytest

from tests.served import Served

PATHS = ["/openapi.json", "/docs", "/docs/style.css"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_document_is_asked_for_once(gateway: Served, path: str) -> None:
    first = await gateway.client.get(path)
    assert first.status_code == 200
    assert first.headers["cache-control"] == "public, max-age=300"
    again = await gateway.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", PATHS)
async def test_a_document_is_the_same_in_gzip(gateway: Served, path: str) -> None:
    packed = await gateway.client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await gateway.client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.num_bytes_downloaded < 25_000


async def test_the_reference_may_load_its_style_and_nothing_else(gateway: Served) -> None:
    answer = await gateway.client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; base-uri 'none'")


async def test_the_document_tells_the_limits_of_this_gateway(gateway: Served) -> None:
    document = (await gateway.client.get("/openapi.json")).json()
    [stop] = [
        parameter
        for parameter in document["paths"]["/v1/stream"]["get"]["parameters"]
        if parameter["name"] == "stop"
    ]
    assert stop["schema"]["maxItems"] == gateway.app.state.settings.max_stops
