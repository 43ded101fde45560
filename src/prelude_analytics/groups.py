"""What answers count together, and by which keys: the same for figures, lists, and rows as they commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Any, Final

import orjson

__all__ = [
    "ACTIONS",
    "CREATE_DEAL",
    "KNOWN",
    "METHODS",
    "OTHER",
    "VALUES",
    "customer_of",
    "is_cut",
    "key",
    "method_of",
    "quoted",
    "value_of",
]

ACTIONS: Final = {
    "views": ("view_customer", "view_deal"),
    "emails": ("generate_email", "send_email"),
    "deals": ("create_deal", "update_deal", "delete_deal"),
}
"""Actions of ``/customers``, ``/emails`` and ``/deals``."""

METHODS: Final = ("gmail_api_v2", "outlook_api_v2", "smtp")
OTHER: Final = "other"
"""Any other method, or none named."""

CREATE_DEAL: Final = "create_deal"
KNOWN: Final = "known"
VALUES: Final = (KNOWN, "unknown")
"""Whether the value of a deal that was created is known as a number."""

_KEY_BYTES: Final = 256
_KEY_BEGINNING: Final = 40
_CUT: Final = re.compile(f".{{{_KEY_BEGINNING}}}…[0-9a-f]{{32}}", re.DOTALL)


def quoted(names: Iterable[str]) -> str:
    """Names of ours, for a statement."""
    return ", ".join(f"'{name}'" for name in names)


def key(text: str | None) -> str | None:
    """`text` as it stands in the keys of rollups, as ``prelude_key`` has it; None stays None."""
    if text is None or len(text.encode("utf-8", "surrogatepass")) <= _KEY_BYTES:
        return text
    digest = md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return f"{text[:_KEY_BEGINNING]}…{digest}"


def is_cut(text: str) -> bool:
    """Whether `text` may be a key that stands for a longer text."""
    return _CUT.fullmatch(text) is not None


def method_of(row: Mapping[str, Any]) -> str:
    """How the email of a row went."""
    method = _text(row, "method")
    return method if method in METHODS else OTHER


def value_of(row: Mapping[str, Any]) -> str:
    """Which of `VALUES` a row that created a deal has."""
    value = (row["action_data"] or {}).get("value_usd")
    return VALUES[not (isinstance(value, int | float) and not isinstance(value, bool))]


def customer_of(row: Mapping[str, Any]) -> str | None:
    """Whose customer a row is about (ruling 2)."""
    customer = _text(row, "customer_id")
    if customer is None and row["action_name"] == "view_customer":
        return row["entity_id"]  # type: ignore[no-any-return]
    return customer


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = (row["action_data"] or {}).get(name)
    return value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
