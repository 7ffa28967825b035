"""Query parameters, read by a pydantic model; what is wrong reaches the client by name."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.config import JsonDict
from starlette.datastructures import QueryParams

from gateway.problems import Problem

Model = TypeVar("Model", bound=BaseModel)

MAY_BE_EMPTY: JsonDict = {"allowEmptyValue": True}
"""In a field's `json_schema_extra`: an empty text is as if the parameter were not there."""


def parameters(model: type[Model], query: QueryParams) -> Model:
    """The query string as `model`; parameters that it does not name are ignored.

    Raises:
        Problem: 422, naming every parameter that is wrong and why.
    """
    given = {name: text for name, text in query.items() if text or not _may_be_empty(model, name)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Problem(422, "malformed_parameter", faults(error)) from None


def _may_be_empty(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and field.json_schema_extra == MAY_BE_EMPTY


def faults(error: ValidationError) -> str:
    """Each parameter, or member of a body, with what is wrong about it; never its value."""
    return "; ".join(
        ": ".join([*map(str, fault["loc"][:1]), fault["msg"].removeprefix("Value error, ")])
        for fault in error.errors(include_input=False, include_context=False)
    )
