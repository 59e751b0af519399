"""What is wrong with settings, in the words of someone who writes YAML instead of Python."""

from __future__ import annotations

import difflib
import re
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

import msgspec

from framework.config import values
from framework.config.scalars import short
from framework.config.strict_yaml import yaml_path
from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework.config.document import Document
    from framework.config.strict_yaml import YamlPath

SHOWN = 4
"""Further problems listed below the first; more are a reason to fix these first."""
SEE = "The keys of a node file and what each takes are in the reference of node.yaml."
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
    "decimal": 'a decimal as text, such as "0.1"',
    "datetime": 'a time, such as "2024-01-31T09:30:00Z"',
    "date": 'a date, such as "2024-01-31"',
    "time": 'a time of day, such as "09:30:00"',
    "duration": 'a duration, such as "PT5M"',
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a path; `at_key` when it is the key that is wrong."""

    path: YamlPath
    message: str
    remedy: str | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A type without its wrapping, and what the wrapping says about it."""

    bare: Any
    notes: tuple[msgspec.Meta, ...]

    @property
    def remedy(self) -> str | None:
        """What the plugin's author wrote about the field."""
        words = [note.description for note in self.notes if note.description]
        examples = [example for note in self.notes for example in note.examples or ()]
        if examples:
            words.append(f"Example: {shown(examples[0])}.")
        return " ".join(words) or None


def shape_of(kind: Any) -> Shape:
    """A type out of its aliases and annotations."""
    notes: list[msgspec.Meta] = []
    while True:
        if isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif get_origin(kind) is Annotated:
            kind, *metadata = get_args(kind)
            notes += [note for note in metadata if isinstance(note, msgspec.Meta)]
        else:
            parts = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else ()
            return Shape(kind, (*notes, *(note for part in parts for note in shape_of(part).notes)))


def members(bare: Any) -> list[Any]:
    """The alternatives of a union, flattened; the type itself when it is none."""
    if get_origin(bare) not in {Union, types.UnionType}:
        return [bare]
    return [member for part in get_args(bare) for member in members(shape_of(part).bare)]


def error_of(document: Document, problems: Iterable[Problem], owner: str | None = None) -> ConfigError:
    """One error for problems found in a document: the first in the file, with the others below it."""
    first, *others = sorted(problems, key=lambda problem: _position(document, problem))
    remedy = [
        first.remedy or (f"The settings of {owner} are shown by `framework plugins show`." if owner else SEE)
    ]
    remedy += [f"Also {_where(document, other)}: {other.message}" for other in others[:SHOWN]]
    if len(others) > SHOWN:
        remedy.append(f"and {len(others) - SHOWN} more")
    return ConfigError(
        f"{owner}: {first.message}" if owner else first.message,
        where=_where(document, first),
        path=yaml_path(first.path) or None,
        remedy="\n  ".join(remedy),
    )


def _where(document: Document, problem: Problem) -> str:
    return document.where_key(problem.path) if problem.at_key else document.where(problem.path)


def _position(document: Document, problem: Problem) -> tuple[int, int]:
    _, line, column = _where(document, problem).rsplit(":", 2)
    return int(line), int(column)


def nearest(word: str, known: Iterable[str]) -> str:
    """The `did you mean` of a message, or nothing."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f'; did you mean "{folded[near[0]]}"?' if near else ""


def told(message: str, shape: Shape | None = None) -> tuple[str, str | None]:
    """What a `ValueError` says, as message and remedy: by convention it is "what is wrong; what to do"."""
    wrong, _, advice = message.rpartition("; ")
    written = shape.remedy if shape else None
    if not (wrong and advice.strip()):
        return message, written
    return wrong, f"{advice[0].upper()}{advice[1:].rstrip('.')}.{f' {written}' if written else ''}"


def worded(message: str, value: Any, path: YamlPath, shape: Shape) -> Problem:
    """Msgspec's message in the words of someone who writes YAML."""
    choices = [member for member in members(shape.bare) if member is not type(None)]
    words = [str(word) for choice in choices if get_origin(choice) is Literal for word in get_args(choice)]
    if words and all(get_origin(choice) is Literal for choice in choices):
        hint = nearest(str(value), words) if isinstance(value, str) else ""
        return Problem(
            path, f"{shown(value)} is not one of the choices{hint}", f"One of: {', '.join(words)}."
        )
    match = re.fullmatch(r"Expected `(?P<kinds>[^`]+)`(?P<bound>.*?)(, got .+)?", message, re.DOTALL)
    if match is None:
        return Problem(path, *told(message, shape))
    kinds = match["kinds"].split(" | ")
    expected = " or ".join(WORDS.get(kind, kind) for kind in kinds)
    remedy = shape.remedy
    if isinstance(value, str) and {"int", "float"} & set(kinds) and values.PLAIN_NUMBER.fullmatch(value):
        remedy = f"Write it without quotes: {value}."
    elif "str" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        remedy = f'Write it in quotes: "{value}".'
    return Problem(path, f"expected {expected}{match['bound']}, got {shown(value)}", remedy)


def shown(value: Any) -> str:
    """A value as YAML shows it, or its kind when it is long."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{short(value)}"'
    return str(value)
