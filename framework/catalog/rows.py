"""What must hold of every single row in the catalog."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

PRICES = {
    "bars": ("open", "high", "low", "close"),
    "quotes": ("bid_price", "ask_price"),
    "trades": ("price",),
}


class RowCheck(NamedTuple):
    """A check's name and how bad its failure is."""

    severity: Literal["error", "warning"]
    name: str


def row_checks(table: pa.Table, kind: str, instrument: Any) -> Iterator[tuple[RowCheck, Any]]:
    """Each check, with a mask that is true where a row fails it.

    Args:
        table: Rows of one file, in the engine's columns.
        kind: `bars`, `quotes` or `trades`.
        instrument: The catalog's definition, or `None`.
    """
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    from nautilus_trader.model import FuturesContract  # noqa: PLC0415

    zero = pa.scalar(Decimal(0), table[PRICES[kind][0]].type)
    severity: Literal["error", "warning"] = "warning" if isinstance(instrument, FuturesContract) else "error"
    for name in PRICES[kind]:
        yield RowCheck(severity, f"{name} not above 0"), pc.less_equal(table[name], zero).to_numpy()
        if instrument is not None:
            yield RowCheck("warning", f"{name} off the tick"), _off_tick(table[name], instrument)
    if kind == "bars":
        prices = [table[name] for name in PRICES[kind]]
        high = pc.not_equal(table["high"], pc.max_element_wise(*prices)).to_numpy()
        low = pc.not_equal(table["low"], pc.min_element_wise(*prices)).to_numpy()
        yield RowCheck("error", "high or low inside the bar"), np.logical_or(high, low)
    if kind == "quotes":
        yield RowCheck("error", "crossed"), pc.greater(table["bid_price"], table["ask_price"]).to_numpy()
    differ = pc.not_equal(table["ts_event"], table["ts_init"])
    if kind == "bars":
        yield RowCheck("warning", "ts_init is not ts_event"), differ.to_numpy()


def _off_tick(prices: pa.ChunkedArray, instrument: Any) -> npt.NDArray[np.bool_]:
    """Where a price is not a whole number of price increments."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    precision = instrument.price_precision
    ticks = int(instrument.price_increment.as_decimal().scaleb(precision))
    if ticks == 1:
        return np.zeros(len(prices), dtype=bool)
    text = pc.cast(prices, pa.decimal128(38, precision))
    units = np.array([int(value.scaleb(precision)) for value in text.to_pylist()], dtype=object)
    off: npt.NDArray[np.bool_] = (units % ticks != 0).astype(bool)
    return off
