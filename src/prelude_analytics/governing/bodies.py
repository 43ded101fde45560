"""What is sent to the routes of governance."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from prelude_store.governance.requests import Kind

__all__ = [
    "CarryOutBody",
    "CloseBody",
    "ExtendBody",
    "HoldBody",
    "PolicyBody",
    "RefuseBody",
    "RequestBody",
    "Text",
    "plain",
]

_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199


def plain(text: str) -> str:
    """`text` where a database can hold it.

    Raises:
        ValueError: it has a NUL or half a character in it.
    """
    if "\x00" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ValueError("it is a text without NUL and half characters")
    return text


def _known(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"it is a time from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


Text = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(plain)]
_Moment = Annotated[AwareDatetime, AfterValidator(_known)]
_Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(plain)]
_Reason: Final = "Why; stands in the act for good, so name nobody in it."


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequestBody(_Body):
    """A request that came."""

    kind: Kind
    user_email: _Name = Field(description="Whose request it is.")
    new_user_email: _Name | None = Field(None, description="Of a change of address: the new one.")
    received_at: _Moment | None = Field(
        None, description="When it came; unless given, now. The deadline counts from it."
    )
    note: Text | None = Field(None, description="For who handles it; goes when the request is closed.")


class ExtendBody(_Body):
    """More time."""

    months: Literal[1, 2] = Field(description="Beyond the first month.")
    reason: Text = Field(description="Why; the person is told (Article 12(3)).")


class CloseBody(_Body):
    """The end of a request that nothing here carries out, or that is not carried out."""

    outcome: Literal["done", "refused", "withdrawn"]
    reason: Text | None = Field(
        None, description="What was done, or why not. Needed unless it is done (Article 12(4))."
    )


class CarryOutBody(_Body):
    """That this person is meant."""

    user_email: _Name = Field(description="The address once more: it must be that of the request.")
    reason: Text | None = Field(None, description=_Reason)


class PolicyBody(_Body):
    """How long something is kept."""

    action_type: _Name | None = Field(None, description="Unless given, activities of all types.")
    action_name: _Name | None = Field(None, description="With its type; unless given, all of the type.")
    cls: Literal["person", "device", "content"] | None = Field(
        None, alias="class", description="The columns that go; unless given, the rows."
    )
    keep: _Name = Field(description="Whole days, weeks, months or years: `90d`, `12w`, `18mo`, `1y`; or `forever`.")
    by_week: bool = Field(
        default=False, description="Weeks go as a whole, up to six days later: whole partitions are dropped."
    )
    reason: Text | None = Field(None, description=_Reason)


class HoldBody(_Body):
    """What stays, whatever a policy or an erasure says. All that is given applies together."""

    user_email: _Name | None = Field(
        None, description="What this person did, and what names the address. A keyed hash is kept."
    )
    entity_type: _Name | None = None
    entity_id: _Name | None = Field(None, description="With its type.")
    since: _Moment | None = Field(None, description="What is from then on.")
    until: _Moment | None = Field(None, description="What is from before then.")
    ends_at: _Moment | None = Field(None, description="The hold ends by itself then.")
    reason: Text = Field(description=_Reason)


class RefuseBody(_Body):
    """Why not."""

    reason: Text | None = Field(None, description=_Reason)
