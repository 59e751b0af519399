"""From a finished engine to a few figures, where the tables of a Result would cost more than the run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model import Venue

from framework.engine.outcome import RUN, equity
from framework.trades import ClosedTrade

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.backtest import BacktestNode
    from nautilus_trader.common import Cache

    from framework.compose import Plan


def final_equity(plan: Plan, engine: BacktestNode) -> dict[str, Decimal]:
    """Marked-to-market equity at the last snapshot, summed over venues, by currency."""
    cache, portfolio = engine.get_engine_cache(RUN), engine.get_engine_portfolio(RUN)
    totals: dict[str, Decimal] = {}
    for venue in plan.venues:
        account_id = cache.account_id(Venue(venue.name))
        last = {
            money.currency.code: money.as_decimal()
            for snapshot in (portfolio.snapshots(account_id) if account_id is not None else ())
            for money in snapshot.total_equity
        }
        for code, amount in last.items():
            totals[code] = totals.get(code, Decimal(0)) + amount
    return dict(sorted(totals.items()))


def equity_curve(plan: Plan, engine: BacktestNode) -> dict[str, list[tuple[int, float]]]:
    """Marked-to-market equity at every snapshot the engine took, summed over venues, by currency.

    Times are nanoseconds since the epoch, UTC. There is a snapshot at the start, at each midnight and at the
    end, and some hundreds between.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that `check` does not need

    frame = equity(plan, engine)()
    times = pd.DatetimeIndex(frame.index).as_unit("ns").astype("int64").tolist()
    return {str(code): list(zip(times, frame[code].tolist(), strict=True)) for code in frame.columns}


def closed_trades(cache: Cache, names: Mapping[str, str]) -> list[ClosedTrade]:
    """Every position that was opened and closed, in the order of closing.

    Args:
        cache: The engine's cache.
        names: The strategy's `id:` for each of the engine's identifiers.
    """
    closed = [
        position for position in (*cache.position_snapshots(), *cache.positions()) if position.is_closed
    ]
    trades = []
    for position in closed:
        profit = position.realized_pnl
        paid = [money.as_decimal() for money in position.commissions() if money.currency == profit.currency]
        trades.append(
            ClosedTrade(
                strategy=names.get(str(position.strategy_id), str(position.strategy_id)),
                instrument_id=str(position.instrument_id),
                entry=position.entry.name,
                opened=position.ts_opened,
                closed=position.ts_closed,
                profit=profit.as_decimal(),
                commission=sum(paid, Decimal(0)),
                currency=profit.currency.code,
            )
        )
    return sorted(trades, key=lambda trade: (trade.closed, trade.opened, trade.strategy, trade.instrument_id))
