"""What somebody with all rights may do to a sealed log, each at random; what is done gives words that a verifier must say."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg

from prelude_store.seals import passes, reading
from prelude_store.seals.merkle import Frontier, leaf_hash
from prelude_store.seals.notes import VerifierKey
from prelude_store.seals.verify import verify
from tests.support.sealed import Sealed

Superuser = psycopg.Connection[tuple[Any, ...]]
LOG = "user_activity_logs"
SEALED_ROWS = f"FROM {LOG} AS log JOIN seal_cursors AS c USING (lane) WHERE log.lane_seq <= c.seq"

NEW_VALUES = {
    "event_id": "gen_random_uuid()",
    "timestamp": "\"timestamp\" + interval '1 microsecond'",
    "user_email": "coalesce(user_email, '') || 'x'",
    "session_id": "coalesce(session_id || 'x', '')",
    "action_type": "CASE action_type WHEN 'crm' THEN 'chat' ELSE 'crm' END",
    "action_name": "action_name || '_'",
    "action_category": "coalesce(action_category || 'x', '')",
    "entity_type": "coalesce(entity_type || 'x', '')",
    "entity_id": "CASE WHEN entity_id IS NULL THEN '' END",
    "page_url": "CASE WHEN page_url IS NULL THEN 'x' END",
    "page_route": "NULL",
    "service_name": "'other'",
    "user_agent": "coalesce(user_agent, '') || ' '",
    "ip_address": "CASE WHEN ip_address IS NULL THEN '' END",
    "action_data": "coalesce(action_data, '{}') || '{\"amount\": 1000000}'",
    "result_status": "CASE result_status WHEN 'success' THEN 'error' ELSE 'success' END",
    "result_data": "CASE WHEN result_data IS NULL THEN '{}'::jsonb END",
    "duration_ms": "coalesce(duration_ms, 4) + 1",
    "tags": "coalesce(tags, '{}') || ARRAY['x']",
    "completes_event_id": "gen_random_uuid()",
    "personal_paths": "CASE WHEN personal_paths IS NULL THEN '{}'::text[] END",
    "trace_id": "CASE WHEN trace_id IS NULL THEN repeat('a', 32) END",
    "span_id": "CASE WHEN span_id IS NULL THEN repeat('a', 16) ELSE repeat('b', 16) END",
    "lane": "lane + 1000",
    "lane_seq": "lane_seq + 1000000",
    "created_at": "created_at - interval '1 second'",
}


def a_row(superuser: Superuser, chance: random.Random, condition: str = "true") -> tuple[Any, ...]:
    """Place, id and time of some sealed row that nobody has lawfully changed."""
    rows = superuser.execute(
        f"SELECT log.lane, log.lane_seq, log.event_id, log.timestamp {SEALED_ROWS} AND {condition} AND NOT EXISTS"
        " (SELECT FROM activity_changes AS k WHERE (k.row_lane, k.row_seq) = (log.lane, log.lane_seq)) ORDER BY 1, 2".encode()
    ).fetchall()
    return chance.choice(rows)


def delete_a_row(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane, seq, event_id, _ = a_row(superuser, chance)
    superuser.execute(f"DELETE FROM {LOG} WHERE (lane, lane_seq) = (%s, %s)".encode(), [lane, seq])
    return str(event_id)


def _insert(superuser: Superuser, event_id: Any, lane: str, seq: str) -> str:
    row = superuser.execute(
        f"INSERT INTO {LOG} (event_id, timestamp, user_email, action_type, action_name, result_status, content_hash, lane, lane_seq)"
        f" SELECT gen_random_uuid(), timestamp, 'mallory@company.com', action_type, action_name, result_status, '', {lane}, {seq}"
        f" FROM {LOG} WHERE event_id = %s RETURNING event_id, lane, lane_seq".encode(),
        [event_id],
    ).fetchone()
    assert row is not None
    return str(row[0])


def insert_at_a_place_that_is_taken(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    return _insert(superuser, a_row(superuser, chance)[2], "lane", "lane_seq")


def insert_at_a_place_that_is_free(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    event_id = a_row(superuser, chance)[2]
    places = superuser.execute(
        "SELECT lane, lane_seq FROM activity_changes UNION ALL SELECT lane, lane_seq FROM activity_amendments"
        " UNION ALL SELECT lane, lane_seq FROM governance_acts ORDER BY 1, 2"
    ).fetchall()
    place = chance.choice(places)
    return _insert(superuser, event_id, str(place[0]), str(place[1]))


def insert_into_a_lane_that_there_is_not(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    _insert(superuser, a_row(superuser, chance)[2], str(chance.choice([-4, 0, 77, 2_000_000_000])), "1")
    return "which there is not"


def insert_beyond_the_end_of_a_lane(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    return _insert(superuser, a_row(superuser, chance)[2], "lane", "1000000")


def insert_another_under_an_old_id(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    _lane, _seq, event_id, _ = a_row(superuser, chance)
    superuser.execute(
        f"UPDATE {LOG} SET timestamp = timestamp - interval '1 day' WHERE event_id = %s".encode(), [event_id]
    )
    return str(event_id)


def swap_places(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    one, other = a_row(superuser, chance), a_row(superuser, chance)
    if one == other:
        return swap_places(superuser, chance, _sealed)
    for row, place in ((one, other), (other, one)):
        superuser.execute(
            f"UPDATE {LOG} SET lane = %s, lane_seq = %s WHERE event_id = %s".encode(), [*place[:2], row[2]]
        )
    return str(one[2])


def swap_people(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    one = a_row(superuser, chance, "user_email = 'anna@company.com'")
    other = a_row(superuser, chance, "user_email = 'bo@company.com'")
    for row, whose in ((one, "bo@company.com"), (other, "anna@company.com")):
        superuser.execute(f"UPDATE {LOG} SET user_email = %s WHERE event_id = %s".encode(), [whose, row[2]])
    return str(one[2])


def drop_a_partition(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    names = superuser.execute(
        f"SELECT tableoid::regclass::text, (array_agg(event_id::text ORDER BY lane, lane_seq))[1] FROM {LOG} GROUP BY 1".encode()
    ).fetchall()
    name, event_id = chance.choice(names)
    superuser.execute(f"DROP TABLE {name}".encode())
    assert event_id
    return "a sealed row is gone"


def _roll_back_to(superuser: Superuser, size: int) -> None:
    """The database as it was at a checkpoint, with nothing left behind that would tell."""
    for table in (LOG, "activity_amendments", "activity_changes", "governance_acts"):
        superuser.execute(
            f"DELETE FROM {table} AS log USING (SELECT lanes.lane, coalesce(max(b.last_seq) FILTER (WHERE first_leaf < %s), 0) AS last"
            " FROM ingest_lanes AS lanes LEFT JOIN seal_blocks AS b USING (lane) GROUP BY 1) AS was"
            " WHERE log.lane = was.lane AND log.lane_seq > was.last".encode(),
            [size],
        )
    superuser.execute("DELETE FROM seal_blocks WHERE first_leaf >= %s", [size])
    superuser.execute("DELETE FROM seal_checkpoints WHERE size > %s", [size])
    last = "(SELECT coalesce(max(last_seq), 0) FROM seal_blocks AS b WHERE b.lane = known.lane)"
    superuser.execute(f"UPDATE seal_cursors AS known SET seq = {last}".encode())
    superuser.execute(f"UPDATE ingest_lanes AS known SET last_seq = {last}".encode())
    superuser.execute("DELETE FROM seal_tiles")
    _seal_tree_anew(superuser)


def _seal_tree_anew(superuser: Superuser) -> None:
    tree = Frontier()
    for batch in reading.blocks(superuser):
        full = tree.append(b"".join(leaf_hash(leaf.head, leaf.body) for leaf in reading.leaves_of(batch)))
        if full:
            passes._keep_tiles(superuser, full)
    superuser.execute("UPDATE seal_state SET size = %s, frontier = %s", [tree.size, tree.to_bytes()])


def cut_the_end(superuser: Superuser, chance: random.Random, sealed: Sealed) -> str:
    firsts = [first for (first,) in superuser.execute("SELECT first_leaf FROM seal_blocks ORDER BY 1 DESC LIMIT 20")]
    _roll_back_to(superuser, chance.choice(firsts[:-1]))
    return "the end was cut"


def roll_back_to_an_older_state(superuser: Superuser, chance: random.Random, sealed: Sealed) -> str:
    _roll_back_to(superuser, chance.choice(sealed.checkpoints[3:-1]).size)
    return "rolled back"


def roll_back_and_go_on(superuser: Superuser, chance: random.Random, sealed: Sealed) -> str:
    _roll_back_to(superuser, chance.choice(sealed.checkpoints[-9:-1]).size)
    event_id = a_row(superuser, chance)[2]
    for _ in range(900):
        superuser.execute("UPDATE ingest_lanes SET last_seq = last_seq + 1 WHERE lane = 1")
        _insert(superuser, event_id, "1", "(SELECT last_seq FROM ingest_lanes WHERE lane = 1)")
    passes.carry_out(superuser, sealed.key, checkpoint_seconds=0)
    return "written anew"


def seal_other_content_anew_with_the_key(superuser: Superuser, chance: random.Random, sealed: Sealed) -> str:
    _, _, event_id, _ = a_row(superuser, chance)
    superuser.execute(f"UPDATE {LOG} SET user_email = 'mallory@company.com' WHERE event_id = %s".encode(), [event_id])
    superuser.execute("TRUNCATE seal_blocks, seal_tiles, seal_checkpoints, seal_cursors, activity_changes")
    superuser.execute("UPDATE seal_state SET size = 0, frontier = ''")
    # As many leaves at least as were signed, so that the size does not give it away.
    lane = superuser.execute("SELECT min(lane) FROM ingest_lanes").fetchall()[0][0]
    for _ in range(1500):
        superuser.execute("UPDATE ingest_lanes SET last_seq = last_seq + 1 WHERE lane = %s", [lane])
        _insert(superuser, event_id, str(lane), f"(SELECT last_seq FROM ingest_lanes WHERE lane = {lane})")
    passes.carry_out(superuser, sealed.key, checkpoint_seconds=0)
    assert not verify(superuser, [], [sealed.key.verifier]).findings, "a fork is told by an outside checkpoint alone"
    return "written anew"


def _flip(
    superuser: Superuser, chance: random.Random, table: str, column: str, keys: str, condition: str = "true"
) -> None:
    """Another bit somewhere in a value of bytea."""
    rows = superuser.execute(
        f"SELECT {column}, {keys} FROM {table} WHERE {condition} AND octet_length({column}) > 0 ORDER BY 2, 3".encode()
    ).fetchall()
    value, *key = chance.choice(rows)
    at = chance.randrange(len(value))
    other = value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
    where = " AND ".join(f"{name.strip()} = %s" for name in keys.split(","))
    superuser.execute(f"UPDATE {table} SET {column} = %s WHERE {where}".encode(), [other, *key])


def edit_leaves(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    column = chance.choice(["kinds", "seqs", "event_ids", "times", "bodies"])
    if column == "event_ids":  # an act has none
        _flip(superuser, chance, "seal_blocks", column, "first_leaf, lane", "position('g'::bytea IN kinds) = 0")
    else:
        _flip(superuser, chance, "seal_blocks", column, "first_leaf, lane")
    return ""


def edit_the_salt_of_a_row(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane, seq, event_id, _ = a_row(superuser, chance, "user_email IS NOT NULL")
    superuser.execute(
        "UPDATE seal_blocks SET salts = set_byte(salts, at, get_byte(salts, at) # 1) FROM (SELECT first_leaf,"
        " prelude_seal_place(seqs, %s) * 48 + 5 AS at FROM seal_blocks WHERE lane = %s AND first_seq <= %s AND last_seq >= %s) AS one"
        " WHERE one.first_leaf = seal_blocks.first_leaf",
        [seq, lane, seq, seq],
    )
    return str(event_id)


def edit_a_hint(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane, seq, event_id, _ = a_row(superuser, chance)
    superuser.execute(
        "UPDATE seal_blocks SET hints = set_byte(hints, at, get_byte(hints, at) # 1) FROM (SELECT first_leaf,"
        " prelude_seal_place(seqs, %s) * 12 + 5 AS at FROM seal_blocks WHERE lane = %s AND first_seq <= %s AND last_seq >= %s) AS one"
        " WHERE one.first_leaf = seal_blocks.first_leaf",
        [seq, lane, seq, seq],
    )
    return str(event_id)


def delete_leaves(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    first = chance.choice(superuser.execute("SELECT first_leaf FROM seal_blocks ORDER BY 1").fetchall())[0]
    superuser.execute("DELETE FROM seal_blocks WHERE first_leaf = %s", [first])
    return ""


def edit_tiles(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    _flip(superuser, chance, "seal_tiles", "hashes", "level, tile")
    return "tile"


def delete_tiles(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    level = chance.choice(superuser.execute("SELECT DISTINCT level FROM seal_tiles").fetchall())[0]
    superuser.execute("DELETE FROM seal_tiles WHERE level = %s", [level])
    return "tile"


def edit_a_checkpoint(superuser: Superuser, chance: random.Random, sealed: Sealed) -> str:
    if chance.random() < 0.5:
        _flip(superuser, chance, "seal_checkpoints", "root", "size, size")
    else:
        size = chance.choice(superuser.execute("SELECT size FROM seal_checkpoints ORDER BY 1").fetchall())[0]
        superuser.execute(
            "UPDATE seal_checkpoints SET note = replace(note, E'\\n' || size, E'\\n9' || size) WHERE size = %s", [size]
        )
    return "checkpoint"


def delete_all_checkpoints(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    superuser.execute("DELETE FROM seal_checkpoints")
    return "checkpoint"


def exchange_the_key(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    other = VerifierKey(_sealed.key.name, 1, bytes(chance.randrange(256) for _ in range(32)))
    superuser.execute("UPDATE seal_keys SET vkey = %s", [str(other)])
    return "no act says"


def edit_the_state(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    if chance.random() < 0.5:
        _flip(superuser, chance, "seal_state", "frontier", "one, one")
    else:
        superuser.execute("UPDATE seal_state SET size = size - 1")
    return "seal_state"


def forget_that_anything_was_sealed(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    superuser.execute("TRUNCATE seal_blocks, seal_tiles, seal_checkpoints, seal_cursors, seal_keys")
    superuser.execute("UPDATE seal_state SET origin = NULL, size = 0, frontier = ''")
    return "all seals are gone"


def set_a_cursor_back(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane = chance.choice(superuser.execute("SELECT DISTINCT lane FROM seal_blocks ORDER BY 1").fetchall())[0]
    superuser.execute("UPDATE seal_cursors SET seq = seq - 1 WHERE lane = %s", [lane])
    superuser.execute(
        "UPDATE seal_cursors AS c SET seq = (SELECT max(last_seq) - 1 FROM seal_blocks WHERE lane = c.lane) WHERE lane = %s",
        [lane],
    )
    return "set back"


def set_a_lane_back(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane = chance.choice(superuser.execute("SELECT DISTINCT lane FROM seal_blocks ORDER BY 1").fetchall())[0]
    superuser.execute("UPDATE ingest_lanes SET last_seq = last_seq / 2 WHERE lane = %s", [lane])
    return "set back"


def forget_a_lane(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    lane = chance.choice(superuser.execute("SELECT DISTINCT lane FROM seal_blocks ORDER BY 1").fetchall())[0]
    superuser.execute("DELETE FROM ingest_lanes WHERE lane = %s", [lane])
    return "lane"


def edit_an_amendment(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    place = chance.choice(superuser.execute("SELECT lane, lane_seq FROM activity_amendments ORDER BY 1, 2").fetchall())
    column, value = chance.choice([
        ("duration_ms", "duration_ms + 1"), ("event_id", "gen_random_uuid()"), ("timestamp", "timestamp + interval '1 s'"),
        ("amended_at", "amended_at - interval '1 s'"), ("lane_seq", "lane_seq + 1000000"),
    ])  # fmt: skip
    superuser.execute(
        f"UPDATE activity_amendments SET {column} = {value} WHERE (lane, lane_seq) = (%s, %s)".encode(), place
    )
    return "amendment"


def amend_row_and_amendment_alike(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    superuser.execute(
        f"WITH one AS (UPDATE activity_amendments SET duration_ms = 7 WHERE (lane, lane_seq) = (SELECT lane, lane_seq FROM activity_amendments"
        f" WHERE duration_ms <> 7 ORDER BY random() LIMIT 1) RETURNING *) UPDATE {LOG} AS log SET duration_ms = 7 FROM one WHERE log.event_id = one.event_id".encode()
    )
    return "amendment"


def take_a_length_back(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    superuser.execute(
        f"UPDATE {LOG} SET duration_ms = NULL WHERE event_id = (SELECT a.event_id FROM activity_amendments AS a JOIN {LOG} USING (event_id)"
        " ORDER BY random() LIMIT 1)".encode()
    )
    return "duration_ms"


def delete_an_amendment(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    place = chance.choice(superuser.execute("SELECT lane, lane_seq FROM activity_amendments ORDER BY 1, 2").fetchall())
    superuser.execute("DELETE FROM activity_amendments WHERE (lane, lane_seq) = (%s, %s)", place)
    return "amendment"


def edit_a_change(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    column, value = chance.choice([
        ("act_id", "act_id + 1"), ("row_lane", "row_lane + 1"), ("row_seq", "row_seq + 1"), ("event_id", "gen_random_uuid()"),
        ("timestamp", "timestamp - interval '1 s'"), ("before", "sha256(coalesce(before, ''))"), ("lane_seq", "lane_seq + 1000000"),
    ])  # fmt: skip
    place = chance.choice(superuser.execute("SELECT lane, lane_seq FROM activity_changes ORDER BY 1, 2").fetchall())
    superuser.execute(
        f"UPDATE activity_changes SET {column} = {value} WHERE (lane, lane_seq) = (%s, %s)".encode(), place
    )
    return "record of a change"


def edit_the_salt_of_a_change(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    rows = superuser.execute(
        f"SELECT k.lane, k.lane_seq, k.event_id FROM activity_changes AS k JOIN {LOG} AS log ON (log.lane, log.lane_seq) = (k.row_lane, k.row_seq)"
        " WHERE k.salt IS NOT NULL AND k.before IS NOT NULL ORDER BY 1, 2".encode()
    ).fetchall()
    lane, seq, event_id = chance.choice(rows)
    superuser.execute(
        "UPDATE activity_changes SET salt = set_byte(salt, 3, get_byte(salt, 3) # 4) WHERE (lane, lane_seq) = (%s, %s)",
        [lane, seq],
    )
    return str(event_id)


def delete_changes(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    place = chance.choice(superuser.execute("SELECT lane, lane_seq FROM activity_changes ORDER BY 1, 2").fetchall())
    superuser.execute("DELETE FROM activity_changes WHERE (lane, lane_seq) = (%s, %s)", place)
    return "record of a change"


def undo_an_erasure(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    rows = superuser.execute(
        f"SELECT k.event_id FROM activity_changes AS k JOIN {LOG} AS log ON (log.lane, log.lane_seq) = (k.row_lane, k.row_seq)"
        " WHERE k.kind = 'erased' AND k.class = 'person' AND k.before IS NOT NULL AND log.user_email IS NULL ORDER BY 1".encode()
    ).fetchall()
    event_id = chance.choice(rows)[0]
    superuser.execute(f"UPDATE {LOG} SET user_email = 'anna@company.com' WHERE event_id = %s".encode(), [event_id])
    return str(event_id)


def edit_an_act(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    column, value = chance.choice([
        ("kind", "kind || 'x'"), ("actor", "'somebody else'"), ("reason", "coalesce(reason, '') || '!'"), ("at", "at + interval '1 s'"),
        ("detail", "detail || '{\"to\": \"2030-01-01\"}'"), ("lane_seq", "lane_seq + 1000000"),
    ])  # fmt: skip
    number = chance.choice(superuser.execute("SELECT id FROM governance_acts ORDER BY 1").fetchall())[0]
    superuser.execute(f"UPDATE governance_acts SET {column} = {value} WHERE id = %s".encode(), [number])
    return "governance act"


def delete_an_act(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    number = chance.choice(superuser.execute("SELECT id FROM governance_acts ORDER BY 1").fetchall())[0]
    superuser.execute("DELETE FROM governance_acts WHERE id = %s", [number])
    return "governance act"


def insert_an_act_among_sealed_ones(superuser: Superuser, chance: random.Random, _sealed: Sealed) -> str:
    superuser.execute(
        "INSERT INTO governance_acts (lane, lane_seq, kind, actor, detail) SELECT lane, lane_seq, 'drop', 'me',"
        f' \'{{"from": "1970-01-01", "to": "2100-01-01"}}\' FROM {LOG} JOIN seal_cursors AS c USING (lane) WHERE lane_seq <= c.seq ORDER BY random() LIMIT 1'.encode()
    )
    return "governance act"


WAYS: list[Callable[[Superuser, random.Random, Sealed], str]] = [
    delete_a_row, insert_at_a_place_that_is_taken, insert_at_a_place_that_is_free, insert_into_a_lane_that_there_is_not,
    insert_beyond_the_end_of_a_lane, insert_another_under_an_old_id, swap_places, swap_people, drop_a_partition, cut_the_end,
    roll_back_to_an_older_state, roll_back_and_go_on, seal_other_content_anew_with_the_key, edit_leaves, edit_the_salt_of_a_row,
    edit_a_hint, delete_leaves, edit_tiles, delete_tiles, edit_a_checkpoint, delete_all_checkpoints, exchange_the_key, forget_that_anything_was_sealed, edit_the_state,
    set_a_cursor_back, set_a_lane_back, forget_a_lane, edit_an_amendment, amend_row_and_amendment_alike, take_a_length_back,
    delete_an_amendment, edit_a_change, edit_the_salt_of_a_change, delete_changes, undo_an_erasure, edit_an_act, delete_an_act,
    insert_an_act_among_sealed_ones,
]  # fmt: skip
