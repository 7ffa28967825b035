"""JSON Schema (2020-12) of the contract, made from its types.

A schema is open: we only ever add members, and clients ignore what they do not know. pydantic reads
the types; the docstrings of their members become descriptions.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

_REF = "#/components/schemas/"


class _Untitled(GenerateJsonSchema):
    """No title for every member: it would only say the member's name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def ref(name: str) -> Schema:
    """The schema of that name in the document's components."""
    return {"$ref": _REF + name}


def referred(schema: Mapping[str, Any]) -> str | None:
    """The name that a schema refers to."""
    found: str | None = schema.get("$ref")
    return found.removeprefix(_REF) if found else None


def schemas_of(*types: type) -> dict[str, Schema]:
    """By name: the schemas of these types and of those that they are made of."""
    members: dict[str, Any] = {each.__name__: (each, ...) for each in types}
    config = ConfigDict(use_attribute_docstrings=True)
    whole: type[BaseModel] = create_model("Whole", __config__=config, **members)
    made = whole.model_json_schema(ref_template=f"{_REF}{{model}}", schema_generator=_Untitled)
    schemas: dict[str, Schema] = made["$defs"]
    return schemas


def patch_schemas(
    name: str, schemas: Mapping[str, Schema], always: Collection[str] = ()
) -> dict[str, Schema]:
    """By name: what a merge patch (RFC 7396) of the object `name` can be, and of those inside it.

    A member that must be there is changed and never removed; one that may be absent, or is one of a
    map, is removed by null; an array is replaced whole. `always`: members that every patch has.
    """
    made: dict[str, Schema] = {}

    def patch_of(name: str) -> Schema:
        patch = patch_name(name)
        if patch not in made:
            made[patch] = {}  # it may be inside itself
            made[patch] = {**changed(schemas[name]), "title": patch, "description": _told(name)}
        return ref(patch)

    def changed(schema: Schema) -> Schema:
        if inner := referred(schema):
            return {**schema, **(patch_of(inner) if "properties" in schemas[inner] else {})}
        if "properties" in schema:
            needed = schema.get("required", ())
            members = {
                member: changed(each) if member in needed else _removable(changed(each))
                for member, each in schema["properties"].items()
            }
            return {"type": "object", "properties": members}
        if isinstance(each := schema.get("additionalProperties"), dict):
            return {**schema, "additionalProperties": _removable(changed(each))}
        return schema

    patch_of(name)
    made[patch_name(name)]["required"] = [*always]
    return made


def patch_name(name: str) -> str:
    """What the schema of such a patch is called."""
    return f"{name}Patch"


def _told(name: str) -> str:
    return f"Merge patch of `{name}`: what is absent stays as it is, `null` removes."


def _removable(schema: Schema) -> Schema:
    """Or null; what describes it stays outside, where readers look for it."""
    described = {key: schema[key] for key in ("description",) if key in schema}
    bare = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [bare, {"type": "null"}], **described}
