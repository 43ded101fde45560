"""An id that stands in the log at two times is found, whichever row came first and however the id was made."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.errors import StoreError
from prelude_store import sweep
from prelude_store.command import command
from prelude_store.connection import connect
from prelude_store.writer import Batch, Writer
from tests.support.postgres import as_role
from tests.support.rows import make_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.connection import Connection as OurConnection
    from prelude_store.row import ActivityRow

Connection = psycopg.Connection[tuple[Any, ...]]

NOW_NS = time.time_ns() - 60_000_000_000


@pytest.fixture
def sweeper(database: str) -> Iterator[OurConnection]:
    with connect(as_role(database, "writer"), "test") as connection:
        yield connection


def swept(connection: OurConnection, portion: int = 100_000) -> list[str]:
    """All that the sweep finds from where it stands to the end."""
    found = []
    while (one := sweep.sweep(connection, portion)).places:
        found += [pair.event_id for pair in one.found]
    return found


def timed(ns: int) -> ActivityRow:
    """A row as our emitter sends it: the id tells its time."""
    return make_row(event_id=uuid7_text(ns), timestamp_us=ns // 1000)


def test_rows_whose_id_tells_their_time_cost_no_entry_in_the_list(
    writer: Writer, sweeper: OurConnection, superuser: Connection
) -> None:
    writer.write(Batch(rows=[timed(NOW_NS + number * 12_345) for number in range(2000)]))
    assert sweep.behind(sweeper) == 2000
    assert swept(sweeper) == []
    assert sweep.behind(sweeper) == 0
    assert superuser.execute("SELECT count(*) FROM id_sweep_untimed").fetchall() == [(0,)]


def ids_of_all_kinds(number: int) -> list[str]:
    """One of the row's time, of another time, of the microsecond beside it, of no time, and a random one."""
    ns = NOW_NS + number * 1_000_003
    return [
        uuid7_text(ns),
        uuid7_text(ns - 70 * 10**9),
        uuid7_text(ns + 1000),
        f"ffffffff-ffff-7fff-bfff-{number:012x}",
        str(uuid4()),
    ]


@pytest.mark.parametrize("between", [True, False], ids=["sweep between", "sweep after"])
@pytest.mark.parametrize("swapped", [True, False], ids=["later first", "earlier first"])
def test_an_id_at_two_times_is_found_however_it_was_made_and_whichever_came_first(
    writer: Writer, sweeper: OurConnection, superuser: Connection, between: bool, swapped: bool
) -> None:
    first, second = [], []
    for number, off_us in enumerate([1, -1, 999, -1000, 3_600_000_000, -40 * 86_400_000_000]):
        for event_id in ids_of_all_kinds(number):
            row = make_row(event_id=event_id, timestamp_us=(NOW_NS + number * 1_000_003) // 1000)
            first.append(row)
            second.append(row._replace(timestamp_us=row.timestamp_us + off_us))
    if swapped:
        first, second = second, first
    writer.write(Batch(rows=[*first, *(timed(NOW_NS + number) for number in range(0, 10**6, 10**4))]))
    if between:
        assert swept(sweeper) == []
    writer.write(Batch(rows=second))
    assert sorted(swept(sweeper, portion=17)) == sorted(row.event_id for row in first)
    pairs = superuser.execute("SELECT event_id::text, timestamp < other_timestamp FROM repeated_event_ids").fetchall()
    assert sorted(pairs) == sorted((row.event_id, True) for row in first)


@pytest.mark.parametrize("seed", range(3))
def test_the_sweep_finds_what_counting_all_rows_finds(
    database: str, sweeper: OurConnection, superuser: Connection, seed: int
) -> None:
    pick = random.Random(seed)
    writers = [Writer(as_role(database, "writer")) for _ in range(3)]
    ids = [event_id for number in range(40) for event_id in ids_of_all_kinds(number)]
    times = [NOW_NS // 1000 + number * 1000 for number in range(40)]
    for _ in range(12):
        rows = [make_row(event_id=pick.choice(ids), timestamp_us=pick.choice(times)) for _ in range(20)]
        pick.choice(writers).write(Batch(rows=rows))
        if pick.random() < 0.5:
            sweep.sweep(sweeper, pick.choice([5, 50]))
    swept(sweeper, 30)
    for writer in writers:
        writer.close()
    counted = superuser.execute(
        "SELECT event_id FROM user_activity_logs GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"
    ).fetchall()
    found = superuser.execute("SELECT DISTINCT event_id FROM repeated_event_ids ORDER BY 1").fetchall()
    assert found == counted != []


def test_one_at_a_time_sweeps(database: str, sweeper: OurConnection, writer: Writer) -> None:
    writer.write(Batch(rows=[make_row()]))
    with connect(as_role(database, "writer"), "rival") as rival, rival.transaction():
        rival.execute("SELECT pg_advisory_xact_lock(%s)", [sweep._LOCK])
        assert sweep.sweep(sweeper).busy
    assert sweep.sweep(sweeper).places == 1


def test_the_command_says_what_it_found(database: str, writer: Writer) -> None:
    row = make_row()
    writer.write(Batch(rows=[row, row._replace(timestamp_us=row.timestamp_us + 5), make_row()]))
    url = ("--database-url", as_role(database, "writer"))
    result = CliRunner().invoke(command, ["sweep", "--json", *url], catch_exceptions=False)
    said = json.loads(result.stdout)
    assert (said["rows"], said["found"], said["newest"][0]["event_id"]) == (3, 1, row.event_id)
    readable = CliRunner().invoke(command, ["sweep", *url], catch_exceptions=False).stdout
    assert "0 rows looked at, 0 ids found" in readable
    assert row.event_id in readable
    writer.write(Batch(rows=[make_row()]))
    with pytest.raises(StoreError, match="GRANT prelude_writer"):
        CliRunner().invoke(command, ["sweep", "--database-url", as_role(database, "governor")], catch_exceptions=False)
