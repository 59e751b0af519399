"""What a simulated venue is told: the account, what trading costs, how orders fill and how late."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from nautilus_trader.model import Currency, InstrumentId, Money

from framework import PluginConfig

type Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
type Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,9}(ns|us|ms|s)(?!\n)$", description='A whole number and a unit: "5ms", "250us".'
    ),
]

_NANOS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def nanos(duration: str) -> int:
    """Nanoseconds in a duration such as "5ms"."""
    digits = duration.rstrip("nums")
    return int(digits) * _NANOS[duration[len(digits) :]]


class NoFees(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="none"):
    """Trading is free. Stated, never assumed."""


class MakerTakerFees(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="maker_taker"):
    """A share of the notional: one rate for orders that rested, one for orders that took."""

    maker: Annotated[Decimal, msgspec.Meta(description='Rate on resting fills: "0.0002" is 2 basis points.')]
    taker: Annotated[Decimal, msgspec.Meta(description="Rate on aggressive fills.")]

    def __post_init__(self) -> None:
        """Refuse rates that are not rates."""
        for name, rate in (("maker", self.maker), ("taker", self.taker)):
            if not (rate.is_finite() and Decimal("-0.01") <= rate <= Decimal("0.1")):
                raise ValueError(
                    f"`{name}` {rate} is not a fee rate; write a fraction from -0.01 (a rebate) to 0.1: "
                    '2 basis points is "0.0002"'
                )


class PerContractFees(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="per_contract"):
    """A sum for each contract filled."""

    commission: Annotated[Money, msgspec.Meta(description='Charged per unit of quantity: "2.25 USD".')]

    def __post_init__(self) -> None:
        """Refuse a negative sum."""
        _not_negative("commission", self.commission)


class FixedFees(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="fixed"):
    """A sum for each order or each fill."""

    commission: Annotated[Money, msgspec.Meta(description='Charged per order: "1.50 USD".')]
    every_fill: Annotated[
        bool, msgspec.Meta(description="Charge it on each fill instead of once an order.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse a negative sum."""
        _not_negative("commission", self.commission)


class Fills(PluginConfig, frozen=True, kw_only=True):
    """What every fill model takes."""

    prob_fill_on_limit: Annotated[
        Probability,
        msgspec.Meta(description="Chance that a resting limit fills when the price only touches it."),
    ] = 1.0
    prob_slippage: Annotated[
        Probability,
        msgspec.Meta(description="Chance that a fill is one tick worse; drawn from the run's seed."),
    ] = 0.0


class DefaultFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="default"):
    """Limits at their price, stops at their trigger or the gap, a quarter of the bar's volume at a time."""


class BestPriceFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="best_price"):
    """Any size at the best price. Resting orders fill at the bar's extreme: see the README."""


class OneTickFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="one_tick"):
    """Any size one tick worse than the best price."""


class TwoTierFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="two_tier"):
    """Ten units at the best price, the rest one tick worse."""


class ThreeTierFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="three_tier"):
    """Fifty units at the best price, thirty a tick worse, twenty two ticks worse, and no more."""


class ProbabilisticFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="probabilistic"):
    """Any size at the best price or one tick worse, by a fair coin from the run's seed."""


class VolumeSensitiveFills(Fills, frozen=True, kw_only=True, tag_field="model", tag="volume_sensitive"):
    """The first 250 units at the best price, the rest one tick worse."""


class Latency(PluginConfig, frozen=True, kw_only=True):
    """How long a message takes to the venue; the base is added to each of the others."""

    base: Annotated[Duration, msgspec.Meta(description="Added to every message.")] = "0ms"
    insert: Annotated[Duration, msgspec.Meta(description="A new order.")] = "0ms"
    update: Annotated[Duration, msgspec.Meta(description="A change to an order.")] = "0ms"
    cancel: Annotated[Duration, msgspec.Meta(description="A cancellation.")] = "0ms"


type FeeChoice = NoFees | MakerTakerFees | PerContractFees | FixedFees
type FillChoice = (
    DefaultFills
    | BestPriceFills
    | OneTickFills
    | TwoTierFills
    | ThreeTierFills
    | ProbabilisticFills
    | VolumeSensitiveFills
)


class SimulatedConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of one simulated venue."""

    account_type: Annotated[
        Literal["cash", "margin"], msgspec.Meta(description="Cash never borrows; margin may sell short.")
    ]
    balances: Annotated[
        list[Money], msgspec.Meta(min_length=1, description='What the account starts with: ["100000 USD"].')
    ]
    fees: Annotated[FeeChoice, msgspec.Meta(description="What trading costs; has no default on purpose.")]
    base_currency: Annotated[
        Currency | None,
        msgspec.Meta(
            description="Keep the account in this one currency; without it, one balance per currency."
        ),
    ] = None
    leverage: Annotated[
        Decimal, msgspec.Meta(description="For every instrument not listed in `leverages`.")
    ] = Decimal(1)
    leverages: Annotated[
        dict[str, Decimal], msgspec.Meta(description='Per instrument: {"EUR/USD.SIM": "30"}.')
    ] = msgspec.field(default_factory=dict)
    oms: Annotated[
        Literal["netting", "hedging"],
        msgspec.Meta(description="One position per instrument and strategy, or one per opening order."),
    ] = "netting"
    fills: Annotated[FillChoice, msgspec.Meta(description="How orders fill, and at what price.")] = (
        DefaultFills()
    )
    latency: Annotated[Latency | None, msgspec.Meta(description="Without it messages arrive at once.")] = None
    bar_adaptive_high_low_ordering: Annotated[
        bool,
        msgspec.Meta(description="Walk a bar through whichever of high and low is nearer its open first."),
    ] = False
    liquidity_consumption: Annotated[
        bool, msgspec.Meta(description="A fill uses up the size it took, until the price level changes.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse accounts that contradict themselves."""
        currencies = [balance.currency for balance in self.balances]
        if len(set(currencies)) != len(currencies):
            raise ValueError("`balances` names a currency twice; write one amount for each currency")
        for balance in self.balances:
            if balance.as_decimal() <= 0:
                raise ValueError(f"`balances` holds {balance}; start with more than nothing")
        if self.base_currency is not None and currencies != [self.base_currency]:
            raise ValueError(
                f"`base_currency` is {self.base_currency} and `balances` holds "
                f"{', '.join(str(currency) for currency in currencies)}; give one balance in the base "
                "currency, or leave `base_currency` out"
            )
        for name, value in [("leverage", self.leverage), *self.leverages.items()]:
            if not (value.is_finite() and value >= 1):
                raise ValueError(f"leverage {value} of `{name}` is below 1; write 1 for none")
        if self.account_type == "cash" and (self.leverage != 1 or self.leverages):
            raise ValueError("a cash account has no leverage; remove it or write `account_type: margin`")
        for name in self.leverages:
            try:
                InstrumentId.from_str(name)
            except ValueError as error:
                raise ValueError(
                    f"`leverages` names {name!r}, which is not an instrument; write SYMBOL.VENUE"
                ) from error


def _not_negative(name: str, money: Money) -> None:
    if money.as_decimal() < 0:
        raise ValueError(f"`{name}` {money} is negative; rebates are only known to `model: maker_taker`")
