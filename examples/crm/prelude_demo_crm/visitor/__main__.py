"""``python -m prelude_demo_crm.visitor --base-url http://127.0.0.1:8010``."""

from __future__ import annotations

import _thread
import signal
from threading import Event

import click
import httpx

from prelude_demo_crm.visitor.visits import NobodyHomeError, Visits


@click.command(context_settings={"show_default": True})
@click.option("--base-url", default="http://127.0.0.1:8010", help="Where the CRM is.")
@click.option("--visits", type=click.IntRange(min=1), help="How often each person comes; endless by default.")
@click.option("--seed", default=1, help="The same seed makes the same requests, in new sessions.")
@click.option("--pace", type=click.FloatRange(min=0), default=0.25, help="Seconds between two requests.")
@click.option("--patience", default=60.0, help="Seconds to wait for the CRM to come up.")
@click.option("--verbose", is_flag=True, help="Print each request with its answer.")
def main(base_url: str, visits: int | None, seed: int, pace: float, patience: float, *, verbose: bool) -> None:
    """Use the demo CRM as people do, until Ctrl-C or SIGTERM."""
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # By a thread: the handler interrupts this one, which may hold the event's lock.
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    # The CRM is reached as given, whatever proxies the environment names.
    with httpx.Client(base_url=base_url, timeout=30, trust_env=False) as client:
        everybody = Visits(client, seed=seed, pace=pace, patience=patience, stop=stop, verbose=verbose)
        try:
            everybody.run(visits)
        except NobodyHomeError as error:
            raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m prelude_demo_crm.visitor")
