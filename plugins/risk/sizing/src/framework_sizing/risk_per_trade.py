"""Every entry loses the same fraction of equity when its stop is hit.

The engine's `FixedRiskSizer` does this for linear contracts and is what the tests compare with. It is not
used here because it sizes inverse contracts to zero, knows no currency, and takes commission off the risk
instead of off the trade.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from nautilus_trader.model import OrderSide

from framework import Deny, RiskRule, fresh_mark, nanoseconds
from framework_sizing.grid import PerUnit, sized
from framework_sizing.money import equity
from framework_sizing.settings import PricedConfig

if TYPE_CHECKING:
    from framework import Proposal, Verdict


class RiskPerTradeConfig(PricedConfig, frozen=True, kw_only=True):
    """Settings of `risk_per_trade`."""

    fraction: Annotated[
        Decimal,
        msgspec.Meta(description='What an entry may lose at its stop, of equity: "0.01" is 1 percent.'),
    ]
    fee_rate: Annotated[
        Decimal,
        msgspec.Meta(
            description="Fee counted into the loss, once at the entry and once at the stop, as a fraction of "
            'the notional: "0.0005" is 5 basis points.'
        ),
    ] = Decimal(0)

    def __post_init__(self) -> None:
        """Refuse fractions that are none."""
        if not (self.fraction.is_finite() and 0 < self.fraction < 1):
            raise ValueError(f'fraction is {self.fraction}; write it between 0 and 1: 1 percent is "0.01"')
        if not (self.fee_rate.is_finite() and 0 <= self.fee_rate <= Decimal("0.1")):
            raise ValueError(
                f'fee_rate is {self.fee_rate}; write it from 0 to 0.1: 5 basis points are "0.0005"'
            )


class RiskPerTrade(RiskRule[RiskPerTradeConfig]):
    """Sets an entry to the quantity that loses its fraction of equity between entry and stop.

    The entry's price is its limit, else its trigger, else the mark.
    """

    sizes: ClassVar[bool] = True

    def __init__(self, config: RiskPerTradeConfig) -> None:
        super().__init__(config)
        self._max_age = nanoseconds(config.max_mark_age)

    def check(self, proposal: Proposal) -> Verdict:
        """Size the entry."""
        if proposal.stop_price is None:
            return Deny("no protective stop travels with the order, so what it risks is not known")
        known = proposal.price if proposal.price is not None else proposal.trigger_price
        if known is None:
            mark = fresh_mark(proposal, self._max_age)
            if isinstance(mark, str):
                return Deny(mark)
            known = mark.price
        entry, stop = known.as_decimal(), proposal.stop_price.as_decimal()
        distance = entry - stop if proposal.side == OrderSide.BUY else stop - entry
        if distance <= 0:
            side = proposal.side.name.lower()
            return Deny(f"the stop {stop:f} of a {side} at {entry:f} is not on the losing side of it")
        if proposal.instrument.is_inverse and stop <= 0:
            return Deny(f"an inverse contract has no worth at a stop of {stop:f}")
        worth = equity(self.market, proposal, self.config.valued_by)
        if isinstance(worth, str):
            return Deny(worth)
        loss = distance + self.config.fee_rate * (abs(entry) + abs(stop))
        unit = PerUnit(
            proposal.instrument.multiplier.as_decimal() * loss,
            entry * stop if proposal.instrument.is_inverse else Decimal(1),
        )
        reason = f"{self.config.fraction * 100:f} % of equity at risk between {entry:f} and {stop:f}"
        return sized(
            proposal,
            self.market,
            worth * self.config.fraction,
            unit,
            reason,
            whole_lots=self.config.whole_lots,
        )
