"""node.yaml: its shape, and reading it with errors that say where, what and what to do."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from nautilus_trader.model import BarType, InstrumentId

from framework import document as documents
from framework.document import Document, YamlPath, yaml_path
from framework.errors import ConfigError
from framework.values import decode_value, schema_value, to_nanos

__all__ = ["LoadedConfig", "NodeConfig", "decode", "load", "schema", "yaml_path"]

type Name = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$", description="Letters, digits, `_`, `.` and `-`."),
]
type Settings = Annotated[
    dict[str, Any], msgspec.Meta(description="The plugin's settings; `framework plugins show NAME` lists them.")
]
type Use = Annotated[str, msgspec.Meta(description="The plugin, by the name `framework plugins list` shows.")]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Closed and frozen, like every part of a configuration."""


class VenueEntry(Entry, frozen=True, kw_only=True):
    """A venue: where orders go."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Z][A-Z0-9_]{0,31}$",
            description="The venue as instruments name it: `SIM` in `EUR/USD.SIM`.",
        ),
    ]
    use: Use
    config: Settings = {}


class StrategyEntry(Entry, frozen=True, kw_only=True):
    """A strategy."""

    id: Annotated[Name, msgspec.Meta(description="Its name in orders, reports and `risk`; unique.")]
    use: Use
    config: Settings = {}


class RiskEntry(Entry, frozen=True, kw_only=True):
    """A risk rule, and whom it covers."""

    use: Use
    id: Annotated[Name | None, msgspec.Meta(description="Its name in decisions; `use` by default.")] = None
    strategies: Annotated[
        list[str] | None, msgspec.Meta(description="The strategies it covers, by `id`; all by default.")
    ] = None
    config: Settings = {}


class DataEntry(Entry, frozen=True, kw_only=True):
    """One stream of data from the catalog: exactly one of the three."""

    bars: Annotated[
        str | None, msgspec.Meta(description="A bar type: `EUR/USD.SIM-1-HOUR-LAST-EXTERNAL`.")
    ] = None
    quotes: Annotated[str | None, msgspec.Meta(description="An instrument: `EUR/USD.SIM`.")] = None
    trades: Annotated[str | None, msgspec.Meta(description="An instrument: `EUR/USD.SIM`.")] = None


class ReportEntry(Entry, frozen=True, kw_only=True):
    """Where results go."""

    directory: Annotated[
        str, msgspec.Meta(description="A folder for run folders, relative to this file.", min_length=1)
    ] = "reports"
    html: Annotated[bool, msgspec.Meta(description="Write the page; the tables are always written.")] = True


class LogEntry(Entry, frozen=True, kw_only=True):
    """What the engine says while it runs."""

    level: Annotated[
        Literal["off", "error", "warning", "info", "debug"],
        msgspec.Meta(description="The least serious message shown."),
    ] = "error"


class NodeConfig(Entry, frozen=True, kw_only=True):
    """A node: venues, strategies, risk rules, and the data they run on."""

    mode: Annotated[
        Literal["backtest", "paper", "live"], msgspec.Meta(description="How it runs; `--mode` overrides it.")
    ] = "backtest"
    name: Annotated[Name | None, msgspec.Meta(description="Its name; the folder's by default.")] = None
    catalog: Annotated[
        str, msgspec.Meta(description="The data catalog: a folder, relative to this file.", min_length=1)
    ]
    start: Annotated[
        str | None,
        msgspec.Meta(description="First date or time replayed, UTC unless it says otherwise; the first row by default."),
    ] = None
    end: Annotated[
        str | None,
        msgspec.Meta(description="Last date or time replayed; a date includes that whole day. The last row by default."),
    ] = None
    seed: Annotated[int, msgspec.Meta(ge=0, description="Where all randomness comes from.")] = 0
    venues: Annotated[list[VenueEntry], msgspec.Meta(min_length=1, description="Where orders go.")]
    data: Annotated[list[DataEntry], msgspec.Meta(min_length=1, description="What is replayed.")]
    strategies: Annotated[list[StrategyEntry], msgspec.Meta(min_length=1, description="What trades.")]
    risk: Annotated[
        list[RiskEntry], msgspec.Meta(description="What judges every order, in this order; sizing rules first.")
    ] = []
    report: ReportEntry = ReportEntry()
    log: LogEntry = LogEntry()


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes:
        node: The configuration; plugins' settings are not decoded yet.
        document: The file, with the place of everything in it.
        directory: What relative paths are relative to.
    """

    node: NodeConfig
    document: Document
    directory: Path


