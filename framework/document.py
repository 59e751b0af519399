"""A strict YAML 1.2 reader that remembers where everything stands.

YAML has many ways to mean something else than what was written. A trading configuration gets none of them:
duplicate keys, `no` for false, `12:30` for 750, anchors, merge keys, tags and NaN are errors with a line.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

type YamlPath = tuple[str | int, ...]

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
MAX_DIGITS = 30
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL_LOOKALIKE = re.compile(r"[-+]?0[0-9]+")
_BASED = re.compile(r"0[xo][0-9a-fA-F]+")
_GROUPED = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(:[0-9]{1,2})+(\.[0-9]*)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_YES_NO = {"yes", "no", "on", "off", "y", "n"}


def yaml_path(path: YamlPath) -> str:
    """The path as people write it: `strategies[0].config.period`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file, read.

    Attributes:
        file: The file as messages name it.
        value: Plain mappings, lists and scalars; a number with a fraction is a Decimal, digit for digit.
        keys: Line and column of every mapping key, both from 1, by path.
        values: Line and column of every value, both from 1, by path.
    """

    file: str
    value: Any
    keys: Mapping[YamlPath, tuple[int, int]]
    values: Mapping[YamlPath, tuple[int, int]]

    def where(self, path: YamlPath, *, key: bool = False) -> str:
        """`file:line:column` of the value at a path, or of its key; of the nearest parent when absent."""
        marks = self.keys if key else self.values
        while path and path not in marks:
            path = path[:-1]
            marks = self.keys if path in self.keys else self.values
        line, column = marks.get(path) or self.values.get((), (1, 1))
        return f"{self.file}:{line}:{column}"

    def at(self, path: YamlPath) -> Any:
        """The value at a path; an empty mapping when it is absent or null."""
        value = self.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return {}
        return {} if value is None else value


def read(file: Path) -> Document:
    """Read a YAML file.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or says something that could be misread.
    """
    shown = _shown(file)
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        remedy = "Name a node.yaml, not a folder." if file.is_dir() else "Check the path; it is taken as given."
        raise ConfigError(f"cannot read it: {error.strerror}", where=shown, remedy=remedy) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"the file is larger than {MAX_BYTES >> 20} MiB", where=f"{shown}:1:1", remedy="A node.yaml is a page of text."
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError(
            "the file is not UTF-8", where=f"{shown}:{line}:{column}", remedy="Save it as UTF-8."
        ) from error
    return parse(text, shown)


def parse(text: str, file: str = "node.yaml") -> Document:
    """Read YAML from a string; `file` is what messages call it."""
    return _Reader(file).read(text)


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[YamlPath, tuple[int, int]] = {}
        self.values: dict[YamlPath, tuple[int, int]] = {}

    def read(self, text: str) -> Document:
        documents = 0
        value: Any = None
        events = self._events(text)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(event, "a second document", (), "Keep one document: remove the `---`.")
                value = self._value(next(events), events, ())
        if value is None:
            raise ConfigError(
                "the file is empty", where=f"{self.file}:1:1", remedy="Start from examples/quickstart/node.yaml."
            )
        return Document(self.file, value, self.keys, self.values)

    def _events(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{self.file}:{mark.line + 1}:{mark.column + 1}" if mark else self.file
            problem = error.problem or "it is not YAML"
            raise ConfigError(f"not YAML: {problem}", where=where, remedy=_syntax_remedy(problem)) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise ConfigError(
                f"not YAML: {error.reason}", where=f"{self.file}:{line}:1", remedy="Remove the character."
            ) from None

    def _value(self, event: Any, events: Iterator[Any], path: YamlPath) -> Any:
        self.values[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(event, "an anchor or alias", path, "Write the value out where it is used.")
        if event.tag is not None:
            raise self._error(event, f"the tag {event.tag}", path, "Write the plain value.")
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"nesting deeper than {MAX_DEPTH} levels", path[:3], "Flatten it.")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[Any], path: YamlPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._value(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: YamlPath) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            if key in items:
                first = self.keys[here][0]
                raise self._error(
                    event, f'duplicate key "{key}", first on line {first}', here, "Keep one of them."
                )
            self.keys[here] = (event.start_mark.line + 1, event.start_mark.column + 1)
            items[key] = self._value(next(events), events, here)
        return items

    def _key(self, event: Any, path: YamlPath) -> str:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(event, "an anchor or alias", path, "Write the value out where it is used.")
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key that is not text", path, "Keys are words.")
        if event.tag is not None:
            raise self._error(event, f"the tag {event.tag}", path, "Write the plain key.")
        if event.value == "<<":
            raise self._error(event, "a merge key", path, "Write the values out where they are used.")
        if event.style is None and not isinstance(self._scalar(event, path), str):
            raise self._error(
                event, f'the key {event.value or "(empty)"}, which is not text', path, "Put it in quotes."
            )
        return str(event.value)

    def _scalar(self, event: Any, path: YamlPath) -> Any:  # noqa: PLR0911 - one answer for each kind of scalar
        text: str = event.value
        if event.style is not None:
            return text
        if text in _NULLS:
            return None
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        if text.lower() in _YES_NO:
            meant = "true" if text.lower() in {"yes", "on", "y"} else "false"
            raise self._error(
                event,
                f"`{text}` means a truth value to some readers of YAML and text to others",
                path,
                f'Write {meant}, or "{text}" in quotes.',
            )
        if _SEXAGESIMAL.fullmatch(text):
            raise self._error(
                event,
                f"`{text}` is a number in base 60 to some readers of YAML",
                path,
                f'Write "{text}" in quotes.',
            )
        if _NOT_A_NUMBER.fullmatch(text):
            raise self._error(event, f"{text} is not a usable number", path, "Write a finite number.")
        if _OCTAL_LOOKALIKE.fullmatch(text) or _BASED.fullmatch(text) or _GROUPED.fullmatch(text):
            raise self._error(
                event,
                f"`{text}` is another number to some readers of YAML",
                path,
                f'Write plain decimal digits, or "{text}" in quotes.',
            )
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
            return self._number(event, text, path)
        return text

    def _number(self, event: Any, text: str, path: YamlPath) -> int | Decimal:
        if len(text) > MAX_DIGITS:
            raise self._error(
                event, f"a number of {len(text)} characters", path, "Write fewer digits, or put it in quotes."
            )
        if _INTEGER.fullmatch(text):
            return int(text)
        if not math.isfinite(float(text)):
            raise self._error(event, f"{text} is not a usable number", path, "Write a finite number.")
        return Decimal(text)

    def _error(self, event: Any, problem: str, path: YamlPath, remedy: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(
            problem,
            where=f"{self.file}:{mark.line + 1}:{mark.column + 1}",
            path=yaml_path(path) or None,
            remedy=remedy,
        )


def _syntax_remedy(problem: str) -> str:
    if "\\t" in problem or "tab" in problem:
        return "Indent with spaces, not tabs."
    if "mapping values are not allowed" in problem:
        return "Check the indentation, and put text that contains `: ` in quotes."
    return "Check the indentation and quotes around this line."


def _shown(file: Path) -> str:
    try:
        return file.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(file)
