"""Prepare a FastAPI application: server spans, our middleware, and a look at where the decorators stand."""

from __future__ import annotations

import types
from typing import Any

from prelude_otel import otel
from prelude_otel.errors import ConfigurationError
from prelude_otel.middleware import ActivityMiddleware
from prelude_otel.startup import check_decorators

__all__ = ["check_application", "prepare"]

_PREPARED = "_prelude_otel_prepared"


def check_application(app: Any) -> None:
    """See that `app` can be prepared, or is.

    Raises:
        ConfigurationError: it is no FastAPI application, or it has started already.
    """
    if getattr(app, _PREPARED, False):
        return
    if not hasattr(app, "build_middleware_stack") or not hasattr(app, "user_middleware"):
        raise ConfigurationError(
            f"instrument({type(app).__name__}): expected a FastAPI application; call instrument() for a worker"
        )
    if getattr(app, "middleware_stack", None) is not None:
        raise ConfigurationError(
            "instrument(app) comes too late: the application has started; call it right after FastAPI()"
        )


def prepare(app: Any, provider: Any) -> None:
    """Put server spans and our middleware into `app`, once."""
    if getattr(app, _PREPARED, False):
        return
    build = app.build_middleware_stack

    def build_with_ours(self: Any) -> Any:
        # When the stack is built all other middlewares are known, and ours goes outside of them: it sees what the client gets.
        if not any(middleware.cls is ActivityMiddleware for middleware in self.user_middleware):
            from starlette.middleware import Middleware

            self.user_middleware.insert(0, Middleware(ActivityMiddleware, check=lambda: check_decorators(self)))
        return build()

    app.build_middleware_stack = types.MethodType(build_with_ours, app)
    setattr(app, _PREPARED, True)
    otel.instrument_fastapi(app, provider)
