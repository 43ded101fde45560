"""Templates of pages: ``/crm/deals/{deal_id}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

__all__ = ["page_parameters", "page_url"]

_PARAMETER = re.compile(r"\{([^{}]+)\}")


@lru_cache(maxsize=1024)
def page_parameters(page: str | None) -> tuple[str, ...]:
    """The names in braces of a page's template."""
    return tuple(_PARAMETER.findall(page)) if page else ()


def page_url(page: str, values: Mapping[str, Any]) -> str | None:
    """The page with its parameters filled in, or None where one of them is not known."""
    url = page
    for name in page_parameters(page):
        value = values.get(name)
        if value is None:
            return None
        url = url.replace("{" + name + "}", str(value))
    return url
