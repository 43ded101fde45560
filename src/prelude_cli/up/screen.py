"""What `prelude up` shows: a head that says what runs where, then the rows as they land. Plain lines when there is no terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click

__all__ = ["COLUMNS", "Screen", "row_line"]

COLUMNS: Final = {"time": 12, "user": 26, "action": 30, "entity": 18, "status": 8, "took": 9}
_COLOURS: Final = {"success": "green", "error": "red", "timeout": "red", "pending": "yellow"}
_LABEL: Final = 14


class Screen:
    """Writes to standard output; colours go when it is no terminal."""

    def __init__(self) -> None:
        self._head_done = False

    def fact(self, label: str, text: str) -> None:
        """A line of the head: `label` in its column, then `text`."""
        click.echo(f"  {click.style(f'{label:<{_LABEL}}', bold=True)}{text}")

    def blank(self) -> None:
        """An empty line."""
        click.echo()

    def note(self, text: str) -> None:
        """A sentence for a person, on standard error, so that it never stands between rows that a program reads."""
        click.echo(text, err=True)

    def landed(self, entry: dict[str, Any]) -> bool:
        """Show an entry of `prelude store tail --json`; says whether it is a row (the other entries are late durations)."""
        if "action_name" not in entry:
            return False
        if not self._head_done:
            self._head_done = True
            titles = "  ".join(f"{name.upper():<{width}}" for name, width in COLUMNS.items())
            click.secho(f"\n{titles.rstrip()}", bold=True)
        click.echo(row_line(entry))
        return True


def row_line(row: dict[str, Any]) -> str:
    """One row as one line of fixed columns; what does not fit is cut."""
    entity = " ".join(str(row[key]) for key in ("entity_type", "entity_id") if row.get(key) is not None)
    took = row.get("duration_ms")
    status = str(row.get("result_status") or "")
    cells = {
        "time": _clock(str(row.get("timestamp") or "")),
        "user": str(row.get("user_email") or "-"),
        "action": f"{row.get('action_type')}.{row['action_name']}",
        "entity": entity or "-",
        "status": status,
        "took": "-" if took is None else f"{took} ms",
    }
    fitted = {name: _fit(cells[name], width) for name, width in COLUMNS.items()}
    fitted["took"] = fitted["took"].strip().rjust(COLUMNS["took"])
    fitted["status"] = click.style(fitted["status"], fg=_COLOURS.get(status))
    return "  ".join(fitted.values())


def _clock(timestamp: str) -> str:
    try:
        return datetime.fromisoformat(timestamp).astimezone().strftime("%H:%M:%S.%f")[:-3]
    except ValueError:
        return timestamp


def _fit(text: str, width: int) -> str:
    # A control character from a row must not reach the terminal.
    clean = "".join(sign if sign.isprintable() else "?" for sign in text)
    return clean[: width - 1] + "…" if len(clean) > width else clean.ljust(width)
