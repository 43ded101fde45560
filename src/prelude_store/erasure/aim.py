"""What is to become of a person in the log: a pure decision for each row.

An erased person's rows stay, as activities of nobody, so that counts stand; what is personal in them goes. Of others' rows just the
mention goes. A renamed person's rows get the new address, and mentions of the old one, too, but for names of kinds of things: those are
sealed as they are, and nothing is lost by a renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from prelude_otel.catalogue import Catalogue, builtin
from prelude_store.governance.changes import ClassName, Kind, RowKey
from prelude_store.mentions import json_text
from prelude_store.mentions.content import ERASED, Content, changed, changed_fields, personal_paths, without_fields
from prelude_store.mentions.person import Person
from prelude_store.mentions.search import NAMES

__all__ = ["FOUND_COLUMNS", "Aim", "Found", "Treated", "treated"]

FOUND_COLUMNS: Final = (
    'lane, lane_seq, event_id, "timestamp", user_email, session_id, user_agent, ip_address, page_url, entity_id, action_data::text,'
    " result_data::text, tags, action_type, action_name, action_category, entity_type, page_route, service_name, personal_paths,"
    " completes_event_id"
)
"""Of the log, in the order of `Found`."""

_KINDS: Final = tuple(name for name in NAMES if name != "user_email")


class Found(NamedTuple):
    """A row that is the person's, or names them."""

    lane: int
    lane_seq: int
    event_id: UUID
    timestamp: datetime
    user_email: str | None
    session_id: str | None
    user_agent: str | None
    ip_address: str | None
    page_url: str | None
    entity_id: str | None
    action_data: str | None
    result_data: str | None
    tags: Sequence[str] | None
    action_type: str
    action_name: str
    action_category: str | None
    entity_type: str | None
    page_route: str | None
    service_name: str | None
    personal_paths: Sequence[str] | None
    completes_event_id: UUID | None
    named: bool = True
    """Whether it may name the person, beside as the acting user."""

    @property
    def key(self) -> RowKey:
        """Which row it is."""
        return RowKey(self.lane, self.lane_seq, self.event_id, self.timestamp)

    @property
    def content(self) -> Content:
        """What it says of what was done."""
        return Content(self.page_url, self.entity_id, self.action_data, self.result_data, self.tags)


class Treated(NamedTuple):
    """What becomes of a row.

    Args:
        row: as it is to be.
        kinds: of the change of each class; a class that stays is not there.
        removed: the row goes as a whole: where only kinds of things are named, nothing can be left out.
        own: it was the person's own.
        counts_anew: rollups of its day say something else than the row says now, beside whose it is.
    """

    row: Found
    kinds: dict[ClassName, Kind]
    removed: bool
    own: bool
    counts_anew: bool


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be done.

    Args:
        address: of the person.
        new: the address that takes its place; None: the person is erased.
        catalogue: tells which fields are personal.
    """

    address: Person
    new: Person | None = None
    catalogue: Catalogue = field(default_factory=builtin)
    _personal: dict[tuple[str, str], list[str]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def personal_kinds(self) -> list[str]:
        """Activities of which the catalogue knows personal fields, ``type.name``."""
        return [activity.key for activity in self.catalogue if activity.personal]

    def personal_paths(self, row: Found) -> list[str]:
        """Paths of the personal fields of `row`."""
        kind = (row.action_type, row.action_name)
        known = self._personal.get(kind)
        if known is None:
            known = self._personal[kind] = personal_paths(self.catalogue, *kind, None)
        return [*known, *row.personal_paths] if row.personal_paths else known

    @property
    def word(self) -> str:
        """What stands for the address in a text."""
        return ERASED if self.new is None else self.new.email

    def text(self, text: str) -> str:
        """`text` as it is to be; the same object where it names nobody. An id stands in no text."""
        return self.address.replaced(text, self.word) if self.address.within_texts else text

    def value(self, value: str) -> str:
        """The whole value of a personal field as it is to be."""
        return self.address.replaced(value, self.word)

    def user(self, user: str) -> str | None:
        """The acting user that takes the place of `user`, who is the person, or named after them; None: nobody."""
        if self.new is None:
            return None
        return self.new.email if user == self.address.email else self.text(user)


def treated(row: Found, aim: Aim) -> Treated | None:
    """What becomes of `row`; None where it has nothing to do with the person."""
    own = row.user_email is not None and (row.user_email == aim.address.email or aim.address.mentioned(row.user_email))
    within = aim.address.within_texts
    if within and row.named and aim.new is None and any(_names(row, name, aim.address) for name in _KINDS):
        return Treated(row, {}, True, own, True)
    content, paths = row.content, aim.personal_paths(row)
    if own and aim.new is None:
        content = without_fields(content, paths)
    if not within:
        content = changed_fields(content, paths, aim.value)
    elif row.named:
        content = changed(content, aim.text)
    user_email, session_id, user_agent, ip_address = _identity(row, aim, own=own)
    other = row._replace(
        user_email=user_email, session_id=session_id, user_agent=user_agent, ip_address=ip_address,
        page_url=content.page_url, entity_id=content.entity_id, action_data=content.action_data, result_data=content.result_data,
        tags=content.tags,
    )  # fmt: skip
    kinds: dict[ClassName, Kind] = {}
    how: Kind = "renamed" if aim.new is not None else "redacted"
    if (row.user_email, row.session_id) != (other.user_email, other.session_id):
        kinds["person"] = "erased" if other.user_email is None and other.session_id is None else how
    if (row.user_agent, row.ip_address) != (other.user_agent, other.ip_address):
        kinds["device"] = "erased" if other.user_agent is None and other.ip_address is None else how
    if row.content != other.content:
        kinds["content"] = how
    if not kinds:
        return None
    counts_anew = "content" in kinds and _counted_as(row) != _counted_as(other)
    return Treated(other, kinds, False, own, counts_anew)


def _identity(row: Found, aim: Aim, *, own: bool) -> tuple[str | None, str | None, str | None, str | None]:
    """The columns of the classes person and device, as they are to be."""
    if own and aim.new is None:
        return None, None, None, None
    user = aim.user(row.user_email) if own and row.user_email is not None else row.user_email
    session_id, user_agent, ip_address = (
        text if text is None else aim.text(text) for text in (row.session_id, row.user_agent, row.ip_address)
    )
    return user, session_id, user_agent, ip_address


def _names(row: Found, column: str, address: Person) -> bool:
    value = getattr(row, column)
    return value is not None and any(address.mentioned(text) for text in ([value] if isinstance(value, str) else value))


def _counted_as(row: Found) -> tuple[object, ...]:
    """What rollups take from the content of a row, see `prelude_store.rollups.arrivals`."""
    if row.action_name not in ("view_customer", "view_deal", "generate_email", "send_email", "create_deal"):
        return ()
    data = json_text.read(row.action_data) if row.action_data else {}
    if not isinstance(data, dict):
        data = {}
    return data.get("customer_id"), row.entity_id, data.get("method"), data.get("value_usd")
