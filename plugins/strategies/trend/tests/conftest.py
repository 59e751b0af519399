"""The strategy on a bench of its own, with settings small enough to work out by hand."""

from __future__ import annotations

import framework_trend
import pytest

from framework.testkit import StrategyBench

SETTINGS = {
    "bar_types": ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL"],
    "quantity": "100",
    "fast": 1,
    "slow": 3,
}


def make_bench():
    return StrategyBench(next(iter(framework_trend.register_strategies())), SETTINGS)


bench = pytest.fixture(make_bench, name="bench")
another_bench = pytest.fixture(make_bench, name="another_bench")
