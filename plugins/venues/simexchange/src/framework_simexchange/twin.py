"""The same venue inside a backtest: the engine's simulated exchange with this one's account and fees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel

if TYPE_CHECKING:
    from framework_simexchange.config import SimExchangeConfig


def build_venue(name: str, config: SimExchangeConfig, seed: int) -> BacktestVenueConfig:
    """The engine's venue called `name`; fills are certain, so that `seed` changes nothing."""
    return BacktestVenueConfig(
        name=name,
        oms_type=config.oms.upper(),
        account_type="MARGIN",
        starting_balances=[str(balance) for balance in config.balances],
        default_leverage=config.leverage,
        fee_model=MakerTakerFeeModel(config.maker, config.taker),
        fill_model=DefaultFillModel(1.0, 0.0, seed),
        liquidity_consumption=True,
    )
