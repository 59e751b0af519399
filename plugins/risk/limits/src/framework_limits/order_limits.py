"""The most one order may hold: a quantity, an amount of money, or both."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from nautilus_trader.model import Currency, InstrumentId, Money, Quantity

from framework import (
    APPROVE,
    Deny,
    Duration,
    PluginConfig,
    Resize,
    RiskRule,
    fresh_mark,
    nanoseconds,
    refuse_repeats,
)
from framework_limits import worth
from framework_limits.worth import Worth

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class Caps(PluginConfig, frozen=True, kw_only=True):
    """The caps of one instrument; what is left out is taken from the rule's own."""

    id: Annotated[InstrumentId, msgspec.Meta(description="The instrument.")]
    max_quantity: Annotated[
        Quantity | None,
        msgspec.Meta(description="Most units an order may hold: contracts, shares, units of base currency."),
    ] = None
    max_notional: Annotated[
        Money | None,
        msgspec.Meta(
            description='Most an order may be worth: "50000 USD". In the instrument\'s quote currency; an '
            "inverse contract takes its base currency too, a quanto its settlement currency instead."
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse caps that cap nothing."""
        if self.max_quantity is None and self.max_notional is None:
            raise ValueError(f"{self.id} has no cap; write max_quantity, max_notional or both")
        _refuse_nothing(self.max_quantity, self.max_notional)


class OrderLimitsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `order_limits`."""

    max_quantity: Annotated[
        Quantity | None,
        msgspec.Meta(description="Most units an order may hold: contracts, shares, units of base currency."),
    ] = None
    max_notional: Annotated[
        Money | None,
        msgspec.Meta(
            description='Most an order may be worth: "50000 USD". An instrument valued in another currency '
            "is denied until it has its own under `instruments`."
        ),
    ] = None
    max_mark_age: Annotated[
        Duration | None,
        msgspec.Meta(
            description='Oldest price an order is valued at: "5s", "2h"; an older one, or none at all, '
            "denies. Needed with max_notional. With bars, write more than the length of a bar."
        ),
    ] = None
    on_excess: Annotated[
        Literal["deny", "resize"],
        msgspec.Meta(description="What happens to an order over a cap: denied, or shrunk to fit under it."),
    ] = "deny"
    instruments: Annotated[
        list[Caps],
        msgspec.Meta(
            description="Other caps for some instruments: [{id: EUR/USD.SIM, max_quantity: 500000}]."
        ),
    ] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse limits that limit nothing, and money without a price to value it at."""
        if self.max_quantity is None and self.max_notional is None and not self.instruments:
            raise ValueError(
                "there is no limit; write max_quantity, max_notional, or caps under `instruments`"
            )
        _refuse_nothing(self.max_quantity, self.max_notional)
        refuse_repeats(caps.id for caps in self.instruments)
        money = [self.max_notional, *(caps.max_notional for caps in self.instruments)]
        if self.max_mark_age is None and any(cap is not None for cap in money):
            raise ValueError('max_notional needs max_mark_age: how old a price may be, such as "5s" or "2h"')


def _refuse_nothing(max_quantity: Quantity | None, max_notional: Money | None) -> None:
    if max_quantity is not None and max_quantity.raw == 0:
        raise ValueError("max_quantity is 0, which denies every order; write the most an order may hold")
    if max_notional is not None and max_notional.raw <= 0:
        raise ValueError(f"max_notional is {max_notional}; write an amount above 0")


class _Cap(msgspec.Struct, frozen=True):
    name: str
    amount: Decimal
    currency: Currency | None
    worth: Worth

    @property
    def unit(self) -> str:
        return "" if self.currency is None else f" {self.currency}"


class OrderLimits(RiskRule[OrderLimitsConfig]):
    """Denies or shrinks an order that holds too much."""

    def __init__(self, config: OrderLimitsConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age) if config.max_mark_age else None
        self._own = {
            caps.id: (
                caps.max_quantity or config.max_quantity,
                caps.max_notional or config.max_notional,
            )
            for caps in config.instruments
        }
        self._default = (config.max_quantity, config.max_notional)

    def check(self, proposal: Proposal) -> Verdict:
        """Compare the order with its caps; exactly at a cap passes."""
        caps = self._caps(proposal)
        if isinstance(caps, str):
            return Deny(caps)
        quantity = proposal.quantity.as_decimal()
        over = [cap for cap in caps if cap.worth.exceeds(quantity, cap.amount)]
        if not over:
            return APPROVE
        reason = "; ".join(_excess(cap, proposal, quantity) for cap in over)
        return Deny(reason) if self.config.on_excess == "deny" else _shrunk(proposal, over, reason)

    def _caps(self, proposal: Proposal) -> list[_Cap] | str:
        max_quantity, max_notional = self._own.get(proposal.instrument_id, self._default)
        if max_notional is not None or proposal.order.is_quote_quantity:
            if self._max_age is None:
                return "an order for an amount of money needs a price; set max_mark_age"
            mark = fresh_mark(proposal, self._max_age)
            if isinstance(mark, str):
                return mark
        caps = []
        if max_quantity is not None:
            held = worth.units(proposal)
            if isinstance(held, str):
                return held
            caps.append(_Cap("max_quantity", max_quantity.as_decimal(), None, held))
        if max_notional is not None:
            value = worth.notional(proposal, max_notional.currency)
            if isinstance(value, str):
                return value
            caps.append(_Cap("max_notional", max_notional.as_decimal(), max_notional.currency, value))
        return caps


def _excess(cap: _Cap, proposal: Proposal, quantity: Decimal) -> str:
    worth_of_it = f"{cap.worth.of(quantity):f}{cap.unit}"
    return f"{worth_of_it} of {proposal.instrument_id} is over {cap.name} {cap.amount:f}{cap.unit}"


def _shrunk(proposal: Proposal, over: list[_Cap], reason: str) -> Verdict:
    instrument: Any = proposal.instrument
    if proposal.order.is_quote_quantity:
        precision = proposal.quantity.precision
        step, least = Decimal(1).scaleb(-precision), None
    else:
        precision = instrument.size_precision
        step, least = instrument.size_increment.as_decimal(), instrument.min_quantity
    most = min(cap.worth.most(cap.amount, step) for cap in over)
    if most <= 0 or (least is not None and most < least.as_decimal()):
        return Deny(f"{reason}, and the {most:f} that fits is below the least that can be ordered")
    return Resize(Quantity.from_decimal_dp(most, precision), reason)
