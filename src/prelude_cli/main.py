"""The command `prelude`: a group that finds its subcommands through the entry points `prelude.commands`."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any, Final

import click

from prelude_cli.environment import read_env_file
from prelude_cli.extras import missing_extra
from prelude_cli.process_title import hide_passwords
from prelude_otel.errors import PreludeError

__all__ = ["cli", "main"]

COMMANDS: Final = "prelude.commands"

HELP = """User activity logging: an action in a service becomes a row of PostgreSQL, by way of OpenTelemetry.

\b
Try it:         prelude up --demo
What is wrong?  prelude doctor

Settings come from flags, then from PRELUDE_… variables, then, for the database, from ANALYTICS_DB_HOST, _PORT, _USER, _PASSWORD and
_NAME. A file named .env in the current folder is read first; what the environment has already wins over it.

Exit codes: 0 done, 1 failed, 2 wrong usage."""


class FailedError(click.ClickException):
    """A `PreludeError` on its way to the terminal: one line, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the message; the error tree's messages say what to do by themselves."""
        click.echo(f"prelude: {self.format_message()}", file=file or sys.stderr)


class Rooms(click.Group):
    """Subcommands by entry point: a room is imported when its command is asked for, and the help lists the others, too."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Names of all subcommands."""
        return sorted(_found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """The subcommand, or a stand-in that says which extra is missing."""
        entry_point = _found().get(cmd_name)
        return None if entry_point is None else _load(entry_point)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand; an error of ours becomes one line."""
        try:
            return super().invoke(ctx)
        except PreludeError as error:
            raise FailedError(str(error)) from error


def _found() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=COMMANDS)}


def _load(entry_point: EntryPoint) -> click.Command:
    try:
        command = entry_point.load()
    except ModuleNotFoundError as error:
        return _stand_in(entry_point.name, missing_extra(entry_point.name, error))
    except PreludeError as error:
        return _stand_in(entry_point.name, error)
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry_point.value} is no click command")
    return command


def _stand_in(name: str, error: PreludeError) -> click.Command:
    def refuse() -> None:
        raise error

    return click.Command(
        name,
        callback=refuse,
        help=str(error),
        short_help="(not installed)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(cls=Rooms, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(version("prelude-otel"), prog_name="prelude")
def cli() -> None:
    """Read .env once, for all subcommands."""
    read_env_file()


def main() -> None:
    """Entry point of the console script."""
    if hide_passwords():
        click.echo(
            "prelude: the password on the command line could be read by others for a moment, and may stay in the shell's history; "
            "put the URL into PRELUDE_DATABASE_URL, or the password into PGPASSFILE",
            err=True,
        )
    cli(prog_name="prelude")
