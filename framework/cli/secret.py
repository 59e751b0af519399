"""`framework secret`: what the vault holds, and changing it. No value is shown, or taken as an argument."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from framework.cli.plain import plain
from framework.cli.terminal import ask_unseen
from framework.errors import ConfigError

Name = Annotated[
    str,
    typer.Argument(
        help="What `vault:NAME` in node.yaml says: letters, digits, `_`, `.` and `-`.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
LARGEST = 65_536
# The shell's history keeps arguments, so what is too many is refused here: click would repeat it.
ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("set", context_settings=ANYTHING)(set_)
    group.command("list")(list_)
    group.command("remove", context_settings=ANYTHING)(remove)
    return group


def set_(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Put a credential into the vault, or another in its place; it is typed unseen, or read from stdin.

    The first one makes the vault.
    """
    from framework.vault import vault  # noqa: PLC0415 - loads when it is used

    reference = _reference(context, name)
    kept = vault()
    kept.unlock()
    replaced = kept.set(name, _value(name))
    if as_json:
        facts = {"vault": str(kept.path), "name": name, "reference": reference, "replaced": replaced}
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo(plain(f"{kept.path}: {name} {'replaced' if replaced else 'kept'}; write {reference}"))


def list_(as_json: AsJson = False) -> None:
    """List the names in the vault, and nothing else of it."""
    from framework.vault import vault  # noqa: PLC0415 - loads when it is used

    kept = vault()
    names = kept.names()
    if as_json:
        typer.echo(json.dumps({"vault": str(kept.path), "names": names}, indent=2))
        return
    for name in names:
        typer.echo(plain(name))


def remove(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Take a credential out of the vault."""
    from framework.vault import vault  # noqa: PLC0415 - loads when it is used

    _reference(context, name)
    kept = vault()
    kept.remove(name)
    if as_json:
        typer.echo(json.dumps({"vault": str(kept.path), "name": name}, indent=2))
    else:
        typer.echo(plain(f"{kept.path}: {name} removed"))


def _reference(context: typer.Context, name: str) -> str:
    """What node.yaml says for a name; neither a bad name nor a second argument is repeated."""
    from framework.secret import Secret  # noqa: PLC0415 - loads when it is used

    if context.args:
        raise ConfigError(
            "only NAME and --json are taken here; a value is never an argument, where the shell keeps it",
            where=context.command_path,
            remedy="If one stood here, change it at the venue. The new one is asked for, or read from stdin.",
        )
    try:
        return str(Secret(f"vault:{name}"))
    except ValueError:
        raise ConfigError(
            "that is no name for a credential",
            where="NAME",
            remedy="Up to 64 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit.",
        ) from None


def _value(name: str) -> str:
    """The credential, from whoever types or from what is piped in, without the last line end."""
    if sys.stdin is None or sys.stdin.isatty():
        value = ask_unseen(f"{name} (is not shown): ") or ""
    else:
        content = sys.stdin.buffer.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigError(f"the value is larger than {LARGEST:,} bytes", where="stdin")
        try:
            value = content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ConfigError(
                "the value is no text in UTF-8", where="stdin", remedy="Encode it first, such as in base64."
            ) from None
    if not value.strip():
        raise ConfigError(
            "the value is empty; nothing is written",
            where="stdin",
            remedy=f"Type it when asked, or pipe it in: framework secret set {name} < FILE",
        )
    return value
