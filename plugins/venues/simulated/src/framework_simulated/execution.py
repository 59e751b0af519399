"""From the venue's settings to the engine's venue."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_never

from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import (
    BestPriceFillModel,
    DefaultFillModel,
    FixedFeeModel,
    MakerTakerFeeModel,
    OneTickSlippageFillModel,
    PerContractFeeModel,
    ProbabilisticFillModel,
    StaticLatencyModel,
    ThreeTierFillModel,
    TwoTierFillModel,
    VolumeSensitiveFillModel,
)
from nautilus_trader.model import InstrumentId

from framework import CompositionError
from framework_simulated.config import (
    BestPriceFills,
    DefaultFills,
    FixedFees,
    MakerTakerFees,
    NoFees,
    OneTickFills,
    PerContractFees,
    ProbabilisticFills,
    ThreeTierFills,
    TwoTierFills,
    VolumeSensitiveFills,
    nanos,
)

if TYPE_CHECKING:
    from nautilus_trader.execution import FeeModel

    from framework_simulated.config import FeeChoice, Fills, Latency, SimulatedConfig

_FILL_MODELS: dict[type[Fills], Any] = {
    DefaultFills: DefaultFillModel,
    BestPriceFills: BestPriceFillModel,
    OneTickFills: OneTickSlippageFillModel,
    TwoTierFills: TwoTierFillModel,
    ThreeTierFills: ThreeTierFillModel,
    ProbabilisticFills: ProbabilisticFillModel,
    VolumeSensitiveFills: VolumeSensitiveFillModel,
}


def build_venue(name: str, config: SimulatedConfig, seed: int) -> BacktestVenueConfig:
    """The engine's simulated exchange called `name`; every random draw in it comes from `seed`.

    Raises:
        CompositionError: `leverages` names an instrument of another venue.
    """
    return BacktestVenueConfig(
        name=name,
        oms_type=config.oms.upper(),
        account_type=config.account_type.upper(),
        starting_balances=[str(balance) for balance in config.balances],
        base_currency=config.base_currency,
        default_leverage=config.leverage,
        leverages=_leverages(name, config.leverages),
        fee_model=fee_model(config.fees),
        fill_model=_FILL_MODELS[type(config.fills)](
            config.fills.prob_fill_on_limit, config.fills.prob_slippage, seed
        ),
        latency_model=None if config.latency is None else latency_model(config.latency),
        bar_adaptive_high_low_ordering=config.bar_adaptive_high_low_ordering,
        liquidity_consumption=config.liquidity_consumption,
    )


def fee_model(fees: FeeChoice) -> FeeModel:
    """The engine's fee model of that name."""
    match fees:
        case NoFees():
            return MakerTakerFeeModel(Decimal(0), Decimal(0))
        case MakerTakerFees():
            return MakerTakerFeeModel(fees.maker, fees.taker)
        case PerContractFees():
            return PerContractFeeModel(fees.commission)
        case FixedFees():
            return FixedFeeModel(fees.commission, charge_commission_once=not fees.every_fill)
        case _:
            assert_never(fees)


def latency_model(latency: Latency) -> StaticLatencyModel:
    """The engine's latency model."""
    return StaticLatencyModel(
        base_latency_nanos=nanos(latency.base),
        insert_latency_nanos=nanos(latency.insert),
        update_latency_nanos=nanos(latency.update),
        cancel_latency_nanos=nanos(latency.cancel),
    )


def _leverages(venue: str, leverages: dict[str, Decimal]) -> dict[InstrumentId, Decimal]:
    found = {InstrumentId.from_str(name): value for name, value in leverages.items()}
    for instrument_id in found:
        if str(instrument_id.venue) != venue:
            raise CompositionError(
                f"`leverages` of venue {venue} names {instrument_id}, an instrument of {instrument_id.venue}",
                remedy=f"Write {instrument_id.symbol}.{venue}, or move it to venue {instrument_id.venue}.",
            )
    return found
