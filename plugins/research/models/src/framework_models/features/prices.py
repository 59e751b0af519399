"""Features of prices and volumes alone."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
import numpy as np

from framework_models.features import folds
from framework_models.features.feature import Bars, FeatureSettings, Fold


class LogReturn(FeatureSettings, frozen=True, kw_only=True, tag="return"):
    """The logarithm of the close over the close some bars before."""

    bars: Annotated[Bars, msgspec.Meta(description="How many bars before.")] = 1

    def start(self) -> Fold:
        """A new fold."""
        ring = np.zeros(self.bars + 1)
        return lambda rows, out: folds.log_return(ring, rows.close, *out)


class Rsi(FeatureSettings, frozen=True, kw_only=True, tag="rsi"):
    """Wilder's relative strength index, 0 to 100; 50 where nothing moved."""

    period: Annotated[Bars, msgspec.Meta(description="Bars of Wilder's average.")] = 14

    def start(self) -> Fold:
        """A new fold."""
        state = np.zeros(6)
        return lambda rows, out: folds.rsi(state, rows.close, self.period, *out)


class Ema(FeatureSettings, frozen=True, kw_only=True, tag="ema"):
    """How far the close is from its exponential average, as a share of the average."""

    period: Annotated[Bars, msgspec.Meta(description="Bars of the average.")] = 50

    def start(self) -> Fold:
        """A new fold."""
        state = np.zeros(2)
        return lambda rows, out: folds.ema_distance(state, rows.close, self.period, *out)


class Macd(FeatureSettings, frozen=True, kw_only=True, tag="macd"):
    """Two exponential averages' difference, its own average, and the gap between, as shares of the close."""

    columns: ClassVar = ("line", "signal", "gap")

    fast: Annotated[Bars, msgspec.Meta(description="Bars of the fast average.")] = 12
    slow: Annotated[Bars, msgspec.Meta(description="Bars of the slow average.")] = 26
    signal: Annotated[Bars, msgspec.Meta(description="Bars of the difference's average.")] = 9

    def __post_init__(self) -> None:
        """Refuse a fast average that is not."""
        if self.fast >= self.slow:
            raise ValueError(f"`fast` {self.fast} is not below slow {self.slow}")

    def start(self) -> Fold:
        """A new fold."""
        state = np.zeros(6)
        return lambda rows, out: folds.macd(state, rows.close, self.fast, self.slow, self.signal, *out)


class Atr(FeatureSettings, frozen=True, kw_only=True, tag="atr"):
    """Wilder's average true range as a share of the close."""

    period: Annotated[Bars, msgspec.Meta(description="Bars of Wilder's average.")] = 14

    def start(self) -> Fold:
        """A new fold."""
        state = np.zeros(4)
        return lambda rows, out: folds.atr(state, rows.high, rows.low, rows.close, self.period, *out)


class Bollinger(FeatureSettings, frozen=True, kw_only=True, tag="bollinger"):
    """Where the close is between its Bollinger bands (0 lower, 1 upper), and how broad they are."""

    columns: ClassVar = ("place", "breadth")
    version: ClassVar = 2

    period: Annotated[Bars, msgspec.Meta(description="Bars of the mean and the deviation.")] = 20
    width: Annotated[float, msgspec.Meta(gt=0.0, description="Deviations from the mean to a band.")] = 2.0

    def start(self) -> Fold:
        """A new fold."""
        past = np.zeros(self.period + 1)
        return lambda rows, out: folds.bands(past, rows.close, self.width, *out)


class ZScore(FeatureSettings, frozen=True, kw_only=True, tag="z_score"):
    """The close from its rolling mean, in rolling population deviations; 0 where nothing moved."""

    version: ClassVar = 2

    period: Annotated[Bars, msgspec.Meta(description="Bars of the mean and the deviation.")] = 50

    def start(self) -> Fold:
        """A new fold."""
        past = np.zeros(self.period + 1)
        return lambda rows, out: folds.z_score(past, rows.close, *out)


class Volatility(FeatureSettings, frozen=True, kw_only=True, tag="volatility"):
    """The deviation of log returns from bar to bar, and its z-score in its own history."""

    columns: ClassVar = ("level", "z")
    version: ClassVar = 2

    period: Annotated[Bars, msgspec.Meta(description="Returns in the deviation.")] = 20
    history: Annotated[Bars, msgspec.Meta(description="Deviations that the z-score compares with.")] = 250

    def start(self) -> Fold:
        """A new fold."""
        last, returns, history = np.zeros(2), np.zeros(self.period + 1), np.zeros(self.history + 1)
        return lambda rows, out: folds.volatility_z(last, returns, history, rows.close, *out)


class VolumeRatio(FeatureSettings, frozen=True, kw_only=True, tag="volume_ratio"):
    """The volume over the mean volume of the bars before it; not known where those had none."""

    version: ClassVar = 2

    period: Annotated[Bars, msgspec.Meta(description="Bars before it.")] = 20

    def start(self) -> Fold:
        """A new fold."""
        past = np.zeros(self.period + 1)
        return lambda rows, out: folds.volume_ratio(past, rows.volume, *out)
