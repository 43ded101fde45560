"""Records in quarantine as the exporter keeps them, bytes of OTLP: found by who is in them, wiped by an erasure, rewritten by a renaming."""

from __future__ import annotations

import pytest

from prelude_exporter.decoding.decode import Decoder
from prelude_store.quarantine.reader import reader_of
from prelude_store.writer import Writer
from tests.integration.erasure.conftest import Erase
from tests.integration.exporter.conftest import activity, logs
from tests.support.dump import Superuser, dump
from tests.support.people import ADA, BOB, EVE

# Its length and what follows it in the message may be letters.
LONG = "ada.king.countess.of.lovelace.at.ockham@analytical-engine.example"


def quarantine(writer: Writer, *users: str) -> None:
    records = [
        activity(number, prelude__result__status="perhaps", user__email=user, prelude__tags=[f"of {user}"])
        for number, user in enumerate(users, 1)
    ]
    writer.write(Decoder().logs(logs(*records)).batch())


def users(superuser: Superuser) -> list[str]:
    reader = reader_of()
    found = []
    for signal, payload in superuser.execute("SELECT signal, payload FROM activity_quarantine ORDER BY id"):
        (outer,) = reader.readable(signal, bytes(payload)) if payload else ({"scopes": []},)
        found += [record["attributes"]["user.email"] for scope in outer["scopes"] for record in scope["records"]]
    return sorted(found)


@pytest.mark.parametrize("person", [ADA, LONG])
def test_an_erasure_wipes_the_persons_records_alone(
    writer: Writer, erase: Erase, superuser: Superuser, person: str
) -> None:
    quarantine(writer, person, BOB, person.upper(), f"n{person}")
    worked = erase(person)
    assert worked.run is not None
    assert worked.run.counts["quarantine"] == 2
    assert users(superuser) == [BOB, f"n{person}"]
    assert dump(superuser).lower().count(person) == dump(superuser).lower().count(f"n{person}")
    assert superuser.execute("SELECT count(*), count(DISTINCT reason) FROM activity_quarantine").fetchone() == (4, 1)


@pytest.mark.parametrize("person", [ADA, LONG])
def test_what_comes_later_does_not_get_in(writer: Writer, erase: Erase, superuser: Superuser, person: str) -> None:
    quarantine(writer, person)
    erase(person)
    quarantine(writer, BOB, person)
    assert users(superuser) == [BOB]


@pytest.mark.parametrize("person", [ADA, LONG])
def test_a_renaming_rewrites_them_and_they_can_still_be_read(
    writer: Writer, erase: Erase, superuser: Superuser, person: str
) -> None:
    quarantine(writer, person, BOB)
    erase(person, EVE)
    assert users(superuser) == [BOB, EVE]
    assert person not in dump(superuser)
