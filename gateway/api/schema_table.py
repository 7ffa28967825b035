"""A JSON Schema in words: its members as a table, a type in a few words."""

from collections.abc import Callable

from gateway.api.html import element, prose, table, text
from gateway.api.json_schema import Schema, referred


def link(name: str) -> str:
    """To the schema of that name."""
    return element("a", element("code", text(name)), href=f"#{name}")


def schema_table(schema: Schema) -> str:
    """What it is for, and its members."""
    needed = schema.get("required", ())
    rows = [
        [
            element("code", text(name)) + (element("small", "always") if name in needed else ""),
            kind(member),
            prose(member.get("description", "")),
        ]
        for name, member in schema.get("properties", {}).items()
    ]
    choices = ", ".join(kind(choice) for choice in schema.get("oneOf", ()))
    told = prose(schema.get("description", "")) + (element("p", choices) if choices else "")
    return told + (table(("member", "type", "meaning"), rows) if rows else "")


def kind(schema: Schema) -> str:
    """A type in a few words."""
    for keyword, words in _WORDS.items():
        if keyword in schema:
            return words(schema)
    return text(schema.get("type", "any")) + _limits(schema)


_WORDS: dict[str, Callable[[Schema], str]] = {
    "$ref": lambda schema: link(referred(schema) or ""),
    "anyOf": lambda schema: " or ".join(map(kind, schema["anyOf"])),
    "const": lambda schema: element("code", text(schema["const"])),
    "enum": lambda schema: " ".join(element("code", text(each)) for each in schema["enum"]),
    "contentSchema": lambda schema: f"JSON: {kind(schema['contentSchema'])}",
    "items": lambda schema: f"array of {kind(schema['items'])}{_limits(schema)}",
    "additionalProperties": lambda schema: f"map to {kind(schema['additionalProperties'])}",
}

_LIMITS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {}",
    "default": "else {}",
}


def _limits(schema: Schema) -> str:
    told = [form.format(schema[key]) for key, form in _LIMITS.items() if schema.get(key, "") != ""]
    return element("small", text(", ".join(told))) if told else ""
