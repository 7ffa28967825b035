"""The API document as a judge of real traffic: a violation is an AssertionError that says where.

Clients must ignore members that they do not know, so the document's schemas are open; the judge's
are closed, because a member that nobody described is a fault of ours.
"""

import json
from collections import Counter
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from gateway.api.document import document
from schemas.event_reader import Event

PROBLEM = "application/problem+json"


class Contract:
    """Judges events and answers; `seen` counts what was judged."""

    def __init__(self, max_stops: int = 50) -> None:
        self.document = document(max_stops)
        self.seen: Counter[str] = Counter()
        schemas = self.document["components"]["schemas"]
        closed = {name: _closed(schema) for name, schema in schemas.items()}
        self._components = {"components": {"schemas": closed}}
        self._validator = cache(self._make_validator)

    def schema(self, name: str) -> Any:
        return self.document["components"]["schemas"][name]

    def check(self, name: str, value: Any) -> None:
        """Hold a value against the component of that name."""
        self._hold({"$ref": f"#/components/schemas/{name}"}, value)

    def check_event(self, event: Event) -> None:
        """Hold an event against its schema, and its data against the schema inside that."""
        name = f"{event.name.capitalize()}Event"
        assert name in self.document["components"]["schemas"], f"nobody described {event.name}"
        told = {"event": event.name, "data": json.dumps(event.data)}
        if event.id is not None:
            told["id"] = event.id
        self.check(name, told)
        self._hold(self.schema(name)["properties"]["data"]["contentSchema"], event.data)
        self.seen[event.name] += 1
        for member in _members(event.data):
            self.seen[member] += 1

    def check_answer(
        self, path: str, status: int, headers: dict[str, str], body: bytes, method: str = "get"
    ) -> None:
        """Hold an answer against the operation's response of that status.

        What may happen to any request is only let pass where it did: not found, wrong method.
        """
        responses = self.document["paths"][path][method]["responses"]
        response = (
            responses.get(str(status)) or self.document["components"]["responses"]["AnyOther"]
        )
        told = set(response["headers"]) - {"Content-Encoding"}  # as the client asks
        assert {name.lower() for name in told} <= set(headers), f"{path} {status}: headers"
        content = response.get("content", {})
        media_type = headers.get("content-type", "").partition(";")[0]
        assert media_type in (content or {""}), f"{path} {status}: {media_type}"
        if media_type.endswith("json"):
            self._hold(content[media_type]["schema"], json.loads(body))
        self.seen[f"{path} {status}"] += 1

    def _hold(self, schema: Any, value: Any) -> None:
        errors = [
            f"{error.json_path}: {error.message}"
            for error in self._validator(json.dumps(schema)).iter_errors(value)
        ]
        assert not errors, errors[:5]

    def _make_validator(self, schema: str) -> Draft202012Validator:
        return Draft202012Validator({**json.loads(schema), **self._components})


def _closed(schema: Any) -> Any:
    if "properties" in schema and "event" not in schema["properties"]:
        return {**schema, "additionalProperties": False}
    return schema


def _members(value: Any, path: str = "") -> set[str]:
    """The members that occur in it, by path; null is marked."""
    if value is None:
        return {f"{path}=null"}
    if not isinstance(value, dict):
        return {path}
    below = (_members(each, f"{path}.{name}") for name, each in value.items())
    return {path}.union(*below)
