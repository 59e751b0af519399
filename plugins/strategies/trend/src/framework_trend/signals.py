"""The rule over all bars at once, for `framework screen`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CompositionError, Signals

if TYPE_CHECKING:
    from framework import Bars
    from framework_trend.config import TrendConfig


def signals(config: TrendConfig, bars: Bars) -> Signals:
    """The position after every bar: the side of the last cross, if it may be held.

    Raises:
        CompositionError: `stop_atr` is set: a stop fills inside a bar, where arrays see nothing.
    """
    from framework_trend.crosses import crosses  # noqa: PLC0415 - numba loads when arrays are worked on

    if config.stop_atr is not None:
        raise CompositionError(
            "`stop_atr` has no array form: a stop order fills inside a bar",
            path="strategies[0].config.stop_atr",
            remedy="Leave it out, or use `framework sweep`.",
        )
    size = bars.steps(config.quantity)
    target = crosses(
        bars.ema(config.fast),
        bars.ema(config.slow),
        0 if config.side == "short" else size,
        0 if config.side == "long" else -size,
    )
    return Signals(target, closes_at_end=config.close_on_stop)
