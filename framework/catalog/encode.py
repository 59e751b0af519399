"""An importer's table to the engine's own columns, with every row checked on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.catalog.exact import decimals
from framework.catalog.frames import OHLC, QUOTE_BARS, layout_of
from framework.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from framework.catalog.settings import ImportSettings
    from framework.specs import DataKind, Stamp

NO_VOLUME = (
    "The engine fills nothing against rows without size, so say what each row stands for with --volume: "
    "for a liquid currency pair perhaps 1000000; 0 for data that only gives signals."
)


@dataclass(frozen=True, slots=True)
class Stream:
    """One series of the catalog.

    Attributes:
        kind: What its records are.
        identifier: The bar type of bars, the instrument's identifier otherwise.
    """

    kind: DataKind
    identifier: str

    def __str__(self) -> str:
        """As `data list` names it."""
        return self.identifier if self.kind == "bars" else f"{self.identifier} {self.kind}"


@dataclass(slots=True)
class Encoder:
    """Turns one file's tables, in order, into the engine's columns.

    Attributes:
        settings: The import's settings.
        path: The file, for messages.
        rounded: How many values were rounded so far.
    """

    settings: ImportSettings
    path: str
    rounded: int = 0
    _last: int | None = field(default=None, init=False)

    def encode(self, raw: pa.Table) -> list[tuple[Stream, pa.Table]]:
        """The streams that a table's rows belong to, in the engine's columns.

        Raises:
            DataError: A row is malformed, out of order or impossible; with the file and line.
        """
        layout = layout_of(raw.column_names, self.settings.kind)
        self._check_order(raw)
        if self.settings.kind == "bars":
            return self._bars(raw, layout)
        if self.settings.kind == "quotes":
            return [self._quotes(raw)]
        return [self._trades(raw)]

    def _bars(self, raw: pa.Table, layout: tuple[str, ...]) -> list[tuple[Stream, pa.Table]]:
        step, sides = _sides(self.settings.bars, quote_bars=layout is QUOTE_BARS)
        ts = _close_times(raw, f"{step}-LAST", self.settings.stamp, self.settings.timezone)
        streams = []
        for price_type, prefix in sides:
            columns = {name: self._price(raw, prefix + name) for name in OHLC}
            self._refuse_where(
                raw, _inconsistent(columns), "the high is below, or the low above, another price"
            )
            volume = f"{prefix}volume"
            columns["volume"] = self._size(raw, volume)
            bar_type = f"{self.settings.instrument.id}-{step}-{price_type}-EXTERNAL"
            streams.append((Stream("bars", bar_type), _stamped(columns, ts)))
        return streams

    def _quotes(self, raw: pa.Table) -> tuple[Stream, pa.Table]:
        columns = {
            "bid_price": self._price(raw, "bid"),
            "ask_price": self._price(raw, "ask"),
            "bid_size": self._size(raw, "bid_size"),
            "ask_size": self._size(raw, "ask_size"),
        }
        return Stream("quotes", str(self.settings.instrument.id)), _stamped(columns, raw["ts"])

    def _trades(self, raw: pa.Table) -> tuple[Stream, pa.Table]:
        import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it
        import pyarrow.compute as pc  # noqa: PLC0415

        size = self._size(raw, "size")
        self._refuse_where(raw, pc.equal(size, pa.scalar(0, size.type)), "the size of a trade is 0")
        side = raw["side"] if "side" in raw.column_names else pa.array(["NO_AGGRESSOR"] * raw.num_rows)
        trade_id = raw["trade_id"] if "trade_id" in raw.column_names else raw["line"].cast(pa.string())
        length = pc.utf8_length(trade_id)
        self._refuse_where(
            raw,
            pc.invert(
                pc.and_(
                    pc.string_is_ascii(trade_id), pc.and_(pc.greater(length, 0), pc.less_equal(length, 36))
                )
            ),
            "the trade's identifier is not 1 to 36 ASCII characters",
        )
        columns = {
            "price": self._price(raw, "price"),
            "size": size,
            "aggressor_side": pc.dictionary_encode(side),
            "trade_id": trade_id,
        }
        return Stream("trades", str(self.settings.instrument.id)), _stamped(columns, raw["ts"])

    def _price(self, raw: pa.Table, name: str) -> pa.ChunkedArray:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415
        from nautilus_trader.model import FuturesContract  # noqa: PLC0415

        values = self._decimals(raw, name, self.settings.instrument.price_precision)
        if not isinstance(self.settings.instrument, FuturesContract):
            self._refuse_where(
                raw, pc.less_equal(values, pa.scalar(0, values.type)), f"{name} is not above 0"
            )
        return values

    def _size(self, raw: pa.Table, name: str) -> pa.ChunkedArray:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if name not in raw.column_names:
            if self.settings.volume is None:
                raise DataError(f'the source has no column for "{name}"', where=self.path, remedy=NO_VOLUME)
            constant = pa.chunked_array([pa.array([self.settings.volume] * raw.num_rows, pa.string())])
            raw = raw.append_column(name, constant)
        values = self._decimals(raw, name, self.settings.instrument.size_precision)
        self._refuse_where(raw, pc.less(values, pa.scalar(0, values.type)), f"{name} is below 0")
        return values

    def _decimals(self, raw: pa.Table, name: str, precision: int) -> pa.ChunkedArray:
        values, rounded = decimals(
            raw[name], raw["line"], precision, name=name, path=self.path, round_=self.settings.round
        )
        self.rounded += rounded
        return values

    def _check_order(self, raw: pa.Table) -> None:
        import numpy as np  # noqa: PLC0415

        ts = raw["ts"].to_numpy()
        if (ts <= 0).any():
            self._refuse_row(raw, int((ts <= 0).argmax()), "the time is before 1970")
        before = np.concatenate(([ts[0] - 1 if self._last is None else self._last], ts[:-1]))
        if self.settings.kind == "bars" and (ts == before).any():
            self._refuse_row(
                raw,
                int((ts == before).argmax()),
                "the bar has the same time as the one before",
                "Remove one of them; if the file holds several instruments or steps, split it.",
            )
        if (ts < before).any():
            self._refuse_row(
                raw,
                int((ts < before).argmax()),
                "the time is earlier than on the row before",
                "Pass --sort to sort the rows, in memory, before they are written.",
            )
        self._last = int(ts[-1])

    def _refuse_where(self, raw: pa.Table, mask: Any, message: str) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415

        if pc.any(mask).as_py():
            self._refuse_row(raw, pc.index(mask, True).as_py(), message)

    def _refuse_row(self, raw: pa.Table, row: int, message: str, remedy: str | None = None) -> None:
        raise DataError(
            message,
            where=f"{self.path}:{raw['line'][row].as_py()}",
            remedy=remedy or "Correct or remove the row: a backtest on it would be wrong.",
        )


def bar_step(bars: str | None) -> tuple[str, str | None]:
    """Step and price type of what `--bars` says, as in `("1-HOUR", "LAST")`.

    Raises:
        DataError: Nothing was said, or it is not a bar specification.
    """
    from nautilus_trader.model import BarSpecification  # noqa: PLC0415 - loads when it is needed

    if bars is None:
        raise DataError(
            "what bars the file holds is not stated",
            remedy="State it with --bars, such as --bars 1-HOUR-LAST.",
        )
    parts = bars.upper().split("-")
    step, price_type = "-".join(parts[:2]), "-".join(parts[2:]) or None
    try:
        BarSpecification.from_str(f"{step}-{price_type or 'LAST'}")
    except ValueError as error:
        raise DataError(
            f'"{bars}" is not a bar specification: {error}',
            remedy="Write --bars STEP-AGGREGATION-PRICE, such as 1-MINUTE-LAST, 1-HOUR-BID or 1-DAY-LAST.",
        ) from error
    return step, price_type


def _sides(bars: str | None, *, quote_bars: bool) -> tuple[str, list[tuple[str, str]]]:
    """The step, and for each price type to import the prefix of its columns."""
    step, price_type = bar_step(bars)
    both = [("BID", "bid_"), ("ASK", "ask_")]
    if not quote_bars:
        if price_type is None:
            raise DataError(
                "the price type of the bars is not stated",
                remedy=f"Add it: --bars {step}-LAST for trades; {step}-BID or {step}-ASK for quotes.",
            )
        return step, [(price_type, "")]
    sides = [side for side in both if price_type in {None, side[0]}]
    if not sides:
        raise DataError(
            f"the source holds bid and ask bars, not {price_type}",
            remedy=f"Pass --bars {step} to import both: the engine needs both to fill orders.",
        )
    return step, sides


def _close_times(raw: pa.Table, spec: str, stamp: Stamp | None, timezone: str | None) -> pa.ChunkedArray:
    """When each bar closed: days, weeks and months are those of the source's own calendar."""
    import pandas as pd  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    from nautilus_trader.model import BarAggregation, BarSpecification  # noqa: PLC0415

    if stamp == "close":
        return raw["ts"]
    specification = BarSpecification.from_str(spec)
    step = specification.step
    calendar = {
        BarAggregation.DAY: pd.DateOffset(days=step),
        BarAggregation.WEEK: pd.DateOffset(weeks=step),
        BarAggregation.MONTH: pd.DateOffset(months=step),
        BarAggregation.YEAR: pd.DateOffset(years=step),
    }
    offset = calendar.get(specification.aggregation)
    if offset is None:
        if not specification.is_time_aggregated():
            raise DataError(
                "bars that do not close at a fixed time cannot be shifted from their open",
                remedy="Only a source that stamps them at their close (--stamp close) can be imported.",
            )
        return pa.chunked_array([pa.array(raw["ts"].to_numpy() + specification.get_interval_ns())])
    opened = pd.DatetimeIndex(raw["ts"].to_numpy(), tz="UTC").tz_convert(timezone or "UTC")
    closed = (opened.tz_localize(None) + offset).tz_localize(
        opened.tz, ambiguous=True, nonexistent="shift_forward"
    )
    return pa.chunked_array([pa.array(closed.as_unit("ns").asi8)])


def _inconsistent(columns: dict[str, pa.ChunkedArray]) -> Any:
    import pyarrow.compute as pc  # noqa: PLC0415

    highest = pc.max_element_wise(*columns.values())
    lowest = pc.min_element_wise(*columns.values())
    return pc.or_(pc.not_equal(columns["high"], highest), pc.not_equal(columns["low"], lowest))


def _stamped(columns: dict[str, Any], ts: pa.ChunkedArray) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415

    moment = ts.cast(pa.timestamp("ns", "UTC"))
    return pa.table({**columns, "ts_event": moment, "ts_init": moment})
