"""A strategy trades with its own capital, and with what is left of it after its own losses."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from nautilus_trader.model import Money

from framework import APPROVE, Deny, RiskRule
from framework_exposure.earnings import ZERO, Earnings
from framework_exposure.tally import Tally
from framework_exposure.valuation import UnpricedError, Valuation, ValuedConfig, max_age, rates

if TYPE_CHECKING:
    from nautilus_trader.model import OrderFilled

    from framework import Market, Proposal, Verdict


class CapitalBudgetConfig(ValuedConfig, frozen=True, kw_only=True):
    """Settings of `capital_budget`."""

    capital: Annotated[
        Money, msgspec.Meta(description='What each strategy covered has to trade with: "10000 USD".')
    ]
    leverage: Annotated[
        Decimal, msgspec.Meta(description='Exposure allowed for each unit of capital: "2".')
    ] = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse a budget of nothing."""
        super(CapitalBudgetConfig, self).__post_init__()  # noqa: UP008 - a struct is made anew, without a cell
        if self.capital.raw <= 0:
            raise ValueError(f"capital is {self.capital}; write an amount above 0")
        if not (self.leverage.is_finite() and self.leverage > 0):
            raise ValueError(f'leverage is {self.leverage}; write a number above 0: none is "1"')


class CapitalBudget(RiskRule[CapitalBudgetConfig]):
    """Denies an entry for which a strategy's own capital does not reach.

    Losses, open ones too, make the capital smaller; profits do not make it larger than it was.
    """

    def __init__(self, config: CapitalBudgetConfig) -> None:
        super().__init__(config)
        self._max_age = max_age(config)

    def start(self, market: Market) -> None:
        """Find out how to value other currencies."""
        super().start(market)
        self._rates = rates(market, self.config, self.config.capital.currency)
        self._earnings = Earnings(market)

    def check(self, proposal: Proposal) -> Verdict:
        """Compare the strategy's exposure with what is left of its capital; exactly as much passes."""
        currency, strategy_id = self.config.capital.currency, proposal.strategy_id
        valuation = Valuation(self.market, self._rates, currency, self._max_age, proposal.mark)
        positions = self.market.open_positions(strategy_id)
        orders = self.market.pending_entries(strategy_id)
        after, before = (Tally(valuation.value, valuation.order_money) for _ in range(2))
        try:
            after.hold(positions)
            after.expect(orders, but=proposal.order.client_order_id)
            after.propose(proposal)
            made = self._earnings.total(strategy_id, valuation)
            left = max(self.config.capital.as_decimal() + min(made, ZERO), ZERO)
            used = after.gross(hedging=False)
            if used <= left * self.config.leverage:
                return APPROVE
            before.hold(positions)
            before.expect(orders)
        except UnpricedError as reason:
            return Deny(str(reason))
        if used <= before.gross(hedging=False):
            return APPROVE
        said, room = (Money.from_decimal(value, currency) for value in (used, left * self.config.leverage))
        return Deny(
            f"exposure of {strategy_id} could become {said}, and its capital reaches for {room}"
            + (f" after a loss of {Money.from_decimal(-made, currency)}" if made < 0 else "")
        )

    def on_fill(self, fill: OrderFilled) -> None:
        """Book what the strategy paid or was paid."""
        self._earnings.add(fill)
