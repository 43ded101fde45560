"""The file `.env` in the current folder."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["read_env_file"]


def read_env_file(path: Path = Path(".env")) -> None:
    """Put what `path` holds into the environment; what stands there already wins. Without the file: nothing."""
    if not path.is_file():
        return
    try:
        from dotenv import load_dotenv
    except ModuleNotFoundError:
        click.echo(
            "prelude: .env is not read, since python-dotenv is missing: pip install 'prelude-otel[exporter]'", err=True
        )
        return
    load_dotenv(path, override=False)
