"""A search of the whole database, beside the log: where an address still stands, in whoever's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from prelude_store.dossier.entries import naming_entries

if TYPE_CHECKING:
    from prelude_store.connection import Connection
    from prelude_store.mentions.person import Person
    from prelude_store.quarantine.reader import Reader

__all__ = ["traces"]

_QUARANTINE: Final = "public.activity_quarantine"
# Tables that hold texts, but for the log and its like: what is said there is looked at row by row, or nobody says anything there.
_TABLES: Final = """
SELECT nspname, relname, has_table_privilege(pg_class.oid, 'SELECT'), array_agg(attname::text ORDER BY attnum),
    array_agg(atttypid::regtype::text ORDER BY attnum)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relkind = 'r' AND NOT relispartition AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\\_t%%'
    AND (%s OR nspname <> 'public' OR relowner <> (SELECT relowner FROM pg_class WHERE oid = 'public.user_profiles'::regclass) OR attname = ANY (%s))
    AND attnum > 0 AND NOT attisdropped AND atttypid::regtype::text = ANY ('{text,text[],character varying,character varying[],json,jsonb}')
    AND (nspname, relname) NOT IN (
        ('public', 'activity_changes'), ('public', 'activity_quarantine'), ('public', 'prelude_migrations'), ('public', 'span_joins')
    )
GROUP BY nspname, relname, pg_class.oid ORDER BY nspname, relname
"""
_PEOPLE: Final = ("email", "new_email", "user_email", "user_emails")
"""Columns of our tables that hold people. In others of ours an id of a person may as well be that of a thing."""
_LOOK: Final = """
SELECT words FROM (SELECT concat_ws(E'\\n', {columns}) AS words FROM {table}) AS said
WHERE lower(words COLLATE "C") LIKE ANY (%s) LIMIT 1000
"""


def _as_text(column: str, type_of: str) -> sql.Composable:
    """A list of texts has one in each line."""
    how = "array_to_string({}, E'\\n')" if type_of.endswith("[]") else "{}::text"
    return sql.SQL(how).format(sql.Identifier(column))


def traces(connection: Connection, address: Person, reader: Reader) -> list[str]:
    """Tables that name `address`; of those that may not be read, the name and a remark."""
    found: list[str] = []
    asked_of = [address.within_texts, list(_PEOPLE)]
    for schema, table, readable, columns, types in connection.execute(_TABLES, asked_of).fetchall():
        name = f"{schema}.{table}"
        if not readable:
            if schema != "public":
                found.append(f"{name} (this login may not read it)")
            continue
        asked = sql.SQL(_LOOK).format(
            columns=sql.SQL(", ").join(map(_as_text, columns, types)),
            table=sql.Identifier(schema, table),
        )
        texts = connection.execute(asked, [address.patterns])
        if any(address.mentioned(line) for (text,) in texts for line in text.split("\n")):
            found.append(name)
    if next(naming_entries(connection, address, reader), None) is not None:
        found.append(_QUARANTINE)
    return found
