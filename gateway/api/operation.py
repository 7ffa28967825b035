"""One operation as it is declared, and what OpenAPI makes of it.

What all operations have in common (request ids, limits, our own faults) is added here, so that a
declaration says only what is its own.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

from gateway.api.json_schema import Schema, ref
from gateway.api.problem_codes import CODES, EVERYWHERE, title
from gateway.parameters import MAY_BE_EMPTY

Json = dict[str, Any]

PROBLEM_TYPE = "application/problem+json"

# Where the operator requires tokens; elsewhere none is needed, hence the empty choice.
_SECURITY_SCHEMES = ("bearer", "access_token")
_TOKEN_PROBLEMS = {
    *("several_tokens", "token_missing", "token_expired", "token_invalid"),
    *("scope_missing", "keys_unavailable", "overloaded"),
}

ANY_OTHER = "#/components/responses/AnyOther"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What success is. `headers` are names of the document's components."""

    description: str
    media_type: str | None = "application/json"
    schema: Schema | None = None
    example: Any = None
    content: Json | None = None  # instead of schema and example
    headers: tuple[str, ...] = ()

    def render(self) -> Json:
        """The Response Object."""
        told: Json = {"description": self.description, "headers": _headers(self.headers)}
        if self.media_type:
            content = self.content or {}
            if self.schema is not None:
                content = {"schema": self.schema}
            if self.example is not None:
                content["example"] = self.example
            told["content"] = {self.media_type: content}
        return told


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`scope`: what a token must have, None where none is ever asked for. `example`: path and query.

    `body`: the schema of the JSON that it takes, and an example.
    """

    name: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    parameters: Sequence[Json] = ()
    problems: Collection[str] = ()
    scope: str | None = None
    limited: bool = True
    body: tuple[Schema, Json] | None = None
    example: str

    def render(self) -> Json:
        """The Operation Object."""
        told: Json = {
            "operationId": self.name,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self.description,
            "responses": self._responses(),
            "x-example": self.example,
        }
        if self.parameters:
            told["parameters"] = [*self.parameters]
        if self.body is not None:
            schema, example = self.body
            content = {"application/json": {"schema": schema, "example": example}}
            told["requestBody"] = {"required": True, "content": content}
        if self.scope is None:
            told["security"] = []
        else:
            told["security"] = [{}, *({scheme: [self.scope]} for scheme in _SECURITY_SCHEMES)]
        return told

    def _responses(self) -> Json:
        responses = {str(status): answer.render() for status, answer in self.answers.items()}
        by_status: dict[int, list[str]] = defaultdict(list)
        for code in self._codes():
            by_status[CODES[code].status].append(code)
        responses |= {str(status): _problem(status, by_status[status]) for status in by_status}
        return {**dict(sorted(responses.items())), "default": {"$ref": ANY_OTHER}}

    def _codes(self) -> list[str]:
        codes = set(self.problems)
        if self.limited:
            codes.add("rate_limited")
        if self.scope is not None:
            codes |= _TOKEN_PROBLEMS
            if "unknown_stop" in codes:
                codes.add("stop_not_allowed")
        return [code for code in CODES if code in codes]


def _problem(status: int, codes: Sequence[str]) -> Json:
    """The Response Object of all problems of one status."""
    return {
        "description": _listed(codes),
        "headers": _headers(_PROBLEM_HEADERS.get(status, ())),
        "content": {
            PROBLEM_TYPE: {
                "schema": _one_of(codes),
                "example": {
                    "type": "about:blank",
                    "title": title(status),
                    "status": status,
                    "detail": CODES[codes[0]].when,
                    "code": codes[0],
                    "request_id": "6f1d3c0a9b5e4f27",
                },
            }
        },
    }


def any_other() -> Json:
    """The Response Object of what can happen to any request: a component."""
    return {
        "description": _listed(EVERYWHERE),
        "headers": _headers(()),
        "content": {PROBLEM_TYPE: {"schema": _one_of(EVERYWHERE)}},
    }


def _listed(codes: Sequence[str]) -> str:
    return "\n".join(f"- `{code}`: {CODES[code].when}" for code in codes)


def _one_of(codes: Sequence[str]) -> Schema:
    return {**ref("ProblemDetails"), "properties": {"code": {"enum": [*codes]}}}


_PROBLEM_HEADERS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}


def _headers(names: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


def parameter(where: str, name: str, description: str, schema: Schema, example: Any) -> Json:
    """The Parameter Object; one in the path is required."""
    needed = {"required": True} if where == "path" else {}
    told = {"name": name, "in": where, **needed, "description": description, "schema": schema}
    return {**told, "example": example}


def query_parameters(model: type[BaseModel]) -> list[Json]:
    """The Parameter Objects of what gateway/parameters.py reads, with its limits."""
    members: Mapping[str, JsonSchemaValue] = model.model_json_schema()["properties"]
    return [_query_parameter(name, dict(schema)) for name, schema in members.items()]


def _query_parameter(name: str, schema: Schema) -> Json:
    description, examples = schema.pop("description"), schema.pop("examples")
    schema.pop("title", None)
    if choices := schema.pop("anyOf", None):
        schema = {**choices[0], **schema}
    if schema["default"] is None:  # how the model says that it was not given
        del schema["default"]
    empty = {key: schema.pop(key) for key in MAY_BE_EMPTY if key in schema}
    return {**parameter("query", name, description, schema, examples[0]), **empty}
