"""`framework new`: start a plugin package that passes its conformance kit as it is."""

from __future__ import annotations

import json
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from framework.errors import ConfigError, PluginConflict

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from framework.plugins import Kind

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40
SUFFIX = ".tmpl"
RESERVED = {"framework", "test", "tests", "plugin", "plugins", "testkit", "strategy", "risk", "venue"}
SUMMARIES = {
    "strategy": "A strategy: two moving averages that cross, with its tests.",
    "risk": "A risk rule: no entries in some hours of the day, with its tests.",
    "venue": "A venue: the engine's simulated exchange with one fee, with its tests.",
}

Name = Annotated[str, typer.Argument(help="The plugin's name: lower case, words joined by `_`.")]
Directory = Annotated[Path, typer.Option(help="Where the package's folder goes.", show_default="here")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("strategy", help=SUMMARIES["strategy"])(strategy)
    group.command("risk", help=SUMMARIES["risk"])(risk)
    group.command("venue", help=SUMMARIES["venue"])(venue)
    return group


def strategy(
    name: Name, directory: Directory = Path(), dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Write a strategy package."""
    _new("strategy", name, directory, dry_run=dry_run, as_json=as_json)


def risk(name: Name, directory: Directory = Path(), dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Write a risk rule package."""
    _new("risk", name, directory, dry_run=dry_run, as_json=as_json)


def venue(
    name: Name, directory: Directory = Path(), dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Write a venue package."""
    _new("venue", name, directory, dry_run=dry_run, as_json=as_json)


def _new(kind: str, name: str, directory: Path, *, dry_run: bool, as_json: bool) -> None:
    check_name(kind, name)
    folder = directory / distribution_of(name)
    if folder.exists():
        raise ConfigError(
            f"{folder} exists already",
            where="--directory",
            remedy="Choose another name or directory; nothing is ever overwritten.",
        )
    package = render(kind, name)
    if not dry_run:
        write(folder, package)
    commands = next_commands(kind, name, folder)
    if as_json:
        facts = {
            "kind": kind,
            "name": name,
            "distribution": distribution_of(name),
            "folder": str(folder),
            "written": not dry_run,
            "files": sorted(package),
            "next": commands,
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"{'would write' if dry_run else 'wrote'} {folder}:")
    for path in sorted(package):
        typer.echo(f"  {path}")
    typer.echo("next:")
    for command in commands:
        typer.echo(f"  {command}")


def distribution_of(name: str) -> str:
    """The distribution's name, which is also its folder's."""
    return f"framework-{name.replace('_', '-')}"


def check_name(kind: str, name: str) -> None:
    """Refuse a name that could not be imported, published or told apart.

    Raises:
        ConfigError: The name cannot be used.
        PluginConflict: An installed plugin has it.
    """
    problem = None
    if not NAME.fullmatch(name):
        problem = "is not lower-case words of letters and digits joined by `_`, starting with a letter"
    elif len(name) > LONGEST:
        problem = f"is longer than {LONGEST} characters"
    elif keyword.iskeyword(name) or keyword.issoftkeyword(name):
        problem = "is a Python keyword"
    elif name in sys.stdlib_module_names:
        problem = "is a module of Python itself"
    elif name.startswith("nautilus"):
        problem = "begins with a trademark that is not ours to use"
    elif name in RESERVED:
        problem = "is a word of the framework's own"
    if problem:
        suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        usable = suggestion != name and NAME.fullmatch(suggestion)
        hint = f'Did you mean "{suggestion}"?' if usable else f'Try "my_{kind}".'
        raise ConfigError(f'the name "{name}" {problem}', where="NAME", remedy=hint)
    _refuse_taken(kind, name)


def _refuse_taken(kind: str, name: str) -> None:
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed

    plugins = installed()
    for plugin in plugins.installed:
        if plugin.distribution.lower().replace("_", "-") == distribution_of(name):
            raise PluginConflict(
                f"{plugin.distribution} {plugin.version} is installed already", remedy="Choose another name."
            )
    for offer in plugins.offers(cast("Kind", kind)):
        if offer.spec.name == name:
            raise PluginConflict(f"{offer.owner} has that name already", remedy="Choose another name.")


def render(kind: str, name: str) -> dict[str, str]:
    """The package's files: text by path relative to its folder."""
    words = name.split("_")
    values = {
        "name": name,
        "kind": kind,
        "package": f"framework_{name}",
        "distribution": distribution_of(name),
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join(words).capitalize(),
    }
    root = files("framework.templates") / kind
    return {
        path.replace("PACKAGE", values["package"]).removesuffix(SUFFIX): Template(text).substitute(values)
        for path, text in _templates(root, "")
    }


def _templates(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found.append((f"{prefix}{entry.name}", entry.read_text(encoding="utf-8")))
    return found


def write(folder: Path, package: dict[str, str]) -> None:
    """Write the files, below a folder that does not exist yet.

    Raises:
        ConfigError: The folder cannot be made.
    """
    try:
        for path, text in package.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(
            f"cannot write {folder}: {error.strerror}",
            where="--directory",
            remedy="Choose another directory.",
        ) from error


def next_commands(kind: str, name: str, folder: Path) -> list[str]:
    """What to type next."""
    commands: list[Any] = [
        f"python -m pip install -e '{folder}[test]'",
        f"python -m pytest {_quoted(folder)}",
        f"framework plugins show {name}",
    ]
    if kind == "strategy":
        commands.append(f"framework node run {_quoted(folder / 'node.yaml')} --catalog CATALOG")
    return commands


def _quoted(path: Path) -> str:
    """The path as one argument, in quotes that shells of every system understand."""
    return f'"{path}"' if " " in str(path) else str(path)
