"""From a finished engine to a few figures, where the tables of a Result would cost more than the run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model import Venue

from framework.engine.outcome import RUN

if TYPE_CHECKING:
    from nautilus_trader.backtest import BacktestNode

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
