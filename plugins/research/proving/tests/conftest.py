"""Specimens on simulated markets, as plans."""

from __future__ import annotations

import pytest
from framework_proving.specimens import SpecimenConfig
from nautilus_trader.model import Quantity

from framework.testkit import simulate
from framework.testkit.nodes import plan_strategy


@pytest.fixture
def specimen(tmp_path):
    """Makes the plan of a specimen on a market of its own."""

    def make(spec, seed=0, length=300, presets=("EURUSD", "XAUUSD"), history=None, **simulated):
        folder = tmp_path / f"market-{seed}-{length}-{len(presets)}"
        market = simulate(folder, presets, length=length, seed=seed, **simulated)
        config = SpecimenConfig(
            bar_types=list(market.bar_types),
            quantity=Quantity.from_int(100),
            history=str(market.catalog if history is None else history),
        )
        return plan_strategy(spec, config, catalog=market.catalog)

    return make
