"""Bars of the catalog as arrays: exact whole numbers for money, floats for rules and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from nautilus_trader.model import FIXED_PRECISION, NautilusDataType
from nautilus_trader.persistence import ParquetDataCatalog

from framework.catalog.manifest import bar_stamp, verify_hashes
from framework.catalog.objects import folder_of
from framework.errors import CompositionError, DataError
from framework.signals import Bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa
    from nautilus_trader.model import BarType
    from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")


class Arrays(NamedTuple):
    """A stream of bars.

    Attributes:
        bars: What rules and features read.
        prices: int64, four rows, open, high, low and close, in ticks of the price precision.
        volume: int64, in steps of the size precision.
    """

    bars: Bars
    prices: NDArray[np.int64]
    volume: NDArray[np.int64]


def load_bars(catalog: Path, bar_type: BarType, *, start: int | None = None, end: int | None = None) -> Bars:
    """The catalog's bars of one type, their files checked against the manifest first.

    Args:
        catalog: The catalog folder.
        bar_type: As the catalog has it, such as `EUR/USD.SIM-1-HOUR-LAST-EXTERNAL`.
        start: First nanosecond to read, UTC; the first there is by default.
        end: Last nanosecond to read, UTC; the last there is by default.

    Raises:
        DataError: There are none, their files or the instrument's are not what was imported, or nobody has
            said that they are stamped at their close.
        CompositionError: Their numbers are too large for arrays.
    """
    remedy = f"Run `framework data list --catalog {catalog}` to see what there is."
    if not catalog.is_dir():
        raise DataError(f"no catalog at {catalog}", remedy=remedy)
    held = ParquetDataCatalog(str(catalog))
    files = held.query_files(NautilusDataType.Bar, [str(bar_type)], start, end)
    if not files:
        raise DataError(f"no bars of {bar_type} in the catalog {catalog}", remedy=remedy)
    folder = folder_of(str(bar_type.instrument_id))
    instrument = [
        path
        for path in sorted(catalog.glob(f"data/*/{folder}/*.parquet"))
        if path.parts[-3] not in {"bars", "quotes", "trades"}
    ]
    verify_hashes(catalog, [*files, *instrument])
    if bar_stamp(catalog, str(bar_type)) != "close":
        raise DataError(
            f"{bar_type} is not known to be stamped at the bar's close",
            remedy="A bar read at its open shows the future. Import it again with `--stamp`.",
        )
    bars = read_arrays(catalog, files, bar_type, start=start, end=end).bars
    if not len(bars):
        raise DataError(f"no bars of {bar_type} between start and end", remedy=remedy)
    return bars


def read_arrays(
    catalog: Path,
    files: Sequence[str],
    bar_type: BarType,
    *,
    start: int | None = None,
    end: int | None = None,
) -> Arrays:
    """What files hold that have been checked.

    Args:
        catalog: The catalog folder.
        files: Relative to it.
        bar_type: What they hold.
        start: First nanosecond to read, or None.
        end: Last nanosecond to read, or None.

    Raises:
        CompositionError: Numbers are too large for arrays.
    """
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that nobody else needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = [*PRICES, "volume", "ts_init"]
    table = pa.concat_tables([pq.read_table(catalog / name, columns=columns) for name in files])
    times = table["ts_init"].cast(pa.int64()).to_numpy()
    if not (times[1:] >= times[:-1]).all():  # several files that overlap
        table = table.sort_by("ts_init")
        times = table["ts_init"].cast(pa.int64()).to_numpy()
    first = 0 if start is None else int(np.searchsorted(times, start))
    last = len(times) if end is None else int(np.searchsorted(times, end, side="right"))
    times, table = times[first:last], table.slice(first, last - first)
    (instrument,) = ParquetDataCatalog(str(catalog)).instruments([str(bar_type.instrument_id)])
    name, precision = str(bar_type), instrument.price_precision
    prices = np.stack([whole(table[column], precision, name) for column in PRICES])
    volume = whole(table["volume"], instrument.size_precision, name)
    floats = [as_float(row, precision) for row in prices]
    bars = Bars(
        instrument,
        ts=np.array(times),
        open=floats[0],
        high=floats[1],
        low=floats[2],
        close=floats[3],
        volume=as_float(volume, instrument.size_precision),
    )
    return Arrays(bars, prices, volume)


def whole(column: pa.ChunkedArray, precision: int, name: str) -> NDArray[np.int64]:
    """Decimals of the engine's fixed precision as whole numbers of this one.

    Raises:
        CompositionError: One of them is beyond 64 bits.
    """
    import pyarrow as pa  # noqa: PLC0415 - loaded by `read_arrays`

    parts = []
    for chunk in column.chunks:
        numbers = _scaled(chunk, column.type.scale - precision)
        if numbers is None:
            numbers = _scaled(chunk.cast(pa.decimal128(38, precision)), 0)
        if numbers is None:
            raise CompositionError(
                f"{name} holds numbers beyond 64 bits",
                path="data[0]",
                remedy="Arrays cannot hold them: use what goes bar by bar, as `framework sweep` does.",
            )
        parts.append(numbers)
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _scaled(decimals: pa.Array, places: int) -> NDArray[np.int64] | None:
    """Decimals of 128 bits over a power of ten, when nothing is left over and 64 bits hold what they are."""
    words = np.frombuffer(decimals.buffers()[1], np.int64).reshape(-1, 2)
    high, low = words[decimals.offset : decimals.offset + len(decimals), ::-1].T
    if places:  # ten to their power is two to it, which is a shift and makes room, times five to it
        if (low & ((1 << places) - 1)).any():
            return None
        low = high << (64 - places) | (low.view(np.uint64) >> np.uint64(places)).view(np.int64)
        high = high >> places
    if not np.array_equal(high, low >> 63):
        return None
    scaled, left = np.divmod(low, 5**places)
    return None if left.any() else scaled


def as_float(numbers: NDArray[np.int64], precision: int) -> NDArray[np.float64]:
    """Whole numbers of a precision as the engine's `as_double()` has them, bit by bit."""
    return numbers.astype(np.float64) * 10.0 ** (FIXED_PRECISION - precision) / 10.0**FIXED_PRECISION
