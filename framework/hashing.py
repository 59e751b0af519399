"""One number for what happened: equal runs have equal hashes, on any day and in any process.

The engine gives every event a random identifier, and names the closed positions of a netting account with
one. Such names say nothing about the run, so they are left out or numbered in order of appearance, and what
remains is written as canonical text: column order, column types and row order do not matter, values do.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from framework.risk.decision import Decision

LEFT_OUT = frozenset(
    {
        "causation_id",
        "event_id",
        "events",  # a position's fills once more, each with its random event_id
        "init_id",
        "last_trade_id",
        "run_id",
        "trade_id",
        "trade_ids",
    }
)
"""Columns, at any depth, that name things instead of saying what happened."""

_UUID_LENGTH = 35
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def result_hash(
    orders: pd.DataFrame,
    fills: pd.DataFrame,
    decisions: Iterable[Decision],
    *,
    facts: Mapping[str, Any] | None = None,
) -> str:
    """SHA-256 of what happened, as 64 hexadecimal digits.

    Args:
        orders: The engine's orders report, or the same rows in any order.
        fills: The engine's fills report. Positions follow from fills, so they are not asked for.
        decisions: What the gate did, in time order; here the order counts.
        facts: Anything else that belongs to the run, such as its first and last event, the number of bars
            delivered and the final balances. Never wall-clock times or paths.
    """
    numbers: dict[str, str] = {}
    digest = hashlib.sha256()
    for title, lines in (
        ("orders", _lines(orders, numbers)),
        ("fills", _lines(fills, numbers)),
        ("decisions", [_text(decision.to_dict()) for decision in decisions]),
        ("facts", [_text(facts or {})]),
    ):
        digest.update(f"# {title} {len(lines)}\n".encode())
        digest.update("\n".join(lines).encode())
    return digest.hexdigest()


def _lines(frame: pd.DataFrame, numbers: dict[str, str]) -> list[str]:
    """One line of canonical text a row, sorted: the engine's tables come out of hash maps.

    Random identifiers inside a cell are numbered in the order of the lines sorted without them. A named
    index is a column like the others; an absent column and an empty one are the same fact.
    """
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    table = frame.reset_index(level=named) if named else frame
    sure: list[list[str]] = []
    random: list[list[str]] = []
    for column in sorted(str(column) for column in table.columns if column not in LEFT_OUT):
        cells = _cells(column, table[column])
        longest = max(map(len, cells), default=0)
        if longest > _UUID_LENGTH and any(map(_UUID.search, cells)):
            random.append(cells)
        elif longest:
            sure.append(cells)
    rows = ["\x1f".join(row) for row in zip(*sure, strict=True)] or [""] * len(table)
    if not random:
        return sorted(rows)
    named_rows = [
        (row, "\x1f".join(cells)) for row, cells in zip(rows, zip(*random, strict=True), strict=True)
    ]
    named_rows.sort(key=lambda pair: (pair[0], _UUID.sub("", pair[1])))

    def numbered(match: re.Match[str]) -> str:
        return numbers.setdefault(match[0].lower(), f"uuid-{len(numbers)}")

    return [f"{row}\x1f{_UUID.sub(numbered, cells)}" for row, cells in named_rows]


def _cells(column: str, series: pd.Series[Any]) -> list[str]:
    """`column=value` for every defined value, empty text for the others.

    Columns of one plain type, which are most, are written at once; of others equal values once.
    """
    kind = series.dtype.kind
    if kind == "M" and not series.hasnans:
        series, kind = series.dt.as_unit("ns").astype("int64"), "i"
    values = series.tolist()
    if not series.hasnans and (kind in "iu" or series.dtype == "str"):
        return [f"{column}={value}" for value in values]
    if values.count(None) == len(values):
        return [""] * len(values)
    known: dict[Any, str] = {}
    cells = []
    for value in values:
        if value is None:
            cells.append("")
            continue
        key = (type(value), value if value.__hash__ else repr(value))
        text = known.get(key)
        if text is None:
            canonical = _canonical(value)
            text = (
                ""
                if canonical is None
                else f"{column}={canonical if type(canonical) is str else _encode(canonical)}"
            )
            known[key] = text
        cells.append(text)
    return cells


def _text(record: Mapping[str, Any]) -> str:
    return _encode(_canonical(record))


def _encode(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Any) -> Any:
    """The value as text, a list or a mapping of text, or None when undefined.

    Numbers lose their type (`5`, `5.0` and `numpy.int64(5)` are one) and floats everything past twelve
    significant digits, where compilers differ. Text, and so every price, quantity and amount, is kept whole.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        cells = ((str(key), _canonical(item)) for key, item in value.items() if key not in LEFT_OUT)
        return {key: cell for key, cell in cells if cell is not None}
    if isinstance(value, (list, tuple, set, frozenset)):
        return sorted((_canonical(item) for item in value), key=_encode)
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _canonical(value.tolist())
    return _scalar(value)


def _scalar(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return None
        case float() if not value.is_integer():
            return format(value, ".12g")
        case int() | float():
            return str(int(value))
        case dt.datetime():
            return _nanoseconds(value)
    return None if str(value) == "<NA>" else str(value)


def _nanoseconds(moment: dt.datetime) -> str | None:
    """Nanoseconds since the epoch; a time without a zone is UTC, as in the engine's reports."""
    import pandas as pd  # noqa: PLC0415 - pandas costs half a second, and no other value needs it

    return None if str(moment) == "NaT" else str(pd.Timestamp(moment).as_unit("ns").value)
