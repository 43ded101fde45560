"""``result_data``: what the emitter says of the result, and what the exporter has to say of the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from prelude_exporter.decoding.cutting import MAX_DATA_BYTES, dumps, fit
from prelude_exporter.decoding.texts import Notes, carried, clean, harmless
from prelude_otel.contract.attributes import (
    REJECTED_FIELDS,
    RESULT_ERROR_TYPE,
    RESULT_HANDLER_RAN,
    RESULT_HTTP_STATUS,
)

__all__ = ["MENDED", "result_text"]

MENDED: Final = "mended"
"""Key in ``result_data`` that says what was done to a value that could not be stored as it came, by its path."""
_MOST_SAID: Final = 100
_LONGEST_PATH: Final = 200
_MOST_BYTES: Final = 32 * 1024


def result_text(
    given: dict[str, Any] | None,
    error_type: str | None,
    http_status: int | None,
    handler_ran: bool | None,
    notes: Notes,
) -> str | None:
    """JSON text of ``result_data``, or None where there is nothing to say.

    Args:
        given: ``prelude.result.data``.
        error_type: ``error.type``.
        http_status: ``http.response.status_code``.
        handler_ran: ``prelude.handler.ran``; said only when false.
        notes: what of the record did not fit; what of `given` does not is added to it.
    """
    if not given and error_type is None and http_status is None and handler_ran is not False:
        if not notes.mended and not notes.rejected:
            return None
        given = {}
    ours: dict[str, Any] = {}
    if error_type is not None:
        ours[RESULT_ERROR_TYPE] = error_type
    if http_status is not None:
        ours[RESULT_HTTP_STATUS] = http_status
    if handler_ran is False:
        ours[RESULT_HANDLER_RAN] = False
    given, text = carried(given or {}, "result_data", notes)  # notes what it can't carry, before the notes are added
    if not ours and not notes.mended and not notes.rejected:
        return text.decode() if given else None
    if notes.rejected:
        theirs = given.get(REJECTED_FIELDS)
        mine = _bounded({path: harmless(value) for path, value in notes.rejected.items()})
        ours[REJECTED_FIELDS] = {**mine, **theirs} if isinstance(theirs, dict) else mine
    if notes.mended:
        ours[MENDED] = _bounded(notes.mended)
    whole = dumps({**given, **ours})
    if len(whole) > MAX_DATA_BYTES:  # what we have to say is not cut for what they have
        given = {name: value for name, value in given.items() if name not in ours}
        ours = fit(ours, "", {}, MAX_DATA_BYTES // 2)
        whole = dumps({**fit(given, "", {}, MAX_DATA_BYTES - len(dumps(ours))), **ours})
    return whole.decode()


def _bounded(said: Mapping[str, Any]) -> dict[str, Any]:
    """At most a hundred of them, with names and values of a bearable length."""
    most = list(said.items())[:_MOST_SAID]
    bounded = fit({clean(name, "", Notes(), _LONGEST_PATH): value for name, value in most}, "", {}, _MOST_BYTES)
    return bounded if len(most) == len(said) else {**bounded, "…": f"and {len(said) - len(most)} more"}