def load(file: Path) -> LoadedConfig:
    """Read a node.yaml.

    Raises:
        ConfigError: It cannot be read, is not strict YAML, or does not say what a node needs.
    """
    document = documents.read(file)
    node: NodeConfig = decode(document, (), NodeConfig)
    _check(node, document)
    return LoadedConfig(node, document, file.resolve().parent)


def decode[T](document: Document, path: YamlPath, kind: type[T], owner: str | None = None) -> T:
    """The value at a path as a config class.

    Args:
        document: Where it stands.
        path: Where in it; an absent or null value is an empty mapping.
        kind: The config class.
        owner: Whose settings these are, as messages say it.

    Raises:
        ConfigError: With file, line, column, YAML path, owner and remedy.
    """
    try:
        return msgspec.convert(document.at(path), kind, dec_hook=decode_value)
    except msgspec.ValidationError as error:
        raise _error(document, path, kind, str(error), owner) from None


def schema() -> dict[str, Any]:
    """The JSON schema of node.yaml."""
    return msgspec.json.schema(NodeConfig, schema_hook=schema_value)


def _check(node: NodeConfig, document: Document) -> None:
    """What one entry cannot know of another."""
    _unique(document, "venues", "name", [venue.name for venue in node.venues])
    _unique(document, "strategies", "id", [strategy.id for strategy in node.strategies])
    _unique(document, "risk", "id", [rule.id or rule.use for rule in node.risk])
    _unique(document, "data", "", [str(msgspec.to_builtins(entry)) for entry in node.data])
    for index, entry in enumerate(node.data):
        _check_stream(document, index, entry)
    times = {}
    for key in ("start", "end"):
        text = getattr(node, key)
        if text is not None:
            try:
                times[key] = to_nanos(text, end_of_day=key == "end")
            except ConfigError as error:
                raise _located(document, (key,), error.message, error.remedy or "") from error
    if "start" in times and "end" in times and times["start"] >= times["end"]:
        raise _located(document, ("end",), f"end {node.end} is not after start {node.start}", "Swap them.")
    for path, text in ((("catalog",), node.catalog), (("report", "directory"), node.report.directory)):
        if text.startswith("~"):
            raise _located(document, path, f'"{text}" starts with ~, which only a shell expands', "Write the path out.")


def _check_stream(document: Document, index: int, entry: DataEntry) -> None:
    given = {name: getattr(entry, name) for name in ("bars", "quotes", "trades") if getattr(entry, name) is not None}
    here: YamlPath = ("data", index)
    if len(given) != 1:
        problem = "names more than one kind" if given else "names no data"
        raise _located(document, here, f"the entry {problem}", "Write one of bars:, quotes: or trades: an entry.")
    (name, text), = given.items()
    try:
        decode_value(BarType if name == "bars" else InstrumentId, text)
    except ValueError as error:
        raise _located(document, (*here, name), str(error), "`framework data list` shows what there is.") from None


def _unique(document: Document, section: str, key: str, names: list[str]) -> None:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            first = document.where((section, seen[name])).rsplit(":", 2)[1]
            what = f'{key} "{name}"' if key else "this stream"
            remedy = f"Give one of them another {key}: in {section}." if key else "Keep one of them."
            raise _located(document, (section, index, key), f"{what} is already used on line {first}", remedy)
        seen[name] = index


def _located(document: Document, path: YamlPath, message: str, remedy: str) -> ConfigError:
    path = tuple(step for step in path if step != "")
    return ConfigError(message, where=document.where(path), path=yaml_path(path), remedy=remedy)


_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")
_ENUM = re.compile(r"Invalid enum value '?(?P<value>.*?)'?$")
_WORDS = {
    "decimal": "number",
    "float": "number",
    "int": "whole number",
    "str": "text",
    "bool": "true or false",
    "object": "mapping",
    "array": "list",
    "null": "nothing",
    "dict": "mapping",
    "list": "list",
}


def _error(document: Document, base: YamlPath, kind: Any, text: str, owner: str | None) -> ConfigError:
    """msgspec's message, with a place, in words, and with a way out."""
    match = _AT.match(text)
    problem, where = (match["problem"], match["path"] or "") if match else (text, "")
    path = (*base, *_steps(where))
    shape = _shape(kind, path[len(base) :], document, base)
    prefix = f"{owner}: " if owner else ""
    if unknown := _UNKNOWN.match(problem):
        known = _fields(shape)
        near = difflib.get_close_matches(unknown["name"], known, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        here = (*path, unknown["name"])
        return ConfigError(
            f'{prefix}unknown key "{unknown["name"]}"{hint}',
            where=document.where(here, key=True),
            path=yaml_path(here),
            remedy=f"Known keys: {', '.join(known) or 'none'}.",
        )
    if missing := _MISSING.match(problem):
        return ConfigError(
            f'{prefix}the key "{missing["name"]}" is missing',
            where=document.where(path),
            path=yaml_path((*path, missing["name"])),
            remedy=_describe(shape, missing["name"]),
        )
    if enumerated := _ENUM.match(problem):
        allowed = [str(value) for value in _choices(shape)]
        near = difflib.get_close_matches(enumerated["value"], allowed, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        return ConfigError(
            f'{prefix}"{enumerated["value"]}" is not a choice{hint}',
            where=document.where(path),
            path=yaml_path(path),
            remedy=f"One of: {', '.join(allowed)}." if allowed else None,
        )
    parent = _shape(kind, path[len(base) : -1], document, base) if len(path) > len(base) else None
    described = _describe(parent, str(path[-1])) if parent is not None and path else None
    return ConfigError(
        f"{prefix}{_in_words(problem)}", where=document.where(path), path=yaml_path(path) or None, remedy=described
    )


def _steps(where: str) -> YamlPath:
    """`.strategies[0].config` as path steps; msgspec's `[...]` for a mapping's value ends the path."""
    steps: list[str | int] = []
    for match in _STEP.finditer(where):
        if match["name"] is not None:
            steps.append(match["name"])
        elif match["index"] == "...":
            break
        else:
            steps.append(int(match["index"]))
    return tuple(steps)


def _shape(kind: Any, path: YamlPath, document: Document, base: YamlPath) -> Any:
    """The annotation that describes the value at a path below a config class."""
    here = base
    for step in path:
        kind = _plain(kind, document.at(here))
        here = (*here, step)
        if isinstance(step, int):
            args = get_args(kind)
            kind = args[0] if args else Any
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
            kind = types.get(str(step), Any)
        else:
            args = get_args(kind)
            kind = args[1] if len(args) > 1 else Any
    return _plain(kind, document.at(here))


def _plain(kind: Any, value: Any) -> Any:
    """The annotation without aliases, notes and None; of several structs, the one the tag names."""
    kind = getattr(kind, "__value__", kind)
    if hasattr(kind, "__metadata__"):
        return _plain(kind.__origin__, value)
    if isinstance(kind, type) or not get_args(kind) or getattr(kind, "__origin__", None) is not None:
        return kind
    members = [_plain(arg, value) for arg in get_args(kind) if arg is not type(None)]
    structs = [arg for arg in members if isinstance(arg, type) and issubclass(arg, msgspec.Struct)]
    for struct in structs:
        config = struct.__struct_config__
        if isinstance(value, dict) and config.tag is not None and value.get(str(config.tag_field)) == config.tag:
            return struct
    return members[0] if len(members) == 1 else kind


def _fields(shape: Any) -> list[str]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        tag = [str(shape.__struct_config__.tag_field)] if shape.__struct_config__.tag is not None else []
        return [*tag, *shape.__struct_encode_fields__]
    return []


def _choices(shape: Any) -> list[Any]:
    choices: list[Any] = []
    for arg in get_args(shape):
        arg = getattr(arg, "__value__", arg)  # noqa: PLW2901 - the alias stands for its value
        if isinstance(arg, type) and issubclass(arg, msgspec.Struct):
            choices.append(arg.__struct_config__.tag)
        elif not isinstance(arg, type) and get_args(arg):
            choices.extend(_choices(arg))
        elif isinstance(arg, str | int):
            choices.append(arg)
    return choices


def _describe(shape: Any, name: str) -> str | None:
    """What a field is for, from its own annotation."""
    if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
        return None
    for field in msgspec.structs.fields(shape):
        if field.encode_name == name:
            notes = _notes(field.type)
            return f"{name}: {' '.join(notes)}" if notes else None
    return None


def _notes(kind: Any) -> list[str]:
    kind = getattr(kind, "__value__", kind)
    notes = [note.description for note in getattr(kind, "__metadata__", ()) if getattr(note, "description", None)]
    return notes or (_notes(kind.__origin__) if hasattr(kind, "__metadata__") else [])


def _in_words(problem: str) -> str:
    """msgspec's types in the words of somebody who writes YAML."""
    problem = re.sub(r"`([a-z |]+)`", lambda match: _translated(match[1]), problem)
    problem = problem.replace("`str` matching regex", "text matching").replace("Object", "the mapping")
    return problem[:1].lower() + problem[1:]


def _translated(names: str) -> str:
    return " or ".join(dict.fromkeys(_WORDS.get(name.strip(), name.strip()) for name in names.split("|")))
