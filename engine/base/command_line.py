"""What all commands share: they end with an exit status and at most one line on standard error."""

import errno
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from inspect import Parameter, Signature, signature
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from engine.base.errors import PerfLiveError, one_line
from engine.base.on_demand import load_object
from engine.base.saying import finish_saying, print_line

STOPPED = "stopped before the end; what was not finished was not written"
HELP = {"help_option_names": ["-h", "--help"]}
ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]  # not all on Windows
TYPERS_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt


def run(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line, by default the process's own, and return its exit status: 0, 1 for a failed run, 2 for a wrong call.

    Nothing leaves a traceback. A command may return its own status. SIGTERM and a closed terminal end a command as Ctrl-C does: no
    temporary file is left. What nohup ignores stays ignored.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # ports and files have names that a code page may lack
            stream.reconfigure(errors="backslashreplace")
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        return _run(app, name, arguments)
    finally:
        finish_saying()


def run_and_exit(app: typer.Typer, name: str) -> NoReturn:
    """Run the process's own command line, and end the process as ``run`` says."""
    status = run(app, name)
    gc.freeze()  # else Python looks once more through all that was loaded, which takes a seventh of a short run
    sys.exit(status)


def _run(app: typer.Typer, name: str, arguments: Sequence[str] | None) -> int:
    try:
        status = typer.main.get_command(app).main(args=arguments, prog_name=name, standalone_mode=False) or 0
        return _fail(name, STOPPED, 1) if status == TYPERS_INTERRUPTED else status
    except PerfLiveError as error:
        return error.exit_status if error.reported else _fail(name, error, error.exit_status)
    except typer.TyperException as error:
        return _fail(name, plain_words(error.format_message()), error.exit_code) if error.format_message() else error.exit_code
    except KeyboardInterrupt:
        return _fail(name, STOPPED, 1)
    except BrokenPipeError:  # the reader of our output has gone; the interpreter must not try to flush it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _fail(name, f"{error.strerror}: {error.filename or 'standard output'}; make room, or write to another place", 1)
        return _fail(name, f"unexpected {type(error).__name__}: {error}; this is a defect, please report it", 1)


def _open_closed_streams() -> None:
    """Open standard input, output and error to nowhere where they are closed, or files and sockets would get their numbers."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115  # for as long as the process lives


# What Typer takes over from pydantic, and how a musician would say it.
PLAIN_WORDS = {
    r"Input should be greater than or equal to (\S+)": r"\1 or more is allowed",
    r"Input should be greater than (\S+)": r"more than \1 is allowed",
    r"Input should be less than or equal to (\S+)": r"\1 or less is allowed",
    r"Input should be a valid integer.*": "expected a whole number",
    r"Input should be a valid number.*": "expected a number",
    r"Value error, ": "",
}


def plain_words(message: str) -> str:
    """Return Typer's message about a wrong call without pydantic's turns of phrase."""
    for pattern, plain in PLAIN_WORDS.items():
        message = re.sub(pattern, plain, message)
    return message


def _print_version(wanted: bool) -> None:
    """Print the version and end, when it is asked for."""
    if wanted:
        from importlib.metadata import version

        print(f"perf-live {version('perf-live')}", flush=True)
        raise typer.Exit


VersionOption = Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)]


def single_command(command: Callable[..., Any], *examples: str) -> typer.Typer:
    """Return an app of one command with ``--version``, whose help ends with examples; ``-h`` shows it as well as ``--help``."""

    @wraps(command)
    def versioned(*, version: VersionOption = False, **given: Any) -> Any:
        return command(**given)

    version = Parameter("version", Parameter.KEYWORD_ONLY, default=False, annotation=VersionOption)
    own = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in signature(command, eval_str=True).parameters.values()]
    versioned.__signature__ = Signature([*own, version])  # type: ignore[attr-defined]
    versioned.__annotations__ = {each.name: each.annotation for each in (*own, version)}
    app = typer.Typer(rich_markup_mode="rich")
    app.command(epilog=_shown(examples), context_settings=HELP)(versioned)
    return app


def _shown(examples: Sequence[str]) -> str:
    return "\n\n".join(("Examples:", *examples))


def _versioned_group(version: VersionOption = False) -> None:
    """The options of a group itself."""


def commands_on_demand(
    help: str, references: Callable[[], Mapping[str, str]], make: Callable[[str, Any], Any], *examples: str
) -> typer.Typer:
    """Return an app of several commands. Each is imported when it is called, and all of them for the list in the help.

    references: returns ``"module:name"`` by the name of the command.
    make: returns the command, given its name and the object that the reference names.
    """

    class Commands(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            return make(name, load_object(references()[name]))

        def __iter__(self) -> Iterator[str]:
            return iter(references())

        def __len__(self) -> int:
            return len(references())

    class Group(TyperGroup):
        def __init__(self, **settings: Any):
            super().__init__(**settings)
            self.commands = Commands()  # type: ignore[assignment]  # nothing is added to it

    app = typer.Typer(cls=Group, add_completion=False, no_args_is_help=True, help=help, epilog=_shown(examples), context_settings=HELP)
    app.callback()(_versioned_group)
    return app


def print_error(name: str, message: object) -> None:
    """Print one line on standard error, whatever ``message`` contains, after all that was said before."""
    finish_saying()
    print_line(f"{name}: {one_line(message)}", sys.stderr)


def _fail(name: str, message: object, status: int) -> int:
    print_error(name, message)
    return status
