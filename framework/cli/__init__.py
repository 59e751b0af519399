"""The command line: `framework GROUP COMMAND`, groups loaded when they are used."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from framework.cli.plain import plain
from framework.cli.terminal import ask_unseen
from framework.errors import FrameworkError
from framework.vault.passphrase import ASK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130
BUILTIN = {
    "node": "Run, check and explain a node.yaml.",
    "screen": "Rank a large grid over arrays; the best points run on the event engine.",
    "sweep": "Run one node.yaml at many settings, and rank them.",
    "plugins": "What is installed, and whether it loads.",
    "data": "Fill, list and verify the catalog.",
    "report": "Look at finished runs.",
    "drill": "Practise what goes wrong, against an exchange that is made to fail.",
    "secret": "Keep credentials in an encrypted file.",
    "journal": "Verify, show, export and archive a node's journal.",
    "new": "Start a plugin package of your own.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a documented code; a bug ends it with its traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(given)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
            print("interrupted", file=sys.stderr)  # noqa: T201 - the edge of the program
        raise
    except BrokenPipeError:
        # The reader went away, as `| head` does; Python would complain once more while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("stdout cannot be written to: no space left", file=sys.stderr)  # noqa: T201 - the edge of the program
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _run(given: Sequence[str]) -> None:
    asking = ASK.set(ask_unseen)
    try:
        app(list(given), prog_name="framework", standalone_mode=True)
    except FrameworkError as error:
        _explain(error, as_json="--json" in given)
        raise SystemExit(error.exit_code) from None
    finally:
        ASK.reset(asking)


class Groups(TyperGroup):
    """The built-in groups and those of plugins, each built when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Built-in groups first, then those of plugins by name."""
        del ctx
        return [*BUILTIN, *(name for name in _plugin_groups() if name not in BUILTIN)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The group's name and summary, which is all that help needs; nothing is built for it."""
        del ctx
        if cmd_name in BUILTIN:
            return TyperGroup(name=cmd_name, help=BUILTIN[cmd_name])
        offer = _plugin_groups().get(cmd_name)
        return None if offer is None else TyperGroup(name=cmd_name, help=offer.spec.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The group named by the first argument, built because it is about to be used."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, command, rest
        build = _builtin(name) if name in BUILTIN else _plugin_groups()[name].spec.app
        built = typer.main.get_command(build())
        built.name = name
        built.help = BUILTIN.get(name) or _plugin_groups()[name].spec.summary
        return name, built, rest


app = typer.Typer(
    cls=Groups,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from framework import __version__  # noqa: PLC0415 - only for --version

        typer.echo(f"framework {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Plugin-based algorithmic trading: one node.yaml, from backtest to live."""
    del version


def _builtin(name: str) -> Callable[[], typer.Typer]:
    def build() -> typer.Typer:
        from importlib import import_module  # noqa: PLC0415 - a group loads when it is used

        module = import_module(f"framework.cli.{name}")
        built: typer.Typer = module.build()
        return built

    return build


def _plugin_groups() -> dict[str, Any]:
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    return {offer.spec.name: offer for offer in installed().offers("command")}


def _explain(error: FrameworkError, *, as_json: bool) -> None:
    if error.__cause__ is not None and not isinstance(error.__cause__, (OSError, ValueError)):
        import traceback  # noqa: PLC0415 - only when something failed

        print(plain("".join(traceback.format_exception(error.__cause__))), file=sys.stderr)  # noqa: T201
    if as_json:
        print(json.dumps(error.to_dict(), indent=2))  # noqa: T201 - the edge of the program
        return
    print(plain(f"{type(error).__name__}: {error}"), file=sys.stderr)  # noqa: T201 - the edge of the program
