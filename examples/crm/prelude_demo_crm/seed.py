"""Customers, deals and a month of history to begin with.

Ids and counts are those of the reference's examples: fifty customers, five of them at Acme Corp; twenty-five deals; deal 456 has
fifteen activities; customer 123 had fifteen calls and meetings in thirty days; the next deal is 789.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

FIRST_CUSTOMER = 101
FIRST_DEAL = 444

_COMPANIES = {
    (
        "Northwind Traders",
        "northwind.example",
        "Wholesale",
    ): "Amira Haddad, Jonas Weber, Li Na, Priya Nair, Tomás Silva",
    ("Halden Logistics", "halden.example", "Transport"): "Signe Dahl, Bram de Vries, Noor Aziz, Ewa Nowak, Kofi Mensah",
    ("Blue Fern Clinics", "bluefern.example", "Health"): "Grace Obi, Mateo Cruz, Hana Sato, Ruth Levi, Owen Price",
    ("Kestrel Robotics", "kestrel.example", "Manufacturing"): "Ivo Petrov, Aiko Mori, Dana Fox, Luca Ricci, Zoe Clarke",
    ("Acme Corp", "acme.example", "Manufacturing"): "Wile Carter, Rosa Diaz, Elena Marsh, Paul Adeyemi, Nina Berg",
    ("Solberg Energy", "solberg.example", "Energy"): "Lars Solberg, Mina Khan, Ana Costa, Yusuf Demir, Clara Jung",
    ("Orchard & Sons", "orchard.example", "Retail"): "Tess Orchard, Ben Orchard, Fatou Diop, Max Lang, Ines Roy",
    ("Tidewater Bank", "tidewater.example", "Finance"): "Omar Said, Julia Stein, Femi Ojo, Karin Lund, Raj Patel",
    ("Papyrus Press", "papyrus.example", "Media"): "Leila Amin, Otto Kraus, Sara Blum, Hugo Blanc, Mei Chen",
    ("Quarry Stone Co", "quarry.example", "Construction"): "Finn Burke, Alma Reyes, Piet Bakker, Vera Volk, Sam Tran",
}
_TEAM = ("maja.holm@prelude.example", "noah.fischer@prelude.example", "olu.bello@prelude.example")
_DEALS = ("Pilot", "Renewal", "Enterprise Contract", "Support Plan", "Expansion")
_STAGES = ("lead", "qualified", "proposal", "negotiation", "won", "lost")
_BUSY = {456: 15, 457: 7}
_HISTORY = (
    ("call", "Call", "They like the pilot and ask about single sign-on."),
    (
        "meeting",
        "Quarterly Business Review",
        "Budget is approved for next quarter; legal wants a data processing agreement.",
    ),
    ("note", "", "Prefers to be called in the morning."),
    ("call", "Call", "Price is fine, the start date is not: they want six weeks."),
    ("meeting", "Product demonstration", "Eight people came; the warehouse team had the best questions."),
    ("note", "", "Procurement needs three quotes."),
)


def seed(connection: sqlite3.Connection) -> None:
    """Fill an empty database; leave any other as it is."""
    if connection.execute("SELECT 1 FROM customers").fetchone():
        return
    now = datetime.now(UTC)
    _customers(connection, now)
    for index in range(25):
        _deal(connection, now, index)
        _history(connection, now, FIRST_DEAL + index, count=_BUSY.get(FIRST_DEAL + index, index % 4))
    connection.execute("UPDATE sqlite_sequence SET seq = 788 WHERE name = 'deals'")


def _customers(connection: sqlite3.Connection, now: datetime) -> None:
    people = [(*company, name) for company, names in _COMPANIES.items() for name in names.split(", ")]
    connection.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                id_,
                name,
                company,
                f"{name.lower().replace(' ', '.')}@{domain}",
                industry,
                _time(now, hours=-11 * (id_ % 40)),
            )
            for id_, (company, domain, industry, name) in enumerate(people, FIRST_CUSTOMER)
        ],
    )


def _deal(connection: sqlite3.Connection, now: datetime, index: int) -> None:
    connection.execute(
        "INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            FIRST_DEAL + index,
            _DEALS[index % len(_DEALS)],
            8_000 + index * 37 % 23 * 4_500,
            FIRST_CUSTOMER + (index // 2 * 4 - 2) % 50,
            _STAGES[index % len(_STAGES)],
            (now + timedelta(days=20 + index * 3)).date().isoformat(),
            _TEAM[index % len(_TEAM)],
            _time(now, hours=-24 * (65 - index)),
        ),
    )


def _history(connection: sqlite3.Connection, now: datetime, deal_id: int, count: int) -> None:
    for number, (kind, title, text) in enumerate(islice(cycle(_HISTORY), count)):
        author, at = _TEAM[number % len(_TEAM)], _time(now, hours=44 * (number - count))
        if kind == "note":
            connection.execute(
                "INSERT INTO notes (deal_id, text, author, created_at) VALUES (?, ?, ?, ?)", (deal_id, text, author, at)
            )
        else:
            connection.execute(
                "INSERT INTO interactions (deal_id, type, title, text, author, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (deal_id, kind, title, text, author, at),
            )


def _time(now: datetime, hours: int) -> str:
    return (now + timedelta(hours=hours)).isoformat()
