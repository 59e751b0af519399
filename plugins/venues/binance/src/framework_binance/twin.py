"""The same account inside a backtest: the engine's exchange with its fees, leverage, mode and funding."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel

from framework_binance.funding import Funding, schedule

if TYPE_CHECKING:
    from framework_binance.config import BinanceConfig


def build_venue(name: str, config: BinanceConfig, seed: int) -> BacktestVenueConfig:
    """The engine's venue called `name`; fills are certain, so that `seed` changes nothing.

    Raises:
        DataError: A file of funding rates cannot be read.
    """
    rates = {instrument: schedule(text) for instrument, text in config.funding.items()}
    return BacktestVenueConfig(
        name=name,
        oms_type="HEDGING" if config.hedge else "NETTING",
        account_type="CASH" if config.spot else "MARGIN",
        starting_balances=[str(balance) for balance in config.balances],
        default_leverage=None if config.spot else Decimal(config.leverage),
        fee_model=MakerTakerFeeModel(config.maker, config.taker),
        fill_model=DefaultFillModel(1.0, 0.0, seed),
        modules=[Funding(rates)] if rates else None,
    )
