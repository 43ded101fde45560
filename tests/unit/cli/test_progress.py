from __future__ import annotations

import io

from prelude_cli.collector.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_stage_of_known_length_shows_its_share() -> None:
    with Progress(io.StringIO()) as progress:
        progress.stage("compiling", 4)
        progress.step("net")
        progress.step("net/http")
        assert progress.line() == "0:00  compiling [############            ]  50%  net/http"


def test_a_stage_of_unknown_length_shows_what_it_does() -> None:
    with Progress(io.StringIO()) as progress:
        progress.stage("fetching modules")
        progress.step("downloading x")
        assert progress.line() == "0:00  fetching modules  downloading x"


def test_more_steps_than_were_announced_are_all_of_it() -> None:
    with Progress(io.StringIO()) as progress:
        progress.stage("compiling", 1)
        progress.step()
        progress.step()
        assert "100%" in progress.line()


def test_a_terminal_gets_one_line_that_is_cleared_at_the_end() -> None:
    out = Terminal()
    with Progress(out) as progress:
        progress.stage("compiling", 2)
    assert "\n" not in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_log_file_gets_plain_lines() -> None:
    out = io.StringIO()
    with Progress(out) as progress:
        progress.stage("fetching modules")
        progress.stage("compiling", 2)
    assert out.getvalue() == "0:00  fetching modules\n0:00  compiling [                        ]   0%\n"
