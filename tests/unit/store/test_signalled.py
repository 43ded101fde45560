"""Signals that end a command."""

from __future__ import annotations

import signal

import pytest

from prelude_store.signalled import until_signalled


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.timeout(10)
def test_a_signal_while_the_loop_holds_the_events_own_lock_is_heard(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with until_signalled() as stop:
        with stop._cond:  # type: ignore[attr-defined]  # as `wait` does for some steps
            signal.raise_signal(number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before


def test_a_second_signal_interrupts_where_one_is_asked_for() -> None:
    with until_signalled(signal.SIGINT, once=True) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
