"""Governance: what persons ask for and until when, what goes and what stays, who must consent, seals, and what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from prelude_dashboard.screen import Screen
from prelude_otel.contract.vocabulary import ACTION_TYPES

if TYPE_CHECKING:
    from prelude_analytics.governing.shapes import HoldShown
    from prelude_dashboard.asking import Asking

__all__ = ["SCREEN", "act", "deadline", "deed", "held", "show"]

SCREEN: Final = Screen("governance", "/governance", "Governance", "g", roles=("govern",))
KINDS: Final = {
    "access": "Access",
    "portability": "Portability",
    "erasure": "Erasure",
    "rename": "Change of address",
    "rectification": "Rectification",
    "restriction": "Restriction",
    "objection": "Objection",
}
ARTICLES: Final = {
    "access": "Art. 15", "portability": "Art. 20", "erasure": "Art. 17", "rename": "Art. 16", "rectification": "Art. 16",
    "restriction": "Art. 18", "objection": "Art. 21",
}  # fmt: skip
SAID: Final = {
    "opened": "The request is taken in.",
    "extended": "The deadline is extended; tell the person, and why.",
    "closed": "The request is closed, and its address is gone.",
    "begun": "It has begun, and goes on by itself.",
    "proposed": "It waits for the consent of somebody else who governs.",
    "consented": "You have consented: it is done, or under way.",
    "refused": "The proposal is off.",
    "policy": "The policy is set; it takes effect with the next run.",
    "no-policy": "The policy is gone.",
    "held": "The hold holds.",
    "released": "The hold is released: what it kept is due again.",
}
SOON: Final = 7
"""Days before a deadline from which on it is marked."""
_HASH: Final = 12


async def show(ask: Asking) -> dict[str, Any]:
    """All of it; the plan only where it is asked for, since it reads the log."""
    found = await ask.governance()
    planned = ask.state["plan"] == "1" and found is not None
    return {
        "found": found,
        "plan": await ask.retention_plan() if planned else None,
        "kinds": KINDS,
        "articles": ARTICLES,
        "types": sorted(ACTION_TYPES),
        "said": SAID.get(ask.state["said"] or ""),
        "closed": ask.state["closed"] == "1",
        "deadline": deadline,
        "deed": deed,
        "held": held,
        "act": act,
        "mine": f"token:{ask.caller.token_id}",
    }


def deadline(days: int) -> tuple[str, str]:
    """The mark of a deadline that is `days` away, and its words: told by colour and by shape."""
    if days < 0:
        return "error", f"{-days} {'day' if days == -1 else 'days'} over"
    words = "due today" if days == 0 else f"{days} {'day' if days == 1 else 'days'} left"
    return ("timeout" if days <= SOON else "success"), words


def deed(kind: str, content: Mapping[str, Any]) -> str:
    """What a proposal would do, in words."""
    if kind in ("erasure", "rename"):
        return f"{KINDS[kind]}, request {content['request']}"
    if kind == "release":
        return f"Release hold {content['hold']}"
    if kind == "hold":
        return f"Hold {_covered(content, of_a_person=bool(content.get('of_a_person')))}"
    whose = ".".join(part for part in (content["action_type"], content["action_name"]) if part) or "all activities"
    what = "rows" if content["what"] == "rows" else f"the class {content['what']}"
    if kind == "remove_policy":
        return f"Remove the policy for {what} of {whose}"
    return f"Keep {what} of {whose} for {content['keep']}"


def held(hold: HoldShown) -> str:
    """What a hold keeps, in words."""
    days = {
        name: None if (moment := getattr(hold, name)) is None else moment.isoformat() for name in ("since", "until")
    }
    content = {"entity_type": hold.entity_type, "entity_id": hold.entity_id} | days
    return _covered(content, of_a_person=hold.person is not None, person=hold.person)


def act(kind: str, detail: Mapping[str, Any]) -> str:
    """What an act says, in a line; hashes are cut."""
    told = _ACTS.get(kind)
    try:
        return told(detail) if told is not None else _any(detail)
    except (KeyError, TypeError):  # of a version that says it otherwise
        return _any(detail)


def _any(detail: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {json_text(value)}" for name, value in detail.items() if value not in ({}, [])
    )


def _of_request(detail: Mapping[str, Any]) -> str:
    number = f" {detail['number']}" if "number" in detail else ""
    due = f", due {detail['due_at'][:10]}" if "due_at" in detail else ""
    return f"{KINDS[detail['kind']].lower()}{number}: {detail['request']}{due}"


def _of_policy(detail: Mapping[str, Any]) -> str:
    whose = ".".join(part for part in (detail.get("type"), detail.get("name")) if part) or "all activities"
    what = "rows" if detail["what"] == "rows" else f"class {detail['what']}"
    before = f", before {detail['before']}" if "before" in detail else ""
    return f"{what} of {whose}: " + (
        "no policy any more" if detail.get("removed") else f"kept {detail['keep']}{before}"
    )


def _of_person(detail: Mapping[str, Any]) -> str:
    counts = detail.get("counts") or {}
    rest = {name: value for name, value in detail.items() if name not in ("person", "counts", "run", "rows")}
    rows = counts.get("rows", (detail.get("rows") or {}).get("activities"))
    parts = [f"person {json_text(detail['person'])}", "" if rows is None else f"{rows} rows", _any(rest)]
    return ", ".join(part for part in parts if part)


def _of_proposal(detail: Mapping[str, Any]) -> str:
    if "content" in detail:
        return deed(detail["proposed"], detail["content"])
    by = f", proposed by {detail['proposed_by']}" if "proposed_by" in detail else ""
    return f"proposal {detail['proposal']}: {detail['proposed'].replace('_', ' ')}{by}"


_ACTS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "request": _of_request,
    "policy": _of_policy,
    "hold": lambda detail: _covered(detail, of_a_person="person" in detail, person=detail.get("person")),
    "release": lambda detail: f"hold {detail['hold']}",
    "erase": _of_person,
    "erased": _of_person,
    "rename": _of_person,
    "renamed": _of_person,
    "export": _of_person,
    # Of a policy that was carried out. Proposals that nobody decided on were called so, too, before they lapsed.
    "expire": lambda detail: _of_proposal(detail) if "proposal" in detail else _of_policy(detail),
} | dict.fromkeys(("propose", "consent", "refuse", "withdraw", "lapse"), _of_proposal)


def json_text(value: Any) -> str:
    """A value within a line."""
    if isinstance(value, dict):
        return " ".join(f"{name} {json_text(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return " ".join(json_text(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"{text[:_HASH]}…" if len(text) == 64 and text.isalnum() else text[:19] if text[10:11] == "T" else text  # noqa: PLR2004 (a hash in hex; a time)


def _covered(content: Mapping[str, Any], *, of_a_person: bool, person: str | None = None) -> str:
    parts = []
    if of_a_person:
        parts.append(f"person {person[:_HASH]}…" if person else "a person")
    if content.get("entity_type"):
        number = content.get("entity_id")
        parts.append(f"{content['entity_type']} {number}" if number else f"every {content['entity_type']}")
    if content.get("since"):
        parts.append(f"from {content['since'][:10]}")
    if content.get("until"):
        parts.append(f"before {content['until'][:10]}")
    return ", ".join(parts)
