"""From a finished engine to a Result."""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nautilus_trader.analysis import ReportProvider
from nautilus_trader.model import OrderStatus, Venue

from framework.config.values import to_plain
from framework.engine.fills import fills_report
from framework.engine.logs import mask_of
from framework.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from nautilus_trader.backtest import BacktestNode, BacktestResult
    from nautilus_trader.common import Cache

    from framework.compose import Plan, RulePlan, StrategyPlan, Stream, VenuePlan
    from framework.engine.backtest import Node
    from framework.engine.feed import Feed

RUN = "run"
CHART_ROWS = 4_000

REFUSED = {OrderStatus.DENIED, OrderStatus.REJECTED}


def collect(plan: Plan, node: Node, outcome: BacktestResult, elapsed: float) -> Result:
    """Everything worth keeping of a run, before the engine is disposed of."""
    names = {str(desk.engine_id): strategy_id for strategy_id, desk in node.desks.items()}
    rows = node.feed.rows
    return Result(
        name=plan.name,
        mode=plan.mode,
        instruments=tuple(str(instrument_id) for instrument_id in plan.instruments),
        start=node.feed.start,
        end=node.feed.end,
        bars=rows.get("bars", 0),
        quotes=rows.get("quotes", 0),
        trades=rows.get("trades", 0),
        tables=Tables(node.engine.get_engine_cache(RUN), names, mask_of(plan)),
        equity=equity(plan, node.engine),
        decisions=tuple(node.gate.decisions),
        statistics=statistics(outcome.stats_pnls, outcome.stats_returns, outcome.stats_general),
        prices=Charts(plan, node.feed),
        config=resolved(plan),
        versions=plan.versions,
        data=node.feed.hashes,
        elapsed=elapsed,
    )


def statistics(
    pnls: Mapping[str, Mapping[str, float]], returns: Mapping[str, float], general: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    """The analyzer's figures, as `Result.statistics` has them."""
    return {
        "pnl": {currency: _defined(values) for currency, values in sorted(pnls.items())},
        "returns": _defined(returns),
        "general": _defined(general),
    }


class Tables(Mapping[str, "pd.DataFrame"]):
    """The engine's reports of orders, fills and positions, with the strategies' own names in them.

    The engine's objects are taken when the run ends; the table of them is made when asked for, because ten
    thousand orders take longer to tabulate than to send. A table of that size is made of millions of live
    objects: the garbage collector would walk them over and over and find nothing, so it rests meanwhile.

    Args:
        cache: The engine's cache.
        names: The strategy's `id:` for each of the engine's identifiers.
        mask: Hides what must not be shown: what a plugin said in refusing an order is in the table.
        finish: Changes each table once it is made.
    """

    NAMES = ("orders", "fills", "positions")

    def __init__(
        self,
        cache: Cache,
        names: Mapping[str, str],
        mask: Callable[[str], str],
        finish: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    ) -> None:
        self._orders = cache.orders()
        self._positions = cache.positions()
        self._snapshots = cache.position_snapshots()
        self._names = names
        self._mask = mask
        self._finish = finish
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            collecting = gc.isenabled()
            gc.disable()
            try:
                self._made[name] = self._make(name)
            finally:
                if collecting:
                    gc.enable()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)

    def _make(self, name: str) -> pd.DataFrame:
        match name:
            case "orders":
                frame = self._with_reasons(ReportProvider.generate_orders_report(self._orders))
            case "fills":
                frame = fills_report(self._orders)
            case "positions":
                frame = ReportProvider.generate_positions_report(self._positions, self._snapshots)
            case _:
                raise KeyError(name)
        if "strategy_id" in frame.columns:
            names = self._names
            frame = frame.assign(strategy_id=frame["strategy_id"].map(lambda known: names.get(known, known)))
        return frame if self._finish is None else self._finish(frame)

    def _with_reasons(self, orders: pd.DataFrame) -> pd.DataFrame:
        """With why each order was denied or rejected, whoever did; the engine's table has it not."""
        reasons = {
            str(order.client_order_id): self._mask(order.last_event.reason)
            for order in self._orders
            if order.status in REFUSED
        }
        column: Any = [reasons.get(name) for name in orders.index]
        return orders.assign(reason=column) if len(orders) else orders


def resolved(plan: Plan) -> dict[str, Any]:
    """The configuration with every default filled in, as plain values that load again."""
    node: dict[str, Any] = to_plain(plan.config)
    node["name"] = plan.name
    node["mode"] = plan.mode
    sections: dict[str, Sequence[VenuePlan | StrategyPlan | RulePlan]] = {
        "venues": plan.venues,
        "strategies": plan.strategies,
        "risk": plan.rules,
    }
    for section, parts in sections.items():
        for entry, part in zip(node.get(section) or (), parts, strict=True):
            entry["config"] = to_plain(part.config)
    for entry, strategy in zip(node["strategies"], plan.strategies, strict=True):
        if strategy.filter is not None:
            entry["filter"]["config"] = to_plain(strategy.filter.config)
    return node


