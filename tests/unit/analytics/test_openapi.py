"""The description of the API: valid, and with all that a client generator needs."""

from __future__ import annotations

from typing import Any, Final

from openapi_spec_validator import OpenAPIV31SpecValidator

from prelude_analytics.app import PREFIX, make_app
from prelude_analytics.settings import Settings

DOCUMENT: Final[dict[str, Any]] = make_app(Settings(database_url="")).openapi()
OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    f"{method.upper()} {path.removeprefix(PREFIX)}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names) >= 20
    assert all(name.isidentifier() for name in names)
    assert [route for route, operation in OPERATIONS.items() if not operation.get("description")] == []


def test_each_operation_needs_a_credential_but_signing_in() -> None:
    assert DOCUMENT["security"] == [{"token": []}, {"cookie": []}]
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert (schemes["token"]["type"], schemes["token"]["scheme"]) == ("http", "bearer")
    assert (schemes["cookie"]["type"], schemes["cookie"]["in"]) == ("apiKey", "cookie")
    own = {route: operation["security"] for route, operation in OPERATIONS.items() if "security" in operation}
    assert own == {"POST /session": []}


def test_each_operation_tells_of_problems() -> None:
    for route, operation in OPERATIONS.items():
        problem = operation["responses"]["default"]["content"]
        assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, route
        assert "422" not in operation["responses"]


def test_the_names_of_schemas_are_names_of_classes_in_any_language() -> None:
    """Generators of clients drop what begins with an underscore."""
    assert [
        name for name in DOCUMENT["components"]["schemas"] if not name[0].isupper() or not name.isidentifier()
    ] == []
