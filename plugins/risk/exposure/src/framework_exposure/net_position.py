"""One underlying, traded as several instruments at several venues, is one position."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from nautilus_trader.model import InstrumentId

from framework import APPROVE, Deny, Duration, PluginConfig, RiskRule, nanoseconds, refuse_repeats
from framework_exposure.tally import Tally
from framework_exposure.valuation import UnpricedError

if TYPE_CHECKING:
    from framework import Proposal, Verdict

type Instruments = Annotated[list[InstrumentId], msgspec.Meta(min_length=1)]


class NetPositionConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `net_position`."""

    underlying: Annotated[str, msgspec.Meta(min_length=1, description='What it is called: "BTC".')]
    instruments: Annotated[
        Instruments, msgspec.Meta(description="The instruments that are it, at any venue.")
    ]
    max_net: Annotated[
        Decimal,
        msgspec.Meta(
            description="Most units of the underlying that may be held on one side, all instruments set off "
            "against each other. A contract counts for its multiplier, an inverse one for its multiplier "
            "divided by the price."
        ),
    ]
    max_mark_age: Annotated[
        Duration,
        msgspec.Meta(
            description="Oldest price to turn inverse contracts and amounts of money into units by: "
            '"5s", "2h".'
        ),
    ] = "1m"
    offset: Annotated[
        bool,
        msgspec.Meta(
            description="Whether what is held on one side makes room for orders on the other. With `false` "
            "the cap also holds when the position is closed while they still work."
        ),
    ] = True

    def __post_init__(self) -> None:
        """Refuse a cap of nothing, and an instrument named twice."""
        refuse_repeats(self.instruments)
        if not (self.max_net.is_finite() and self.max_net > 0):
            raise ValueError(f"max_net is {self.max_net}; write a number above 0")


class NetPosition(RiskRule[NetPositionConfig]):
    """Denies an entry that could bring the net position in the underlying over the cap."""

    def __init__(self, config: NetPositionConfig) -> None:
        super().__init__(config)
        self._names = frozenset(config.instruments)
        self._max_age = nanoseconds(config.max_mark_age)

    def check(self, proposal: Proposal) -> Verdict:
        """Count units of every instrument named; exactly at the cap passes."""
        if proposal.instrument_id not in self._names:
            return APPROVE
        positions = [item for item in self.market.open_positions() if item.instrument_id in self._names]
        orders = [item for item in self.market.pending_entries() if item.instrument_id in self._names]

        def units(instrument_id: InstrumentId, quantity: Decimal, *prices: Any) -> Decimal:
            return self._units(proposal, instrument_id, quantity, prices)

        def bought(instrument_id: InstrumentId, amount: Decimal) -> Decimal:
            return self._bought(proposal, instrument_id, amount)

        try:
            after, before = Tally(units, bought), Tally(units, bought)
            for tally in (after, before):
                tally.hold(positions)
            after.expect(orders, but=proposal.order.client_order_id)
            after.propose(proposal)
            before.expect(orders)
        except UnpricedError as reason:
            return Deny(str(reason))
        offset, cap = self.config.offset, self.config.max_net
        value = after.net(offset=offset)
        if value <= cap or value <= before.net(offset=offset):
            return APPROVE
        return Deny(
            f"the net position in {self.config.underlying} could become {value:f}, and max_net is {cap:f}"
        )

    def _units(
        self, proposal: Proposal, instrument_id: InstrumentId, quantity: Decimal, prices: tuple[Any, ...]
    ) -> Decimal:
        instrument = self.market.instrument(instrument_id)
        size: Decimal = quantity * instrument.multiplier.as_decimal()
        if not instrument.is_inverse:
            return size
        known = [abs(price.as_decimal()) for price in prices if price is not None]
        price: Decimal = min([self._price(proposal, instrument_id), *known])
        return size / price

    def _bought(self, proposal: Proposal, instrument_id: InstrumentId, amount: Decimal) -> Decimal:
        if self.market.instrument(instrument_id).is_inverse:
            raise UnpricedError(f"{instrument_id} is inverse, and an order's quantity is in quote currency")
        return amount / self._price(proposal, instrument_id)

    def _price(self, proposal: Proposal, instrument_id: InstrumentId) -> Decimal:
        own = instrument_id == proposal.instrument_id
        mark = proposal.mark if own else self.market.mark(instrument_id)
        if mark is None or not mark.price.raw:
            raise UnpricedError(f"no price of {instrument_id} is known yet")
        age = proposal.now - mark.ts_event
        if age > self._max_age:
            raise UnpricedError(
                f"the last price of {instrument_id} is {age / 1_000_000_000:g} s old, and max_mark_age is "
                f"{self.config.max_mark_age}"
            )
        return abs(mark.price.as_decimal())
