"""The rows of a sweep as a table: one line a point, sorted by what is looked for, written to a file."""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING, Any

from framework.config.wording import nearest
from framework.errors import ConfigError
from framework.sweep.grid import meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from framework.sweep.grid import Grid
    from framework.sweep.row import Row

type Line = dict[str, Any]
OBJECTIVE = "Sharpe Ratio (252 days)"
FORMATS = (".parquet", ".csv")
COUNTS = ("orders", "positions", "denials")


def lines(grid: Grid, rows: Iterable[Row]) -> list[Line]:
    """A line a row, by number: the settings, the counts, the figures, and the error of one that failed."""
    names = short_names([axis.path for axis in grid.axes])
    return [_line(grid, names, row) for row in sorted(rows, key=lambda row: row.number)]


def _line(grid: Grid, names: Mapping[str, str], row: Row) -> Line:
    line: Line = {"point": row.number}
    line |= {names[path]: meaning(path, text) for path, text in grid.point(row.number).items()}
    line |= figures(row)
    line |= {"elapsed": round(row.elapsed, 3)}
    if row.result_hash is not None:
        line["result_hash"] = row.result_hash
    line["error"] = None if row.failure is None else f"{row.failure.error}: {row.failure.message}"
    return line


def figures(row: Row) -> dict[str, Any]:
    """Every figure of a row by its name; those in money end in their currency."""
    found: dict[str, Any] = {}
    if row.failure is None:
        found |= {name: getattr(row, name) for name in COUNTS}
    found |= {f"equity {code}": float(amount) for code, amount in row.equity.items()}
    for code, values in row.statistics.get("pnl", {}).items():
        found |= {f"{name} {code}": value for name, value in values.items()}
    return found | row.statistics.get("returns", {}) | row.statistics.get("general", {})


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Every path with the shortest end of it that no other shares."""
    names: dict[str, str] = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[place:]) for place in range(len(parts) - 1, -1, -1)]
        names[path] = next(
            (end for end in ends if not any(o != path and f".{o}".endswith(f".{end}") for o in paths)), path
        )
    return names


def find_objective(wanted: str, row: Row) -> str:
    """The name of the figure that is meant: exactly, or by its beginning or a part that no other shares.

    Raises:
        ConfigError: There is none, or several.
    """
    names = list(figures(row))
    folded = wanted.casefold().strip()
    for test in (str.__eq__, str.startswith, str.__contains__):
        held = [name for name in names if test(name.casefold(), folded)]
        if len(held) == 1:
            return held[0]
        if held:
            raise ConfigError(
                f'"{wanted}" may be any of: {", ".join(held)}',
                where="--objective",
                remedy="Write more of the name.",
            )
    raise ConfigError(
        f'no figure is called "{wanted}"{nearest(wanted, names)}',
        where="--objective",
        remedy=f"One of: {', '.join(names)}.",
    )


def ranked(table: Iterable[Line], objective: str, *, minimize: bool = False) -> list[Line]:
    """The lines with a figure for the objective, the best first; equal ones in the order of the grid."""
    sign = 1 if minimize else -1
    held = [line for line in table if _is_number(line.get(objective))]
    return sorted(held, key=lambda line: (sign * line[objective], line["point"]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def check_format(path: Path) -> None:
    """Refuse a file that is neither Parquet nor CSV, or a folder.

    Raises:
        ConfigError: It is.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"{path.name} is neither .parquet nor .csv", where="--out", remedy="Name it sweep.parquet."
        )
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", where="--out", remedy=f"Name a file: {path}/sweep.parquet.")


def write(path: Path, table: Sequence[Line]) -> None:
    """Write the table; a file that is there is replaced as a whole.

    Raises:
        ConfigError: It cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that only the end of a sweep needs

    names = dict.fromkeys(name for line in table for name in line)
    text = {"error": pa.string(), "result_hash": pa.string()}
    content = pa.table(
        {name: pa.array(_column([line.get(name) for line in table]), text.get(name)) for name in names}
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix.lower() == ".csv":
            import pyarrow.csv as pc  # noqa: PLC0415

            pc.write_csv(content, temporary)
        else:
            import pyarrow.parquet as pq  # noqa: PLC0415

            pq.write_table(content, temporary)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}", where="--out") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _column(values: list[Any]) -> list[Any]:
    """Values of one type: text where they are of several, floats where they are numbers of two."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1:
        return [None if value is None else str(value) for value in values]
    return values
