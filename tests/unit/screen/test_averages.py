"""Averages over arrays beside the engine's own indicator."""

from __future__ import annotations

import numpy as np
import pytest
from nautilus_trader.indicators import ExponentialMovingAverage

from framework.signals.averages import ema


@pytest.mark.parametrize("period", [1, 2, 3, 10, 30, 200])
@pytest.mark.parametrize("level", [1e-5, 1.1, 60_000.0])
def test_the_exponential_average_is_the_engines_bit_by_bit(period, level):
    rng = np.random.default_rng(period)
    prices = (level * np.exp(np.cumsum(rng.normal(0, 1e-3, 2_000)))).round(9)
    engine, expected = ExponentialMovingAverage(period), []
    for price in prices.tolist():
        engine.update_raw(price)
        expected.append(engine.value if engine.initialized else np.nan)
    assert ema(prices, period).tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("length", [0, 1, 4])
def test_too_few_prices_have_no_average(length):
    assert np.isnan(ema(np.ones(length), 5)).all()
    assert len(ema(np.ones(length), 5)) == length
