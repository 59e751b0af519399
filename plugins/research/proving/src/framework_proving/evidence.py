"""How much a series of returns proves: Sharpe ratios and what is left of them, by published formulas.

Returns are of one period each, as shares; nothing is annualised unless the name says so.
"""

from __future__ import annotations

import math
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    type Series = NDArray[np.float64]

EULER = 0.5772156649015329
DAYS = 252
"""Trading days a year, as the engine's own figures take them."""


def sharpe(returns: Series) -> float:
    """Mean over standard deviation (with n - 1); 0 when nothing varies."""
    deviation = float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0
    return float(np.mean(returns)) / deviation if deviation > 0 else 0.0


def probabilistic_sharpe(ratio: float, than: float, count: int, skew: float, kurtosis: float) -> float:
    """The probability that the true Sharpe ratio is above another one.

    Bailey and Lopez de Prado (2012), "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2). All ratios
    are of one period; the kurtosis of a normal distribution is 3.
    """
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if count < 2 or spread <= 0:  # noqa: PLR2004 - a deviation needs two
        return 0.0
    return float(stats.norm.cdf((ratio - than) * math.sqrt(count - 1) / math.sqrt(spread)))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio to be expected of the best of several trials that know nothing.

    Bailey and Lopez de Prado (2014), "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5).

    Args:
        trials: How many independent trials there were.
        variance: Of their Sharpe ratios, in the same unit squared.
    """
    if trials < 2:  # noqa: PLR2004 - the best of one is that one
        return 0.0
    far = stats.norm.ppf(1 - 1 / trials)
    farther = stats.norm.ppf(1 - 1 / (trials * math.e))
    return float(math.sqrt(variance) * ((1 - EULER) * far + EULER * farther))


def spread_of_trials(known: float, earlier: int, days: int) -> float:
    """The variance of the Sharpe ratios of trials of which some were made earlier and are only counted.

    How those differed is not known. Trials that know nothing differ by what a Sharpe ratio over so many days
    is off by itself, 1 / (days - 1): Lo (2002), "The Statistics of Sharpe Ratios", FAJ 58(4).

    Args:
        known: Of the trials whose ratios are known, of one day; 0 when there are none.
        earlier: Trials that are only counted.
        days: Returns that are judged.
    """
    return max(known, 1 / (days - 1)) if earlier and days > 1 else known


def deflated_sharpe(returns: Series, trials: int, variance: float) -> float:
    """The probability that a Sharpe ratio is above what luck gives the best of the trials; same source."""
    if len(returns) < 4 or not np.std(returns) > 0:  # noqa: PLR2004 - a kurtosis needs some
        return 0.0
    return probabilistic_sharpe(
        sharpe(returns),
        expected_best_sharpe(trials, variance),
        len(returns),
        float(stats.skew(returns)),
        float(stats.kurtosis(returns, fisher=False)),
    )


def superior(returns: Series, *, seed: int, repeats: int = 1_000) -> float:
    """Hansen's test of superior predictive ability against doing nothing: the p-value of no advantage at all.

    Hansen (2005), "A Test for Superior Predictive Ability", JBES 23(4), as the library `arch` has it, over
    stationary bootstraps whose blocks are as long as the series asks for.

    Args:
        returns: One series, or one a column.
        seed: Of the bootstrap.
        repeats: Resamples.
    """
    from arch.bootstrap import SPA  # noqa: PLC0415 - statsmodels loads with it

    columns: Any = returns if returns.ndim > 1 else returns[:, None]
    if not np.all(np.std(columns, axis=0) > 0):
        return 1.0
    test = SPA(np.zeros(len(columns)), -columns, block_size=_block(columns[:, 0]), reps=repeats, seed=seed)
    test.compute()
    return float(test.pvalues["consistent"])


def bootstrapped_sharpe(returns: Series, *, seed: int, repeats: int = 1_000) -> tuple[float, float, float]:
    """5 %, 50 % and 95 % quantiles of the Sharpe ratio over stationary bootstraps.

    Politis and Romano (1994), "The Stationary Bootstrap", JASA 89, as the library `arch` has it.
    """
    from arch.bootstrap import StationaryBootstrap  # noqa: PLC0415 - statsmodels loads with it

    sampled = StationaryBootstrap(_block(returns), returns, seed=seed)
    ratios = [sharpe(np.asarray(draw[0][0])) for draw in sampled.bootstrap(repeats)]
    low, middle, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)


def _block(returns: Series) -> int:
    """The mean length of a block that the series asks for: Politis and White (2004), from `arch`."""
    from arch.bootstrap import optimal_block_length  # noqa: PLC0415 - statsmodels loads with it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = float(optimal_block_length(returns)["stationary"].iloc[0])
    return max(1, round(found)) if math.isfinite(found) else 1


def drawdown(equity: Series) -> float:
    """The largest fall from a peak, as a share of the peak; never below 0."""
    peaks = np.maximum.accumulate(equity)
    return float(np.max((peaks - equity) / peaks)) if len(equity) else 0.0


def shuffled_trades(
    profits: Sequence[float], capital: float, *, seed: int, repeats: int = 1_000
) -> tuple[float, float, float]:
    """5 %, 50 % and 95 % quantiles of the drawdown when the trades come in another order, drawn with repeats.

    A drawdown below nothing left counts as 1.
    """
    if not profits or capital <= 0:
        return 0.0, 0.0, 0.0
    rng = np.random.default_rng(seed)
    draws = rng.choice(np.asarray(profits, dtype=np.float64), size=(repeats, len(profits)))
    paths = capital + np.concatenate([np.zeros((repeats, 1)), np.cumsum(draws, axis=1)], axis=1)
    falls = [min(1.0, drawdown(np.maximum(path, 0.0))) for path in paths]
    low, middle, high = np.quantile(falls, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)


def overfit_probability(returns: Series, *, blocks: int = 10) -> float:
    """How often the best of the trials in one half of the time is below the middle in the other half.

    Combinatorially symmetric cross-validation: Bailey, Borwein, Lopez de Prado and Zhu (2015), "The
    Probability of Backtest Overfitting", Journal of Computational Finance 20(4).

    Args:
        returns: One row a period, one column a trial, two trials or more.
        blocks: Equal stretches of time that halves are made of; even.
    """
    periods, trials = returns.shape
    length = periods // blocks
    parts = returns[: length * blocks].reshape(blocks, length, trials)
    sums, squares = parts.sum(axis=1), (parts**2).sum(axis=1)
    below = 0
    halves = list(combinations(range(blocks), blocks // 2))
    for half in halves:
        chosen = np.zeros(blocks, dtype=bool)
        chosen[list(half)] = True
        inside = _ratios(sums[chosen], squares[chosen], length * blocks // 2)
        outside = _ratios(sums[~chosen], squares[~chosen], length * blocks // 2)
        best = int(np.argmax(inside))
        rank = float(stats.rankdata(outside)[best]) / (trials + 1)
        below += rank <= 0.5  # noqa: PLR2004 - a logit below zero
    return below / len(halves)


def _ratios(sums: Series, squares: Series, count: int) -> Series:
    mean = sums.sum(axis=0) / count
    variance = (squares.sum(axis=0) - count * mean**2) / (count - 1)
    ratios: Series = np.where(variance > 0, mean / np.sqrt(np.maximum(variance, 1e-300)), 0.0)
    return ratios


def daily_returns(curve: Sequence[tuple[int, float]], start: int = 0) -> Series:
    """Returns from the last mark of one UTC day to that of the next; midnight belongs to the day that ends.

    Args:
        curve: Equity marks in time order, nanoseconds since the epoch.
        start: The first nanosecond whose gains count; what came before only says what equity was.
    """
    base = next((amount for ts, amount in reversed(curve) if ts < start), None)
    days: dict[int, float] = {}
    for ts, amount in curve:
        if ts >= start:
            days[(ts - 1) // (86_400 * 10**9)] = amount
    marks = [*([] if base is None else [base]), *days.values()]
    if len(marks) < 2:  # noqa: PLR2004 - a return needs two marks
        return np.array([])
    values = np.array(marks)
    gains: Series = np.diff(values) / values[:-1]
    return gains
