"""Write the reference pages from the code: `python docs/generate.py`, or `--check` to compare only.

Every page here is what the code says about itself, so that a page cannot promise what the code does not do.
"""
# ruff: noqa: INP001, T201 - a program, not a module

from __future__ import annotations

import difflib
import inspect
import json
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import typer

from framework import cli, config, errors, hookspecs, plugins, specs
from framework.explain import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFERENCE = Path(__file__).parent / "reference"
CHECKOUT = Path(__file__).parent.parent
NOTE = "<!-- Written by docs/generate.py from the code; change the code. -->"
HOOKS_INTRO = """\
A plugin is an installed distribution with an entry point in the group `framework`. The entry point names a
module, and the module implements the hooks it needs with `@hookimpl` from `framework`. Hooks hand over
data; none of them sees a tick or an order."""
NODE_INTRO = """\
Strict YAML 1.2: a duplicate key, an unknown key, a tag, an alias bomb or a value of the wrong type is an
error that names the file, line and column. `yes`, `no` and `12:30` are text. Write prices, quantities and
amounts of money in quotes. Paths are relative to the file. Editors can complete and check it with [its JSON
schema](node.schema.json), which knows everything but the plugins' own settings."""
PLUGINS_INTRO = """\
The plugins of this repository and their settings, as `framework plugins show NAME` prints them for every
installed one. Each has a README that also says what it does not do."""
CLI_INTRO = """\
`framework GROUP COMMAND`. `--help` works everywhere, and `--install-completion` teaches your shell the
commands. Exit codes are on [the page of errors](errors.md). A plugin may add groups of its own."""
ERRORS_END = f"""\
With `--json` an error is one JSON object on stdout, with the keys
{", ".join(f"`{key}`" for key in errors.FrameworkError("").to_dict())}; without it, the same on stderr."""
KINDS = {
    "strategy": "Strategies",
    "filter": "Filters",
    "risk": "Risk rules",
    "venue": "Venues",
    "importer": "Importers",
}


