"""What a request may ask: the root of every route's query parameters, and how a wrong one is refused.

::

    PreludeError
    └── ParameterError      a parameter has a value that is not allowed, or is not known; the API answers 422
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, model_validator

from prelude_otel.errors import PreludeError
from prelude_otel.secrets import masked

__all__ = ["ParameterError", "Parameters", "needs"]

_SHOWN: Final = 200
"""Characters of a value that a message repeats."""


class ParameterError(PreludeError):
    """A parameter is wrong.

    Args:
        parameter: its name, as the client wrote it.
        value: what the client gave.
        allowed: what is allowed, as a sentence for a person.
    """

    def __init__(self, parameter: str, value: object, allowed: str) -> None:
        shown = value if isinstance(value, int | float | None) else masked(str(value))[:_SHOWN]
        super().__init__(f"{parameter} is {shown!r}: {allowed}")
        self.parameter = parameter
        self.value = shown
        self.allowed = allowed


class Parameters(BaseModel):
    """Query parameters of one route. A name that is not among them is refused, never ignored.

    A route has one model, made of the parts that it needs, and takes it as ``Annotated[Model, Query()]``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        if isinstance(values, dict):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for name, value in values.items():
                if name not in known:
                    raise ParameterError(str(name), value, f"no such parameter; there are {', '.join(sorted(known))}")
        return values


def needs(query: Parameters, missing: str, *names: str) -> None:
    """Refuse parameters that mean nothing without the one that is `missing`.

    Raises:
        ParameterError: one of `names` is given.
    """
    for name in names:
        if (value := getattr(query, name)) is not None:
            raise ParameterError(name, value, f"it needs {missing} beside it")
