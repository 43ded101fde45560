"""What `prelude doctor` says of the address that services send to: it sends the probe there."""

from __future__ import annotations

import re
import time
from typing import Final

from prelude_otel import otel
from prelude_otel.contract import attributes as names
from prelude_otel.errors import MissingExtraError, PreludeError
from prelude_otel.otlp.encode import export_request, request_prefix
from prelude_otel.otlp.transport import Answer, Verdict, transport_for
from prelude_otel.otlp.wire import any_value, key_prefix, length_delimited, string_attribute, text, value_attribute
from prelude_otel.secrets import masked
from prelude_otel.settings import read_settings

__all__ = ["check_endpoint", "probe_request"]

Finding = tuple[str, bool | None, str, str]

_PROBE_TIMEOUT_S: Final = 5.0
_NAME: Final = "endpoint"
_ADDRESS: Final = "set OTEL_EXPORTER_OTLP_ENDPOINT to where the Collector listens, like http://localhost:4318"

# What the transport or the receiver said, what that means, what mends it; the first that fits.
_MEANINGS: Final = (
    (r"NewConnectionError|[Cc]onnection refused", "nobody listens at {at}", f"start the Collector (prelude up), or {_ADDRESS}"),
    (r"NameResolutionError|resolution|resolver", "the host of {at} is not known here", f"correct its name, or {_ADDRESS}"),
    (r"ConnectTimeoutError", "no way leads to {at}", f"look at the network and its firewalls, or {_ADDRESS}"),
    (r"ReadTimeoutError|DEADLINE_EXCEEDED", "{at} takes connections and does not answer", "see the log of what listens there; it may be stuck"),
    (
        r"SSLError|CERTIFICATE|SSL_ERROR",
        "the TLS of {at} does not fit",
        "https:// for a port with TLS and http:// for one without; OTEL_EXPORTER_OTLP_CERTIFICATE where the authority is your own",
    ),
    (
        r"ProtocolError|BadStatusLine",
        "{at} speaks something else than OTLP over HTTP",
        "4317 is the Collector's port for gRPC, 4318 the one for HTTP; for gRPC set OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    ),
    (
        r"answered (401|403|UNAUTHENTICATED|PERMISSION_DENIED)",
        "{at} does not know us",
        "set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20…, with a token that is in force there",
    ),
    (r"answered (404|405|UNIMPLEMENTED)", "{at} takes no OTLP", f"{_ADDRESS}: the address alone, without /v1/logs"),
    (r"[Nn]o space left", "the disk of the Collector's queue is full", "make room where PRELUDE_COLLECTOR_STORAGE is"),
    (r"memory|data refused", "the Collector has no memory left", "look at what keeps its queue from being sent, or give it more memory"),
    (r"credential|token|certificate", "{at} does not know us", "see which token is in force there: prelude exporter token"),
    (r"answered (429|502|503|504|UNAVAILABLE)", "{at} can't take it now", "see the log of what answers there, and what is wrong below"),
)  # fmt: skip


def check_endpoint(endpoint: str, probe_id: str) -> Finding:
    """Whether `endpoint` takes the marked record; it is OTLP/HTTP, or gRPC where OTEL_EXPORTER_OTLP_PROTOCOL says so."""
    at = masked(endpoint)
    try:
        transport = transport_for(read_settings(endpoint=endpoint))
    except MissingExtraError as error:
        return _NAME, None, str(error), "install it here, where the service has it"
    except PreludeError as error:
        return _NAME, False, masked(str(error)), "correct it: the Collector's address is like http://localhost:4318"
    try:
        answer = transport.send(probe_request(probe_id, time.time_ns()), _PROBE_TIMEOUT_S)
    finally:
        transport.close()
    if answer.verdict is Verdict.ACCEPTED:
        return _NAME, True, f"{at} took the probe {probe_id}", ""
    return _explained(answer, at)


def _explained(answer: Answer, at: str) -> Finding:
    said = masked(answer.said)
    for sign, meaning, remedy in _MEANINGS:
        if re.search(sign, said):
            return _NAME, False, f"{meaning.format(at=at)} ({said})", remedy
    return _NAME, False, said, "see the log of the Collector or exporter that answered"


def probe_request(probe_id: str, sent_ns: int) -> bytes:
    """The marked record that lands in ``activity_probes``, as an export request."""
    record = (
        b"\x09"
        + sent_ns.to_bytes(8, "little")
        + length_delimited(b"\x62", text(names.PROBE_EVENT))
        + string_attribute(key_prefix(names.PROBE_ID), probe_id)
        + value_attribute(key_prefix(names.SPAN_JOIN), any_value(False))
    )
    prefix = request_prefix({"service.name": "prelude-doctor"}, otel.SCOPE_NAME, otel.scope_version())
    return export_request(prefix, [length_delimited(b"\x12", record)])
