"""`prelude doctor`: asks each room what it finds, along the way that an activity takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import click

from prelude_cli.causes import follows_from
from prelude_cli.extras import missing_extra
from prelude_cli.up.running import addresses_in
from prelude_otel.errors import PreludeError
from prelude_otel.secrets import masked

__all__ = ["Finding", "command", "examine"]

CHECKS: Final = "prelude.checks"
_ORDER: Final = ("emit", "collector", "exporter", "store", "analytics")
_TITLES: Final = {
    "emit": "The service",
    "collector": "The Collector",
    "exporter": "The exporter",
    "store": "The store",
    "analytics": "Analytics",
}
_USUAL: Final = {
    "endpoint": "http://127.0.0.1:4318",
    "exporter_http": "http://127.0.0.1:4328",
    "database_url": "",
}
_MARKS: Final = {True: ("ok", "green"), False: ("WRONG", "red"), None: ("?", "yellow")}
_MARK_WIDTH: Final = 7
_NAME_WIDTH: Final = 16

Reasons: TypeAlias = dict[tuple[str, str], list[tuple[str, str]]]
Checks: TypeAlias = Callable[[dict[str, str]], Iterable[tuple[str, bool | None, str, str]]]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        room: who asked: ``emit``, ``collector``, ``exporter``, ``store``, ``analytics``.
        name: what was looked at.
        ok: whether it is as it should be; None when it could not be tried.
        said: what was found, in plain words.
        remedy: what mends it; empty when nothing is to be mended.
    """

    room: str
    name: str
    ok: bool | None
    said: str
    remedy: str


def examine(context: dict[str, str]) -> Iterable[Finding]:
    """Findings of all rooms, as they come, in the order of an activity's way."""
    rooms = entry_points(group=CHECKS)
    for entry_point in sorted(rooms, key=_place):
        for finding in _ask(entry_point, context):
            yield finding
            if (finding.room, finding.name) == ("emit", "endpoint") and finding.ok is not True:
                context["probe_id"] = ""  # it was not taken, so nobody need wait for it
            elif finding.ok is False:
                context["in_doubt"] = "1"


def _place(entry_point: EntryPoint) -> tuple[int, str]:
    known = entry_point.name in _ORDER
    return (_ORDER.index(entry_point.name) if known else len(_ORDER), entry_point.name)


def _ask(entry_point: EntryPoint, context: dict[str, str]) -> Iterable[Finding]:
    room = entry_point.name
    try:
        checks: Checks = entry_point.load()
        for name, ok, said, remedy in checks(context):
            yield Finding(room, name, ok, masked(said), masked(remedy))
    except ModuleNotFoundError as error:
        yield Finding(
            room, "installed", None, str(missing_extra(room, error)), "install it here, if this part runs here"
        )
    except PreludeError as error:
        yield Finding(room, "asked", False, masked(str(error)), "")
    except Exception as error:  # noqa: BLE001 (one room's fault must not hide what the others found)
        yield Finding(
            room,
            "asked",
            False,
            masked(f"the check itself failed: {error!r}"),
            "this is a fault of prelude-otel: please report it",
        )


@click.command()
@click.option(
    "--app",
    default="",
    metavar="MODULE:APP",
    help="Also look at this application: which handlers are activities, and are they set up?",
)
@click.option(
    "--endpoint", envvar="OTEL_EXPORTER_OTLP_ENDPOINT", metavar="URL", help="Where services send (OTLP/HTTP)."
)
@click.option(
    "--exporter-http",
    envvar="PRELUDE_EXPORTER_URL",
    metavar="URL",
    help="The exporter's HTTP port (usually http://127.0.0.1:4328).",
)
@click.option(
    "--collector-health",
    envvar="PRELUDE_COLLECTOR_HEALTH_URL",
    metavar="URL",
    help="The Collector's health check (usually http://127.0.0.1:13133); '' where there is none.",
)
@click.option(
    "--collector-metrics",
    envvar="PRELUDE_COLLECTOR_METRICS_URL",
    metavar="URL",
    help="The Collector's own metrics (usually http://127.0.0.1:8888/metrics).",
)
@click.option("--database-url", envvar="PRELUDE_DATABASE_URL", metavar="URL", help="The database of the rows.")
@click.option(
    "--analytics",
    envvar="PRELUDE_ANALYTICS_URL",
    metavar="URL",
    help="The analytics service (such as http://127.0.0.1:8005); not asked where nothing names it.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".prelude"),
    show_default=True,
    envvar="PRELUDE_DATA",
    help="The folder of a running `prelude up`, which knows what is not given here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object for a machine to read.")
