"""Leverage and margin of one account: no entry beyond a limit, and a stop when prices carry it further."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from nautilus_trader.model import Currency, Money, Venue

from framework import APPROVE, Deny, Flatten, Halt, RiskRule
from framework_exposure.tally import ZERO, Tally
from framework_exposure.valuation import UnpricedError, Valuation, ValuedConfig, max_age, rates

if TYPE_CHECKING:
    from nautilus_trader.model import OrderFilled

    from framework import Mark, Market, Proposal, Verdict

RETRY = 5_000_000_000
"""How long to wait before asking for the same again, in nanoseconds."""

type Ratio = Decimal | None


class MarginGuardConfig(ValuedConfig, frozen=True, kw_only=True):
    """Settings of `margin_guard`."""

    venue: Annotated[
        Venue, msgspec.Meta(description="Whose account is watched: the venue as `venues:` names it.")
    ]
    currency: Annotated[Currency, msgspec.Meta(description="The currency everything is valued in.")]
    max_leverage: Annotated[
        Ratio,
        msgspec.Meta(
            description='Most exposure for each unit of equity, orders on their way included: "5". An entry '
            "that could bring it higher is denied."
        ),
    ] = None
    stop_leverage: Annotated[
        Ratio, msgspec.Meta(description="Exposure held for each unit of equity that stops trading.")
    ] = None
    max_margin_use: Annotated[
        Ratio,
        msgspec.Meta(
            description="The share of equity that maintenance margin may take before entries are denied: "
            '"0.5" is half.'
        ),
    ] = None
    stop_margin_use: Annotated[
        Ratio,
        msgspec.Meta(description="The share of equity taken by maintenance margin that stops trading."),
    ] = None
    action: Annotated[
        Literal["halt", "flatten"],
        msgspec.Meta(
            description="What a stop does: close everything and halt, or close everything and go on."
        ),
    ] = "halt"
    confirm: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=1_000,
            description="Marks in a row that must show a stop; 2 or more keep a single bad tick from it.",
        ),
    ] = 1

    def __post_init__(self) -> None:
        """Refuse limits that are none, or in the wrong order."""
        super(MarginGuardConfig, self).__post_init__()  # noqa: UP008 - a struct is made anew, without a cell
        limits = {
            name: getattr(self, name)
            for name in ("max_leverage", "stop_leverage", "max_margin_use", "stop_margin_use")
            if getattr(self, name) is not None
        }
        if not limits:
            raise ValueError("nothing is limited; write max_leverage, max_margin_use, or a stop_ of either")
        for name, limit in limits.items():
            if not (limit.is_finite() and limit > 0):
                raise ValueError(f"{name} is {limit}; write a number above 0")
        for kind in ("leverage", "margin_use"):
            most, stop = limits.get(f"max_{kind}"), limits.get(f"stop_{kind}")
            if most is not None and stop is not None and stop <= most:
                raise ValueError(f"stop_{kind} is {stop} and max_{kind} {most}; write a stop above the limit")


class MarginGuard(RiskRule[MarginGuardConfig]):
    """Watches one account.

    Exposure is that of the strategies covered; equity and margin are the account's, whoever trades.
    """

    def __init__(self, config: MarginGuardConfig) -> None:
        super().__init__(config)
        self._max_age = max_age(config)
        self._idle = False
        self._seen = 0
        self._asked: int | None = None

    def start(self, market: Market) -> None:
        """Find out how to value other currencies."""
        super().start(market)
        self._rates = rates(market, self.config, self.config.currency)

    def check(self, proposal: Proposal) -> Verdict:
        """Deny what could bring leverage over its limit, and any entry while margin use is over its own."""
        if proposal.instrument_id.venue != self.config.venue:
            return APPROVE
        valuation = self._valuation(proposal.mark)
        try:
            equity = self._sum(self.market.equity(self.config.venue), valuation)
            if equity <= 0:
                return Deny(f"the account at {self.config.venue} has no equity: {self._said(equity)}")
            return self._leverage_allows(proposal, valuation, equity) or self._margin_allows(
                valuation, equity
            )
        except UnpricedError as reason:
            return Deny(str(reason))

    def on_fill(self, fill: OrderFilled) -> None:
        """Take note that something may be held."""
        del fill
        self._idle = False

    def on_mark(self, mark: Mark) -> Flatten | Halt | None:
        """Compare what is held with the stops."""
        if self._idle:
            return None
        positions = self._here(self.market.open_positions())
        if not positions:
            self._idle, self._seen, self._asked = True, 0, None
            return None
        reason = self._beyond(positions)
        if reason is None:
            self._seen, self._asked = 0, None
            return None
        self._seen += 1
        now = mark.ts_event
        if self._seen < self.config.confirm or (self._asked is not None and now - self._asked < RETRY):
            return None
        self._asked = now
        return Halt(reason) if self.config.action == "halt" else Flatten(reason)

    def _leverage_allows(self, proposal: Proposal, valuation: Valuation, equity: Decimal) -> Deny | None:
        most = self.config.max_leverage
        if most is None:
            return None
        positions = self._here(self.market.open_positions())
        orders = self._here(self.market.pending_entries())
        after, before = (Tally(valuation.value, valuation.order_money) for _ in range(2))
        after.hold(positions)
        after.expect(orders, but=proposal.order.client_order_id)
        after.propose(proposal)
        exposure = after.gross(hedging=False)
        if exposure <= most * equity:
            return None
        before.hold(positions)
        before.expect(orders)
        if exposure <= before.gross(hedging=False):
            return None
        return Deny(
            f"exposure at {self.config.venue} could become {self._said(exposure)}, and max_leverage {most:f} "
            f"allows {self._said(most * equity)} on an equity of {self._said(equity)}"
        )

    def _margin_allows(self, valuation: Valuation, equity: Decimal) -> Verdict:
        most = self.config.max_margin_use
        if most is None:
            return APPROVE
        margin = self._sum(self.market.margin(self.config.venue), valuation)
        if margin < most * equity:
            return APPROVE
        return Deny(self._taken(margin, equity, "max_margin_use", most))

    def _beyond(self, positions: list[Any]) -> str | None:
        """Which stop is reached, or None; what cannot be valued now reaches none."""
        valuation, config = self._valuation(None), self.config
        try:
            equity = self._sum(self.market.equity(config.venue), valuation)
            if config.stop_leverage is not None:
                held = Tally(valuation.value, valuation.order_money)
                held.hold(positions)
                exposure = held.gross(hedging=False)
                if exposure >= config.stop_leverage * equity:
                    return (
                        f"exposure of {self._said(exposure)} on an equity of {self._said(equity)} reached "
                        f"stop_leverage {config.stop_leverage:f}"
                    )
            if config.stop_margin_use is not None:
                margin = self._sum(self.market.margin(config.venue), valuation)
                if margin >= config.stop_margin_use * equity:
                    return self._taken(margin, equity, "stop_margin_use", config.stop_margin_use)
        except UnpricedError:
            return None
        return None

    def _sum(self, sums: dict[Currency, Money], valuation: Valuation) -> Decimal:
        """Amounts in the watched currency; a currency that is not under `valued_by` is left out."""
        known = [money for currency, money in sums.items() if self._counts(currency)]
        return sum((valuation.money(money.currency, money.as_decimal()) for money in known), ZERO)

    def _counts(self, currency: Currency) -> bool:
        return currency == self.config.currency or currency in self._rates

    def _here(self, items: Any) -> list[Any]:
        return [item for item in items if item.instrument_id.venue == self.config.venue]

    def _valuation(self, mark: Mark | None) -> Valuation:
        return Valuation(self.market, self._rates, self.config.currency, self._max_age, mark)

    def _said(self, amount: Decimal) -> str:
        return str(Money.from_decimal(amount, self.config.currency))

    def _taken(self, margin: Decimal, equity: Decimal, name: str, limit: Decimal) -> str:
        return (
            f"maintenance margin takes {self._said(margin)} of an equity of {self._said(equity)}, and {name} "
            f"is {limit:f}"
        )
