"""The routes of the dashboard, and what the gate of the API must know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from prelude_analytics.access.caller import Calls
from prelude_analytics.parameters import ParameterError
from prelude_analytics.problems import Problem, problem_of
from prelude_dashboard import care, governance, sign
from prelude_dashboard.answer import asked_for, page, redirect
from prelude_dashboard.asking import asking
from prelude_dashboard.assets import named
from prelude_dashboard.drawing import draw
from prelude_dashboard.notice import noticed
from prelude_dashboard.screens import MODULES
from prelude_dashboard.state import FILTERS, ROOT, State
from prelude_dashboard.trouble import trouble

if TYPE_CHECKING:
    from types import ModuleType

    from fastapi import FastAPI
    from starlette.types import Scope

    from prelude_analytics.access import Caller
    from prelude_dashboard.screen import Screen

__all__ = ["Pages", "router"]

router = APIRouter(prefix=ROOT, include_in_schema=False)
_UNAUTHORISED: Final = 401
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class Pages:
    """The dashboard, as `prelude_analytics.pages` wants it."""

    prefix = ROOT

    def install(self, app: FastAPI) -> None:
        """Serve the pages."""
        app.include_router(router)

    def is_open(self, path: str) -> bool:
        """Whether `path` needs no credential."""
        return path == f"{ROOT}{sign.PATH}" or path.startswith(f"{ROOT}/assets/")

    def refused(self, error: Exception, scope: Scope) -> Response:
        """What a browser is shown instead of a page."""
        problem = problem_of(error, scope)
        request = Request(scope)
        if problem.status == _UNAUTHORISED:
            return redirect(f"{ROOT}{sign.PATH}?{urlencode({'next': asked_for(scope)})}")
        return trouble(request, problem)


def _route(module: ModuleType) -> None:
    screen: Screen = module.SCREEN

    async def serve(request: Request, caller: Calls) -> Response:
        state = State.of(request.query_params.multi_items())
        try:
            refuse_stranger(screen, caller)
            state = state.within(screen.days)
            if state["add"] is not None:
                return redirect(_added(state, screen))
            async with asking(request, caller, state) as ask:
                shown: dict[str, Any] = await module.show(ask)
                frame = {
                    "ask": ask,
                    "tz": ask.tz,
                    "screen": screen,
                    "notice": await noticed(ask, screen, shown),
                    "menu": [one.SCREEN for one in MODULES if one.SCREEN.key and caller.role in one.SCREEN.roles],
                }
                html = draw(f"{screen.name}.html", request, state=state, caller=caller, **frame, **shown)
        except Exception as error:  # noqa: BLE001 (problem_of logs what is no one's fault but ours)
            return trouble(request, problem_of(error, request.scope))
        return page(html, request.headers)

    router.add_api_route(screen.path, serve, methods=["GET"], name=f"page_{screen.name}")


def refuse_stranger(screen: Screen, caller: Caller) -> None:
    """Refuse who has a role for which the screen is not.

    Raises:
        Problem: 403.
    """
    if caller.role not in screen.roles:
        said = f"{screen.title} is for the roles {' and '.join(screen.roles)}; yours is {caller.role}"
        raise Problem(403, "Not yours", said)


def _added(state: State, screen: Screen) -> str:
    """The address with the filter that a form added."""
    name = state["add"] or ""
    if name not in FILTERS:
        raise ParameterError("add", name, f"no such filter; there are {', '.join(FILTERS)}")
    return state.url(screen.path, **{name: state["value"], "add": None, "value": None})


for _module in MODULES:
    _route(_module)
router.include_router(sign.router)
router.include_router(care.router)
router.include_router(governance.router)


@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A style or a script."""
    found = named().get(name)
    if found is None:
        return Response("there is no such asset", 404, media_type="text/plain")
    headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding", "cross-origin-resource-policy": "same-origin"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, 200, headers | {"content-encoding": "gzip"}, found.media_type)
    return Response(found.content, 200, headers, found.media_type)


@router.get("/{rest:path}")
async def nowhere(rest: str, request: Request) -> Response:
    """No such page."""
    said = f"there is no page {rest!r}; the menu lists what there is"
    return trouble(request, Problem(404, "Not found", said))
