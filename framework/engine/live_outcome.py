"""From a live node that has stopped to a Result: the tables of a backtest, in the time of the data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nautilus_trader.analysis import (
    CAGR,
    CalmarRatio,
    MaxDrawdown,
    PortfolioAnalyzer,
    ProfitFactor,
    ReturnsAverage,
    ReturnsAverageLoss,
    ReturnsAverageWin,
    ReturnsKurtosis,
    ReturnsSkewness,
    ReturnsVolatility,
    RiskReturnRatio,
    SharpeRatio,
    SortinoRatio,
    TailRatio,
)

from framework.engine.logs import mask_of
from framework.engine.outcome import Charts, Tables, equity_frame, resolved, statistics
from framework.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from framework.engine.live import LiveRun

RETURNS = (
    CAGR,
    CalmarRatio,
    MaxDrawdown,
    ProfitFactor,
    ReturnsAverage,
    ReturnsAverageLoss,
    ReturnsAverageWin,
    ReturnsKurtosis,
    ReturnsSkewness,
    ReturnsVolatility,
    RiskReturnRatio,
    SharpeRatio,
    SortinoRatio,
    TailRatio,
)
"""The engine's statistics of returns that a backtest's report has."""
TIMES = ("ts_init", "ts_last", "ts_event", "ts_opened", "ts_closed")
"""Columns of the engine's tables that hold a time."""


def collect(run: LiveRun, elapsed: float) -> Result:
    """Everything worth keeping of a session.

    The engine stamps the events of a replay with the wall clock; the tables say when they happened in the
    data, so that they can be laid over a backtest's.
    """
    names = {str(desk.engine_id): strategy_id for strategy_id, desk in run.parts.desks.items()}
    feed = run.feed
    series: dict[tuple[str, str], dict[int, float]] = {}
    for moment, worth in run.marks:
        for key, amount in worth.items():
            series.setdefault(key, {})[moment] = float(amount)
    figures: Any = run.portfolio.statistics()
    equity = equity_frame(series)
    now = time.time_ns()
    return Result(
        name=run.plan.name,
        mode=run.plan.mode,
        instruments=tuple(str(instrument_id) for instrument_id in run.plan.instruments),
        start=feed.start if feed is not None else now - int(elapsed * 1e9),
        end=run.parts.books.now(),
        bars=run.rows.get("bars", 0),
        quotes=run.rows.get("quotes", 0),
        trades=run.rows.get("trades", 0),
        tables=Tables(run.cache, names, mask_of(run.plan), finish=lambda table: _in_data_time(run, table)),
        equity=equity,
        decisions=tuple(run.parts.gate.decisions),
        statistics=statistics(
            figures.pnls, figures.returns if run.replay is None else _returns(equity), figures.general
        ),
        prices=Charts(run.plan, feed) if feed is not None else {},
        config=resolved(run.plan),
        versions=run.plan.versions,
        data=feed.hashes if feed is not None else {},
        elapsed=elapsed,
    )


def _returns(equity: pd.DataFrame) -> dict[str, float]:
    """The engine's statistics of daily returns; it would take those of a replay for one day's.

    Empty with several currencies, whose sum is no amount.
    """
    if len(equity.columns) != 1:
        return {}
    analyzer = PortfolioAnalyzer()
    for statistic in RETURNS:
        analyzer.register_statistic(statistic())
    daily = equity.iloc[:, 0].resample("D").last().ffill()
    for day, change in daily.pct_change().items():
        stamp: Any = day
        analyzer.add_return(stamp.as_unit("ns").value, 0.0 if change != change else change)  # noqa: PLR0124 - NaN
    return analyzer.get_performance_stats_returns()


def _in_data_time(run: LiveRun, frame: pd.DataFrame) -> pd.DataFrame:
    """The table with the wall clock's times replaced by those of the row that was playing."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second that `check` does not need
    import pandas as pd  # noqa: PLC0415 - half a second that `check` does not need

    if run.replay is None or frame.empty or not run.replay.moments:
        return frame
    walls, played = (np.array(column, dtype=np.int64) for column in zip(*run.replay.moments, strict=True))
    for column in frame.columns.intersection(list(TIMES)):
        values = frame[column]
        known = values.notna()
        if any(isinstance(value, pd.Timestamp) for value in values[known]):
            values = pd.to_datetime(values, utc=True)  # a position that is open leaves a column of objects
        stamps = values.dt.as_unit("ns") if values.dtype.kind == "M" else values
        walls_of = stamps[known].astype("int64").to_numpy()
        at = played[np.clip(np.searchsorted(walls, walls_of, side="right") - 1, 0, None)]
        times: Any = pd.Series(at, index=values.index[known])
        if values.dtype.kind == "M":
            times = pd.to_datetime(times, unit="ns", utc=True)
        frame = frame.assign(**{column: times.reindex(values.index) if not known.all() else times})
    return frame
