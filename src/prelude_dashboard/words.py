"""Figures and times as people read them: pure functions, used by templates as filters."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["change", "clock", "compact", "day", "exact", "lasted", "number", "percent", "short", "size", "time"]

NONE: Final = "–"
_THOUSAND: Final = 1000
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_SMALL: Final = 10


def number(value: int | None) -> str:
    """All digits, in groups of three: ``12 345`` with thin spaces that do not break."""
    return NONE if value is None else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def compact(value: int) -> str:
    """Three digits at most, for axes and tight places: ``12.3k``."""
    size, unit = float(value), ""
    for unit in ("", "k", "M", "G"):
        if abs(size) < _THOUSAND or unit == "G":
            break
        size /= _THOUSAND
    return f"{size:.3g}{unit}"


def size(octets: int | None) -> str:
    """A number of bytes in the unit that suits it."""
    if octets is None:
        return NONE
    value, unit = float(octets), ""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < _THOUSAND or unit == "TB":
            break
        value /= _THOUSAND
    return f"{value:.0f} {unit}" if unit == "B" or value >= _THOUSAND / 10 else f"{value:.1f} {unit}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as per cent."""
    return NONE if share is None else f"{share * 100:.{digits}f} %"


def change(share: float | None) -> str:
    """A change against before, with its sign."""
    if share is None:
        return NONE
    if abs(share) >= _SMALL:
        return f"×{share + 1:.0f}"
    return f"{'+' if share > 0 else '−' if share < 0 else '±'}{abs(share) * 100:.0f} %"


def lasted(milliseconds: float | None) -> str:
    """A length of time in the unit that suits it."""
    if milliseconds is None:
        return NONE
    if milliseconds < 0:
        return f"−{lasted(-milliseconds)}"
    if milliseconds < _THOUSAND:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / 1000:.1f} s"
    if milliseconds < _HOUR:
        return f"{milliseconds / _MINUTE:.0f} min"
    return f"{milliseconds / _HOUR:.1f} h"


def clock(moment: datetime, tz: ZoneInfo) -> str:
    """Day and time of the zone, to the second."""
    return moment.astimezone(tz).strftime("%d %b %H:%M:%S")


def short(moment: datetime, tz: ZoneInfo) -> str:
    """Day and time of the zone, to the minute."""
    return moment.astimezone(tz).strftime("%d %b %H:%M")


def time(moment: datetime, tz: ZoneInfo) -> str:
    """The time of the zone, to the second."""
    return moment.astimezone(tz).strftime("%H:%M:%S")


def day(moment: datetime, tz: ZoneInfo) -> str:
    """The day, e.g. ``Mon 23 Nov``."""
    return moment.astimezone(tz).strftime("%a %d %b")


def exact(moment: datetime, tz: ZoneInfo) -> str:
    """All that is known of a moment, with its zone."""
    local = moment.astimezone(tz)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond:06d} {local:%Z}"
