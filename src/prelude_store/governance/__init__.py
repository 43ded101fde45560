"""Lawful changes of the log: each is an act with a place in the lanes, and names the rows that it changed.

Whoever changes rows does it so::

    lane = lanes.claim(connection)
    with connection.transaction():
        act = acts.record_act(connection, lane, "erase", actor, {"person": person.hex()})
    for batch in batches:  # a few thousand rows each, so that neither seals nor ingest wait
        with connection.transaction(), changes.changing(connection, lane, act, "erased", "person", batch):
            ...  # UPDATE … SET user_email = NULL, session_id = NULL, content_hash = '' …
"""
