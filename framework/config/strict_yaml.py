"""YAML with one reading: from the parser's events to values, refusing what a reader could take two ways.

Refused are duplicate keys, keys that are not text, anchors, aliases, merges, tags, directives, a second
document, unquoted text over several lines, invisible characters, deep nesting, and the words that `scalars`
refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from framework.config import scalars
from framework.errors import ConfigError

type YamlPath = tuple[str | int, ...]
type Mark = tuple[int, int]
"""Line and column, counted from 1."""

DEEPEST = 32
"""Levels of nesting; a node file has six, and its plugins' settings a few more."""
MOST = 20_000
"""Values in a file, which take a third of a second to read; a strategy has some twenty."""
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def yaml_path(path: YamlPath) -> str:
    """A path as a reader writes it: `strategies[0].config.period`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif len(step) <= scalars.SHOWN and IDENTIFIER.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{scalars.short(step)}"]'
    return text


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read."""

    value: dict[str, Any] | list[Any]
    path: YamlPath
    bracket: yaml.NodeEvent | None = None
    key: str | None = None


class Builder:
    """Builds the value from the parser's events, and notes where everything stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Any = None
        self.documents = 0
        self.open: list[_Open] = []
        self.values: dict[YamlPath, Mark] = {}
        self.keys: dict[YamlPath, Mark] = {}
        self.long_quote: Mark | None = None

    def value(self) -> Any:
        """What the file says, once every event is taken."""
        if self.root is None:
            raise ConfigError(
                "the file says nothing",
                where=f"{self.file}:1:1",
                remedy="Write the settings of a node in it.",
            )
        return self.root

    def take(self, event: yaml.Event) -> None:
        """Take the next event; a `ConfigError` says what is wrong with it, and where."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.NodeEvent):
            self._refuse_decorations(event)
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()

    def _begin(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self._fail(
                event, "a second document begins here", "Keep one document in a file: remove the line `---`."
            )
        if event.version not in {None, (1, 2)} or event.tags:
            self._fail(
                event,
                "directives (lines beginning with %) are not used",
                "Remove the line; YAML 1.2 is read.",
            )

    def _refuse_decorations(self, event: yaml.NodeEvent) -> None:
        anchor = scalars.short(str(event.anchor))
        if isinstance(event, yaml.AliasEvent):
            self._fail(
                event,
                f"*{anchor} is an alias, and aliases are not used",
                f'Write the value out, or "*{anchor}" in quotes when the text is meant.',
            )
        if event.anchor is not None:
            self._fail(
                event,
                f"&{anchor} is an anchor, and anchors are not used",
                "Remove it and write the value out where it is needed.",
            )
        if getattr(event, "tag", None) is not None:
            self._fail(
                event,
                f"{_tag(event)} is a tag, and tags are not used",
                "Remove it; put the value in quotes when text is meant.",
            )

    def _node(self, event: yaml.NodeEvent) -> None:
        parent = self.open[-1] if self.open else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(event, parent, parent.value)
            return
        path = self._path(parent)
        self.values[path] = _mark(event)
        if len(self.values) > MOST:
            self._fail(event, f"the file holds more than {MOST} values", "Data belongs in the catalog.")
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        else:
            value = {} if isinstance(event, yaml.MappingStartEvent) else []
            if len(self.open) == DEEPEST:
                self._fail(
                    event,
                    f"nested more than {DEEPEST} levels deep",
                    "Check the brackets and the indentation.",
                )
            bracket = event if getattr(event, "flow_style", False) else None
            self.open.append(_Open(value, path, bracket))
        if parent is None:
            self.root = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            parent.value[str(parent.key)] = value
            parent.key = None

    @staticmethod
    def _path(parent: _Open | None) -> YamlPath:
        if parent is None:
            return ()
        return (*parent.path, parent.key if parent.key is not None else len(parent.value))

    def _key(self, event: yaml.NodeEvent, parent: _Open, mapping: dict[str, Any]) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._fail(
                event,
                "a key must be text, not a list or mapping",
                "Write a word before the colon.",
                parent.path,
            )
        key = self._scalar(event, parent.path)
        if event.value == "<<" and not event.style:
            self._fail(
                event, "<< merges mappings, and merging is not used", "Write the keys out.", parent.path
            )
        if not isinstance(key, str):
            self._fail(
                event,
                f"the key {scalars.short(event.value) or 'before the colon'} is not text",
                f'Write it in quotes: "{event.value}".' if event.value else "Write a word before the colon.",
                parent.path,
            )
        path = (*parent.path, key)
        if key in mapping:
            line, _ = self.keys[path]
            self._fail(
                event,
                f'the key "{scalars.short(key)}" is already on line {line}',
                f"Keep one of lines {line} and {_mark(event)[0]}.",
                path,
            )
        self.keys[path] = _mark(event)
        parent.key = key

    def _scalar(self, event: yaml.ScalarEvent, path: YamlPath) -> scalars.Scalar:
        if not event.style:
            return self._word(event, path)
        text: str = event.value
        if event.style in {"'", '"'} and _mark(event)[0] != _last_line(event):
            self.long_quote = _mark(event)
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
            self._fail(event, "the text contains an escape for no character", "Remove it.", path)
        return text

    def _word(self, event: yaml.ScalarEvent, path: YamlPath) -> scalars.Scalar:
        word: str = event.value
        if word and _mark(event)[0] != _last_line(event):
            self._refuse_unclosed(event)
            self._fail(
                event,
                f"unquoted text goes on until line {_last_line(event)}",
                "Check the indentation and the colons of these lines; put long text in quotes.",
                path,
            )
        hidden = next((char for char in word if not char.isprintable()), None)
        if hidden:
            self._fail(
                event,
                f"the text contains the invisible character U+{ord(hidden):04X}",
                "Replace it by an ordinary space, or put the text in quotes when it is meant.",
                path,
            )
        try:
            return scalars.meaning(word)
        except scalars.Unclear as unclear:
            self._fail(event, str(unclear), unclear.remedy, path, unclear)

    def _refuse_unclosed(self, event: yaml.ScalarEvent) -> None:
        """Inside brackets, text that goes on is what comes after a bracket that nobody closed."""
        if self.open and self.open[-1].bracket is not None:
            start = self.open[-1].bracket
            bracket, last = "{" if isinstance(self.open[-1].value, dict) else "[", _last_line(event)
            self._fail(
                start,
                f"the {bracket} opened here is not closed before line {last}, or a comma is missing",
                "Close it; put a comma between its parts, and long text in quotes.",
                self.open[-1].path,
            )

    def _fail(
        self,
        event: yaml.Event,
        message: str,
        remedy: str,
        path: YamlPath | None = None,
        cause: Exception | None = None,
    ) -> NoReturn:
        if path is None:
            path = self._path(self.open[-1] if self.open else None)
        line, column = _mark(event)
        raise ConfigError(
            message, where=f"{self.file}:{line}:{column}", path=yaml_path(path) or None, remedy=remedy
        ) from cause


def _last_line(event: yaml.Event) -> int:
    mark: Any = event.end_mark
    return int(mark.line) + 1


def _tag(event: Any) -> str:
    """A tag as it is written."""
    return scalars.short(str(event.tag).replace("tag:yaml.org,2002:", "!!"))


def _mark(event: yaml.Event) -> Mark:
    mark: Any = event.start_mark
    return mark.line + 1, mark.column + 1
