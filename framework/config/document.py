"""A YAML file with the place of everything in it: strict YAML 1.2, one document, no anchors, no tags.

What a run is made of must have one reading, so whatever YAML readers disagree about, or a reader of the file
would miss, is an error with its line and column instead of a value.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from framework.config import scalars
from framework.config.strict_yaml import Builder, Mark, YamlPath
from framework.config.syntax import explain
from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_FILE = 1024 * 1024
"""Bytes; a node file of a hundred strategies has some 50,000."""
UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that no editor shows, or that YAML 1.1 and 1.2 disagree on as ends of lines."""
PARSER: Any = getattr(yaml, "CLoader", yaml.Loader)
"""libyaml where PyYAML was built with it (every published wheel is): 30 times faster, same events."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where.

    Attributes:
        file: The file as messages name it: relative to the current directory when it is below it.
        value: Mappings, lists, text, numbers, booleans and null, as Python has them.
    """

    file: str
    value: Any
    _values: Mapping[YamlPath, Mark] = field(repr=False)
    _keys: Mapping[YamlPath, Mark] = field(repr=False)

    def where(self, path: YamlPath = ()) -> str:
        """The `file:line:column` of the value at a path, or of the nearest thing around it."""
        return self._place(self._values, path)

    def where_key(self, path: YamlPath) -> str:
        """The `file:line:column` of the key that the path ends in; of the value when it ends in no key."""
        return self._place(self._keys, path) if path in self._keys else self.where(path)

    def get(self, path: YamlPath, default: Any = None) -> Any:
        """The value at a path, or the default when nothing is written there."""
        value = self.value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def _place(self, marks: Mapping[YamlPath, Mark], path: YamlPath) -> str:
        while path not in marks and path:
            path = path[:-1]
        line, column = marks.get(path, (1, 1))
        return f"{self.file}:{line}:{column}"


def read(path: str | os.PathLike[str]) -> Document:
    """Read a YAML file.

    Raises:
        ConfigError: There is no such file, it is no YAML, or it uses a part of YAML with two readings.
    """
    return parse(text(path), shown(path))


def text(path: str | os.PathLike[str]) -> str:
    """A file's text, whatever it says.

    Raises:
        ConfigError: There is no such file, it is too large, or it is no UTF-8.
    """
    file = shown(path)
    return _text(_bytes(path, file), file)


def parse(text: str, file: str = "<text>") -> Document:
    """Read YAML that is already text; `file` is how messages name it.

    Raises:
        ConfigError: As `read`.
    """
    unwanted = UNWANTED.search(text)
    if unwanted:
        raise ConfigError(
            f"the file contains the character U+{ord(unwanted[0]):04X}, which no editor shows",
            where=_locate(file, text, unwanted.start()),
            remedy="Delete it, or write it as an escape inside double quotes.",
        )
    builder = Builder(file)
    try:
        for event in yaml.parse(text, Loader=PARSER):
            builder.take(event)
    except yaml.YAMLError as error:
        problem = explain(error, text, builder.long_quote)
        failure = ConfigError(
            problem.message, where=f"{file}:{problem.line}:{problem.column}", remedy=problem.remedy
        )
    else:
        return Document(file, builder.value(), builder.values, builder.keys)
    raise failure


def dump(value: Any) -> str:
    """YAML that `read` takes back as exactly this value: whatever has a second reading is quoted."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)


def shown(path: str | os.PathLike[str]) -> str:
    """A path as messages name it: relative to the current directory when below it, otherwise as given."""
    given = Path(path)
    try:
        return given.resolve().relative_to(Path.cwd()).as_posix() if given.is_absolute() else os.fspath(given)
    except (ValueError, OSError, RuntimeError):
        return os.fspath(given)


def _bytes(path: str | os.PathLike[str], file: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            "there is no such file",
            where=file,
            remedy="Check the path; it is relative to the current directory.",
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(
            "this is a directory, not a file", where=file, remedy=f"Name the file in it: {file}/node.yaml."
        ) from error
    except PermissionError as error:
        remedy = f"Name the file in it: {file}/node.yaml." if Path(path).is_dir() else "Make it readable."
        raise ConfigError("the file may not be read", where=file, remedy=remedy) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the file cannot be read: {error}", where=file, remedy="Check the path."
        ) from error
    if len(data) > LARGEST_FILE:
        raise ConfigError(
            f"the file is larger than {LARGEST_FILE // 1024} KiB",
            where=f"{file}:1:1",
            remedy="A node file holds settings; data belongs in the catalog.",
        )
    return data


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        raise ConfigError(
            f"byte 0x{data[error.start]:02X} is not UTF-8",
            where=_locate(file, before, len(before)),
            remedy="Save the file as UTF-8.",
        ) from error


def _locate(file: str, text: str, position: int) -> str:
    lines = re.split("\r\n|\r|\n", text[:position])
    return f"{file}:{len(lines)}:{len(lines[-1].removeprefix('\ufeff')) + 1}"


class _Dumper(yaml.SafeDumper):
    """Writes text without quotes only when `scalars` reads it back as the same text."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        plain = scalars.meaning(text) == text
    except scalars.Unclear:
        plain = False
    style = None if plain and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
