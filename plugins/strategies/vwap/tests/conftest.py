"""The strategy on a bench of its own, with settings small enough to work out by hand."""

from __future__ import annotations

import framework_vwap
import pytest

from framework.testkit import StrategyBench

SETTINGS = {
    "bar_types": ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL"],
    "quantity": "100",
    "mode": "fade",
    "warmup_bars": 3,
    "atr_period": 3,
    "target_atr": 2.5,
}


def make_bench():
    return StrategyBench(next(iter(framework_vwap.register_strategies())), SETTINGS)


bench = pytest.fixture(make_bench, name="bench")
another_bench = pytest.fixture(make_bench, name="another_bench")
