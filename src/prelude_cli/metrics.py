"""Metrics of a part of the chain, read from its page for Prometheus; as much of the format as exporter and Collector write."""

from __future__ import annotations

import re
import urllib.request
from http.client import HTTPException
from typing import Final, NamedTuple

__all__ = ["Metrics", "metrics_at", "read_metrics"]

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Sample(NamedTuple):
    """One line."""

    name: str
    labels: dict[str, str]
    value: float


class Metrics:
    """The samples of one page."""

    def __init__(self, samples: list[Sample]) -> None:
        self._samples = samples

    def sum(self, *names: str) -> float:
        """Sum of all samples with one of these names; 0 when there is none."""
        return sum(sample.value for sample in self._samples if sample.name in names)

    def label(self, name: str, label: str) -> str:
        """The value of a label of the first sample with this name; empty when there is none."""
        return next((sample.labels.get(label, "") for sample in self._samples if sample.name == name), "")

    def __contains__(self, name: str) -> bool:
        return any(sample.name == name for sample in self._samples)


def read_metrics(text: str) -> Metrics:
    """The samples in `text`."""
    return Metrics(
        [Sample(name, dict(_LABEL.findall(labels)), float(value)) for name, labels, value in _SAMPLE.findall(text)]
    )


def metrics_at(url: str, *, timeout: float = 2.0) -> Metrics | None:
    """What the page at `url` shows; None where there is no such page, or no answer within `timeout` seconds."""
    try:
        with _direct.open(url, timeout=timeout) as answer:
            return read_metrics(answer.read().decode("utf-8", "replace"))
    except (OSError, HTTPException, ValueError):
        return None
