"""One session of one person: each action becomes its row, as the exporter writes it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from prelude_otel.catalogue import conform
from prelude_otel.contract.event_id import uuid7_text
from prelude_otel.contract.vocabulary import PENDING, SUCCESS
from prelude_store.row import ActivityRow
from prelude_store.seed.kinds import DICE, INCIDENT, Kind, Mishap, kinds

if TYPE_CHECKING:
    from prelude_store.seed.deals import Deals
    from prelude_store.seed.people import User
    from prelude_store.seed.plan import Past

__all__ = ["Visit"]

_SLOWER: Final = 5
_NOT_TOUCHED: Final = "navigation"
_WORKER: Final = "crm-worker"
_KEY_ACCOUNT: Final = 17
_PENDING_MS: Final = 24
_UNFINISHED: Final = 0.03
_ENDS: Final = ((0.92, SUCCESS, None), (0.98, "error", '{"error_type":"DeliveryError"}'), (1.0, "timeout", None))
"""How what was pending ends: up to which chance, with what status and ``result_data``."""
_new: Final = tuple.__new__


class Visit:
    """A session that goes on with each call of `do`.

    Args:
        past: what it belongs to.
        user: who.
        at_us: when it begins, in microseconds since the epoch.
        deals: the deals and customers that there are by now.
        rng: the dice.

    Attributes:
        rows: what was done so far, in the order in which it was done.
        at_us: when the next action begins.
    """

    __slots__ = ("_incident", "_kinds", "_session", "_tags", "at_us", "deals", "rng", "rows", "until_us", "user")

    def __init__(self, past: Past, user: User, at_us: int, deals: Deals, rng: Random) -> None:
        self.rows: list[ActivityRow] = []
        self.at_us = at_us
        self.user = user
        self.rng = rng
        self.deals = deals
        self.until_us = past.until_us
        self._incident = past.incident
        self._kinds = kinds()
        self._session = None if user.app else f"{rng.getrandbits(64):016x}"
        self._tags = ("mobile",) if user.app else None

    def do(
        self,
        key: str,
        data: Mapping[str, Any] | None = None,
        entity: int | None = None,
        *,
        made: bool = False,
        later_ms: int = 0,
    ) -> bool:
        """Do one thing, and think about it.

        Args:
            key: ``type.name``.
            data: action data.
            entity: id of what it is about.
            made: whether `entity` is made by it, and so not there if it fails.
            later_ms: the handler says "pending", and a worker ends it so many milliseconds later.

        Returns:
            Whether it went well.
        """
        kind, drawn = self._kinds[key], self.rng.random
        began = self.at_us
        troubled = self._incident[0] <= began < self._incident[1] and kind.type != _NOT_TOUCHED
        mishap = self._mishap(kind, drawn(), troubled=troubled)
        length = kind.lengths[int(drawn() * DICE)]
        thought = kind.thoughts[int(drawn() * DICE)]
        if troubled:
            length *= _SLOWER
        given = dict(data or ())
        if mishap is None:
            pending = later_ms > 0
            self._add(kind, given, entity, PENDING if pending else SUCCESS, None, _PENDING_MS if pending else length)
            self.at_us += (_PENDING_MS if pending else length) * 1000 + thought
            if pending:
                self._complete(kind, given, began, later_ms)
            return True
        if made:
            entity = None
        length = max(length, mishap.least_ms + length // 50) if mishap.handler_ran else 0
        if not mishap.handler_ran:
            given = {}
        self._add(kind, given, entity, mishap.status, mishap.result, length if mishap.handler_ran else None, mishap)
        self.at_us += length * 1000 + thought // 2
        return False

    def _mishap(self, kind: Kind, drawn: float, *, troubled: bool) -> Mishap | None:
        if troubled:
            for mishap in INCIDENT:
                if drawn < mishap.chance:
                    return mishap
        elif drawn < kind.trouble:
            for mishap in kind.mishaps:
                if drawn < mishap.chance:
                    return mishap
                drawn -= mishap.chance
        return None

    def _complete(self, kind: Kind, data: dict[str, Any], began_us: int, later_ms: int) -> None:
        """The worker's record that ends what was pending: as `prelude_otel.complete` writes it, from the start of the whole."""
        drawn = self.rng.random()
        if drawn < _UNFINISHED or began_us + later_ms * 1000 >= self.until_us:
            return
        drawn = self.rng.random()
        status, result = next((status, result) for upto, status, result in _ENDS if drawn < upto)
        pending = self.rows[-1]
        page = pending.page_url
        before = (
            began_us, uuid7_text(began_us * 1000, self.rng.getrandbits), pending.user_email, pending.session_id, kind.type, kind.name,
            kind.category, kind.entity, pending.entity_id, page, kind.page, _WORKER, None, None, _json(kind, data, pending.entity_id),
            status, result,
        )  # fmt: skip
        self._append(before, later_ms, (None, pending.event_id, kind.personal, None, None))

    def _add(
        self,
        kind: Kind,
        data: dict[str, Any],
        entity: int | None,
        status: str,
        result: str | None,
        length: int | None,
        mishap: Mishap | None = None,
    ) -> None:
        user, bits = self.user, self.rng.getrandbits
        entity_id = None if entity is None else str(entity)
        page = kind.page
        if kind.parameter is not None and page is not None:
            value = entity_id if kind.parameter == kind.activity.entity_id else data.get(kind.parameter)
            page = None if value is None else page.replace(f"{{{kind.parameter}}}", str(value))
        customer = data.get("customer_id")
        tags = ("key_account",) if customer is not None and customer % _KEY_ACCOUNT == 0 else self._tags
        known = mishap is None or not mishap.nobody
        before = (
            self.at_us, uuid7_text(self.at_us * 1000, bits), user.email if known else None, self._session, kind.type, kind.name,
            kind.category, kind.entity, entity_id, page, kind.page, kind.service, user.agent, user.address,
            _json(kind, data, entity_id), status, result,
        )  # fmt: skip
        trace = f"{bits(192):048x}"
        self._append(before, length, (tags, None, kind.personal, trace[:32], trace[32:]))

    def _append(self, before: tuple[Any, ...], length: int | None, after: tuple[Any, ...]) -> None:
        # As the exporter hashes it: a resend of the same would be the same.
        content = blake2b(orjson.dumps((before, after)), digest_size=16).digest()
        self.rows.append(_new(ActivityRow, (*before, length, *after, content, False)))


def _json(kind: Kind, data: dict[str, Any], entity_id: str | None) -> str | None:
    conformed = conform(kind.activity, data, entity_id).data if kind.filled_in else data
    return orjson.dumps(conformed, option=orjson.OPT_SORT_KEYS).decode() if conformed else None
