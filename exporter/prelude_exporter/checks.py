"""What ``prelude doctor`` asks about the exporter."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from prelude_otel.errors import PreludeError
from prelude_otel.secrets import masked
from prelude_otel.settings import read_settings
from prelude_store.remedies import remedy_for

__all__ = ["checks"]

Finding = tuple[str, bool | None, str, str]
"""Name; whether it is well (None: could not be tried); what was seen; what mends it."""

_OK: Final = 200
_PATIENCE: Final = 3.0
_START: Final = "start it: prelude exporter --database-url URL (or prelude up)"
_SKEW_SECONDS: Final = 2.5
"""The clock comes in whole seconds."""
_MANY_REFUSED: Final = 0.01
_LONG_WAIT: Final = 3600.0


def checks(context: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the exporter runs, takes activities, and how it fares.

    Args:
        context: ``exporter_http`` is the URL of its HTTP port.
    """
    url = context.get("exporter_http", "").rstrip("/")
    if not url:
        yield "answers", None, "nobody said where the exporter is", "give its HTTP address, e.g. http://127.0.0.1:4328"
        return
    shown = masked(url)
    try:
        answer = _get(f"{url}/readyz")
        said = json.loads(answer.data)
        ready, why_not = bool(said["ready"]), str(said["why_not"])
    except urllib3.exceptions.SSLError as error:
        remedy = (
            "https:// where it has a certificate, and OTEL_EXPORTER_OTLP_CERTIFICATE where the authority is your own"
        )
        yield "answers", False, f"the TLS of {shown} does not fit: {error}", remedy
        return
    except urllib3.exceptions.ReadTimeoutError:
        remedy = (
            "see what keeps it busy, in its log and in the database; it is stuck, stopped, or its machine is overloaded"
        )
        yield (
            "answers",
            False,
            f"something takes connections at {shown} and does not answer within {_PATIENCE:.0f} s",
            remedy,
        )
        return
    except urllib3.exceptions.HTTPError:
        yield "answers", False, f"nobody answers at {shown}", _START
        return
    except (ValueError, KeyError, TypeError):
        yield "answers", False, f"something else than the exporter answers at {shown}", f"free that port, or {_START}"
        return
    yield "answers", True, f"it runs at {shown}", ""
    yield _ready(ready, why_not)
    yield _clock(answer.headers.get("date", ""))
    yield from _metrics(url)


def _ready(ready: bool, why_not: str) -> Finding:
    if ready:
        return "ready", True, "it takes activities", ""
    return (
        "ready",
        False,
        f"it refuses requests, to come again: {why_not}",
        f"{remedy_for(why_not)} The exporter recovers by itself.",
    )


def _clock(date: str) -> Finding:
    try:
        ahead = parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
    except ValueError:
        return "clock", None, "it does not tell the time", ""
    if abs(ahead) <= _SKEW_SECONDS:
        return "clock", True, "its machine and this one agree on the time", ""
    direction = "ahead of" if ahead > 0 else "behind"
    remedy = "Set both by NTP. Activities keep the time of the service that sent them."
    return "clock", False, f"its machine's clock is {abs(ahead):.0f} s {direction} this one's", remedy


def _metrics(url: str) -> Iterator[Finding]:
    answer = _get(f"{url}/metrics")
    if answer.status != _OK:
        remedy = "set OTEL_EXPORTER_OTLP_HEADERS to a token of its file; one for no service suffices"
        yield "metrics", None, f"its metrics can't be read: it answers {answer.status}", remedy
        return
    seen = _Seen(answer.data.decode("utf-8", "replace"))
    yield _version(seen)
    yield _refusals(seen)
    yield _spans(seen)


def _version(seen: _Seen) -> Finding:
    labels = next(iter(seen.of("prelude_exporter_build_info")), ({}, 0.0))[0]
    theirs, ours = labels.get("version", "unknown"), version("prelude-otel")
    if theirs == ours:
        return "version", True, f"{theirs}, decodes with {labels.get('decoder')}", ""
    return "version", None, f"it is {theirs}, and this doctor {ours}", "bring both to one version, if that is not meant"


def _refusals(seen: _Seen) -> Finding:
    """Requests that nobody will send again; one among very many is somebody's trial, and not said."""
    outcomes: dict[str, float] = {}
    for labels, value in seen.of("prelude_exporter_requests_total"):
        outcomes[labels["outcome"]] = outcomes.get(labels["outcome"], 0) + value
    final = {
        name: count
        for name, count in outcomes.items()
        if count and name not in ("ok", "stale_credential", "unavailable")
    }
    if outcomes.get("stale_credential"):
        final["stale_credential"] = outcomes["stale_credential"]
    if sum(final.values()) <= _MANY_REFUSED * sum(outcomes.values()):
        return "refusals", True, "it refuses no requests, but for what is to come again", ""
    said = ", ".join(f"{count:.0f} {name}" for name, count in final.items())
    remedy = "its log names the senders; docs/troubleshooting.md says what each word means"
    return "refusals", False, f"of {sum(outcomes.values()):.0f} requests since it started it refused {said}", remedy


def _spans(seen: _Seen) -> Finding:
    oldest = max((value for _, value in seen.of("prelude_exporter_joins_oldest_seconds")), default=0.0)
    rows = sum(value for labels, value in seen.of("prelude_exporter_joins_pending") if labels["waiting"] == "row")
    if oldest <= _LONG_WAIT:
        return "spans", True, f"{rows:.0f} rows wait for their span" if rows else "no row waits for its span", ""
    said = f"{rows:.0f} rows wait for their span, the oldest for {oldest / 3600:.1f} h, and have no duration until it comes"
    remedy = "look whether their traces are sampled, or dropped by a Collector on the way; docs/troubleshooting.md, Rows have no duration"
    return "spans", False, said, remedy


class _Seen:
    """The samples of one look at /metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def of(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample with this name."""
        return [(sample.labels, sample.value) for sample in self._samples if sample.name == name]


def _get(url: str) -> Any:
    """A GET as a sender in this environment would do it: its certificates, its credential."""
    try:
        settings = read_settings(environ=_without_endpoints())
    except PreludeError:
        return urllib3.request("GET", url, timeout=_PATIENCE, retries=False)
    pool = urllib3.PoolManager(
        ca_certs=settings.certificate, cert_file=settings.client_certificate, key_file=settings.client_key
    )
    # A credential travels to where services would send it: never in the clear beyond this machine.
    safe = url.startswith("https:") or urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    return pool.request("GET", url, headers=dict(settings.headers) if safe else {}, timeout=_PATIENCE, retries=False)


def _without_endpoints() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.endswith("ENDPOINT")}
