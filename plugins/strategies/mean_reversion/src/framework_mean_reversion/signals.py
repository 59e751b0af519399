"""The rule over all bars at once, for `framework screen`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from nautilus_trader.indicators import ZScore

from framework import CompositionError, Signals

if TYPE_CHECKING:
    from framework import Bars
    from framework_mean_reversion.config import MeanReversionConfig


def signals(config: MeanReversionConfig, bars: Bars) -> Signals:
    """The position after every bar.

    Raises:
        CompositionError: `stop_atr` is set: a stop fills inside a bar, where arrays see nothing.
    """
    from framework_mean_reversion.fades import fades  # noqa: PLC0415 - numba loads when arrays are worked on

    if config.stop_atr is not None:
        raise CompositionError(
            "`stop_atr` has no array form: a stop order fills inside a bar",
            path="strategies[0].config.stop_atr",
            remedy="Leave it out, or use `framework sweep`.",
        )
    lookback = config.lookback
    zscore, mean, deviation = bars.follow(("zscore", lookback), ZScore(lookback), "value", "mean", "std")
    size = bars.steps(config.quantity)
    target = fades(
        zscore,
        mean,
        deviation,
        lookback,
        config.entry,
        config.exit,
        inf if config.stop is None else config.stop,
        config.min_volatility,
        inf if config.max_volatility is None else config.max_volatility,
        len(bars) if config.max_bars is None else config.max_bars,
        0 if config.side == "short" else size,
        0 if config.side == "long" else -size,
    )
    return Signals(target, closes_at_end=config.close_on_stop)
