"""The tables an importer hands to the writer: their columns, and how text rows become them.

Prices and sizes travel as decimal *text*, exactly as the source wrote them, until the writer turns them into
the engine's fixed-point numbers: nothing on the way is a float, so nothing is rounded by accident.

Every table has
    `line`  int64: where the row stands in the source, for messages
    `ts`    int64: the row's own stamp in nanoseconds UTC; for a bar, at the source's convention
and, in decimal text unless noted, the columns of one layout:
    bars        `open high low close` and, when the source has it, `volume`
    quote bars  `bid_open bid_high bid_low bid_close ask_open ask_high ask_low ask_close`, and both or
                neither of `bid_volume ask_volume`
    quotes      `bid ask`, and both or neither of `bid_size ask_size`
    trades      `price size`, and if known `side` (`BUY`, `SELL` or `NO_AGGRESSOR`: who took liquidity)
                and `trade_id` (text)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from framework.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    type Column = pa.Array | pa.ChunkedArray

CHUNK = 100_000
"""Rows in a table; bounds the memory an import needs."""

OHLC = ("open", "high", "low", "close")
BARS = (*OHLC, "volume")
QUOTE_BARS = (
    *(f"bid_{name}" for name in OHLC),
    "bid_volume",
    *(f"ask_{name}" for name in OHLC),
    "ask_volume",
)
QUOTES = ("bid", "ask", "bid_size", "ask_size")
TRADES = ("price", "size", "side", "trade_id")
OPTIONAL = frozenset({"volume", "bid_volume", "ask_volume", "bid_size", "ask_size", "side", "trade_id"})
LAYOUTS = {"bars": (BARS, QUOTE_BARS), "quotes": (QUOTES,), "trades": (TRADES,)}

NAMES = {
    "time": (
        "time",
        "timestamp",
        "datetime",
        "date",
        "ts_event",
        "timestamp_utc",
        "open_time",
        "__index_level_0__",
    ),
    "volume": ("volume", "vol", "tick_volume"),
    "bid": ("bid", "bid_price"),
    "ask": ("ask", "ask_price"),
    "size": ("size", "quantity", "qty", "amount"),
    "side": ("side", "aggressor_side"),
    "trade_id": ("trade_id", "id"),
}
"""Names a file may use, letter case aside, for our columns without a `--columns` mapping."""


def table(
    lines: Sequence[int] | Column,
    ts: Sequence[int] | npt.NDArray[np.int64],
    columns: Mapping[str, Sequence[str] | Column],
) -> pa.Table:
    """A table in the writer's contract.

    Args:
        lines: Where each row stands in the source.
        ts: Each row's stamp, nanoseconds UTC.
        columns: The layout's columns, each as long as `lines`, as Python's or as Arrow's.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it

    def as_column(values: Any, kind: pa.DataType) -> Column:
        return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)

    data = {"line": as_column(lines, pa.int64()), "ts": as_column(ts, pa.int64())}
    data.update({name: as_column(values, pa.string()) for name, values in columns.items()})
    return pa.table(data)


def translated(
    texts: Column, words: Mapping[str, str], lines: Column, path: str, otherwise: tuple[str, str]
) -> pa.Array:
    """A column of few different texts in other words; case and spaces around a text do not matter.

    Args:
        texts: The column.
        words: From the text to what it becomes.
        lines: The line of the file each text stands on.
        path: The file, for messages.
        otherwise: Message and remedy for a text that is none of them; `{}` is the text.

    Raises:
        DataError: It is none of them.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    coded = whole.dictionary_encode()
    known = [words.get(text.strip().casefold()) for text in coded.dictionary.to_pylist()]
    if None in known:
        row = pc.index(coded.indices, pa.scalar(known.index(None), coded.indices.type)).as_py()
        message, remedy = otherwise
        raise DataError(
            message.format(coded.dictionary[known.index(None)].as_py()[:40]),
            where=f"{path}:{lines[row].as_py()}",
            remedy=remedy,
        )
    return pa.array(known, pa.string()).take(coded.indices)


def layout_of(columns: Iterable[str], kind: str) -> tuple[str, ...]:
    """The layout a table's columns follow.

    Raises:
        DataError: They follow none of this kind's layouts: the importer is at fault.
    """
    present = set(columns) - {"line", "ts"}
    for layout in LAYOUTS[kind]:
        required = set(layout) - OPTIONAL
        if required <= present <= set(layout):
            return layout
    raise DataError(
        f"the importer gave columns {sorted(present)} for {kind}",
        remedy="This is a fault of the importer: see framework.catalog.frames for the columns it must give.",
    )


def find_columns(
    header: Sequence[str], wanted: Iterable[str], mapping: dict[str, str], where: str
) -> dict[str, list[int]]:
    """Where each of our columns stands in a file.

    Args:
        header: The file's column names.
        wanted: Ours: `time` and a layout.
        mapping: The user's choice of the file's column for some of ours; `A+B` joins two with a space.
        where: The header's place, for messages.

    Returns:
        For each wanted column the positions whose texts, joined with a space, are its value; optional
        columns that the file does not have are left out.

    Raises:
        DataError: A mapping names an unknown column on either side, or a required column is missing.
    """
    wanted = tuple(wanted)
    for ours in mapping:
        if ours not in wanted:
            raise DataError(
                f'--columns maps "{ours}", which is not a column of this kind of data',
                remedy=f"{_suggest(ours, wanted)}The columns are {', '.join(wanted)}.",
            )
    folded = {name.strip().casefold(): position for position, name in reversed(list(enumerate(header)))}
    found: dict[str, list[int]] = {}
    for ours in wanted:
        names = mapping[ours].split("+") if ours in mapping else None
        if names is None:
            known = next((n for n in NAMES.get(ours, (ours,)) if n in folded), None)
            if known is not None:
                found[ours] = [folded[known]]
            elif ours not in OPTIONAL:
                raise DataError(
                    f'no column "{ours}"; the file has {_listed(header)}',
                    where=where,
                    remedy=f"{_suggest(ours, header)}Name it with --columns {ours}=COLUMN.",
                )
            continue
        for name in names:
            if name.strip().casefold() not in folded:
                raise DataError(
                    f'no column "{name}" to be "{ours}"; the file has {_listed(header)}',
                    where=where,
                    remedy=f"{_suggest(name, header)}Correct --columns.",
                )
        found[ours] = [folded[name.strip().casefold()] for name in names]
    return found


def _suggest(name: str, names: Sequence[str]) -> str:
    folded = {candidate.strip().casefold(): candidate.strip() for candidate in names}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f'Did you mean "{folded[close[0]]}"? ' if close else ""


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(f'"{name.strip()[:40]}"' for name in header[:20])
    return shown + (f" and {len(header) - 20} more" if len(header) > 20 else "")  # noqa: PLR2004
