"""The document as a page: plain HTML, made on the server, readable without a script."""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import orjson

from gateway.api.events import EVENTS, schema_name
from gateway.api.html import code, definitions, element, json_code, mark, prose, table, text
from gateway.api.json_schema import referred
from gateway.api.operation import PROBLEM_TYPE, Json
from gateway.api.operations import streams
from gateway.api.problem_codes import CODES
from gateway.api.schema_table import kind, link, schema_table

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Stopcast API</title>
<link rel="stylesheet" href="/docs/style.css">
"""

_CLIENT = """const boards = {}
const source = new EventSource("/v1/stops/demo:EMBR/stream")
for (const name of ["snapshot", "patch"]) source.addEventListener(name, ({data}) => {
  const d = JSON.parse(data)
  boards[d.stop_id] = name === "snapshot" ? d : mergePatch(boards[d.stop_id], d)
})
"""


def reference(document: Json) -> str:
    """The whole page."""
    main = [_intro(document), *_sections(document), _errors(), _schemas(document)]
    return (
        _HEAD
        + element("a", "Skip to the reference", href="#top", class_="skip")
        + element("header", _navigation(document))
        + element("main", "".join(main), id="top")
    )


def _navigation(document: Json) -> str:
    links = [_link("Introduction", "top", "group")]
    for tag in document["tags"]:
        links.append(_link(tag["name"], _slug(tag["name"]), "group"))
        links += [
            _link(operation["summary"], operation["operationId"])
            for _, _, operation in _operations(document, tag["name"])
        ]
    links += [_link("Errors", "errors", "group"), _link("Schemas", "schemas", "group")]
    brand = element("a", "Stopcast", href="/", class_="brand")
    menu = element("summary", "Contents") + element("ul", "".join(links))
    return brand + element("nav", element("details", menu, open=""), aria_label="Contents")


def _link(label: str, anchor: str, class_: str = "") -> str:
    return element("li", element("a", text(label), href=f"#{anchor}"), class_=class_)


def _intro(document: Json) -> str:
    info = document["info"]
    setup = (
        "# where your gateway listens; every example below uses it\nSTOPCAST=http://127.0.0.1:8000"
    )
    download = element("a", "openapi.json", href="/openapi.json")
    return (
        element("h1", f"{text(info['title'])} API {element('small', 'v' + text(info['version']))}")
        + element("p", text(info["summary"]), class_="lead")
        + prose(info["description"])
        + element("p", f"For programs: {download}, OpenAPI {text(document['openapi'])}.")
        + code(text(setup))
        + element("h2", "Tokens")
        + prose("Only where the operator asks for them. Either of:")
        + definitions(
            (text(name), prose(scheme["description"]))
            for name, scheme in document["components"]["securitySchemes"].items()
        )
    )


def _sections(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        name = tag["name"]
        operations = "".join(
            _operation(path, method, operation, document)
            for path, method, operation in _operations(document, name)
        )
        events = _events() if name == streams.TAG else ""
        head = _heading("h2", text(name), _slug(name)) + prose(tag["description"])
        yield element("section", head + events + operations)


def _operations(document: Json, tag: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield path, method, operation


def _events() -> str:
    rows = [
        [
            element("a", element("code", event.name), href=f"#{schema_name(event)}"),
            prose(event.when),
            link(event.data),
            "cursor" if event.numbered else "none",
        ]
        for event in EVENTS
    ]
    return (
        code(text(_CLIENT))
        + prose(
            "`mergePatch` is RFC 7396, ten lines in any language. Each event is one line of JSON:"
        )
        + table(("event", "when", "data", "id"), rows)
    )


def _operation(path: str, method: str, operation: Json, document: Json) -> str:
    verb = element("span", method.upper(), class_="verb")
    sample = f'{_curl(method, operation)} "$STOPCAST{operation["x-example"]}"'
    parts = [
        _heading("h3", text(operation["summary"]), operation["operationId"]),
        element("p", f"{verb} {element('code', mark(path))}", class_="path"),
        prose(operation["description"]),
        _scopes(operation),
        code(text(sample)),
        _parameters(operation.get("parameters", ())),
        _body(operation),
        _responses(operation["responses"], document),
    ]
    return element("article", "".join(parts))


def _curl(method: str, operation: Json) -> str:
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["example"]
        return f"curl --json '{orjson.dumps(body).decode()}'"
    if method != "get":
        return f'curl -X {method.upper()} -H "Authorization: Bearer $TOKEN"'
    return "curl -N" if streams.TAG in operation["tags"] else "curl"


def _scopes(operation: Json) -> str:
    scopes = {scope for way in operation["security"] for scopes in way.values() for scope in scopes}
    if not scopes:
        return ""
    return element("p", f"Scope {element('code', text(scopes.pop()))}", class_="scope")


def _parameters(parameters: Iterable[Json]) -> str:
    rows = [
        [
            element("code", text(each["name"])) + element("small", _where(each)),
            kind(each["schema"]),
            prose(each["description"]) + _example_of(each["example"]),
        ]
        for each in parameters
    ]
    return element("h4", "Parameters") + table(("name", "type", "meaning"), rows) if rows else ""


def _body(operation: Json) -> str:
    if "requestBody" not in operation:
        return ""
    schema: Json = operation["requestBody"]["content"]["application/json"]["schema"]
    needed = schema.get("required", ())
    rows = [
        [
            element("code", text(name)) + element("small", "required" if name in needed else ""),
            prose(member.get("description", "As it was given.")),
        ]
        for name, member in schema["properties"].items()
    ]
    return element("h4", "Body") + table(("member", "meaning"), rows)


def _where(parameter: Json) -> str:
    return f"{parameter['in']}, required" if parameter.get("required") else parameter["in"]


def _example_of(value: Any) -> str:
    shown = value[0] if isinstance(value, list) else value
    return element("p", f"Like {element('code', mark(str(shown)))}", class_="like")


def _responses(responses: Json, document: Json) -> str:
    return element("h4", "Answers") + "".join(
        _response(status, response, document)
        for status, response in responses.items()
        if status != "default"  # the errors that any request can meet are told once
    )


def _response(status: str, response: Json, document: Json) -> str:
    """The answer that one came for is open, the others are a click away."""
    label = element("b", status, class_=f"s{status[0]}") + " " + HTTPStatus(int(status)).phrase
    body = prose(response["description"]) + _headers(response["headers"], document)
    for media_type, content in response.get("content", {}).items():
        body += element("p", element("code", text(media_type)) + _schema_of(content))
        if media_type != PROBLEM_TYPE:
            body += _samples(content)
    opened = {"open": ""} if status == "200" else {}
    return element("details", element("summary", label) + body, class_="answer", **opened)


def _schema_of(content: Json) -> str:
    schema = content.get("itemSchema") or content.get("schema", {})
    name = referred(schema)
    if not name:
        return ""
    return (" of " if "itemSchema" in content else " ") + link(name)


def _samples(content: Json) -> str:
    if "example" in content:
        example = content["example"]
        return code(text(example) if isinstance(example, str) else json_code(example))
    samples = content.get("examples", {}).values()
    return "".join(code(text(_shortened(sample["serializedValue"]))) for sample in samples)


def _shortened(transcript: str, most: int = 150) -> str:
    """Its lines as wide as a page is; the schemas show data in full."""
    lines = transcript.rstrip().split("\n")
    return "\n".join(f"{line[:most]} …" if len(line) > most else line for line in lines)


def _headers(headers: Mapping[str, Json], document: Json) -> str:
    told = document["components"]["headers"]
    return definitions(
        (element("code", text(name)), prose(told[name]["description"])) for name in headers
    )


def _errors() -> str:
    rows = [
        [
            element("code", code_name),
            str(problem.status),
            prose(problem.when + (" Any request." if problem.everywhere else "")),
        ]
        for code_name, problem in CODES.items()
    ]
    told = "Branch on `code`; `detail` is for people. 429 and 503 come with `Retry-After`."
    head = _heading("h2", "Errors", "errors") + prose(told)
    return element("section", head + table(("code", "status", "when"), rows))


def _schemas(document: Json) -> str:
    shown = [
        element("article", _heading("h3", element("code", text(name)), name) + schema_table(schema))
        for name, schema in document["components"]["schemas"].items()
    ]
    head = _heading("h2", "Schemas", "schemas")
    told = "JSON Schema 2020-12, made from the types that the server itself is written with."
    return element("section", head + prose(told) + "".join(shown))


def _heading(level: str, label: str, anchor: str) -> str:
    link = element("a", "#", href=f"#{anchor}", class_="anchor", aria_label="Link to this")
    return element(level, label + link, id=anchor)


def _slug(label: str) -> str:
    return label.lower().replace(" ", "-")
