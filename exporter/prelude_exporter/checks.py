"""What ``prelude doctor`` asks about the exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import urllib3

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""Name; whether it is well (None: could not be tried); what was seen; what mends it."""

_START = "start it: prelude exporter --database-url URL (or prelude up)"


def checks(context: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the exporter runs, and takes activities.

    Args:
        context: ``exporter_http`` is the URL of its HTTP port.
    """
    url = context.get("exporter_http", "").rstrip("/")
    name = "exporter is ready"
    if not url:
        yield name, None, "nobody said where the exporter is", "give its HTTP address, e.g. http://127.0.0.1:4328"
        return
    try:
        answer = urllib3.request("GET", f"{url}/readyz", timeout=3.0, retries=False)
        said = json.loads(answer.data)
        ready, why_not = bool(said["ready"]), str(said["why_not"])
    except urllib3.exceptions.HTTPError:
        yield name, False, f"nobody answers at {url}", _START
        return
    except (ValueError, KeyError, TypeError):
        yield name, False, f"something else than the exporter answers at {url}", f"free that port, or {_START}"
        return
    if ready:
        yield name, True, f"it takes activities at {url}", ""
    else:
        remedy = "see that PostgreSQL runs, and that the exporter's login may write; the exporter recovers by itself"
        yield name, False, f"it runs at {url}, but refuses requests: {why_not}", remedy
