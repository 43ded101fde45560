"""The description of the API that client generators read: OpenAPI 3.1, with credentials and problems in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from prelude_analytics.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

__all__ = ["described"]

_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "What `prelude token create` prints."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-prelude_session",
        "description": "What `POST /session` gives a browser; on this machine, without TLS, it is called prelude_session.",
    },
}
_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. Some kinds have further members, e.g. parameter, value and allowed.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "description": "The kind, for machines.",
            "examples": ["urn:prelude:problem:invalid-parameter"],
        },
        "title": {"type": "string", "description": "The kind, for people."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened here, with which value, and what to do."},
        "request_id": {"type": "string", "description": "Stands in the log of the service, too."},
        "parameter": {"type": "string"},
        "value": {},
        "allowed": {"type": "string"},
    },
    "additionalProperties": True,
}
_ANSWER: Final = {
    "description": "It can't be answered: 401 no valid credential, 403 not yours, 422 a parameter, 429 too often, 503 the database is away.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def described(app: FastAPI, sign_in: str) -> Callable[[], dict[str, Any]]:
    """The function that gives the document of `app`, made once.

    Args:
        app: with all its routes.
        sign_in: path of the one route that needs no credential.
    """

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = _complete(made, sign_in)
        return app.openapi_schema

    return document


def _complete(document: dict[str, Any], sign_in: str) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for ours in ("HTTPValidationError", "ValidationError"):
        schemas.pop(ours, None)
    schemas["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = _SCHEMES
    document["security"] = [{"token": []}, {"cookie": []}]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _ANSWER
            if (path, method) == (sign_in, "post"):
                operation["security"] = []
    return document