def main(arguments: list[str]) -> int:
    """Write or compare every page."""
    stale = []
    for name, page in PAGES.items():
        path = REFERENCE / name
        text = page()
        held = path.read_text(encoding="utf-8") if path.exists() else ""
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        elif text != held:
            stale.append(name)
            print(
                *difflib.unified_diff(held.splitlines(), text.splitlines(), name, "code", lineterm="", n=1),
                sep="\n",
            )
    if stale:
        print(f"out of date: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
    return 1 if stale else 0


def hooks() -> str:
    """hooks.md: every hook with its exact signature and example, and what it hands over."""
    lines = [
        "# Hooks",
        NOTE,
        "",
        HOOKS_INTRO,
        "",
    ]
    for name, hook in hook_functions():
        text, example, version = doc_parts(hook)
        lines += [f"## `{name}`", "", "```python", signature(name, hook), "```", "", text, ""]
        lines += ["```python", example, "```", "", f"Since {version}.", ""]
    lines += ["## What the hooks hand over", ""]
    for spec in (
        specs.StrategySpec,
        specs.FilterSpec,
        specs.RiskSpec,
        specs.VenueSpec,
        specs.ImporterSpec,
        specs.CommandSpec,
    ):
        text, attributes = attribute_parts(spec)
        lines += [f"### `{spec.__name__}`", "", text, "", "| field | |", "|---|---|"]
        lines += [f"| `{field}` | {meaning} |" for field, meaning in attributes]
        lines += [""]
    return "\n".join(lines)


def hook_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every hook, in the order of the source."""
    for name, value in vars(hookspecs).items():
        if hasattr(value, "framework_spec"):
            yield name, value


def signature(name: str, hook: Callable[..., Any]) -> str:
    """The hook as the source writes it."""
    written = inspect.signature(hook)
    arguments = ", ".join(str(parameter).replace("'", "") for parameter in written.parameters.values())
    return f"def {name}({arguments}) -> {written.return_annotation}: ..."


def doc_parts(hook: Callable[..., Any]) -> tuple[str, str, str]:
    """A hook's promise, its example as code, and the version it came with."""
    doc = inspect.getdoc(hook) or ""
    text, _, rest = doc.partition("\n\nExample:\n")
    example, _, version = rest.partition(".. versionadded:: ")
    code = [line.strip()[4:] for line in example.splitlines() if line.strip().startswith((">>> ", "... "))]
    return " ".join(text.split()), "\n".join(code), version.strip()


def attribute_parts(record: type) -> tuple[str, list[tuple[str, str]]]:
    """A record's promise, and its attributes with their meaning."""
    text, _, attributes = (inspect.getdoc(record) or "").partition("\n\nAttributes:\n")
    rows: list[tuple[str, str]] = []
    for line in attributes.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, meaning = line.strip().partition(": ")
            rows.append((name, meaning))
        elif line.strip():
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
    return " ".join(text.split()), rows


def node_yaml() -> str:
    """node-yaml.md: every key, from the classes that decode it."""
    lines = [
        "# node.yaml",
        NOTE,
        "",
        NODE_INTRO,
        "",
        "```yaml",
        (CHECKOUT / "examples" / "quickstart" / "node.yaml").read_text(encoding="utf-8").rstrip(),
        "```",
        "",
    ]
    sections: list[tuple[str, type[msgspec.Struct]]] = [("The file", config.NodeConfig)]
    for field in msgspec.structs.fields(config.NodeConfig):
        sections += [(f"`{field.encode_name}`", entry) for entry in structs_in(field.type)]
    for title, struct in sections:
        lines += [f"## {title}", "", " ".join((inspect.getdoc(struct) or "").split()), ""]
        lines += [*settings_table(struct), ""]
    return "\n".join(lines)


def structs_in(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    """The config classes inside an annotation."""
    annotation = getattr(annotation, "__value__", annotation)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for argument in get_args(annotation):
        yield from structs_in(argument)


def settings_table(struct: type[Any]) -> list[str]:
    """One row a setting."""
    if not msgspec.structs.fields(struct):
        return ["No settings."]
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    for row in settings(struct):
        default = "required" if row["required"] else f"`{json.dumps(row['default'], ensure_ascii=False)}`"
        cells = (f"`{row['name']}`", row["type"], default, row["description"])
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return rows


def schema() -> str:
    """node.schema.json: the same for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "node.yaml of framework"}
    return json.dumps({**head, **config.schema()}, indent=2, ensure_ascii=False) + "\n"


def plugin_settings() -> str:
    """plugins.md: what the plugins of this repository offer, with every setting."""
    ours = {
        tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]: file.parent.relative_to(CHECKOUT)
        for file in sorted(CHECKOUT.glob("plugins/*/*/pyproject.toml"))
    }
    found = plugins.load(
        found=[point for point in entry_points(group="framework") if point.dist.name in ours]
    )
    lines = [
        "# Plugins",
        NOTE,
        "",
        PLUGINS_INTRO,
        "",
    ]
    for kind, title in KINDS.items():
        offers = found.offers(kind)
        lines += [f"## {title}", ""] if offers else []
        for offer in offers:
            readme = f"../../{ours[offer.distribution].as_posix()}/README.md"
            lines += [
                f"### `{offer.spec.name}`",
                "",
                f"{offer.spec.summary} From [{offer.distribution}]({readme}).",
                "",
            ]
            lines += [*settings_table(offer.spec.config), ""]
            for field in msgspec.structs.fields(offer.spec.config):
                before: list[str] = []
                for part in structs_in(field.type):
                    tag = part.__struct_config__.tag
                    choice = f" with `{part.__struct_config__.tag_field}: {tag}`" if tag else ""
                    text = " ".join((inspect.getdoc(part) or "").split())
                    table = settings_table(part)
                    shown = ["The same settings."] if table == before else table
                    lines += [f"**`{field.encode_name}`{choice}.** {text}", "", *shown, ""]
                    before = table
    return "\n".join(lines)


def command_line() -> str:
    """cli.md: every command with its arguments and options."""
    lines = [
        "# Command line",
        NOTE,
        "",
        CLI_INTRO,
        "",
    ]
    for group, summary in cli.BUILTIN.items():
        built = typer.main.get_command(cli._builtin(group)())  # noqa: SLF001 - the table help is made from
        lines += [f"## `framework {group}`", "", summary, ""]
        commands = getattr(built, "commands", None) or {"": built}
        for name, command in commands.items():
            lines += command_lines(f"framework {group} {name}".strip(), command)
    return "\n".join(lines)


def command_lines(called: str, command: Any) -> list[str]:
    """One command: how it is called, what it does, what it takes."""
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    shown = [argument.metavar or argument.name.upper() for argument in arguments]
    usage = " ".join([called, *(["[OPTIONS]"] if options else []), *shown])
    text = " ".join(inspect.cleandoc(command.help or "").split())
    lines = [f"### `{called}`", "", "```text", usage, "```", "", text, "", "| | | default |", "|---|---|---|"]
    for parameter, name in [*zip(arguments, shown, strict=True), *((o, "/".join(o.opts)) for o in options)]:
        default = "required" if parameter.required else ""
        if parameter.default is not None and parameter.default is not False:
            default = f"`{parameter.default}`"
        lines.append(f"| `{name}` | {(parameter.help or '').replace('|', '&#124;')} | {default} |")
    return [*lines, ""]


def error_tree() -> str:
    """errors.md: the tree and the exit codes."""
    tree = (errors.__doc__ or "").split("\n\n")
    lines = [
        "# Errors and exit codes",
        NOTE,
        "",
        tree[0],
        "",
        "```text",
        tree[1],
        "```",
        "",
        " ".join(tree[2].split()),
        "",
        "| exit code | error | meaning |",
        "|---|---|---|",
        "| 0 | | It did what it says. |",
    ]
    lines += [
        f"| {error.exit_code} | `{error.__name__}` | {(inspect.getdoc(error) or '').splitlines()[0]} |"
        for error in family(errors.FrameworkError)
    ]
    lines += [
        "| 1 | | A bug: the traceback says where. |",
        "| 2 | | The command line itself was wrong. |",
        f"| {cli.INTERRUPTED} | | Interrupted; nothing was written. |",
        "",
        ERRORS_END,
        "",
    ]
    return "\n".join(lines)


def family(error: type[errors.FrameworkError]) -> Iterator[type[errors.FrameworkError]]:
    """An error and everything below it, by exit code."""
    yield error
    for child in error.__subclasses__():
        yield from family(child)


PAGES: dict[str, Callable[[], str]] = {
    "hooks.md": hooks,
    "node-yaml.md": node_yaml,
    "node.schema.json": schema,
    "plugins.md": plugin_settings,
    "cli.md": command_line,
    "errors.md": error_tree,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
