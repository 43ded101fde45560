"""JSON that is kept takes no more memory than it is long."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

from prelude_analytics.live.texts import json_text


def test_a_text_is_json_with_times_in_utc() -> None:
    assert (
        json_text({"at": datetime(2026, 1, 1, tzinfo=UTC), "name": "ü"})
        == '{"at":"2026-01-01T00:00:00Z","name":"ü"}'.encode()
    )


def test_many_texts_take_hardly_more_memory_than_their_bytes() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = [json_text({"number": number, "text": "x" * 1000}) for number in range(500)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * sum(map(len, kept))
