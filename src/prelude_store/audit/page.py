"""A report as one page of HTML, for a screen and for paper."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Final

from prelude_store.audit.paper import policy, style

if TYPE_CHECKING:
    from datetime import date, datetime

    from prelude_store.audit.asked import Asked
    from prelude_store.audit.gone import Gone
    from prelude_store.audit.report import Act, Row
    from prelude_store.audit.seal import Seal
    from prelude_store.audit.tally import Count, Looks, Tally

__all__ = ["Page"]

_STATUSES: Final = ("success", "error", "pending", "timeout")
_MOST_LINES: Final = 200
"""Of a table of the summary; programs get them all."""
_LONGEST: Final = 400
"""Characters of one value that are shown."""
_BAD: Final = frozenset({"error", "timeout"})
_JOINERS: Final = "\u200c\u200d"
"""Parts of words in Persian and Hindi, and of pictograms."""


class Page:
    """HTML; see `report.Format`.

    Args:
        asked: the report.

    Attributes:
        most: rows that it shows: what a browser opens and prints. It says so, and where the others are.
        policy: the Content-Security-Policy to send with it.
    """

    most: int = 50_000

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._day: date | None = None
        self._style = style(
            f"Audit trail · {asked.subject}",
            f"{self._at(asked.since)} – {self._at(asked.until)} {asked.tz.key}",
            f"Made {self._at(asked.made_at)} {asked.tz.key} by {asked.by}",
        )
        self.policy = policy(self._style)

    def head(self, asked: Asked, seal: Seal, database: str) -> bytes:
        """Title and facts."""
        facts = {
            "Of": str(asked.subject),
            "Period": f"{self._at(asked.since)} up to and without {self._at(asked.until)}, {asked.tz.key}",
            "Made": f"{self._at(asked.made_at)} {asked.tz.key}",
            "By": asked.by,
            "Log": f"database {database}" + (f", {seal.origin}" if seal.origin else ""),
            "Program": f"prelude-otel {asked.version}",
        }
        listed = "".join(f"<dt>{name}</dt><dd>{_bdi(value)}</dd>" for name, value in facts.items())
        title = f"Audit trail · {asked.subject} · {self._at(asked.since)[:10]} – {self._at(asked.until)[:10]}"
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{_text(_cut(title))}</title>\n<style>{self._style}</style></head><body><main>\n"
            f'<h1>Audit trail</h1>\n<dl class="facts">{listed}</dl>\n'
        ).encode("utf-8", "backslashreplace")

    def summary(self, seal: Seal, tally: Tally, gone: Gone) -> bytes:
        """The seal, and counts."""
        fine, said = seal.said(tally.whole.rows, tally.sealed)
        parts = [f'<section class="seal{"" if fine else " not"}"><p><strong>{_text(said)}</strong></p>']
        newest = seal.shown["checkpoint"]
        if newest and seal.signed_at is not None:
            parts.append(
                f"<p>Newest checkpoint: {_bdi(seal.origin or '')}, {newest['size']:,} leaves, root <code>{newest['root']}</code>,"
                f" signed {self._at(seal.signed_at)} {self._asked.tz.key}. Compare it with one that is kept outside:"
                " <code>prelude store verify</code>.</p>"
            )
        parts.append("</section>\n<h2>Summary</h2>\n")
        parts.extend(f'<p class="bad">{_text(sentence)}</p>\n' for sentence in gone.said())
        whole = tally.whole
        if whole.first is None or whole.last is None:
            parts.append("<p>No activity in this period.</p>\n")
            return _bytes(parts)
        if whole.rows > self.most:
            parts.append(
                f'<p class="bad"><strong>This page shows the first {self.most:,} of {whole.rows:,} activities</strong>, since a browser opens'
                " no more; counts are of all. CSV and NDJSON have every row: ask for one of them, or for a shorter period.</p>\n"
            )
        parts.append(
            f"<p>{whole.rows:,} {'activity' if whole.rows == 1 else 'activities'}, the first {self._at(whole.first)}, the last"
            f" {self._at(whole.last)}. Each row of the log counts: a pending activity and the one that ended it are two.</p>\n"
        )
        parts.append(self._table("What was done", "Activity", _actions(tally), _STATUSES, tally.others.get("actions")))
        if self._asked.subject.user_email is None:
            people = _by_rows(tally.people, "— nobody signed in, or erased")
            parts.append(self._table("By whom", "Person", people, (), tally.others.get("people")))
        if self._asked.subject.service_name is None:
            services = _by_rows(tally.services, "—")
            parts.append(self._table("By service", "Service", services, (), tally.others.get("services")))
        return _bytes(parts)

    def looks(self, looks: Looks) -> bytes:
        """Who looked at what."""
        about = "" if not self._asked.subject.given else f", at what is about {self._asked.subject}"
        parts = [
            f"<h2>Who looked{_text(_cut(about))}</h2>\n<p>{looks.total:,} recorded reads by the analytics service."
        ]
        parts.append(" Reads by SQL, and by programs with a database login of their own, are not among them.</p>\n")
        if looks.found:
            parts.append(
                "<table><thead><tr><th>Reader</th><th>Route</th><th>Whose data</th><th>With</th><th class=n>Reads</th>"
                "<th class=n>Refused</th><th>First</th><th>Last</th></tr></thead><tbody>\n"
            )
        ordered = sorted(looks.found.items(), key=lambda one: (one[0][0], -one[1][0].rows))
        for key, (count, credentials) in ordered[: _MOST_LINES * 5]:
            reader, route, whose = key
            refused = looks.refused[key]
            parts.append(
                f"<tr><td>{_bdi(reader)}</td><td><code>{_text(_cut(route))}</code></td><td>{_bdi(whose)}</td>"
                f"<td>{_bdi(', '.join(sorted(credentials)))}</td><td class=n>{count.rows:,}</td>"
                f'<td class="n{" bad" if refused else " soft"}">{refused:,}</td>{self._span(count)}</tr>\n'
            )
        if looks.found:
            parts.append("</tbody></table>\n")
        left = len(ordered) - _MOST_LINES * 5
        if left > 0 or looks.others:
            parts.append(
                f"<p>{max(left, 0):,} more lines, and {looks.others:,} reads counted together; NDJSON has the lines.</p>\n"
            )
        return _bytes(parts)

    def acts(self, acts: list[Act], *, first: bool, last: bool) -> bytes:
        """Acts as a table that begins with the first and ends with the last."""
        parts = []
        if first:
            parts.append("<h2>What was done to the log</h2>\n")
            if not acts:
                parts.append("<p>No erasure, change of address, policy, hold or removal in this period.</p>\n")
                return _bytes(parts)
            parts.append(
                "<table><thead><tr><th>When</th><th>Act</th><th>By</th><th>Why</th><th>Details</th><th>Sealed</th></tr></thead><tbody>\n"
            )
        for one in acts:
            sealed = "yes" if one["sealed"] else '<span class="bad">no</span>'
            parts.append(
                f"<tr><td class=when>{self._at(one['at'])}</td><td>{_text(one['kind'])} <small>no. {one['id']}</small></td>"
                f"<td>{_bdi(one['actor'])}</td><td>{_bdi(one['reason'] or '—')}</td><td>{_details(one['detail'])}</td><td>{sealed}</td></tr>\n"
            )
        if last:
            parts.append("</tbody></table>\n")
        return _bytes(parts)

    def acts_unknown(self) -> bytes:
        """Why there are none."""
        return (
            b"<h2>What was done to the log</h2>\n<p>Acts name people by keyed hashes, and this login may not know the one of this"
            b" person. The report of the whole period has all acts.</p>\n"
        )

    def rows(self, rows: list[Row], *, first: bool) -> bytes:
        """Rows, each day under its date."""
        parts = []
        if first:
            parts.append("<h2>Activities</h2>\n")
            if rows:
                parts.append(
                    '<table class="trail"><thead><tr><th class=c1>When</th><th class=c2>Who</th><th class=c3>Did</th><th class=c4>To</th>'
                    "<th class=c5>Result</th><th class=c6>Where</th><th>Details</th></tr></thead>\n"
                )
        parts.extend(self._row(row) for row in rows)
        return _bytes(parts)

    def end(self, shown: int, tally: Tally) -> bytes:
        """How many there were."""
        parts = ["</tbody></table>\n" if self._day else "<p>None.</p>\n"]
        gone = tally.whole.rows - shown
        if shown >= self.most and gone > 0:
            parts.append(
                f'<p class="end"><span class="bad">End of the page: the first {shown:,} of {tally.whole.rows:,} activities.</span> CSV and'
                " NDJSON have every row: ask for one of them, or for a shorter period.</p>\n</main></body></html>\n"
            )
            return _bytes(parts)
        parts.append(f'<p class="end">End of the report: {shown:,} activities.')
        if gone:
            parts.append(
                f' <span class="bad">{gone:,} that were counted above left the log while the report was made</span>, by erasure or'
                " retention, or changed what they are found by."
            )
        parts.append("</p>\n</main></body></html>\n")
        return _bytes(parts)

    def _row(self, row: Row) -> str:
        at = row["timestamp"].astimezone(self._asked.tz)
        day = ""
        if at.date() != self._day:
            day = "</tbody>\n" if self._day else ""
            self._day = at.date()
            day += f'<tbody><tr class="day"><th colspan=7>{at:%A}, {at.day} {at:%B %Y}</th></tr>\n'
        status = row["result_status"]
        took = "" if row["duration_ms"] is None else f"<small>{row['duration_ms']:,} ms</small>"
        sealed = "" if row["sealed"] else '<small class="bad">not sealed</small>'
        who = _bdi(row["user_email"]) if row["user_email"] else '<span class="soft">—</span>'
        session = f"<small>session {_bdi(row['session_id'])}</small>" if row["session_id"] else ""
        place = (
            f"<small>{_bdi(row['page_url'] or row['page_route'])}</small>"
            if row["page_url"] or row["page_route"]
            else ""
        )
        origin = f"<small>from {_bdi(row['ip_address'])}</small>" if row["ip_address"] else ""
        ended = f"<small>ends {row['completes_event_id']}</small>" if row["completes_event_id"] else ""
        tags = f"<small>tags {_bdi(', '.join(row['tags']))}</small>" if row["tags"] else ""
        return (
            f"{day}<tr><td class=when>{at:%H:%M:%S}.{at.microsecond // 1000:03d}{sealed}</td><td>{who}{session}</td>"
            f"<td>{_bdi(row['action_type'])}.{_bdi(row['action_name'])}</td><td>{_entity(row)}</td>"
            f"<td><span{' class=bad' if status in _BAD else ''}>{_text(status)}</span>{took}</td>"
            f"<td>{_bdi(row['service_name'] or '—')}{place}{origin}</td>"
            f"<td>{_details(row['action_data'])}{_details(row['result_data'], 'result ')}{tags}{ended}<code class=soft>{row['event_id']}</code></td></tr>\n"
        )

    def _table(
        self, title: str, first: str, counts: list[tuple[str, Count]], statuses: tuple[str, ...], more: int | None
    ) -> str:
        heads = "".join(f"<th class=n>{status}</th>" for status in statuses)
        lines = "".join(
            f"<tr><td>{_bdi(name)}</td><td class=n>{count.rows:,}</td>"
            + "".join(
                f'<td class="n{"" if count.statuses.get(status) else " soft"}">{count.statuses.get(status, 0):,}</td>'
                for status in statuses
            )
            + f"{self._span(count)}</tr>\n"
            for name, count in counts[:_MOST_LINES]
        )
        left = len(counts) - _MOST_LINES + (more or 0)
        note = f"<p>The {_MOST_LINES} with most, and {left:,} more.</p>\n" if left > 0 else ""
        return (
            f"<h2>{title}</h2>\n<table><thead><tr><th>{first}</th><th class=n>Activities</th>{heads}<th>First</th><th>Last</th></tr></thead>"
            f"<tbody>\n{lines}</tbody></table>\n{note}"
        )

    def _span(self, count: Count) -> str:
        return "".join(f"<td class=when>{self._at(one) if one else ''}</td>" for one in (count.first, count.last))

    def _at(self, moment: datetime) -> str:
        return moment.astimezone(self._asked.tz).strftime("%Y-%m-%d %H:%M:%S")


def _actions(tally: Tally) -> list[tuple[str, Count]]:
    found = sorted(tally.actions.items(), key=lambda one: (-one[1].rows, one[0]))
    return [(f"{kind}.{name}", count) for (kind, name), count in found]


def _by_rows(counts: dict[str | None, Count], none: str) -> list[tuple[str, Count]]:
    found = sorted(counts.items(), key=lambda one: (-one[1].rows, one[0] or ""))
    return [(name or none, count) for name, count in found]


def _entity(row: Row) -> str:
    if not row["entity_type"] and not row["entity_id"]:
        return '<span class="soft">—</span>'
    return f"{_bdi(row['entity_type'] or '')} {_bdi(row['entity_id'] or '')}"


def _details(data: str | None, before: str = "") -> str:
    """The fields of a JSON object; numbers as they are written."""
    if not data:
        return ""
    try:
        found: Any = json.loads(data, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):  # deeper than can be read here
        found = data
    fields = found.items() if isinstance(found, dict) else [("", found)]
    said = " · ".join(f"<b class=k>{_bdi(f'{before}{name}')}</b> {_bdi(_shown(value))}" for name, value in fields)
    return f"<div>{said}</div>" if said else ""


class _Number(str):
    """A number as JSON has it."""

    __slots__ = ()


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {_json(inner)}" for name, inner in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text) - _LONGEST:,} more characters)"


def _bdi(text: str) -> str:
    """A text of the log: what stands in it can't turn what stands around it."""
    return f"<bdi>{_text(_cut(text))}</bdi>"


def _text(text: str) -> str:
    """Escaped; what can't be seen and could mislead a reader, such as a sign that turns the direction of writing, becomes a mark."""
    return escape("".join(one if one.isprintable() or one in _JOINERS else "\ufffd" for one in text))


def _bytes(parts: list[str]) -> bytes:
    return "".join(parts).encode("utf-8", "backslashreplace")
