"""How long every answer of the analytics API takes, beside DuckDB with the same question on the same rows, and the reference's queries.

    python -m bench.answers --rows 1000000 --rows 10000000
    python -m bench.answers --rows 10000000 --folder DIR --keep
    python -m bench.answers --rows 10000000 --folder DIR --keep --lists [NAME …]

`--keep` leaves database (DIR/data) and DuckDB file in DIR, and uses them where they are there already; the ranges end now, so a kept past grows
old. For each number of rows: a seeded past of 90 days in a fresh database with its rollups, sessions and timeline; the same rows, as they count
(pairs once, what is pending for too long as a timeout), in a DuckDB file of its own. Then, warm and in turn, each route behind the
dashboard's default views over 7, 30 and 90 days through the real service, and the same question to DuckDB; pages of lists; and the
reference's six queries word for word. Times in milliseconds, as a client measures them; p95 of `--rounds`. Where the two do not say the same,
the first difference stands below. `--lists` takes the time of lists alone, of all or of those that are named. "measuring" on standard error
says that from there on nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

from bench.answers_duckdb import Duck
from bench.answers_lists import LISTS, RANKED, Times, pages, shown
from bench.answers_panels import DAYS, PANELS, Panel, Stretch
from bench.answers_said import differences
from bench.database import fresh_database, kept_database
from prelude_store.rollups import building
from prelude_store.rollups.state import behind
from prelude_store.seed.build import build
from tests.support.ports import free_ports

QUERIES: Final = sorted(Path(__file__).parents[1].joinpath("tests/integration/store/reference_queries").glob("*.sql"))
SETTINGS: Final = {"shared_buffers": "1GB"}
PRELUDE: Final = (sys.executable, "-P", "-m", "prelude_cli")

PATIENCE: Final = 5000.0
"""Milliseconds that DuckDB may take for one question in all rounds; where it takes longer, it is asked in fewer of them."""


def run(*arguments: str, url: str) -> str:
    """Runs `prelude`; gives what it prints."""
    environment = os.environ | {"PRELUDE_DATABASE_URL": url}
    return subprocess.run([*PRELUDE, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@contextmanager
def service(url: str, folder: Path) -> Iterator[httpx.Client]:
    """A client of the running API, with a token that may see everything."""
    token = json.loads(run("token", "create", "--role", "all", "--json", url=url))["token"]
    port = free_ports("analytics")["analytics"]
    environment = os.environ | {"PRELUDE_DATABASE_URL": url}
    command = [*PRELUDE, "analytics", "--port", str(port), "--requests-per-second", "0", "--statement-timeout", "60"]
    with (
        (folder / "analytics.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
            trust_env=False,
        ) as client,
    ):
        try:
            while True:
                try:
                    if client.get("/readyz").is_success:
                        break
                except httpx.TransportError:
                    if process.poll() is not None:
                        sys.exit((folder / "analytics.log").read_text())
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()


def timed(do: Any, *arguments: Any) -> float:
    """Milliseconds that it takes."""
    began = time.perf_counter()
    do(*arguments)
    return (time.perf_counter() - began) * 1000


def ask(client: httpx.Client, panel: Panel, days: int) -> Any:
    """One question to the API; its answer."""
    path, parameters = f"/api/analytics{panel.path}", {**panel.parameters, "days": days}
    if panel.posted is None:
        answer = client.get(path, params=parameters)
    else:
        answer = client.post(path, params=parameters, json=panel.posted)
    if not answer.is_success:
        raise LookupError(f"{answer.status_code} {answer.text[:200]}")
    return answer.json()


def stretch(client: httpx.Client, days: int) -> Stretch:
    """What the API takes for so many days now."""
    answer = client.get("/api/analytics/activities", params={"days": days}).raise_for_status().json()
    before = answer["before"]["range"]
    return Stretch(answer["range"]["from"], answer["range"]["to"], (before["from"], before["to"]))


def warm(client: httpx.Client) -> None:
    """Ask everything once; the service reads ahead for its first minute, too."""
    for panel in PANELS:
        for days in DAYS:
            ask(client, panel, days)


def panels(client: httpx.Client, duck: Duck, rounds: int) -> None:
    """The table of panels; whether both said the same."""
    print(f"{'':24}{'days':>5}{'API p50':>8}{'p95':>8}{'DuckDB':>8}{'p95':>8}  ")
    for panel in PANELS:
        for days in DAYS:
            ours: Times = []
            theirs: Times = []
            said: list[str] = []
            try:
                asked = stretch(client, days)
                found = duck.ask(panel, asked)
                for _ in range(3):
                    answer = ask(client, panel, days)
                said = differences(panel.name, answer, found)
                for _ in range(rounds):
                    ours.append(timed(ask, client, panel, days))
                    if sum(theirs) < PATIENCE:
                        theirs.append(timed(duck.ask, panel, asked))
            except LookupError as error:
                said = [str(error)]
            print(f"{panel.name:24}{days:5}{shown(ours)}{shown(theirs)}  {'equal' if not said else ''}", flush=True)
            for line in said:
                print(f"      {line}", flush=True)


def reference(url: str, rounds: int) -> None:
    """The table of the six queries."""
    print(f"\n{'reference, as written':24}{'':>5}{'p50':>8}{'p95':>8}")
    with psycopg.connect(url, autocommit=True) as connection:
        for path in QUERIES:
            statement = path.read_bytes()

            def execute(statement: bytes = statement) -> None:
                connection.execute(statement).fetchall()

            execute()
            print(f"  {path.stem:27}{shown([timed(execute) for _ in range(rounds)])}", flush=True)


def fill(url: str, rows: int) -> None:
    """Seed and build where there is nothing; leave what is there already.

    Raises:
        SystemExit: there are other rows than were asked for.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("SELECT count(*) FROM public.user_activity_logs").fetchone()
        found = known[0] if known else 0
        if abs(found - rows) <= rows // 1000:  # a visit is seeded to its end
            if behind(connection) or building.left(connection):
                build(url)
            print(f"\n{rows:,} rows, kept from before")
            return
    if found:
        sys.exit(
            f"the kept database has {found:,} rows, and --rows says {rows:,}: say --rows {found}, or another --folder"
        )
    began = time.monotonic()
    said = json.loads(run("demo", "seed", "--rows", str(rows), "--days", "90", "--json", url=url))
    print(
        f"\n{rows:,} rows over 90 days, {said['users']} people: {json.dumps(said)}; {time.monotonic() - began:.0f} s in all"
    )


