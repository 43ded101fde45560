"""The decoder with its hot loop compiled. What it gives is what `prelude_exporter.decoding.decode` gives; what is odd, it leaves to that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from prelude_exporter.decoding.decode import Decoded, Decoder
from prelude_exporter.decoding.origin import Request
from prelude_exporter.errors import MalformedRequestError
from prelude_exporter.sender import Sender
from prelude_otel.catalogue import Activity, Catalogue, Field, builtin
from prelude_otel.catalogue.page import page_parameters
from prelude_otel.contract.vocabulary import ACTION_TYPES
from prelude_store.native import native
from prelude_store.row import ActivityRow

__all__ = ["NativeDecoder", "make_decoder"]


def make_decoder(catalogue: Catalogue | None = None, max_records: int | None = None) -> Decoder:
    """The decoder that this process uses: the compiled one where it may be used.

    Args:
        catalogue: as for `Decoder`.
        max_records: as for `Decoder`.
    """
    module = native().module
    return Decoder(catalogue, max_records) if module is None else NativeDecoder(module, catalogue, max_records)


class NativeDecoder(Decoder):
    """Decodes logs by `prelude_native`, record by record or the whole request by Python where anything is odd.

    Args:
        module: `prelude_native`.
        catalogue: as for `Decoder`.
        max_records: as for `Decoder`.
    """

    __slots__ = ("_native",)

    def __init__(self, module: Any, catalogue: Catalogue | None = None, max_records: int | None = None) -> None:
        super().__init__(catalogue, max_records)
        activities = [_declared(each) for each in (builtin() if catalogue is None else catalogue)]
        self._native = module.Decoder(ActivityRow, sorted(ACTION_TYPES), activities, max_records)

    def logs(self, request: bytes, sender: Sender | None = None) -> Decoded:
        """As `Decoder.logs`."""
        whole = Request(request)
        found = self._native.logs(request, whole, None if sender is None else sender.services)
        if found is None:
            return super().logs(request, sender)
        rows, origins, odd, passed_over = found
        if not odd:
            return Decoded(rows, origins, passed_over=passed_over)
        decoded = Decoded(passed_over=passed_over)
        done = 0
        try:
            for before, place, start, stop, service in odd:
                decoded.rows += rows[done:before]
                decoded.origins += origins[done:before]
                self.record(decoded, request[start:stop], (whole, *place), service)
                done = before
        except (MalformedRequestError, DecodeError):  # so the whole request is, and shall be called so
            return super().logs(request, sender)
        decoded.rows += rows[done:]
        decoded.origins += origins[done:]
        return decoded


def _declared(activity: Activity) -> dict[str, Any]:
    return {
        "type": activity.type,
        "name": activity.name,
        "category": activity.category,
        "entity": activity.entity,
        "entity_id": activity.entity_id,
        "page": activity.page,
        "page_parameters": page_parameters(activity.page),
        "fields": _fields(activity.fields),
    }


def _fields(fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": field.type,
            "constant": field.constant if isinstance(field.constant, str | None) else "\0",  # no text of a row is that
            "same_as": field.same_as,
            "aliases": list(field.aliases),
            "fields": _fields(field.fields),
        }
        for name, field in fields.items()
    ]
