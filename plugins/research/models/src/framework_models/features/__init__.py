"""What a model or a rule looks at: numbers worked out from bars, the same online and offline.

A feature is named in a configuration by `use:` and its settings:

    features:
      - {use: rsi, period: 14}
      - {use: z_score, period: 50, every: 4h}

`FeatureSet` turns them into a table. It is a fold over bars: given a whole history it is the offline form,
given one bar at a time the online form, and the numbers are the same to the last bit, because the code that
makes them is.
"""

from __future__ import annotations

from framework_models.features.clocks import Calendar, Session, Vwap
from framework_models.features.feature import FeatureSettings
from framework_models.features.prices import (
    Atr,
    Bollinger,
    Ema,
    LogReturn,
    Macd,
    Rsi,
    Volatility,
    VolumeRatio,
    ZScore,
)
from framework_models.features.regimes import ChangePoint, Markov
from framework_models.features.rows import Rows
from framework_models.features.table import FeatureSet

type FeatureEntry = (
    LogReturn
    | Rsi
    | Ema
    | Macd
    | Atr
    | Vwap
    | Bollinger
    | ZScore
    | Volatility
    | VolumeRatio
    | Session
    | Calendar
    | Markov
    | ChangePoint
)

__all__ = [
    "Atr",
    "Bollinger",
    "Calendar",
    "ChangePoint",
    "Ema",
    "FeatureEntry",
    "FeatureSet",
    "FeatureSettings",
    "LogReturn",
    "Macd",
    "Markov",
    "Rows",
    "Rsi",
    "Session",
    "Volatility",
    "VolumeRatio",
    "Vwap",
    "ZScore",
]
