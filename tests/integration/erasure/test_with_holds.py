"""A legal hold wins over an erasure: of a person as a whole, or of some rows."""

from __future__ import annotations

from typing import Any

import pytest

from prelude_otel.errors import StoreError
from prelude_store import lanes
from prelude_store.connection import Connection, connect
from prelude_store.governance import holds
from prelude_store.rollups import building, passes
from prelude_store.rollups.verify import verify
from prelude_store.writer import Batch, Writer
from tests.integration.erasure.conftest import Erase
from tests.support.dump import Superuser, rows_by_id
from tests.support.people import ADA, BOB
from tests.support.postgres import as_role
from tests.support.rows import make_row


def hold(database: str, **covers: Any) -> int:
    with connect(as_role(database, "governor"), "test") as connection, connection.transaction():
        number: int = holds.add(connection, lanes.claim(connection), "test", holds.Wanted("a law suit", **covers))
        return number


def catch_up(keeping: Connection) -> None:
    while (done := passes.carry_out(keeping)).places or done.to_build:
        while building.build_next(keeping):
            pass


def test_who_is_held_stays_and_the_refusal_is_recorded(
    database: str, writer: Writer, erase: Erase, superuser: Superuser
) -> None:
    writer.write(Batch(rows=[make_row(user_email=ADA)]))
    number = hold(database, user=ADA)
    before = rows_by_id(superuser)
    with pytest.raises(StoreError, match=rf"is under legal hold {number} \(a law suit\); Article 17\(3\)"):
        erase(ADA)
    assert rows_by_id(superuser) == before
    refused = superuser.execute("SELECT detail->>'refused' FROM governance_acts WHERE kind = 'erase'").fetchall()
    assert refused == [("held",)]


def test_rows_that_are_held_stay_and_the_rest_goes(
    database: str, writer: Writer, erase: Erase, superuser: Superuser, keeping: Connection
) -> None:
    kept, gone = make_row(user_email=ADA, entity_id="7"), make_row(user_email=ADA, entity_id="8")
    writer.write(Batch(rows=[kept, gone, make_row(user_email=BOB)]))
    catch_up(keeping)
    hold(database, entity_type="deal", entity_id="7")
    before = rows_by_id(superuser)
    worked = erase(ADA)
    assert worked.run is not None
    assert (worked.run.counts["rows"], worked.run.counts["held"]) == (1, 1)
    after = rows_by_id(superuser)
    assert after[kept.event_id] == before[kept.event_id]
    assert ADA not in after[gone.event_id]
    catch_up(keeping)
    assert verify(as_role(database, "keeper")).differences == []
