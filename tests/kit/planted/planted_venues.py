"""Venues with one fault each, and one without."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Annotated

import msgspec
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import DefaultFillModel, MakerTakerFeeModel
from nautilus_trader.model import Money

from framework import PluginConfig


class Config(PluginConfig, frozen=True, kw_only=True):
    """Settings of every planted venue."""

    balance: Annotated[Money, msgspec.Meta(description="What the account starts with.")]
    oms: Annotated[str, msgspec.Meta(description="NETTING or HEDGING.")] = "NETTING"


class Undocumented(Config, frozen=True, kw_only=True):
    """One field says nothing."""

    mystery: int = 1


def built(name, config, **changes):
    settings = {
        "name": name,
        "oms_type": config.oms,
        "account_type": "MARGIN",
        "starting_balances": [str(config.balance)],
        "default_leverage": Decimal(20),
        "fee_model": MakerTakerFeeModel(Decimal("0.0001"), Decimal("0.0001")),
    }
    return BacktestVenueConfig(
        **{key: value for key, value in (settings | changes).items() if value is not None}
    )


def sound(name, config, seed):
    return built(name, config)


def without_fees(name, config, seed):
    return built(name, config, fee_model=None)


def other_currency(name, config, seed):
    return built(name, config, starting_balances=["100000 EUR", "90000 USD"])


def another_name(name, config, seed):
    return built(name, config) if name == "SIM" else built("SIM", config)


def unseeded(name, config, seed):
    return built(name, config, fill_model=DefaultFillModel(1.0, 0.5, random.randrange(1 << 30)))


def undeclared_luck(name, config, seed):
    return built(name, config, fill_model=DefaultFillModel(1.0, 0.5, seed))


def always_hedging(name, config, seed):
    return built(name, config, oms_type="HEDGING")


def never_hedging(name, config, seed):
    return built(name, config, oms_type="NETTING")


def frozen(name, config, seed):
    return built(name, config, frozen_account=True)


def nothing_to_trade_with(name, config, seed):
    return built(name, config, starting_balances=["1 USD"], default_leverage=Decimal(1))
