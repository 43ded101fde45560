"""Writes a past into the log: some processes make pieces of it, each with a writer, and so a lane, of its own."""

from __future__ import annotations

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Final, NamedTuple

from prelude_store.batch import Batch, WriteResult
from prelude_store.seed.make import make
from prelude_store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prelude_store.seed.plan import Past, Piece

__all__ = ["load"]

_PATIENCE: Final = 60.0
"""Seconds that the database may take for one piece."""
_FEW: Final = 2
"""So few pieces are made here: other processes take longer to start."""


class _Maker(NamedTuple):
    """What a process of ours works with."""

    past: Past
    writer: Writer

    def write(self, piece: Piece) -> WriteResult:
        """Make a piece and commit it."""
        return self.writer.write(Batch(rows=make(self.past, piece)))


_maker: list[_Maker] = []


def load(conninfo: str, past: Past, jobs: int) -> Iterator[WriteResult]:
    """Write `past`, by `jobs` processes, the newest days first; says of each piece what became of it, once it is committed.

    Who looks meanwhile sees the last days whole, as they will be, instead of some weeks ago and then nothing.

    Args:
        conninfo: a login that is a member of ``prelude_writer``.

    Raises:
        StoreUnavailableError: the database is away, or not as it must be. What was committed by then stays.
    """
    pieces = past.pieces()[::-1]
    if jobs == 1 or len(pieces) <= _FEW:
        maker = _Maker(past, _writer(conninfo))
        try:
            for piece in pieces:
                yield maker.write(piece)
        finally:
            maker.writer.close()
        return
    # Not forked: a process that has threads can't be.
    started_anew = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, started_anew, _begin, (conninfo, past)) as pool:
        try:
            for done in as_completed([pool.submit(_write, piece) for piece in pieces]):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _writer(conninfo: str) -> Writer:
    return Writer(conninfo, statement_timeout=_PATIENCE, application_name="prelude-demo-seed")


def _begin(conninfo: str, past: Past) -> None:
    gc.disable()  # rows make no circles, and there are many of them
    _maker.append(_Maker(past, _writer(conninfo)))


def _write(piece: Piece) -> WriteResult:
    return _maker[0].write(piece)