def equity(plan: Plan, engine: BacktestNode) -> Callable[[], pd.DataFrame]:
    """A function that makes marked-to-market equity at every snapshot the engine took, by currency.

    Summed over venues. What it needs is taken now, and the engine may go.
    """
    cache, portfolio = engine.get_engine_cache(RUN), engine.get_engine_portfolio(RUN)
    taken: dict[str, Any] = {}
    for venue in plan.venues:
        account_id = cache.account_id(Venue(venue.name))
        taken[venue.name] = portfolio.snapshots(account_id) if account_id is not None else ()

    def make() -> pd.DataFrame:
        series: dict[tuple[str, str], dict[int, float]] = {}
        for venue, snapshots in taken.items():
            for snapshot in snapshots:
                for money in snapshot.total_equity:
                    held = series.setdefault((venue, money.currency.code), {})
                    held[snapshot.ts_event] = money.as_double()
        return equity_frame(series)

    return make


def equity_frame(series: Mapping[tuple[str, str], Mapping[int, float]]) -> pd.DataFrame:
    """Equity summed over venues, by currency, from amounts at times by venue and currency.

    A venue's equity stays what it was until it is marked again; before its first mark it is that mark.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that `check` does not need

    if not series:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC"))
    frame = pd.DataFrame({key: pd.Series(values) for key, values in series.items()}).sort_index()
    frame = frame.ffill().bfill()
    frame.index = pd.to_datetime(frame.index, unit="ns", utc=True)
    frame.index.name = "time"
    codes = sorted({code for _, code in series})
    return pd.DataFrame(
        {code: frame[[key for key in series if key[1] == code]].sum(axis=1) for code in codes}
    )


class Charts(Mapping[str, "pd.DataFrame"]):
    """What the report draws for each instrument: its bars, or else its quotes or trades.

    Read from the catalog when asked for, because a run that nobody draws should not pay for it.
    """

    def __init__(self, plan: Plan, feed: Feed) -> None:
        self._plan = plan
        self._feed = feed
        self._streams: dict[str, Stream] = {}
        for stream in sorted(plan.streams, key=lambda stream: stream.name):
            name = str(stream.instrument_id)
            if name not in self._streams or (stream.kind == "bars" and self._streams[name].kind != "bars"):
                self._streams[name] = stream
        self._drawn: dict[str, pd.DataFrame] = {}

    def __getitem__(self, instrument: str) -> pd.DataFrame:
        if instrument not in self._drawn:
            self._drawn[instrument] = _chart(self._plan, self._feed, self._streams[instrument])
        return self._drawn[instrument]

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)


COLUMNS = {
    "bars": ("open", "high", "low", "close"),
    "quotes": ("bid_price", "ask_price"),
    "trades": ("price",),
}


def _chart(plan: Plan, feed: Feed, stream: Stream) -> pd.DataFrame:
    """At most some thousands of rows of open, high, low and close, in equal runs of the stream's own rows.

    Of quotes and trades the last of every run is drawn. Floats, because a pixel is all they become.
    """
    import numpy as np  # noqa: PLC0415 - a tenth of a second that `check` does not need
    import pandas as pd  # noqa: PLC0415 - half a second that `check` does not need
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    names = COLUMNS[stream.kind]
    files = [plan.catalog / name for name in feed.files[stream]]
    table = pa.concat_tables([pq.read_table(file, columns=["ts_init", *names]) for file in files])
    if plan.start is not None or plan.end is not None:
        times = table["ts_init"].cast(pa.int64())
        late, early = pc.less(times, plan.start or 0), pc.greater(times, plan.end or 2**63 - 1)
        table = table.filter(pc.invert(pc.or_(late, early)))
    if len(files) > 1:
        table = table.sort_by("ts_init")
    count = table.num_rows
    starts = np.arange(0, count, max(1, -(-count // CHART_ROWS)))
    ends = np.append(starts[1:], count) - 1
    if stream.kind != "bars":
        table, starts, ends = table.take(ends), np.arange(len(ends)), np.arange(len(ends))
    values = [table[name].cast(pa.float64()).to_numpy() for name in names]
    if stream.kind == "quotes":
        values = [(values[0] + values[1]) / 2]
    opens, highs, lows, closes = values if len(values) > 1 else values * 4
    return pd.DataFrame(
        {
            "open": opens[starts],
            "high": np.maximum.reduceat(highs, starts),
            "low": np.minimum.reduceat(lows, starts),
            "close": closes[ends],
        },
        index=pd.to_datetime(table["ts_init"].cast(pa.int64()).to_numpy()[ends], unit="ns", utc=True).rename(
            "time"
        ),
    )


def _defined(values: Mapping[str, float]) -> dict[str, float | None]:
    """The figures by name, with None where the engine's analyzer has no answer."""
    return {name: value if math.isfinite(value) else None for name, value in sorted(values.items())}
