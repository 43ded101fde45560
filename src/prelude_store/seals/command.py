"""`prelude store seal`, `verify` and `prove`: proof that nobody touched the log."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click

from prelude_otel.errors import StoreError
from prelude_store import logs, migrations
from prelude_store.connection import connect
from prelude_store.seals import bundle, keys, proof, rotation, state, textfile, witnesses
from prelude_store.seals import verify as verifying
from prelude_store.seals.keys import KEY_FILE, SigningKey
from prelude_store.seals.notes import Checkpoint, VerifierKey
from prelude_store.seals.outside import BUCKET, CHECKPOINT_FILE, WEBHOOK, Outlet, read_checkpoints
from prelude_store.seals.pace import SHARE
from prelude_store.seals.sealer import INTERVAL, Sealer, connected
from prelude_store.settings import database_url as find_database_url
from prelude_store.signalled import until_signalled
from prelude_store.terminal import plain_errors, progress_bar

__all__ = ["prove", "seal", "verify"]

_SHOWN: Final = 20

Options = Callable[[Any], Any]
_url: Options = click.option(
    "--database-url",
    metavar="URL",
    help="Where the database is. Otherwise PRELUDE_DATABASE_URL, or ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and _NAME.",
)
_json: Options = click.option("--json", "as_json", is_flag=True, help="For machines.")
_file = click.Path(dir_okay=False, path_type=Path)
_key_file: Options = click.option(
    "--key-file", envvar=KEY_FILE, type=_file, required=True, metavar="FILE", help="The key that signs."
)


class _Key(click.ParamType[VerifierKey]):
    """The public half of a key."""

    name = "vkey"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> VerifierKey:
        if isinstance(value, VerifierKey):
            return value
        try:
            return VerifierKey.parse(value)
        except StoreError as error:
            self.fail(str(error), param, ctx)


_VKEY: Final = _Key()


@click.group()
def seal() -> None:
    """Proof that nobody touched the log: every committed row under signatures that go outside.

    `prelude analytics` seals by itself when it has a key. To seal and to verify takes a login in prelude_sealer.
    """


@seal.command()
@_url
@_key_file
@click.option(
    "--checkpoint-file", envvar=CHECKPOINT_FILE, type=_file, metavar="FILE",
    help="Where checkpoints go: a line of JSON each, added at the end. Best on a disk that nobody of the database reaches.",
)  # fmt: skip
@click.option("--webhook", envvar=WEBHOOK, metavar="URL", help="Where checkpoints are POSTed, as signed notes.")
@click.option(
    "--bucket", envvar=BUCKET, metavar="s3://BUCKET/PREFIX",
    help="An S3-compatible store to which signed notes are added, an object each. Its endpoint and credentials are told by AWS_ENDPOINT_URL,"
    " AWS_ACCESS_KEY_ID and so on.",
)  # fmt: skip
@click.option(
    "--interval", type=click.FloatRange(0.05, 60), default=INTERVAL, show_default=True, metavar="SECONDS",
    help="Between passes.",
)  # fmt: skip
@click.option(
    "--share", type=click.FloatRange(0.01, 1), default=SHARE, show_default=True,
    help="Of a core that it takes at most while it is little behind; more the further it falls behind. 1 to catch up with a log that was never sealed.",
)  # fmt: skip
@logs.options
def run(
    database_url: str | None, key_file: Path, checkpoint_file: Path | None, webhook: str | None, bucket: str | None, interval: float,
    share: float, log_format: str, log_level: str,
) -> None:  # fmt: skip
    """Seal, until SIGTERM or Ctrl-C. Where somebody seals already, stand by."""
    logs.set_up(log_format, log_level)
    conninfo = find_database_url(database_url)
    key = SigningKey.read(key_file)
    outlet = Outlet(checkpoint_file, webhook, bucket)
    with connected(conninfo):
        pass  # what is wrong is said at once; later it is waited for
    with until_signalled() as stop:
        out = threading.Thread(target=outlet.run, args=(stop,), name="prelude-checkpoints")
        out.start()
        try:
            Sealer(conninfo, key, interval=interval, share=share, tell=outlet.tell).run(stop)
        finally:
            outlet.end()
            out.join()


@seal.command()
@_url
@_json
def status(database_url: str | None, as_json: bool) -> None:
    """How far seals are: leaves, what waits, the newest checkpoint, the keys."""
    with (
        plain_errors(database_url, "prelude_sealer"),
        connect(find_database_url(database_url), "prelude-status") as connection,
    ):
        migrations.check(connection)
        found = state.status(connection)
    if as_json:
        click.echo(json.dumps(found, default=_as_text))
        return
    click.echo(f"{'log':<28} {found['origin'] or 'nothing was sealed yet'}")
    click.echo(f"{'leaves':<28} {found['leaves']:,}")
    click.echo(f"{'sealed up to':<28} {found['as_of'] or 'nothing yet'}")
    click.echo(f"{'committed and not sealed':<28} {found['behind']:,}")
    click.echo(f"{'checkpoints':<28} {found['checkpoints']:,}")
    if found["note"]:
        click.echo(f"{'newest checkpoint':<28} {found['checkpoint_size']:,} leaves, {found['checkpoint_at']}")
        witness_count = len(Checkpoint.parse(found["note"]).signatures) - 1
        click.echo(f"{'witnesses under it':<28} {witness_count:,}")
    for vkey in found["keys"]:
        click.echo(f"{'key':<28} {vkey}")


@seal.group(name="key")
def key_() -> None:
    """Keys that sign."""


@key_.command()
@click.option(
    "--file",
    "file",
    envvar=KEY_FILE,
    type=_file,
    required=True,
    metavar="FILE",
    help="Where it is put; not overwritten.",
)
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="Of the log; that of the key before when this one is to follow it. Otherwise a new one.",
)
@click.option("--once", is_flag=True, help="Where there is a key in FILE already, leave it, and print its public half.")
def generate(file: Path, name: str, once: bool) -> None:
    """Make a key, in a file that its owner alone may read. Prints its public half, for verifiers.

    Keep a copy where the database is not: who has lost it can't sign on, who has stolen it can sign another history.
    """
    key = SigningKey.read(file) if once and file.exists() else keys.generate(file, name)
    click.echo(str(key.verifier))


@key_.command()
@_key_file
def show(key_file: Path) -> None:
    """Print the public half of a key, for verifiers."""
    click.echo(str(SigningKey.read(key_file).verifier))


@key_.command()
@_url
@click.option("--old", type=_file, required=True, metavar="FILE", help="The present key.")
@click.option("--new", type=_file, required=True, metavar="FILE", help="The one that follows it.")
@click.option("--reason", metavar="TEXT", help="Stands in the log for ever.")
def rotate(database_url: str | None, old: Path, new: Path, reason: str | None) -> None:
    """Let another key follow the present one: an act that both sign. Then give the new one to the sealer, and restart it.

    Needs a login in prelude_governor.
    """
    before, after = SigningKey.read(old), SigningKey.read(new)
    with (
        plain_errors(database_url, "prelude_governor"),
        connect(find_database_url(database_url), "prelude-seal-key") as connection,
    ):
        migrations.check(connection)
        act = rotation.rotate(connection, before, after, reason)
    click.echo(f"Act {act} says that {after.verifier.id.hex()} follows {before.verifier.id.hex()}.")


@seal.command()
@_url
@click.argument("note", type=click.File("r", encoding="utf-8"))
@click.option(
    "--witness",
    "witness",
    type=_VKEY,
    required=True,
    multiple=True,
    metavar="VKEY",
    help="Public half of a witness' key. May be repeated.",
)
def cosign(database_url: str | None, note: Any, witness: tuple[VerifierKey, ...]) -> None:
    """Take in the signature of a witness: NOTE is a file with our checkpoint as it came back from there; - is standard input."""
    given = Checkpoint.parse(note.read())
    with (
        plain_errors(database_url, "prelude_sealer"),
        connected(find_database_url(database_url), "prelude-cosign") as connection,
    ):
        signed = witnesses.accept(connection, given, witness)
    click.echo(f"{given.size:,} leaves are witnessed by {', '.join(one.name for one in signed)}.")


@seal.command()
@_url
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|DIR",
    help="Where it is written; not overwritten.",
)
@_json
def export(database_url: str | None, out: Path, as_json: bool) -> None:
    """Write the log with its seals into one file, which verify/prelude_verify.py checks without the database.

    It holds all that the log holds, with salts: keep it as safe as the log.
    """
    with (
        plain_errors(database_url, "prelude_sealer"),
        connected(find_database_url(database_url), "prelude-seal-export") as connection,
    ):
        path = out / "log.seals.ndjson" if out.is_dir() else out
        try:
            with path.open("x", encoding="utf-8") as file, progress_bar("writing") as bar:
                counts = bundle.write_bundle(connection, file, bar)
        except FileExistsError:
            raise StoreError(f"there is a file {path} already; it is left as it is") from None
        except StoreError:
            path.unlink()
            raise
    if as_json:
        click.echo(json.dumps({"file": str(path)} | counts))
        return
    click.echo(f"{counts['leaves']:,} leaves and {counts['checkpoints']:,} checkpoints are in {path}.")


@click.command()
@_url
@click.option(
    "--checkpoint", "checkpoints", type=click.Path(path_type=Path), multiple=True, metavar="FILE|DIR",
    help="Checkpoints that were kept outside: lines of JSON, a signed note, or a folder of such files. May be repeated. Without one, a history that was"
    " written anew with the key, or a database that was rolled back, looks whole.",
)  # fmt: skip
@click.option(
    "--key",
    "vkeys",
    type=_VKEY,
    multiple=True,
    metavar="VKEY",
    help="Public half of a key that you trust. Otherwise those that the database names.",
)
@click.option(
    "--full", is_flag=True, help="Check the signature of every stored checkpoint, and not of the newest alone."
)
@click.option(
    "--metrics", type=_file, metavar="FILE.prom",
    help="Also write what was found as metrics, for the textfile collector of Prometheus' node_exporter.",
)  # fmt: skip
@_json
def verify(
    database_url: str | None, checkpoints: tuple[Path, ...], vkeys: tuple[VerifierKey, ...], full: bool, metrics: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Look whether anybody touched the log; say where. Exit code 1 when somebody did.

    Every row is compared with its leaf, every leaf with the tree, the tree with every checkpoint; what was changed lawfully is explained
    by the acts of the log. Changes nothing, and needs little memory. Needs a login in prelude_sealer.
    """
    outside = [checkpoint for path in checkpoints for checkpoint in read_checkpoints(path)]
    began = time.monotonic()
    with (
        plain_errors(database_url, "prelude_sealer"),
        connected(find_database_url(database_url), "prelude-verify") as connection,
        progress_bar("verifying") as bar,
    ):
        found = verifying.verify(connection, outside, vkeys, every_signature=full, progress=bar)
    if as_json:
        _print_json(found)
    else:
        _print(found, outside, vkeys)
    if metrics is not None:
        textfile.write(metrics, found, time.monotonic() - began, datetime.now(UTC))
    if found.findings:
        sys.exit(1)


