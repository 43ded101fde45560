"""A run of an erasure or a renaming: how far it has come is kept in the database, so that it survives the process."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from prelude_store.connection import Connection
    from prelude_store.erasure.aim import Treated

__all__ = ["Run", "Step"]

Step = Literal["own", "named", "beside", "done"]

_COLUMNS: Final = "id, kind, person, renamed_to, act_id, until, step, reached, days, anew, reopened, counts, began_at, finished_at, scrubbed_at"
_INSERT: Final = f"""
INSERT INTO public.erasure_runs (kind, person, renamed_to, act_id, until, step)
VALUES (%s, %s, %s, %s, %s, 'own') RETURNING {_COLUMNS}
"""  # noqa: S608 (constants)
_OF_PERSON: Final = f"SELECT {_COLUMNS} FROM public.erasure_runs WHERE person = %s ORDER BY id"  # noqa: S608
_SAVE: Final = """
UPDATE public.erasure_runs SET step = %(step)s, reached = %(reached)s, counts = %(counts)s,
    days = CASE WHEN %(days)s::date[] <@ days THEN days ELSE ARRAY(SELECT DISTINCT unnest(days || %(days)s::date[]) ORDER BY 1) END,
    anew = %(anew)s::date[], reopened = %(reopened)s::uuid[]
WHERE id = %(id)s
"""


@dataclass(slots=True)
class Run:
    """One run.

    Attributes:
        kind: ``erase`` or ``rename``.
        person: keyed hash of the address.
        renamed_to: keyed hash of the new address.
        act_id: of the act that rows are changed by.
        until: what the person did up to then goes.
        step: what is being done.
        reached: the last day of the log that was walked through.
        days: days (UTC) of which rows were changed.
        anew: those of them whose rollups must be counted anew.
        reopened: pending activities whose end went as a whole.
        counts: what was changed, by name.
    """

    id: int
    kind: str
    person: bytes
    renamed_to: bytes | None
    act_id: int
    until: datetime
    step: Step
    reached: date | None
    days: set[date]
    anew: set[date]
    reopened: set[UUID]
    counts: Counter[str]
    began_at: datetime
    finished_at: datetime | None
    scrubbed_at: datetime | None

    @classmethod
    def begin(
        cls, connection: Connection, kind: str, person: bytes, renamed_to: bytes | None, act_id: int, until: datetime
    ) -> Self:
        """A new run; within an open transaction."""
        row = connection.execute(_INSERT, [kind, person, renamed_to, act_id, until]).fetchone()
        assert row is not None  # noqa: S101 (RETURNING)
        return cls._of(row)

    @classmethod
    def of_person(cls, connection: Connection, person: bytes) -> list[Self]:
        """All runs of a person, oldest first."""
        return [cls._of(row) for row in connection.execute(_OF_PERSON, [person])]

    @classmethod
    def _of(cls, row: tuple[Any, ...]) -> Self:
        fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
        sets = {name: set(fields[name]) for name in ("days", "anew", "reopened")}
        return cls(**fields | sets | {"counts": Counter(fields["counts"])})

    def changed(
        self, connection: Connection, todo: Iterable[Treated], plain: Iterable[tuple[date, int, int]] = ()
    ) -> None:
        """Note rows that are changed in the open transaction.

        Args:
            plain: days, with how many of the person's rows lost the person alone, and how many of these the device, too.
        """
        new: set[date] = set()
        for day, rows, devices in plain:
            new.add(day)
            self.counts.update({"rows": rows, "person_erased": rows, "device_erased": devices})
        for one in todo:
            day = one.row.timestamp.astimezone(UTC).date()
            new.add(day)
            if one.counts_anew:
                self.anew.add(day)
            self.counts["rows" if one.own else "mentions"] += 1
            if one.removed:
                self.counts["rows_removed"] += 1
                if one.row.completes_event_id not in (None, one.row.event_id):
                    self.reopened.add(one.row.completes_event_id)
            for cls, kind in one.kinds.items():
                self.counts[f"{cls}_{kind}"] += 1
        self.days |= new
        self.save(connection, new)

    def save(self, connection: Connection, days: set[date] | None = None) -> None:
        """Keep how far it has come."""
        connection.execute(
            _SAVE,
            {
                "id": self.id, "step": self.step, "reached": self.reached, "counts": Jsonb(dict(self.counts)),
                "days": sorted(days or ()), "anew": sorted(self.anew), "reopened": sorted(self.reopened),
            },
        )  # fmt: skip

    def finish(self, connection: Connection) -> None:
        """It is done."""
        self.step = "done"
        self.save(connection)
        connection.execute("UPDATE public.erasure_runs SET finished_at = now() WHERE id = %s", [self.id])

    def scrubbed(self, connection: Connection) -> None:
        """The disk was cleaned behind it, and behind all earlier runs of the person."""
        connection.execute(
            "UPDATE public.erasure_runs SET scrubbed_at = now() WHERE person = %s AND finished_at IS NOT NULL",
            [self.person],
        )
