"""What a finished run is: plain tables and numbers, with no engine behind them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from typing import TYPE_CHECKING, Any

from framework.hashing import result_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from framework.risk.decision import Decision
    from framework.specs import Mode


class OnDemand:
    """A field that may be given as a function without arguments, called the first time it is read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> pd.DataFrame:
        if instance is None:
            raise AttributeError(self._name)  # which tells the dataclass that the field has no default
        held = vars(instance)[self._name]
        if callable(held):
            held = vars(instance)[self._name] = held()
        table: pd.DataFrame = held
        return table

    def __set__(self, instance: Any, value: pd.DataFrame | Callable[[], pd.DataFrame]) -> None:
        vars(instance)[self._name] = value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """Everything the report shows and the bundle keeps.

    Attributes:
        name: The node's name.
        mode: How it ran.
        instruments: Instrument identifiers with data in the run, sorted.
        start: First event, nanoseconds since the epoch, UTC.
        end: Last event, nanoseconds since the epoch, UTC.
        bars: Bars delivered.
        quotes: Quotes delivered.
        trades: Trades delivered.
        tables: `orders`, `fills` and `positions`, as the engine reports them, each made when asked for.
        equity: Marked-to-market equity; a UTC `DatetimeIndex`, one float column a currency code. A function
            that makes it may be given instead, which is called when it is asked for.
        decisions: What the gate denied, resized, flattened or halted, in time order.
        statistics: `{"pnl": {currency: {name: value}}, "returns": {name: value}, "general": {name: value}}`
            from the engine's analyzer; undefined figures are None.
        prices: For each instrument, what the chart draws: a UTC `DatetimeIndex` and float columns
            `open, high, low, close`, thinned to at most some thousands of rows; read from the catalog when
            asked for.
        config: The resolved configuration, defaults filled in.
        versions: Distribution name to version: framework, engine, every plugin used.
        data: For every file read from the catalog, its path relative to it and its SHA-256.
        elapsed: Wall-clock seconds the engine ran.
        report: The folder the report was written to, or None before it is.
    """

    name: str
    mode: Mode
    instruments: tuple[str, ...]
    start: int
    end: int
    bars: int
    quotes: int
    trades: int
    tables: Mapping[str, pd.DataFrame]
    equity: OnDemand = OnDemand()
    decisions: tuple[Decision, ...]
    statistics: Mapping[str, Any]
    prices: Mapping[str, pd.DataFrame]
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    data: Mapping[str, str]
    elapsed: float
    report: Path | None = None

    @property
    def orders(self) -> pd.DataFrame:
        """One row an order, indexed by `client_order_id`."""
        return self.tables["orders"]

    @property
    def fills(self) -> pd.DataFrame:
        """One row a fill, indexed by `client_order_id`."""
        return self.tables["fills"]

    @property
    def positions(self) -> pd.DataFrame:
        """One row a position, closed ones included."""
        return self.tables["positions"]

    @functools.cached_property
    def result_hash(self) -> str:
        """SHA-256 over what happened; equal runs have equal hashes.

        Worked out when asked for: of ten thousand orders it takes a tenth of a second.
        """
        rows = {"bars": self.bars, "quotes": self.quotes, "trades": self.trades}
        final = self.equity.iloc[-1].items() if len(self.equity) else ()
        facts = {
            "start": self.start,
            "end": self.end,
            "rows": {kind: count for kind, count in rows.items() if count},
            "equity": {str(currency): f"{value:.8f}" for currency, value in final},
        }
        # Why an order was refused is in the engine's words; that it was is in its status.
        orders = self.orders.drop(columns="reason", errors="ignore")
        return result_hash(orders, self.fills, self.decisions, facts=facts)

    @property
    def denials(self) -> tuple[Decision, ...]:
        """The orders that were not allowed to leave."""
        return tuple(decision for decision in self.decisions if decision.verdict == "deny")

    def reported(self, folder: Path) -> Result:
        """The same result, with the folder its report is in."""
        result = dataclasses.replace(self, report=folder)
        vars(result)["result_hash"] = self.result_hash  # not worked out twice
        return result

    def summary(self) -> dict[str, Any]:
        """What `--json` prints and `result.json` keeps: counts, times in ISO 8601 and the figures."""
        return {
            "name": self.name,
            "mode": self.mode,
            "instruments": list(self.instruments),
            "start": _iso(self.start),
            "end": _iso(self.end),
            "bars": self.bars,
            "quotes": self.quotes,
            "trades": self.trades,
            "orders": len(self.orders),
            "fills": len(self.fills),
            "positions": len(self.positions),
            "denials": len(self.denials),
            "statistics": dict(self.statistics),
            "elapsed": round(self.elapsed, 3),
            "report": None if self.report is None else str(self.report),
            "result_hash": self.result_hash,
        }


def _iso(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    stamp = dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest:09d}Z" if rest else f"{stamp}Z"
