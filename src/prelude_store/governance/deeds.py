"""What may be done to policies and holds, as something that can wait for consent: a kind, and content that JSON can hold."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from prelude_store.governance import holds
from prelude_store.governance.absent import AbsentError
from prelude_store.retention.keeping import parse_keep
from prelude_store.retention.policies import remove_policy, set_policy
from prelude_store.retention.policy import ROWS, Policy, Scope, scope_of

if TYPE_CHECKING:
    from prelude_store.connection import Connection

__all__ = ["Deed", "DeedKind", "do", "hold", "policy", "policy_removal", "release", "try_out"]

DeedKind = Literal["set_policy", "remove_policy", "hold", "release"]


class Deed(NamedTuple):
    """What is to be done.

    Args:
        content: names nobody.
        email: whom a hold is about.
    """

    kind: DeedKind
    content: dict[str, Any]
    reason: str | None = None
    email: str | None = None


def policy(
    action_type: str | None, action_name: str | None, cls: str | None, keep: str, *, by_week: bool, reason: str | None
) -> Deed:
    """Set a policy.

    Raises:
        RetentionError: there is no such type, class or length.
    """
    scope = scope_of(action_type, action_name, cls)
    return Deed("set_policy", scope._asdict() | {"keep": parse_keep(keep), "by_week": by_week}, reason)


def policy_removal(action_type: str | None, action_name: str | None, cls: str | None, reason: str | None) -> Deed:
    """Remove a policy; errors as `policy`."""
    return Deed("remove_policy", scope_of(action_type, action_name, cls)._asdict(), reason)


def hold(wanted: holds.Wanted) -> Deed:
    """Hold something."""
    content = {
        "entity_type": wanted.entity_type, "entity_id": wanted.entity_id, "since": _text(wanted.since),
        "until": _text(wanted.until), "ends_at": _text(wanted.ends_at), "of_a_person": wanted.user is not None,
    }  # fmt: skip
    return Deed(
        "hold",
        {name: value for name, value in content.items() if value not in (None, False)},
        wanted.reason,
        wanted.user,
    )


def release(number: int, reason: str) -> Deed:
    """Let a hold go."""
    return Deed("release", {"hold": number}, reason)


def do(connection: Connection, lane: int, actor: str, deed: Deed) -> int | None:
    """Do it, within an open transaction; gives the number of a new hold.

    Args:
        connection: of a member of ``prelude_governor``.
        lane: as `acts.record_act`.

    Raises:
        RetentionError: the policy makes no sense beside the others, or is not there.
        HoldError: the hold makes no sense, or was released.
        AbsentError: there is no such hold.
    """
    content = deed.content
    if deed.kind in ("set_policy", "remove_policy"):
        scope = Scope(content["action_type"], content["action_name"], content.get("what", ROWS))
        if deed.kind == "remove_policy":
            remove_policy(connection, lane, actor, scope, deed.reason)
        else:
            set_policy(connection, lane, actor, Policy(0, scope, content["keep"], content["by_week"]), deed.reason)
        return None
    if deed.kind == "release":
        if all(one.id != content["hold"] for one in holds.holds(connection, all_of_them=True)):
            raise AbsentError(f"there is no hold {content['hold']}")
        holds.release(connection, lane, actor, content["hold"], deed.reason or "")
        return None
    if content.get("of_a_person") and deed.email is None:
        raise holds.HoldError(
            "the address of the person whom this hold is about is not kept any more; propose it again"
        )
    times = {
        name: None if (text := content.get(name)) is None else datetime.fromisoformat(text)
        for name in ("since", "until", "ends_at")
    }
    entity_type, entity_id = content.get("entity_type"), content.get("entity_id")
    return holds.add(
        connection, lane, actor, holds.Wanted(deed.reason or "", deed.email, entity_type, entity_id, **times)
    )


def try_out(connection: Connection, lane: int, actor: str, deed: Deed) -> None:
    """Refuse now what could not be done later; changes nothing, errors as `do`."""
    with connection.transaction(force_rollback=True):
        do(connection, lane, actor, deed)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
