"""The engine's tables as Parquet: one plain column each, readable by any tool.

The engine's reports hold text, lists and records in one column. Text stays text, so no price or amount loses
a digit; a list of text stays a list; anything else becomes JSON text.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from framework.risk.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa


def write(path: Path, frame: pd.DataFrame, *, key: str, without: tuple[str, ...] = ()) -> None:
    """Write a table; its index becomes the first column, under its own name or `key`.

    Args:
        path: The file.
        frame: The rows.
        key: The name of the index when it has none, and the one column of a table that has none at all.
        without: Columns to leave out.
    """
    import pyarrow as pa  # noqa: PLC0415 - the command line starts without it
    from pyarrow import parquet  # noqa: PLC0415

    numbered = frame.index.name is None and (frame.empty or frame.index.dtype == "int64")
    table = (
        frame
        if numbered
        else frame.rename_axis(key if frame.index.name is None else str(frame.index.name)).reset_index()
    )
    columns = {str(name): _column(table[name]) for name in table.columns if name not in without}
    if not columns:
        columns = {key: pa.array([], pa.string())}
    parquet.write_table(pa.table(columns), path, compression="zstd")


def write_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Write what the gate did, a row a decision."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    moment = pa.timestamp("ns", "UTC")  # what the engine's own tables have
    fields = [
        pa.field(field.name, moment if field.name == "ts" else pa.string())
        for field in dataclasses.fields(Decision)
    ]
    rows = [decision.to_dict() for decision in decisions]
    parquet.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), path, compression="zstd")


def _column(series: pd.Series[Any]) -> pa.Array:
    import pyarrow as pa  # noqa: PLC0415

    if series.dtype != object and str(series.dtype) != "str":
        return pa.Array.from_pandas(series)
    values = [None if _missing(value) else value for value in series]
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds in ({bool}, {int}):
        return pa.array(values)
    if kinds == {list} and all(isinstance(item, str) for value in values if value for item in value):
        return pa.array(values, pa.list_(pa.string()))
    return pa.array(
        [None if value is None else value if isinstance(value, str) else _json(value) for value in values],
        pa.string(),
    )


def _json(value: Any) -> str:
    return json.dumps(value, default=str, separators=(",", ":"))


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN
