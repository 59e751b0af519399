"""Simple Binary Encoding: how a layout of fields, groups and texts becomes bytes.

A layout is written in words, each a field of the JSON answer and its type: `orderId:long stopPrice:money?`.
The name says where the value is found, `a.b` inside another object; `?` marks one that may be missing.
Decimal numbers have eight decimals: every exponent is -8.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from framework_binance_sim.spot.names import CODES, FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA, VERSION = 3, 5
SCALE = Decimal(10**8)
EXPONENT = -8
MISSING = -1
"""What JSON says where SBE has nothing: no order list, no trade, not working."""

_INTEGERS = {"byte": ("B", 0xFF), "word": ("H", 0xFFFF), "short": ("h", -(2**15)), "int": ("i", -(2**31))}
_LONG = -(2**63)
_FACTORS = {"money": SCALE, "long": Decimal(1), "time": Decimal(1_000)}


@dataclass(frozen=True)
class Layout:
    """Fields of fixed size, then groups, then texts.

    Attributes:
        fields: In words.
        groups: Rows that repeat.
        texts: In words, of the types `text`, `long_text`, `note`, `letter` and `parcel`: text of up to 255 or
            65,535 bytes, and messages of up to 255, 65,535 or 2,147,483,647.
    """

    fields: str = ""
    groups: tuple[Group, ...] = ()
    texts: str = ""

    @cached_property
    def words(self) -> list[tuple[str, str]]:
        """Names and types of the fields."""
        return _words(self.fields)

    @cached_property
    def size(self) -> int:
        """Bytes of the fields."""
        return sum(len(_packed(kind, None)) for _, kind in self.words)

    def encode(self, source: Any) -> bytes:
        """The fields, groups and texts of one answer or row."""
        parts = [_packed(kind, _found(source, name)) for name, kind in self.words]
        parts += [group.encode(source) for group in self.groups]
        parts += [_text(kind, _found(source, name)) for name, kind in _words(self.texts)]
        return b"".join(parts)


@dataclass(frozen=True)
class Group:
    """Rows of one layout.

    Attributes:
        name: Where the rows are found: `.` is the answer itself.
        row: The layout of each.
        small: At most 65,535 of them.
    """

    name: str
    row: Layout
    small: bool = False

    def encode(self, source: Any) -> bytes:
        """The number of rows, and the rows."""
        rows = _found(source, self.name) or []
        head = struct.pack("<HH" if self.small else "<HI", self.row.size, len(rows))
        return head + b"".join(self.row.encode(row) for row in rows)


@dataclass(frozen=True)
class Message:
    """A message: its number in the schema, and its layout."""

    number: int
    layout: Layout = field(default_factory=Layout)

    def encode(self, source: Any) -> bytes:
        """The message with its header."""
        head = struct.pack("<HHHH", self.layout.size, self.number, SCHEMA, VERSION)
        return head + self.layout.encode(source)


def _words(line: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, _, kind in (word.partition(":") for word in line.split())]


def _found(source: Any, name: str) -> Any:
    """The value called `name`: a key, an index of a list, a way through objects, or the source itself."""
    if name == ".":
        return source
    for step in name.split("."):
        if isinstance(source, list):
            source = source[int(step)] if int(step) < len(source) else None
        else:
            source = None if source is None else source.get(step)
    return source


def _packed(kind: str, value: Any) -> bytes:  # noqa: PLR0911 - a table of types
    optional, kind = kind.endswith("?"), kind.removesuffix("?")
    missing = value is None or (optional and value in {MISSING, ""})
    match kind:
        case "exponent":
            return struct.pack("<b", EXPONENT)
        case "money" | "long" | "time":
            if missing:
                return struct.pack("<q", _LONG if optional else 0)
            return struct.pack("<q", int(Decimal(value) * _FACTORS[kind]))
        case "wide_money":
            return int(Decimal(value or 0) * SCALE).to_bytes(16, "little", signed=True)
        case "float":
            return struct.pack("<f", float(value or 0))
        case "bool":
            return struct.pack("<B", 0xFF if optional and value is None else bool(value))
        case "byte" | "word" | "short" | "int":
            form, nothing = _INTEGERS[kind]
            return struct.pack(f"<{form}", (nothing if optional else 0) if missing else value)
    if kind in FLAGS:
        form, names = FLAGS[kind]
        return struct.pack(f"<{form}", sum(1 << names.index(name) for name in value or ()))
    if kind.isdigit():  # the same in every message
        return struct.pack("<B", int(kind))
    return struct.pack("<B", _code(CODES[kind], value, optional=optional))


def _code(codes: Mapping[str, int], value: Any, *, optional: bool) -> int:
    if value is None:
        return 0xFF if optional else next(iter(codes.values()))
    return codes[value]


def _text(kind: str, value: Any) -> bytes:
    form = {"text": "B", "long_text": "H", "note": "B", "letter": "H", "parcel": "I"}[kind]
    content = value.encode() if isinstance(value, str) else value or b""
    return struct.pack(f"<{form}", len(content)) + content
