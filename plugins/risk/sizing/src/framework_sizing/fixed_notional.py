"""Every entry worth the same amount of money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from nautilus_trader.model import InstrumentId, Money, OrderSide

from framework import Deny, PluginConfig, RiskRule, cost_currency, fresh_mark, nanoseconds, refuse_repeats
from framework_sizing.grid import PerUnit, sized
from framework_sizing.money import rate
from framework_sizing.settings import PricedConfig

if TYPE_CHECKING:
    from decimal import Decimal

    from framework import Proposal, Verdict


class InstrumentAmount(PluginConfig, frozen=True, kw_only=True):
    """The amount of one instrument."""

    id: Annotated[InstrumentId, msgspec.Meta(description="The instrument.")]
    amount: Annotated[Money, msgspec.Meta(description='What an entry is worth: "5000 USD".')]

    def __post_init__(self) -> None:
        """Refuse nothing."""
        _refuse_nothing(self.amount)


class FixedNotionalConfig(PricedConfig, frozen=True, kw_only=True):
    """Settings of `fixed_notional`."""

    amount: Annotated[
        Money | None, msgspec.Meta(description='What an entry is worth, before fees: "10000 USD".')
    ] = None
    instruments: Annotated[
        list[InstrumentAmount],
        msgspec.Meta(description='Other amounts: [{id: ESZ4.CME, amount: "600000 USD"}].'),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse no amount at all."""
        if self.amount is None and not self.instruments:
            raise ValueError("there is no amount; write `amount`, or one for each of `instruments`")
        if self.amount is not None:
            _refuse_nothing(self.amount)
        refuse_repeats(item.id for item in self.instruments)


class FixedNotional(RiskRule[FixedNotionalConfig]):
    """Sets an entry to the largest quantity worth no more than its amount.

    The price is the worst the entry is likely to fill at: its limit where the venue may not do worse, else
    the worst of its limit, its trigger and the mark.
    """

    sizes: ClassVar[bool] = True

    def __init__(self, config: FixedNotionalConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age)
        self._own = {item.id: item.amount for item in config.instruments}

    def check(self, proposal: Proposal) -> Verdict:
        """Size the entry."""
        amount = self._own.get(proposal.instrument_id, self.config.amount)
        if amount is None:
            return Deny(f"there is no amount for {proposal.instrument_id}")
        mark = fresh_mark(proposal, self._max_age)
        if isinstance(mark, str):
            return Deny(mark)
        instrument: Any = proposal.instrument
        budget = amount.as_decimal()
        reason = f"a notional of {amount}"
        multiplier = instrument.multiplier.as_decimal()
        if instrument.is_inverse and amount.currency == instrument.quote_currency:
            unit = PerUnit(multiplier)
        else:
            cost = cost_currency(instrument)
            worth = rate(self.market, amount.currency, cost, (proposal.instrument_id, *self.config.valued_by))
            if worth is None:
                return Deny(
                    f"amount is in {amount.currency} and {proposal.instrument_id} is worth {cost}; "
                    "name an instrument under valued_by that turns one into the other"
                )
            price = _worst(proposal, dear=not instrument.is_inverse)
            if price <= 0:
                return Deny(f"{proposal.instrument_id} at {price:f} has no notional to size by")
            unit = (
                PerUnit(multiplier * worth[1], price * worth[0])
                if instrument.is_inverse
                else PerUnit(multiplier * price * worth[1], worth[0])
            )
        return sized(proposal, self.market, budget, unit, reason, whole_lots=self.config.whole_lots)


def _worst(proposal: Proposal, *, dear: bool) -> Decimal:
    """The highest price when a high one is worth more, else the lowest."""
    bounded = OrderSide.BUY if dear else OrderSide.SELL
    if proposal.price is not None and proposal.side == bounded:
        return proposal.price.as_decimal()
    mark = proposal.mark.price if proposal.mark is not None else None
    known = (proposal.price, proposal.trigger_price, mark)
    return (max if dear else min)(price.as_decimal() for price in known if price is not None)


def _refuse_nothing(amount: Money) -> None:
    if amount.raw <= 0:
        raise ValueError(f"amount is {amount}; write what an entry is worth, above 0")
