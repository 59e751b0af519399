"""How much may be held and on its way at once, long and short added up or set off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from nautilus_trader.model import Money

from framework import APPROVE, Deny, RiskRule
from framework_exposure.tally import Tally
from framework_exposure.valuation import UnpricedError, Valuation, ValuedConfig, max_age, rates

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model import Currency

    from framework import Market, Proposal, Verdict


class ExposureLimitConfig(ValuedConfig, frozen=True, kw_only=True):
    """Settings of `exposure_limit`."""

    max_gross: Annotated[
        Money | None,
        msgspec.Meta(description='Most that may be held, long and short added up: "200000 USD".'),
    ] = None
    max_net: Annotated[
        Money | None,
        msgspec.Meta(description='Most that may be held on one side, long and short set off: "100000 USD".'),
    ] = None
    per: Annotated[
        Literal["instrument", "strategy", "venue", "scope"],
        msgspec.Meta(
            description="What a cap holds for: each instrument, each strategy, each venue, or all that the "
            "rule covers together."
        ),
    ] = "scope"
    oms: Annotated[
        Literal["netting", "hedging"],
        msgspec.Meta(
            description="As the venues have it: with hedging an order against a position may open another "
            "one beside it."
        ),
    ] = "netting"

    def __post_init__(self) -> None:
        """Refuse caps that cap nothing, or in two currencies."""
        super(ExposureLimitConfig, self).__post_init__()  # noqa: UP008 - a struct is made anew, without a cell
        caps = [cap for cap in (self.max_gross, self.max_net) if cap is not None]
        if not caps:
            raise ValueError("nothing is capped; write max_gross, max_net or both")
        for cap in caps:
            if cap.raw <= 0:
                raise ValueError(f"a cap is {cap}; write an amount above 0")
        if len({cap.currency for cap in caps}) > 1:
            raise ValueError(f"max_gross is {self.max_gross} and max_net {self.max_net}; use one currency")

    @property
    def currency(self) -> Currency:
        """The currency of the caps."""
        return next(cap.currency for cap in (self.max_gross, self.max_net) if cap is not None)


class ExposureLimit(RiskRule[ExposureLimitConfig]):
    """Denies an entry that could bring exposure over a cap.

    Orders count from the moment they are approved until they are known to have ended: one whose fate is
    unknown keeps its place.
    """

    def __init__(self, config: ExposureLimitConfig) -> None:
        super().__init__(config)
        self._max_age = max_age(config)
        self._currency = config.currency
        self._hedging = config.oms == "hedging"
        self._max_gross = None if config.max_gross is None else config.max_gross.as_decimal()
        self._max_net = None if config.max_net is None else config.max_net.as_decimal()

    def start(self, market: Market) -> None:
        """Find out how to value other currencies."""
        super().start(market)
        self._rates = rates(market, self.config, self._currency)

    def check(self, proposal: Proposal) -> Verdict:
        """Compare the exposure that could come of the order with the caps; exactly at a cap passes."""
        valuation = Valuation(self.market, self._rates, self._currency, self._max_age, proposal.mark)
        positions, orders = self._counted(proposal)

        def tally() -> Tally:
            made = Tally(valuation.value, valuation.order_money)
            made.hold(positions)
            return made

        try:
            after = tally()
            after.expect(orders, but=proposal.order.client_order_id)
            after.propose(proposal)
            over = [(name, cap, value) for name, cap, value in self._values(after) if value > cap]
            if not over:
                return APPROVE
            before = tally()
            before.expect(orders)
        except UnpricedError as reason:
            return Deny(str(reason))
        was = {name: value for name, _, value in self._values(before)}
        for name, cap, value in over:
            if value > was[name]:
                return Deny(self._reason(proposal, name, cap, value))
        return APPROVE

    def _values(self, tally: Tally) -> list[tuple[str, Decimal, Decimal]]:
        values = []
        if self._max_gross is not None:
            values.append(("gross", self._max_gross, tally.gross(hedging=self._hedging)))
        if self._max_net is not None:
            values.append(("net", self._max_net, tally.net()))
        return values

    def _counted(self, proposal: Proposal) -> tuple[list[Any], list[Any]]:
        """The positions and orders that share the proposal's caps."""
        per, market = self.config.per, self.market
        owner = proposal.strategy_id if per == "strategy" else None
        positions, orders = market.open_positions(owner), market.pending_entries(owner)
        if per in ("strategy", "scope"):
            return list(positions), list(orders)
        here = proposal.instrument_id

        def shares(item: Any) -> bool:
            other = item.instrument_id
            return bool(other == here if per == "instrument" else other.venue == here.venue)

        return [item for item in positions if shares(item)], [item for item in orders if shares(item)]

    def _reason(self, proposal: Proposal, name: str, cap: Decimal, value: Decimal) -> str:
        here = {
            "instrument": f" in {proposal.instrument_id}",
            "strategy": f" of {proposal.strategy_id}",
            "venue": f" at {proposal.instrument_id.venue}",
            "scope": "",
        }[self.config.per]
        currency = self._currency
        said = Money.from_decimal(value, currency)
        return f"{name} exposure{here} could become {said}, and max_{name} is {cap:f} {currency}"
