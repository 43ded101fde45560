"""What `prelude doctor` asks analytics: does it answer, and can it answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]

_PATIENCE: Final = 3.0
_OK: Final = 200


def checks(context: Mapping[str, str]) -> Iterator[Finding]:
    """Findings of this room.

    Args:
        context: ``analytics``, the address of the service; without it nothing is asked.
    """
    address = context.get("analytics", "").rstrip("/")
    if not address:
        return
    try:
        answer = urllib3.request("GET", f"{address}/readyz", timeout=_PATIENCE, retries=False)
    except urllib3.exceptions.HTTPError as error:
        said = f"{address} does not answer ({type(error).__name__})"
        yield (
            "answers",
            False,
            said,
            "start it: prelude analytics, or prelude up; its own words say why it does not start",
        )
        return
    yield "answers", True, address, ""
    if answer.status == _OK:
        yield "ready", True, "it can answer", ""
    else:
        yield (
            "ready",
            False,
            f"it can't answer now: {_why(answer.data)}",
            "see the store, above; it looks again each second",
        )


def _why(body: bytes) -> str:
    try:
        said = json.loads(body)
        return str(said.get("why_not") or said.get("detail") or said)
    except (ValueError, AttributeError):
        return body.decode("utf-8", "replace").strip()[:200] or "it does not say why"