def measure(rows: int, rounds: int, folder: Path | None, only: list[str] | None, *, keep: bool) -> None:
    """All tables for one number of rows; only that of these lists, where `only` is given."""
    place = kept_database(folder, **SETTINGS) if keep and folder else fresh_database(folder, **SETTINGS)
    with place as (url, where):
        fill(url, rows)
        if only is not None:
            with service(url, where) as client:
                warm(client)
                print("measuring", file=sys.stderr, flush=True)
                pages(client, rounds, only)
            return
        with Duck(url, where) as duck, service(url, where) as client:
            print(f"DuckDB has {duck.rows:,} rows that count\n", flush=True)
            print("measuring", file=sys.stderr, flush=True)
            warm(client)
            panels(client, duck, rounds)
            pages(client, rounds)
            reference(url, max(rounds // 4, 3))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, action="append")
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument(
        "--folder", type=Path, help="where the database is made, in a folder of its own that is gone afterwards"
    )
    options.add_argument(
        "--keep", action="store_true", help="make it in --folder itself, or use what is there, and leave it"
    )
    options.add_argument(
        "--lists",
        nargs="*",
        metavar="NAME",
        choices=[*LISTS, *RANKED],
        help="only pages of lists; of all where none is named",
    )
    given = options.parse_args()
    if given.keep and (given.folder is None or len(given.rows or ()) != 1):
        options.error("--keep takes one --folder and one --rows")
    for rows in given.rows or [1_000_000, 10_000_000]:
        measure(rows, given.rounds, given.folder, given.lists, keep=given.keep)


if __name__ == "__main__":
    main()
