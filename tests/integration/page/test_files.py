"""`/`, `/status` and `/static/`: what is served, and what it may load."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.page import FILES, STATIC, VERSION
from tests.client import PATIENCE
from tests.gateways import Gateway

PAGES = {"/": "index.html", "/status": "status.html"}


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{gateway.port}"
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        yield client


@pytest.mark.parametrize("path", [*PAGES, *(f"/static/{name}" for name in FILES)])
async def test_each_file_is_served_with_a_strict_policy(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.content == FILES[PAGES.get(path, path.removeprefix("/static/"))]
    policy = answer.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def test_a_file_that_a_browser_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    for coding in ("identity", "gzip"):
        headers = {"Accept-Encoding": coding}
        answer = await client.get("/static/page.js", headers=headers)
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.headers["cache-control"] == "no-cache"
        etag = answer.headers["etag"]
        again = await client.get(
            "/static/page.js", headers={**headers, "If-None-Match": f'"old", W/{etag}'}
        )
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


async def test_all_files_change_their_etag_together(client: httpx.AsyncClient) -> None:
    for path in [*PAGES, "/static/page.css", "/static/stopcast/stopcast.js"]:
        answer = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert answer.headers["etag"] == f'"{VERSION}"'


@pytest.mark.parametrize(
    "path", ["nothing.js", "../page.py", "%2e%2e/page.py", "stopcast", "", "stopcast/package.json"]
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/static/{path}")).status_code == 404


@pytest.mark.parametrize("name", PAGES.values())
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    text = FILES[name].decode()
    assert not re.findall(r"https?://|\son\w+=|style=|<style|<script>|@import|url\(", text)
    for link in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        assert link.removeprefix("/static/") in FILES


def test_every_module_of_the_page_is_asked_for_at_once() -> None:
    """Else a browser finds each one only when it has read the one before."""
    for page, script in (("index.html", "page.js"), ("status.html", "status.js")):
        loaded = set(re.findall(r'"/static/([^"]+\.js)"', FILES[page].decode()))
        imported = {script}
        for name in loaded:
            base = (STATIC / name).parent
            for path in re.findall(r'from "(\..+?)"', FILES[name].decode()):
                imported.add(str((base / path).resolve().relative_to(STATIC.resolve())))
        assert loaded == imported


@pytest.mark.parametrize(
    ("path", "script"),
    [("/", "search.js"), ("/?stop=demo:a&display=1", "wall.js"), ("/?stop=demo:a", None)],
)
async def test_what_only_some_addresses_load_is_named_beside_the_page(
    client: httpx.AsyncClient, path: str, script: str | None
) -> None:
    text = FILES["index.html"].decode()
    needed = []
    if script:
        assert f'import("./{script}")' in FILES["page.js"].decode()
        imported = re.findall(r'from "\./(.+?)"', FILES[script].decode())
        needed = [script, *(name for name in imported if f"/static/{name}" not in text)]
    for headers in ({}, {"If-None-Match": f'"{VERSION}-gzip"'}):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == (304 if headers else 200)
        links = re.findall(r"</static/(.+?)>; rel=modulepreload", answer.headers.get("link", ""))
        assert links == needed


def test_no_script_makes_markup_of_text() -> None:
    for name, content in FILES.items():
        if name.endswith(".js"):
            assert not re.findall(rb"innerHTML|outerHTML|insertAdjacentHTML|\beval\b", content)
