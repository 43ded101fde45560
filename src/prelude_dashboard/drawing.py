"""Templates, and the words and shapes that they know."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from prelude_analytics.browsers import browser_of
from prelude_analytics.statuses import ORDER
from prelude_dashboard import charts, words
from prelude_dashboard.assets import assets
from prelude_dashboard.brief import brief
from prelude_dashboard.state import FILTERS, ROOT, State, askable

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["draw"]

_THEMES: Final = ("light", "dark")


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(__package__ or ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {name: getattr(words, name) for name in words.__all__} | {"brief": brief, "browser": browser_of}
    made.globals |= {
        "ROOT": ROOT,
        "FILTERS": FILTERS,
        "STATUSES": ORDER,
        "askable": askable,
        "charts": charts,
        "asset": lambda name: f"{ROOT}/assets/{assets()[name].name}",
    }
    return made


def draw(template: str, request: Request, **context: Any) -> str:
    """A page as HTML; `context` is what its template shows."""
    theme = request.cookies.get("prelude_theme")
    state = context.pop("state", State())
    known = {
        "state": state,
        "theme": theme if theme in _THEMES else None,
        "kiosk": state["kiosk"] == "1",
        "this_year": datetime.now(UTC).year,
    }
    return _environment().get_template(template).render(known | context)
