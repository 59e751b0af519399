"""The strategy on a bench of its own, with settings small enough to work out by hand."""

from __future__ import annotations

import framework_mean_reversion
import pytest

from framework.testkit import StrategyBench

SETTINGS = {
    "bar_types": ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL"],
    "quantity": "100",
    "lookback": 4,
    "entry": 1.2,
    "exit": 0.3,
    "stop": 1.6,
}


def make_bench():
    return StrategyBench(next(iter(framework_mean_reversion.register_strategies())), SETTINGS)


bench = pytest.fixture(make_bench, name="bench")
another_bench = pytest.fixture(make_bench, name="another_bench")