@click.command()
@_url
@click.argument("event_id", type=click.UUID)
def prove(database_url: str | None, event_id: UUID) -> None:
    """Print the proof that the row EVENT_ID is in the log, as JSON that verify/prelude_verify.py checks without the log.

    It holds that row, and of all others nothing but hashes. An id of version 7 is found at once, for any other all leaves are
    looked through. Needs a login in prelude_sealer.
    """
    with (
        plain_errors(database_url, "prelude_sealer"),
        connected(find_database_url(database_url), "prelude-prove") as connection,
    ):
        found = proof.prove(connection, event_id)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _print(found: verifying.Verified, outside: list[Checkpoint], vkeys: tuple[VerifierKey, ...]) -> None:
    if found.origin is None and not found.findings:
        click.echo("Nothing was sealed yet: run prelude store seal run, or prelude analytics with a seal key.")
        return
    click.echo(f"{found.rows:,} rows of {found.size:,} leaves compared, sealed up to {found.as_of}.")
    click.echo(f"{found.explained:,} rows were changed or removed, and acts of the log tell why.")
    click.echo(
        f"{found.checkpoints:,} stored checkpoints and {found.outside:,} of {len(outside):,} from outside agree."
    )
    if found.waiting:
        click.echo(f"{found.waiting:,} places are committed, and not sealed yet.")
    if not vkeys:
        click.echo(
            "The keys are those that the database names: give --key, so that nobody who may change it can exchange them."
        )
    if not outside:
        click.echo(
            "No checkpoint from outside was given: a history that was written anew with the key would look whole."
        )
    for one in found.findings.shown[:_SHOWN]:
        click.echo(f"  {one}")
    further = sum(found.findings.counts.values()) - _SHOWN
    if further > 0:
        click.echo(
            f"  and {further:,} more: "
            + ", ".join(f"{count:,} {kind}" for kind, count in found.findings.counts.items())
        )
    click.echo("Somebody touched the log." if found.findings else "Nobody touched what was sealed.")


def _print_json(found: verifying.Verified) -> None:
    plain = found._asdict() | {
        "root": found.root.hex(),
        "keys": [str(key) for key in found.keys],
        "findings": [one._asdict() for one in found.findings.shown],
        "counts": dict(found.findings.counts),
    }
    click.echo(json.dumps(plain, default=_as_text))


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
