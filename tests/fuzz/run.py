"""Many cases, some of them all the way into a database, and what became of them counted."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from prelude_exporter.decoding.decode import Decoder
from prelude_exporter.decoding.otlp_json import to_protobuf
from prelude_store.batch import Batch
from prelude_store.writer import Writer
from tests.fuzz.check import check
from tests.fuzz.corpus import corpus, json_corpus
from tests.fuzz.mutate import mutate
from tests.support.landed import assert_landed

__all__ = ["CaseError", "Report", "case", "run"]

_JSON = 0.05
"""How many of the cases come as JSON."""
_FORGET = 20_000
"""Cases after which the second decoder starts with no memory."""
_WRITTEN = 200
"""Cases of one batch that is written."""


class CaseError(AssertionError):
    """A case that does not hold; its text says which, and how to see it again."""


@dataclass
class Report:
    """What became of the cases."""

    cases: int = 0
    malformed: int = 0
    rows: int = 0
    written: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.most_common())
        return (
            f"{self.cases:,} cases: {self.malformed:,} were no OTLP, {self.rows:,} rows ({self.written:,} compared with"
            f" what the database holds), quarantined: {reasons or 'none'}"
        )


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Signal and bytes of one case; always the same for the same seed and number, within the hour."""
    pick = random.Random(f"{seed}:{number}")
    if pick.random() < _JSON:
        signal, body = pick.choice(_JSON_SEEDS)
        mutated = mutate(body, pick, _OTHERS) if pick.random() < 0.3 else _edited(body, pick)
        try:
            return signal, to_protobuf(signal, mutated)
        except Exception as error:
            if type(error).__name__ != "MalformedRequestError":
                raise
            return signal, b"\xff"
    signal, body = pick.choice(_SEEDS)
    return signal, mutate(body, pick, _OTHERS)


_SEEDS = corpus()
_OTHERS = [body for _, body in _SEEDS]
_JSON_SEEDS = json_corpus()
_TOKENS = [
    b"null", b"-1", b'"\\ud800"', b'"\\u0000"', b"[]", b"{}", b"1e999", b"NaN", b"123456789012345678901234567890",
    b'"50,000"', b"true", b'""', b'"2026-01-01"', b"0.5", b'"AA=="',
]  # fmt: skip


def _edited(body: bytes, pick: random.Random) -> bytes:
    """One value of the JSON text put in another's place."""
    for _ in range(pick.randint(1, 3)):
        starts = [at for at, byte in enumerate(body) if byte in b":," and body[at - 1 : at] != b"\\"]
        at = pick.choice(starts) + 1
        end = min((place for mark in b",}]" if (place := body.find(mark, at)) >= 0), default=len(body))
        body = body[:at] + pick.choice(_TOKENS) + body[end:]
    return body


def run(
    seed: int,
    cases: int,
    database: str | None = None,
    write_every: int = 50,
    progress: Callable[[int], None] = lambda _number: None,
) -> Report:
    """Try `cases` cases.

    Args:
        database: where every `write_every`-th batch of 200 cases is written to, and compared; its log is emptied each time.

    Raises:
        CaseError: one does not hold.
    """
    report, decoder, other = Report(), Decoder(), Decoder()
    writer = Writer(database) if database else None
    try:
        for first in range(0, cases, _WRITTEN):
            union = Batch(payloads=[])
            for number in range(first, min(first + _WRITTEN, cases)):
                if number % _FORGET == 0:
                    other = Decoder()
                _try(seed, number, decoder, other, report, union)
            if writer is not None and database and (first // _WRITTEN) % write_every == 0:
                try:
                    _write(database, writer, union, report)
                except Exception as error:
                    raise CaseError(
                        f"cases {first} to {first + _WRITTEN} of seed {seed}, written: {error!r}"
                    ) from error
            progress(number)
    finally:
        if writer is not None:
            writer.close()
    return report


def _try(seed: int, number: int, decoder: Decoder, other: Decoder, report: Report, union: Batch) -> None:
    try:
        signal, body = case(seed, number)
        decoded = check(signal, body, decoder, other, closely=number % 10 == 0)
    except Exception as error:
        raise CaseError(f"case {number} of seed {seed} (--seed {seed} --case {number}): {error!r}") from error
    report.cases += 1
    if decoded is None:
        report.malformed += 1
        return
    report.rows += len(decoded.rows)
    report.reasons.update(entry.reason for entry in decoded.quarantined)
    union.rows += decoded.rows
    union.spans += decoded.spans
    union.probes += decoded.probes
    union.quarantined += decoded.quarantined


def _write(database: str, writer: Writer, union: Batch, report: Report) -> None:
    batch = Batch(union.rows, union.spans, union.quarantined, union.probes)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE user_activity_logs, span_joins, activity_amendments, activity_quarantine")
        result = writer.write(batch)
        refused = connection.execute(
            "SELECT detail, payload FROM activity_quarantine WHERE reason IN ('refused_by_database', 'mapping_failed')"
        ).fetchall()
        assert not refused, refused[0]
        # Without payloads, what is refused for its time or its content is in the quarantine as a row.
        out_of_range = {
            (fields["timestamp_us"], fields["event_id"])
            for (payload,) in connection.execute(
                "SELECT payload FROM activity_quarantine WHERE signal = 'row' AND reason = 'timestamp_out_of_range'"
            )
            for fields in [json.loads(payload)]
        }
        assert_landed(connection, [row for row in batch.rows if (row.timestamp_us, row.event_id) not in out_of_range])
        again = writer.write(batch)
        assert (again.inserted, again.quarantined) == (0, 0), again
        report.written += result.inserted
