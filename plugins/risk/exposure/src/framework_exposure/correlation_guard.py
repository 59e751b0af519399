"""Positions that move together are one position: their exposure in one direction has a common cap."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from nautilus_trader.model import Money, OrderSide

from framework import APPROVE, Deny, Duration, RiskRule, nanoseconds
from framework_exposure.returns import Returns
from framework_exposure.tally import ZERO, Tally
from framework_exposure.valuation import UnpricedError, Valuation, ValuedConfig, max_age, rates

if TYPE_CHECKING:
    from nautilus_trader.model import InstrumentId

    from framework import Mark, Market, Proposal, Verdict


class CorrelationGuardConfig(ValuedConfig, frozen=True, kw_only=True):
    """Settings of `correlation_guard`."""

    max_exposure: Annotated[
        Money,
        msgspec.Meta(
            description="Most that may be held in one direction, of instruments that move together: "
            '"50000 USD".'
        ),
    ]
    threshold: Annotated[
        Decimal,
        msgspec.Meta(description='The correlation from which two instruments move together: "0.7".'),
    ] = Decimal("0.7")
    interval: Annotated[
        Duration, msgspec.Meta(description='What one return is taken over: "1m", "1h", "1d".')
    ] = "1h"
    samples: Annotated[
        int, msgspec.Meta(ge=3, le=5_000, description="Last intervals that correlation is taken over.")
    ] = 100
    least: Annotated[
        int,
        msgspec.Meta(ge=3, le=5_000, description="Returns that both must have before it means anything."),
    ] = 20
    unknown: Annotated[
        Literal["together", "apart"],
        msgspec.Meta(description="What two instruments count as until then: moving together, or apart."),
    ] = "together"

    def __post_init__(self) -> None:
        """Refuse a cap of nothing and correlations that do not exist."""
        super(CorrelationGuardConfig, self).__post_init__()  # noqa: UP008 - a struct is made anew
        if self.max_exposure.raw <= 0:
            raise ValueError(f"max_exposure is {self.max_exposure}; write an amount above 0")
        if not (self.threshold.is_finite() and 0 < self.threshold <= 1):
            raise ValueError(f'threshold is {self.threshold}; write it above 0 and up to 1: "0.7"')
        if self.least > self.samples:
            raise ValueError(f"least is {self.least} of {self.samples} samples; write no more than those")


class CorrelationGuard(RiskRule[CorrelationGuardConfig]):
    """Denies an entry that could bring what moves with it over the cap.

    Correlation is a float, because it is no money; exposure is not.
    """

    def __init__(self, config: CorrelationGuardConfig) -> None:
        super().__init__(config)
        self._max_age = max_age(config)
        self._returns = Returns(nanoseconds(config.interval), config.samples, config.least)

    def start(self, market: Market) -> None:
        """Find out how to value other currencies."""
        super().start(market)
        self._rates = rates(market, self.config, self.config.max_exposure.currency)

    def check(self, proposal: Proposal) -> Verdict:
        """Add up what is held and on its way in the direction of the order; exactly at the cap passes."""
        cap = self.config.max_exposure
        valuation = Valuation(self.market, self._rates, cap.currency, self._max_age, proposal.mark)
        positions, orders = self.market.open_positions(), self.market.pending_entries()
        after, before = (Tally(valuation.value, valuation.order_money) for _ in range(2))
        try:
            for tally in (after, before):
                tally.hold(positions)
            after.expect(orders, but=proposal.order.client_order_id)
            after.propose(proposal)
            before.expect(orders)
        except UnpricedError as reason:
            return Deny(str(reason))
        here, buys = proposal.instrument_id, proposal.side == OrderSide.BUY
        own = _by_instrument(after)[here][not buys]
        if own <= _by_instrument(before).get(here, (ZERO, ZERO))[not buys]:
            return APPROVE
        total, names = own, []
        for other, amounts in _by_instrument(after).items():
            if other != here and (amount := self._moving_along(here, other, amounts, buys=buys)):
                total += amount
                names.append(str(other))
        if total <= cap.as_decimal():
            return APPROVE
        said = Money.from_decimal(total, cap.currency)
        along = f" together with {', '.join(sorted(names))}" if names else ""
        return Deny(
            f"exposure {'up' if buys else 'down'} in {here}{along} could become {said}, and max_exposure is "
            f"{cap}"
        )

    def on_mark(self, mark: Mark) -> None:
        """Take note of a price."""
        self._returns.add(mark.instrument_id, mark.price.as_double(), mark.ts_event)

    def _moving_along(
        self, here: InstrumentId, other: InstrumentId, amounts: tuple[Decimal, Decimal], *, buys: bool
    ) -> Decimal:
        """What of the other instrument gains and loses with an order here."""
        correlation = self._returns.correlation(here, other)
        if correlation is None:
            return max(amounts) if self.config.unknown == "together" else ZERO
        if abs(correlation) < self.config.threshold:
            return ZERO
        return amounts[buys != (correlation > 0)]


def _by_instrument(tally: Tally) -> dict[Any, tuple[Decimal, Decimal]]:
    """The most that can be held of each instrument, up and down."""
    sums: dict[Any, list[Decimal]] = {}
    for (_, instrument_id), line in tally.lines.items():
        up_down = sums.setdefault(instrument_id, [ZERO, ZERO])
        held = line.long - line.short
        up_down[0] += held + line.buys
        up_down[1] += line.sells - held
    return {name: (max(up, ZERO), max(down, ZERO)) for name, (up, down) in sums.items()}