def command(*, app: str, data: Path, as_json: bool, **given: str | None) -> None:
    """Check the whole chain with one marked activity, and say what mends it.

    The marked activity goes the way of all others and lands in the table activity_probes, never in the log. Exit code 1 when something
    is wrong; what could not be tried (a "?") is no fault.

    Of what is wrong the causes are named at the end, apart from what only follows from them.

    Where things are is taken from the flags, from OTEL_EXPORTER_OTLP_ENDPOINT, PRELUDE_EXPORTER_URL, PRELUDE_COLLECTOR_HEALTH_URL,
    PRELUDE_COLLECTOR_METRICS_URL, PRELUDE_DATABASE_URL and PRELUDE_ANALYTICS_URL, then from the `prelude up` that runs in --data, then from the usual ports of this machine.
    """
    named = {name: value for name, value in given.items() if value is not None}
    context = _USUAL | addresses_in(data) | named | {"app": app, "probe_id": str(uuid4())}
    if "collector_health" not in context:
        context |= _usual_collector(context["endpoint"])
    findings: list[Finding] = []
    for finding in examine(context):
        if not as_json:
            if not findings or findings[-1].room != finding.room:
                click.secho(("\n" if findings else "") + _TITLES.get(finding.room, finding.room), bold=True)
            _show(finding)
        findings.append(finding)
    wrong = {(finding.room, finding.name): finding for finding in findings if finding.ok is False}
    reasons = follows_from(wrong, through_collector=_through_collector(context, findings))
    if as_json:
        click.echo(json.dumps(_as_object(findings, reasons), indent=2))
    else:
        click.echo(f"\n{_summary(wrong, reasons, len(findings))}")
    raise SystemExit(1 if wrong else 0)


def _through_collector(context: dict[str, str], findings: list[Finding]) -> bool:
    straight = context["endpoint"].rstrip("/") == context.get("exporter_http", "").rstrip("/")
    return not straight and any(finding.room == "collector" for finding in findings)


def _as_object(findings: list[Finding], reasons: Reasons) -> dict[str, object]:
    return {
        "ok": not reasons,
        "causes": [_title(name) for name, others in reasons.items() if not others],
        "checks": [
            asdict(finding)
            | {"follows_from": [_title(other) for other in reasons.get((finding.room, finding.name), [])]}
            for finding in findings
        ],
    }


def _summary(wrong: dict[tuple[str, str], Finding], reasons: Reasons, count: int) -> str:
    if not wrong:
        return "All is well."
    lines = [f"{len(wrong)} of {count} checks found something wrong."]
    for name, others in reasons.items():
        if others:
            continue
        finding = wrong[name]
        lines.append(f"\n{click.style('Cause', fg='red')}: {_title(name)}. {finding.said}")
        if finding.remedy:
            lines.append(f"  → {finding.remedy}")
    consequences = [
        f"{_title(name)} (from {' and '.join(map(_title, others))})" for name, others in reasons.items() if others
    ]
    if consequences:
        lines.append(f"\nWhat follows from it, and passes with it: {'; '.join(consequences)}.")
    return "\n".join(lines)


def _title(name: tuple[str, str]) -> str:
    return f"{name[0]}: {name[1]}"


def _usual_collector(endpoint: str) -> dict[str, str]:
    """The usual places of the Collector's health check and metrics: on this machine's loopback, hence nowhere if services send elsewhere."""
    try:
        host = urlsplit(endpoint).hostname
    except ValueError:
        host = None
    if host not in {"127.0.0.1", "::1", "localhost"}:
        return {"collector_health": ""}
    return {"collector_health": "http://127.0.0.1:13133", "collector_metrics": "http://127.0.0.1:8888/metrics"}


def _show(finding: Finding) -> None:
    word, colour = _MARKS[finding.ok]
    click.echo(f"  {click.style(f'{word:<{_MARK_WIDTH}}', fg=colour)}{finding.name:<{_NAME_WIDTH}} {finding.said}")
    if finding.remedy and finding.ok is not True:
        click.echo(f"{'':<{_MARK_WIDTH + _NAME_WIDTH + 3}}→ {finding.remedy}")
