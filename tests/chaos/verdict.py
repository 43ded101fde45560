"""What the database holds, held against the ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from prelude_otel.contract.attributes import ENTITY_ID
from tests.chaos.ledger import Book, Promise

__all__ = ["Kept", "Verdict", "judge", "look", "missing"]

_ROWS = """
SELECT event_id::text, entity_id, action_name, duration_ms, (extract(epoch FROM "timestamp") * 1000000)::bigint
FROM user_activity_logs
"""


class Row(NamedTuple):
    """What of a row is compared."""

    event_id: str
    token: str
    action: str
    duration_ms: int | None
    timestamp_us: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database holds."""

    rows: tuple[Row, ...]
    quarantine: tuple[bytes, ...]


@dataclass(slots=True)
class Verdict:
    """Tokens by what is wrong with them; all empty where nothing is.

    Args:
        lost: promised, and not there.
        lost_at_risk: as `lost`, but said to be in memory alone (the disk was full) by a process that was killed since.
        doubled: more than one row of one activity, or more than one entry of one poison record.
        uncalled_for: rows and entries that nobody began.
        wrong: rows that differ from what was promised.
    """

    lost: list[str] = field(default_factory=list)
    lost_at_risk: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    uncalled_for: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.uncalled_for or self.wrong)


def look(url: str) -> Kept:
    """All rows and all of the quarantine."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        rows = tuple(Row(*row) for row in connection.execute(_ROWS))
        entries = connection.execute("SELECT payload FROM activity_quarantine").fetchall()
    return Kept(rows, tuple(bytes(payload) for (payload,) in entries))


def missing(book: Book, kept: Kept) -> list[Promise]:
    """Promises that are not kept yet; one that waits for its span is none."""
    there = {row.token for row in kept.rows if row.duration_ms is not None} | set(map(_token, kept.quarantine))
    return [promise for promise in book.promises if promise.token not in there]


def judge(book: Book, kept: Kept, killed: Collection[str]) -> Verdict:
    """Hold them against each other.

    Args:
        killed: boots that were ended before they could send what was in their memory.
    """
    verdict = Verdict()
    by_token: dict[str, list[Row]] = {}
    for row in kept.rows:
        by_token.setdefault(row.token, []).append(row)
    entries = Counter(str(_token(payload)) for payload in kept.quarantine)
    ids = Counter(row.event_id for row in kept.rows)
    verdict.doubled += [f"event {event_id}" for event_id, count in ids.items() if count > 1]
    verdict.doubled += [token for token, rows in by_token.items() if len(rows) > 1]
    verdict.doubled += [f"quarantined {token}" for token, count in entries.items() if count > 1]
    verdict.uncalled_for += [token for token in by_token if token not in book.begun]
    verdict.uncalled_for += [f"quarantined {token}" for token in entries if token not in book.begun]
    poison = {promise.token for promise in book.promises if promise.uid is None}
    good = {promise.token for promise in book.promises if promise.uid is not None}
    verdict.wrong += [f"{token} is poison, and a row" for token in poison if token in by_token]
    verdict.wrong += [f"{token} is no poison, and in quarantine" for token in entries if token in good]
    for promise in book.promises:
        if promise.uid is None:
            if promise.token not in entries:
                verdict.lost.append(f"quarantined {promise.token}")
        elif promise.token not in by_token:
            at_risk = promise.at_risk and promise.boot in killed
            (verdict.lost_at_risk if at_risk else verdict.lost).append(promise.token)
        elif (fault := _differs(promise, by_token[promise.token][0])) is not None:
            verdict.wrong.append(f"{promise.token}: {fault}")
    return verdict


def _differs(promise: Promise, row: Row) -> str | None:
    if row.event_id != promise.uid:
        return f"event {row.event_id} instead of {promise.uid}"
    if row.action != promise.action:
        return f"{row.action} instead of {promise.action}"
    if promise.start_us >= 0 and row.timestamp_us != promise.start_us:
        return f"at {row.timestamp_us} µs instead of {promise.start_us}"
    if promise.shortest is None or promise.longest is None:
        return None if row.duration_ms is None else f"{row.duration_ms} ms instead of none"
    if row.duration_ms is None or not promise.shortest <= row.duration_ms <= promise.longest:
        return f"{row.duration_ms} ms instead of {promise.shortest} to {promise.longest}"
    return None


def _token(payload: bytes) -> str | None:
    """The entity id of a quarantined log record."""
    for resource in ExportLogsServiceRequest.FromString(payload).resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                for attribute in record.attributes:
                    if attribute.key == ENTITY_ID:
                        return str(attribute.value.string_value)
    return None
