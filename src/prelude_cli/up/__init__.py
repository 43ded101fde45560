"""`prelude up`: the whole chain on one machine, as processes that are watched over and stopped together."""

from __future__ import annotations

from prelude_cli.up.command import command

__all__ = ["command"]
