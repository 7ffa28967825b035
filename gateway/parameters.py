"""Query parameters, read by a pydantic model; what is wrong reaches the client by name."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams

from gateway.problems import Problem

Model = TypeVar("Model", bound=BaseModel)


def parameters(model: type[Model], query: QueryParams) -> Model:
    """The query string as `model`; parameters that it does not name are ignored.

    Raises:
        Problem: 422, naming every parameter that is wrong and why.
    """
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise Problem(422, "malformed_parameter", faults(error)) from None


def faults(error: ValidationError) -> str:
    """Each parameter, or member of a body, with what is wrong about it; never its value."""
    return "; ".join(
        ": ".join([*map(str, fault["loc"][:1]), fault["msg"].removeprefix("Value error, ")])
        for fault in error.errors(include_input=False, include_context=False)
    )
