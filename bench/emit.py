"""Emit: a decorated handler against bare OpenTelemetry, interleaved in one run.

    python -m bench.emit [--rounds 15] [--actions 2000] [--rate PER_SECOND] [--peers]

One action is a span and a log record of equal content (thirteen attributes, one of them the map of the action's data). Bare
OpenTelemetry is the SDK's API: ``start_as_current_span``, ``Logger.emit``, its batch processors and OTLP/HTTP exporter. All of them
export to a sink in another process. Latency is the time in the caller; CPU is that of the whole process, export included, once
all is flushed. With ``--rate`` the actions come one by one at that rate, as a service has them, and threads wake for each.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import prelude_otel
from bench import emit_ways as ways_to_emit
from bench.emit_peers import peers
from bench.emit_ways import Way
from prelude_otel import state

SINK = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def measure(ways: list[Way], rounds: int, actions: int, rate: float) -> None:
    """Interleave the ways; each round of each way ends with its flush, so that export is paid where it belongs."""
    prelude_otel.set_user("user@company.com", "session-abc")
    for number in range(rounds + 1):
        for way in ways:
            way.act()
            way.flush()
            gc.collect()
            cpu = time.process_time_ns()
            samples = _paced(way, actions, rate) if rate else _at_full_speed(way, actions)
            way.flush()
            cpu = time.process_time_ns() - cpu
            if number:  # the first round warms up
                way.latency_us.append(statistics.median(samples) / 1000)
                way.p99_us.append(sorted(samples)[len(samples) * 99 // 100] / 1000)
                way.cpu_us.append(cpu / actions / 1000)


def _at_full_speed(way: Way, actions: int) -> list[int]:
    act, clock = way.act, time.perf_counter_ns
    samples = []
    for _ in range(actions):
        began = clock()
        act()
        samples.append(clock() - began)
    return samples


def _paced(way: Way, actions: int, rate: float) -> list[int]:
    act, clock = way.act, time.perf_counter_ns
    samples = []
    due = time.perf_counter()
    for _ in range(actions):
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        began = clock()
        act()
        samples.append(clock() - began)
    return samples


def report(ways: list[Way]) -> None:
    """Medians of the rounds, and ratios against the first way."""
    base = [statistics.median(each) for each in (ways[0].latency_us, ways[0].p99_us, ways[0].cpu_us)]
    print(f"{'':40}{'p50 µs':>10}{'ratio':>8}{'p99 µs':>10}{'ratio':>8}{'CPU µs':>10}{'ratio':>8}")
    for way in ways:
        seen = [statistics.median(each) for each in (way.latency_us, way.p99_us, way.cpu_us)]
        print(f"{way.name:40}" + "".join(f"{each:10.1f}{each / of:8.2f}" for each, of in zip(seen, base, strict=True)))


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--actions", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=0.0, help="actions a second; 0: as fast as they go")
    parser.add_argument("--peers", action="store_true", help="logfire and posthog, too")
    parser.add_argument("--spool", type=Path, help="folder of the spools; a temporary one when not given")
    options = parser.parse_args()
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        endpoint = f"http://127.0.0.1:{int(sink.stdout.readline())}"
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.spool or Path(temporary)
            ways = [
                ways_to_emit.bare(endpoint),
                *ways_to_emit.ours(endpoint, folder),
                ways_to_emit.through_provider(endpoint),
                ways_to_emit.span_events(endpoint),
                *(peers(endpoint) if options.peers else ()),
            ]
            measure(ways, options.rounds, options.actions, options.rate)
            report(ways)
    finally:
        state.set_runtime(None)
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
