"""The command line: finds commands by folder, turns every error into one sentence, a remedy and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, cast

import click

from monops import __version__
from monops.cli import commands
from monops.cli.settings import REPORT_FORMS, REPORTING, Settings
from monops.domain.errors import MonopsError, Terminated, UsageFault
from monops.domain.exits import MEANINGS, Exit


class CommandsByFolder(click.Group):
    """Imports a command's file only when it is asked for: `monops --version` and `--help` stay quick.

    Each file of `commands/` begins with a docstring whose first line is the command's short help.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        folder = Path(commands.__file__).parent
        return sorted(path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"monops.cli.commands.{cmd_name.replace('-', '_')}")
        return cast(click.Command, module.COMMAND)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from monops.domain.nearest import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _short_help(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Exit status"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANINGS.items()])


def _short_help(name: str) -> str:
    """The first line of a command file's docstring, without importing the file."""
    path = Path(commands.__file__).parent / f"{name.replace('-', '_')}.py"
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.strip('"').strip()


@click.group(cls=CommandsByFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="monops.toml to use; else it is looked for upward from here.")
@click.option("--project", metavar="NAME", help="Compose project to work on, where the engine has several stacks.")
@click.option(
    "--output",
    type=click.Choice(["text", "json", *REPORT_FORMS]),
    default="text",
    show_default=True,
    help="The last three: only what checks.",
)
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
@click.option("-v", "--verbose", count=True, help="More detail; twice for tracebacks.")
@click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR).")
@click.version_option(__version__, "-V", "--version", message="monops %(version)s")
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Operate a Docker Compose monitoring stack: back it up, prove the backup, restore it."""
    ctx.obj = settings = Settings(**options)
    command = ctx.invoked_subcommand
    if settings.report_form and command and command not in REPORTING:
        able = [name for name in cli.list_commands(ctx) if name in REPORTING]
        raise UsageFault(
            f"monops {command} does not report as {settings.report_form}: only {' and '.join(able)} can",
            remedy=f"monops {command} --output json",
        )


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code. Nothing but results goes to stdout."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # the terminal has gone; below nohup it is ignored
        signal.signal(signal.SIGHUP, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, as below nohup
        signal.signal(signal.SIGINT, _interrupt)
    arguments = shared_first(arguments)
    settings = _early_settings(arguments)
    try:
        _stand_somewhere()
        code = cli.main(list(arguments), prog_name="monops", standalone_mode=False)
        _done()
        return int(code or 0)
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except click.UsageError as error:
        return _fail(settings, error.format_message(), _usage_remedy(error), Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _fail(settings, "interrupted", "", Exit.INTERRUPTED)
    except Terminated as stop:
        with suppress(OSError):  # a terminal that has gone takes no message
            _fail(settings, f"stopped by {stop}; what was disturbed has been put back", "", Exit.TERMINATED)
        return int(Exit.TERMINATED)
    except click.ClickException as error:
        return _fail(settings, error.format_message(), "", Exit.FAILED)
    except MonopsError as error:
        if settings.verbose > 1:
            _traceback()
        return _fail(settings, error.message, error.remedy, error.exit)
    except BrokenPipeError:
        # The reader of our output has gone: `monops snapshots | head -1`.
        sys.stderr.close()
        return int(Exit.FAILED)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a report
        return _bug(settings, error, arguments)


def _stand_somewhere() -> None:
    """Relative names mean nothing in a folder that was removed under the shell's feet. Raises UsageFault."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageFault("the current folder is not there any more", remedy="cd; then run it again") from error


#: The shared options: with a value, and without.
_WITH_VALUE = ("--config", "--project", "--output")
_WITHOUT_VALUE = ("-q", "--quiet", "-v", "-vv", "--verbose", "--no-color")


def shared_first(arguments: Sequence[str]) -> list[str]:
    """The same command line with the shared options in front, where click wants them: people write them anywhere."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _WITHOUT_VALUE or word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            front.append(word)
        elif word in _WITH_VALUE:
            value = next(words, None)
            if value is None:
                # Alone, so that click says what is missing instead of taking the command for the value.
                return [word]
            front += [word, value]
        else:
            rest.append(word)
    return front + rest


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP travel up as an error, so that what was stopped is started again on the way."""
    del frame
    # A second one must not interrupt the mending.
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    _end(Terminated(signal.Signals(number).name))


def _interrupt(number: int, frame: FrameType | None) -> None:
    """^C, as Python has it, but not in the middle of putting things right; a second one ends that too."""
    del number, frame
    _end(KeyboardInterrupt())


def _end(error: BaseException) -> None:
    """Raise it, but not in the middle of putting things right."""
    waiting = sys.modules.get("monops.ops.interruption")
    if waiting is None:  # not even loaded: nothing has been disturbed
        raise error
    waiting.interrupt(error)


def _done() -> None:
    """The result is out: a signal while Python takes itself apart must not turn it into a failure."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _early_settings(arguments: Sequence[str]) -> Settings:
    """Enough to report an error in the asked form, although the command line itself may be wrong."""
    words = list(arguments)
    as_json = "--output=json" in words or any(a == "--output" and b == "json" for a, b in pairwise(words))
    verbose = sum(word.count("v") for word in words if word in ("-v", "-vv"))
    return Settings(output="json" if as_json else "text", verbose=verbose, no_color="--no-color" in words)


def _fail(settings: Settings, message: str, remedy: str, code: Exit) -> int:
    from monops.cli.show import show_error

    show_error(settings, message, remedy, code)
    return int(code)


def _usage_remedy(error: click.UsageError) -> str:
    return f"{error.ctx.command_path} --help" if error.ctx is not None else "monops --help"


def _traceback() -> None:
    import traceback

    traceback.print_exc(file=sys.stderr)


def _bug(settings: Settings, error: Exception, arguments: Sequence[str]) -> int:
    from monops.cli.bug_report import save
    from monops.domain.rebuild import without_secret

    place = save(error, arguments)
    if settings.verbose > 1:
        _traceback()
    return _fail(
        settings,
        without_secret(f"monops has a bug: {type(error).__name__}: {error}"),
        f"please report it with the file {place}" if place else "run it again with -vv and report what it prints",
        Exit.BUG,
    )
