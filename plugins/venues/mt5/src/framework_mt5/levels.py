"""The broker's stops level and freeze level, for backtests, where the engine's exchange knows neither.

The measures are MetaTrader's: a buy is measured from the ask and a sell from the bid, a stop-limit's limit
from its stop. What is too near is denied with the return code that the broker would have answered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from nautilus_trader.model import InstrumentId, OrderSide, OrderType

from framework import APPROVE, Deny, PluginConfig, RiskRule

if TYPE_CHECKING:
    from framework import Proposal, Verdict

STOPS = {OrderType.STOP_MARKET, OrderType.STOP_LIMIT}
ZERO = Decimal(0)


class Levels(PluginConfig, frozen=True, kw_only=True):
    """How near to the market orders of one instrument may be, in its price: points x point size."""

    stops: Annotated[
        Decimal, msgspec.Meta(description='A new price may not be nearer to the market: "0.00020".')
    ] = ZERO
    freeze: Annotated[
        Decimal, msgspec.Meta(description="An order that is as near as this cannot be changed any more.")
    ] = ZERO

    def __post_init__(self) -> None:
        """Refuse distances that are none."""
        for field in ("stops", "freeze"):
            distance = getattr(self, field)
            if not (distance.is_finite() and distance >= 0):
                raise ValueError(f"`{field}` is {distance}; write a distance in price, or 0 for none")


class Mt5LevelsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of `mt5_levels`."""

    levels: Annotated[
        dict[str, Levels],
        msgspec.Meta(
            min_length=1,
            description='By instrument: {EURUSD.MT5: {stops: "0.00020", freeze: "0.00010"}}; others pass.',
        ),
    ]

    def __post_init__(self) -> None:
        """Refuse names that are no instruments."""
        for name in self.levels:
            try:
                InstrumentId.from_str(name)
            except ValueError as error:
                raise ValueError(f"`levels` names {name!r}; write SYMBOL.VENUE") from error


class Mt5Levels(RiskRule[Mt5LevelsConfig]):
    """Denies what the broker would not take; exits too, except market orders, which have no price."""

    judges_exits: ClassVar[bool] = True

    def check(self, proposal: Proposal) -> Verdict:
        """Measure a pending order, new or changed."""
        levels = self.config.levels.get(str(proposal.instrument_id))
        kind = proposal.order.order_type
        if levels is None or (kind not in STOPS and kind != OrderType.LIMIT):
            return APPROVE
        at = self._market(proposal)
        if at is None:
            return Deny(f"10021: {proposal.instrument_id} has no price yet")
        is_change = proposal.action == "modify"
        if is_change and levels.freeze and abs(_at(proposal.order) - at) <= levels.freeze:
            return Deny(f"10029: the market is at {at}, within the freeze level {levels.freeze:f}")
        wrong = _too_near(proposal, at, levels.stops)
        return Deny(wrong) if wrong else APPROVE

    def _market(self, proposal: Proposal) -> Decimal | None:
        """What a buy pays or a sell gets; on bars the last price, whichever side."""
        quote = self.market.quote(proposal.instrument_id)
        if quote is not None:
            side = quote.ask_price if proposal.side == OrderSide.BUY else quote.bid_price
            return _decimal(side)
        return None if proposal.mark is None else _decimal(proposal.mark.price)


def _at(order: Any) -> Decimal:
    """Where a working order waits: at its stop, or at its limit."""
    return _decimal(order.trigger_price if order.order_type in STOPS else order.price)


def _too_near(proposal: Proposal, at: Decimal, gap: Decimal) -> str | None:
    """Why the broker would call a price invalid."""
    kind, order = proposal.order.order_type, proposal.order
    way = 1 if proposal.side == OrderSide.BUY else -1
    limit = getattr(order, "price", None) if proposal.price is None else proposal.price
    stop = getattr(order, "trigger_price", None) if proposal.trigger_price is None else proposal.trigger_price
    if kind == OrderType.LIMIT:
        return _invalid("limit", limit, at, -way, gap)
    wrong = _invalid("stop", stop, at, way, gap)
    if wrong is None and kind == OrderType.STOP_LIMIT:
        behind = (_decimal(stop) - _decimal(limit)) * way
        if behind < gap:
            return f"10015: the limit {limit} is not {gap:f} better than the stop {stop}"
    return wrong


def _invalid(what: str, price: Any, at: Decimal, way: int, gap: Decimal) -> str | None:
    """Why a price that has to be above the market (`way` 1) or below it (-1) is not far enough from it."""
    away = (_decimal(price) - at) * way
    if away <= 0:
        return f"10015: the {what} {price} is on the wrong side of the market at {at}"
    if away < gap:
        return f"10015: the {what} {price} is nearer to the market at {at} than the stops level {gap:f}"
    return None


def _decimal(price: Any) -> Decimal:
    return Decimal(price.as_decimal())
