"""`/`: the page as it is served, and its mergePatch against ours."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.page import PAGE
from schemas import merge_patch
from tests.served import Served

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


async def test_the_page_comes_whole_and_may_load_nothing_else(gateway: Served) -> None:
    answer = await gateway.client.get("/?stop=demo:any")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert not re.findall(r"https?://|src=|@import|url\(", answer.text)


async def test_the_page_is_allowed_its_own_script_and_style_only(gateway: Served) -> None:
    policy = (await gateway.client.get("/")).headers["content-security-policy"]
    assert re.search(r"script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}=';", policy)
    assert not re.findall(r"\son\w+=|style=|innerHTML|eval\(", PAGE)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
@given(cases=st.lists(st.tuples(JSON, JSON), min_size=40, max_size=60))
@settings(max_examples=5, deadline=None)
def test_the_pages_merge_patch_agrees_with_ours(cases: list[tuple[Any, Any]]) -> None:
    [function] = re.findall(r"^function mergePatch.*?^}", PAGE, re.MULTILINE | re.DOTALL)
    script = f"""{function}
    const cases = JSON.parse(require("fs").readFileSync(0, "utf8"))
    console.log(JSON.stringify(cases.map(([target, patch]) => mergePatch(target, patch))))"""
    run = subprocess.run(  # noqa: S603  # the script is ours
        ["node", "-e", script],  # noqa: S607  # where it is differs
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [merge_patch.apply(*case) for case in cases]
