"""The API document: valid, complete, and true to the types, the code and the protocol."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV32SpecValidator
from starlette.routing import Route

from gateway.api.events import EVENTS, transcript
from gateway.api.problem_codes import CODES
from gateway.api.reference import reference
from gateway.app import create_app
from gateway.auth.rules import RULES
from gateway.settings import GatewaySettings
from schemas import merge_patch
from schemas.arrivals import Board
from schemas.event_reader import Event, EventReader
from schemas.events import GoodbyeReason
from tests.contract import Contract

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
CONTRACT = Contract()
DOCUMENT = CONTRACT.document
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_the_document_is_openapi() -> None:
    OpenAPIV32SpecValidator(DOCUMENT).validate()


def test_every_route_is_described_and_nothing_else() -> None:
    app = create_app(GatewaySettings.load())
    routes = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert len(app.routes) == len([route for route in app.routes if isinstance(route, Route)])
    assert routes == {(path, method) for path, method, _ in OPERATIONS}


def test_each_operation_asks_for_the_scope_that_its_route_needs() -> None:
    rules = {re.sub(r":\w+}", "}", path): scope for path, scope in RULES.items()}
    for path, method, operation in OPERATIONS:
        ways = [way for way in operation["security"] if way]
        asked = {scope for way in ways for scopes in way.values() for scope in scopes}
        assert asked == ({rules[path]} - {None}), (method, path)


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_schema_is_referred_to() -> None:
    text = orjson.dumps(DOCUMENT).decode()
    for name in DOCUMENT["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, name


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_examples_of_answers_are_such_answers(path: str, method: str, operation: Any) -> None:
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if "example" in content:
                headers = dict.fromkeys(map(str.lower, response["headers"]), "")
                body = orjson.dumps(content["example"])
                headers["content-type"] = media_type
                CONTRACT.check_answer(path, int(status), headers, body, method)


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_examples_of_parameters_are_such_parameters(path: str, method: str, operation: Any) -> None:
    del path, method
    for parameter in operation.get("parameters", ()):
        CONTRACT._hold(parameter["schema"], parameter["example"])


def test_the_stream_that_is_shown_is_a_stream() -> None:
    events = [*EventReader().feed(transcript().encode())]
    assert [event.name for event in events] == ["feed", "snapshot", "patch", "heartbeat"]
    for event in events:
        CONTRACT.check_event(event)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.name)
def test_every_event_has_an_example(kind: Any) -> None:
    CONTRACT.check_event(Event(kind.name, kind.example, None))


def test_events_and_reasons_are_those_of_the_protocol() -> None:
    told = re.findall(r"^\| `(\w+)` \|.*\|.*\|.*\|$", PROTOCOL.split("### Resume")[0], re.MULTILINE)
    assert {kind.name for kind in EVENTS} == set(told)
    for reason in get_args(GoodbyeReason):
        assert f"`{reason}`" in PROTOCOL


def test_every_code_of_the_protocol_and_of_the_source_is_described() -> None:
    rows = re.findall(r"^\| (`.+`) \| [\d, ]+ \|", PROTOCOL.split("## Errors")[1], re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    source = "\n".join(path.read_text() for path in ROOT.glob("gateway/**/*.py"))
    raised = set(re.findall(r"Problem\(\s*\d+,\s*\"(\w+)\"", source))
    raised |= set(re.findall(r"unavailable\(\s*\"(\w+)\",", source))
    assert told
    assert raised
    assert told | raised <= set(CODES)


# -- a patch is what the server makes of two boards -------------------------------------------------

BOARDS = st.from_type(Board)


@given(BOARDS, BOARDS)
def test_a_patch_from_any_board_to_any_other_is_a_patch(before: Board, after: Board) -> None:
    CONTRACT.check("Board", before)
    patch = merge_patch.diff(before, after) | {"stop_id": "f:s", "version": 1}
    CONTRACT.check("BoardPatch", patch)


IDENTITY = {"stop_id": "f:s", "version": 1}


@pytest.mark.parametrize(
    "patch",
    [
        {"version": 1},
        {"stop_id": "f:s"},
        IDENTITY | {"stop_id": None},
        IDENTITY | {"arrivals": None},
        IDENTITY | {"stop": {"timezone": None}},
        IDENTITY | {"arrivals": {"k": {"status": None}}},
        IDENTITY | {"arrivals": {"k": {"status": "late"}}},
        IDENTITY | {"arrivals": {"k": {"delay": "40"}}},
        IDENTITY | {"arrivals": {"k": {"vehicle": {"lat": "north"}}}},
        IDENTITY | {"arrivals": {"k": {"alerts": [None]}}},
        IDENTITY | {"arrivals": []},
        IDENTITY | {"surprise": 1},
    ],
)
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    with pytest.raises(AssertionError):
        CONTRACT.check_event(Event("patch", patch, "1"))


@pytest.mark.parametrize(
    ("name", "data", "identifier"),
    [
        ("snapshot", {"stop_id": "f:s", "version": 1}, "1"),
        ("feed", {"feed_id": "f", "status": "well", "timestamp": 1, "now": 1}, None),
        ("feed", {"feed_id": "f", "status": "live", "timestamp": 1.5, "now": 1}, None),
        ("heartbeat", {"feeds": {"f": {"status": "live", "now": 1}}}, None),
        ("gone", {}, None),
        ("goodbye", {"reason": "tired"}, None),
        ("patch", IDENTITY, "v1"),
        ("hello", {}, None),
    ],
)
def test_a_wrong_event_is_refused(name: str, data: Any, identifier: str | None) -> None:
    with pytest.raises(AssertionError):
        CONTRACT.check_event(Event(name, data, identifier))


# -- the page -----------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a test asks about the page; elements that are not closed in order are counted."""

    VOID = ("meta", "link", "wbr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(told)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [told["href"] or ""] if "href" in told else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


PAGE = Page(reference(DOCUMENT))


def test_the_page_loads_nothing_but_its_style_and_runs_nothing() -> None:
    assert [link for link in PAGE.links if not link.startswith("#")] == [
        "/docs/style.css",
        "/",
        "/openapi.json",
    ]
    assert PAGE.tags.isdisjoint({"script", "style", "img", "iframe", "object"})
    assert not [name for name in PAGE.attributes if name in ("style", "src") or name[:2] == "on"]
    style = (ROOT / "gateway/api/style.css").read_text()
    assert not re.findall(r"url\(|@import|https?:", style)


def test_every_element_of_the_page_is_closed() -> None:
    assert PAGE.open == ["html"]  # whose end HTML leaves open to leave out


def test_every_link_of_the_page_leads_somewhere() -> None:
    assert len(set(PAGE.ids)) == len(PAGE.ids)
    assert {link[1:] for link in PAGE.links if link.startswith("#")} <= set(PAGE.ids)


def test_the_page_has_every_operation_and_every_schema() -> None:
    names = {operation["operationId"] for _, _, operation in OPERATIONS}
    assert names | set(DOCUMENT["components"]["schemas"]) <= set(PAGE.ids)


def test_text_of_the_document_is_no_markup() -> None:
    shown = reference({**DOCUMENT, "info": {**DOCUMENT["info"], "summary": "<b onclick=x>&"}})
    assert "&lt;b onclick=x&gt;&amp;" in shown
