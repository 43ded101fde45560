"""`@activity`: a function whose calls are activities."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, get_type_hints

from prelude_otel import problems, state
from prelude_otel.binding import MISSING, Rename
from prelude_otel.catalogue import Activity
from prelude_otel.errors import ConfigurationError
from prelude_otel.event import ActivityEvent
from prelude_otel.runtime import Entered, Runtime, fail
from prelude_otel.site import Site

__all__ = ["SITE", "activity"]

P = ParamSpec("P")
R = TypeVar("R")
Call = tuple[Runtime, ActivityEvent, Entered, int]

SITE: Final = "__prelude_site__"
"""Attribute of the wrapper; `functools.wraps` of other decorators copies it, so the endpoint is recognised through them."""


def activity(
    name: str | Activity, *, fields: Mapping[str, Rename] | None = None, tags: tuple[str, ...] | list[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make every call of a function an activity.

    Put it below the route's decorator. The function is called, returns and raises as before; without `instrument` nothing is
    recorded.

    Args:
        name: ``type.name`` of the catalogue, or an `Activity`. Names are resolved when the application starts.
        fields: where a declared field goes by another name: a parameter or an attribute of a body ("q"), a path
            ("deal.name", "result.total"), or a function of the result (``len``).
        tags: tags of every occurrence.

    Raises:
        ConfigurationError: it is put on something that is not a plain or async function.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if not callable(function) or inspect.isclass(function):
            raise ConfigurationError(f"@activity({name!r}) belongs on a function, not on {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"@activity({name!r}) on the generator {function.__qualname__}: its end is not the action's; "
                "use `with prelude_otel.record(…):` inside it"
            )
        site = Site(name, function, dict(fields or {}), tuple(tags))
        wrapper = _async_wrapper(function, site) if inspect.iscoroutinefunction(function) else _wrapper(function, site)
        _settle_annotations(wrapper, function)
        setattr(wrapper, SITE, site)
        state.sites.append(site)
        return wrapper

    return decorate


def _settle_annotations(wrapper: Any, function: Callable[..., Any]) -> None:
    """Resolve annotations that are text (``from __future__ import annotations``) in the function's own module.

    FastAPI before 0.123 looks them up in the wrapper's module, which is ours, finds nothing, and takes bodies for query parameters.
    """
    signature = inspect.signature(function)
    if not any(isinstance(parameter.annotation, str) for parameter in signature.parameters.values()):
        return
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 (a name that is not there yet, or only for type checkers: a newer FastAPI copes)
        return
    if hints.get("return") is type(None):
        hints["return"] = None  # as it is written, and as FastAPI compares it
    wrapper.__signature__ = signature.replace(
        parameters=[
            parameter.replace(annotation=hints.get(name, parameter.annotation))
            for name, parameter in signature.parameters.items()
        ],
        return_annotation=hints.get("return", signature.return_annotation),
    )


def _wrapper(function: Callable[P, R], site: Site) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        call = _begin(site, args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            _end(call, site, MISSING, error)
            raise
        _end(call, site, result, None)
        return result

    return wrapper


def _async_wrapper(function: Any, site: Site) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _begin(site, args, kwargs)
        if call is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            _end(call, site, MISSING, error)
            raise
        _end(call, site, result, None)
        return result

    return wrapper


def _begin(site: Site, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    runtime = state.runtime or state.missing()
    if runtime is None:
        return None
    try:
        kind, binding = site.resolved or site.resolve(runtime.catalogue)
        event, entered, started_ns = runtime.begin(kind, site.event_name)
        event.call = (binding, args, kwargs)
        request = event.request
        if request is not None and getattr(request.scope.get("endpoint"), SITE, None) is site:
            request.handler_ran = True
    except Exception as error:  # noqa: BLE001 (never the handler's problem)
        problems.report("starting an activity", error)
        return None
    return runtime, event, entered, started_ns


def _end(call: Call, site: Site, result: Any, error: BaseException | None) -> None:
    runtime, event, entered, started_ns = call
    try:
        runtime.leave(event, entered, started_ns)
        if error is not None:
            fail(event, error)
        if site.tags:
            event.tag(*site.tags)
        try:
            site.read(event, result)
        except Exception as problem:  # noqa: BLE001 (the activity is emitted all the same)
            problems.report(f"reading the fields of {site.name!r}", problem)
        request = event.request
        if request is None or getattr(request.scope.get("endpoint"), SITE, None) is not site:
            runtime.finish(event)
        elif request.answered:
            runtime.finish(event, request.answer_status)  # somebody else has answered, a timeout as a rule
        else:
            earlier, request.waiting = request.waiting, event
            if earlier is not None:
                runtime.finish(earlier)  # the endpoint's function was called twice
    except Exception as problem:  # noqa: BLE001 (never the handler's problem)
        problems.report("ending an activity", problem)
