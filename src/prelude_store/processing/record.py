"""The record itself, in the order of Article 30(1): facts in, blocks of a document out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.processing.document import Block, Heading, Table, Text
from prelude_store.processing.words import COLUMNS, KINDS, SUBJECTS, UNSAID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_otel.catalogue import Catalogue
    from prelude_store.processing.facts import Facts

__all__ = ["TITLE", "Said", "record"]

TITLE: Final = "Record of processing activities: log of user activities"
_UNKNOWN: Final = "unknown to this login"
_FOUR_EYES: Final = {
    True: "what is done by the API and the dashboard (erasures, changes of address, policies, holds) needs a second one's consent",
    False: "not asked for: one credential with the role govern is enough",
    None: _UNKNOWN,
}


class Said(NamedTuple):
    """What the controller says; None where it is not said."""

    controller: str | None
    dpo: str | None
    purposes: str | None


def record(said: Said, catalogue: Catalogue, facts: Facts, made_at: datetime, version: str) -> list[Block]:
    """The blocks of the record."""
    blocks: list[Block] = [
        Text(
            f"GDPR, Article 30(1). Made on {made_at:%Y-%m-%d %H:%M} UTC by prelude-otel {version} from its catalogue, its schema and what the"
            " database is set to. What a program can't know is said to be so: complete it before you sign it."
        )
    ]
    blocks += _whose(said)
    blocks += _purposes(said, facts)
    blocks += _data(catalogue, facts)
    blocks += _recipients(facts)
    blocks += [
        Heading("Transfers to third countries (e)"),
        Text(
            "This program sends nothing anywhere but to the database, and checkpoints of seals, which hold no personal data, to where they are set to go."
            " Where the servers stand, and who operates them, it does not know: state it here."
        ),
    ]
    blocks += _limits(facts)
    blocks += _security(facts)
    return blocks


def _whose(said: Said) -> Iterator[Block]:
    yield Heading("Controller and contacts (a)")
    yield Table(
        ("Who", "Stated"),
        [
            ("Controller", said.controller or f"{UNSAID}: set PRELUDE_CONTROLLER"),
            ("Data protection officer", said.dpo or f"{UNSAID}: set PRELUDE_DPO"),
        ],
    )


def _purposes(said: Said, facts: Facts) -> Iterator[Block]:
    yield Heading("Purposes (b)")
    yield Text(
        said.purposes
        or f"{UNSAID.capitalize()}: set PRELUDE_PURPOSES, with the legal basis. Below is what each kind of activity usually serves, for you to correct."
    )
    seen = {one.action_type for one in facts.recorded or ()} if _is_counted(facts) else None
    yield Table(
        ("Action type", "Records, and usually serves", "In this log"),
        [
            (kind, words, "not counted" if seen is None else "yes" if kind in seen else "no")
            for kind, words in KINDS.items()
        ],
    )


def _data(catalogue: Catalogue, facts: Facts) -> Iterator[Block]:
    yield Heading("Data subjects and data (c)")
    for sentence in SUBJECTS:
        yield Text(sentence)
    yield Table(("Column of each activity", "Class, by which it can go", "What"), COLUMNS)
    yield Text(
        "Activities and their fields, as the catalogue declares them. Personal fields are reached by erasure; nothing that is not declared is"
        " taken from a service."
    )
    known = {one.key: one for one in catalogue}
    counted = {f"{one.action_type}.{one.action_name}": one for one in facts.recorded or ()}
    lines = []
    for key in sorted(known.keys() | counted.keys()):
        activity, found = known.get(key), counted.get(key)
        personal = {path.removeprefix("action_data.") for path in activity.personal} if activity else set()
        fields = (
            ", ".join(sorted(set(activity.fields) - personal)) or "—"
            if activity
            else "in no catalogue given: --catalogue"
        )
        lines.append(
            (
                key,
                ", ".join(sorted(personal)) or "—" if activity else "what the rows themselves name",
                fields,
                ", ".join(found.services) if found else "—",
                f"{found.rows:,}, {found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}"
                if found
                else "none"
                if _is_counted(facts)
                else "not counted",
            )
        )
    yield Table(("Activity", "Personal fields", "Other fields", "Services", "Counted"), lines)
    if not _is_counted(facts):
        yield Text(
            "Nothing of this log is counted: rollups are not kept, or may not be seen by this login. So what is recorded can't be told here; keep them"
            " by prelude analytics, or build them by prelude store rollup rebuild."
        )


def _is_counted(facts: Facts) -> bool:
    """Whether what rollups do not know is not there."""
    return bool(facts.recorded) or (facts.recorded is not None and facts.extent[0] is None)


def _recipients(facts: Facts) -> Iterator[Block]:
    yield Heading("Recipients (d)")
    yield Text(
        "Who can reach the data: logins of the database with their roles, and holders of tokens of the analytics service."
    )
    if facts.logins is None:
        yield Text(f"Logins: {_UNKNOWN}.")
    else:
        yield Table(
            ("Login", "Can"),
            [
                (name, "everything (superuser)" if everything else ", ".join(_can(role) for role in roles or ()))
                for name, everything, roles in facts.logins
            ],
        )
    if facts.tokens is None:
        yield Text(f"Tokens: {_UNKNOWN}; a login in prelude_governor may see how many there are.")
    else:
        yield Table(
            ("Valid tokens of the role", "How many"),
            [(role, f"{count:,}") for role, count in facts.tokens] or [("none", "0")],
        )


def _can(role: str) -> str:
    return {
        "prelude_owner": "everything in the log (owner)",
        "prelude_writer": "write activities",
        "prelude_reader": "read all activities",
        "prelude_keeper": "keep counts",
        "prelude_access": "check tokens",
        "prelude_governor": "read, export, erase, set policies",
        "prelude_sealer": "read all activities, and seal them",
    }.get(role, role)


def _limits(facts: Facts) -> Iterator[Block]:
    yield Heading("Time limits for erasure (f)")
    oldest, newest = facts.extent
    if oldest is not None and newest is not None:
        yield Text(f"The log reaches from {oldest:%Y-%m-%d} to {newest:%Y-%m-%d}.")
    if facts.policies is None:
        yield Text(f"Policies of retention: {_UNKNOWN}.")
    elif not facts.policies:
        yield Text(
            "No policy of retention is set: everything is kept until it is erased. Set one: prelude store retain set."
        )
    else:
        yield Table(("Of", "Kept for"), [(str(one.scope), one.keep) for one in facts.policies])
        yield Text("The most specific policy decides. What no policy names is kept until it is erased.")
    if facts.holds:
        yield Text(f"Legal holds that keep data beyond these limits: {facts.holds:,}.")
    yield Text("Backups keep what they hold for as long as you keep them: state it here.")


def _security(facts: Facts) -> Iterator[Block]:
    yield Heading("Security (g)")
    lines = [
        (
            "Access",
            "every answer needs a credential; roles decide whose data it opens; reads of other people's data are activities themselves",
        ),
        ("Tampering", _seals(facts)),
    ]
    if facts.server is not None:
        version, tls, passwords, here = facts.server
        lines += [
            ("Database", f"PostgreSQL {version}; passwords of logins: {passwords}"),
            (
                "TLS to the database",
                f"offered: {tls}; this very connection: {'yes' if here else 'no (a local socket needs none)'}",
            ),
        ]
    lines += [
        ("Four eyes", _FOUR_EYES[facts.four_eyes]),
        ("TLS from services to Collector, exporter and analytics", "not known to the database: state it here"),
        ("Encryption of disks and backups", "not known to the database: state it here"),
    ]
    yield Table(("Measure", "State"), lines)
    if facts.acts:
        yield Text("Acts of the log so far:")
        yield Table(
            ("Act", "How often", "Last"),
            [(kind, f"{count:,}", f"{last:%Y-%m-%d %H:%M}") for kind, count, last in facts.acts],
        )


def _seals(facts: Facts) -> str:
    if facts.seals is None:
        return f"seals: {_UNKNOWN}"
    origin, leaves, signed_at = facts.seals
    if not leaves or signed_at is None:
        return "no seals: nothing proves that the log was not changed"
    return f"sealed as {origin}: {leaves:,} leaves, newest checkpoint of {signed_at:%Y-%m-%d %H:%M} UTC"
