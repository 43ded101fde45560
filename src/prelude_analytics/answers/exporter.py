"""How the exporter fares, asked of the one address that a setting names, as an operator would ask it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Exporter", "Probe"]

_PATIENCE: Final = 1.0
"""Seconds for an answer: the page waits for it."""
_SAME: Final = 3.0
"""Seconds for which an answer holds."""
_MOST_BYTES: Final = 1024 * 1024
_OK: Final = 200
_PREFIX: Final = "prelude_exporter_"
_FIGURES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "inserted": ("rows_total", {"outcome": "inserted"}),
    "duplicates": ("rows_total", {"outcome": "duplicate"}),
    "conflicts": ("rows_total", {"outcome": "conflict"}),
    "commit_failures": ("commit_failures_total", {}),
    "upkeep_failures": ("upkeep_failures_total", {}),
    "refused": ("requests_total", {"outcome": "unavailable"}),
    "waiting_bytes": ("waiting_bytes", {}),
    "waiting_bytes_limit": ("waiting_bytes_limit", {}),
    "writers": ("writers", {}),
    "writers_connected": ("writers_connected", {}),
}
"""What is told, by the metric and the labels that it sums."""


class Exporter(BaseModel):
    """The exporter, as it answers now."""

    address: str = Field(description="Where it was asked; empty where no setting names one.")
    reachable: bool
    ready: bool
    why_not: str | None = Field(description="Why it is not ready, or does not answer.")
    version: str | None
    figures: dict[str, int] = Field(
        description="Since it began; empty where it tells them to nobody without a credential."
    )


class Probe:
    """Asks one address; whoever wants to know within a moment gets the same answer.

    Args:
        address: ``http://HOST:PORT``; empty: there is none.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._turn = asyncio.Lock()
        self._found: Exporter | None = None
        self._until = 0.0

    async def look(self) -> Exporter:
        """Ask; never fails, and takes little more than a second."""
        if not self._address:
            return Exporter(address="", reachable=False, ready=False, why_not=None, version=None, figures={})
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if self._found is None or now >= self._until:
                self._found = await asyncio.to_thread(_asked, self._address)
                self._until = asyncio.get_running_loop().time() + _SAME
            return self._found

    def forget(self) -> None:
        """Ask anew, the next time."""
        self._found = None


def _asked(address: str) -> Exporter:
    with urllib3.PoolManager(timeout=urllib3.Timeout(_PATIENCE), retries=False) as pool:
        try:
            status, readiness = _get(pool, f"{address}/readyz")
            _, metrics = _get(pool, f"{address}/metrics")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            said = f"no answer within {_PATIENCE:g} s ({type(error).__name__})"
            return Exporter(address=address, reachable=False, ready=False, why_not=said, version=None, figures={})
    figures, version = _told(metrics)
    why_not = None if status == _OK else _why(readiness)
    return Exporter(
        address=address, reachable=True, ready=status == _OK, why_not=why_not, version=version, figures=figures
    )


def _get(pool: urllib3.PoolManager, url: str) -> tuple[int, str]:
    answer = pool.request("GET", url, redirect=False, preload_content=False)
    try:
        return answer.status, answer.read(_MOST_BYTES).decode("utf-8", "replace")
    finally:
        answer.release_conn()


def _why(text: str) -> str:
    try:
        return str(json.loads(text)["why_not"])
    except (ValueError, KeyError, TypeError):
        return "it does not say why"


def _told(text: str) -> tuple[dict[str, int], str | None]:
    """Figures and version of a page of metrics; nothing of a page that is none."""
    try:
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except ValueError:
        return {}, None
    if not any(sample.name.startswith(_PREFIX) for sample in samples):
        return {}, None
    version = next((one.labels.get("version") for one in samples if one.name == f"{_PREFIX}build_info"), None)
    figures = {
        said: int(
            sum(one.value for one in samples if one.name == _PREFIX + name and labels.items() <= one.labels.items())
        )
        for said, (name, labels) in _FIGURES.items()
    }
    return figures, version
