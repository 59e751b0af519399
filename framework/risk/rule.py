"""The risk rule: what every limit, sizer and breaker is written as, and the values it speaks in.

A rule judges a `Proposal` before it leaves for the venue and answers with a verdict. After the fact it
may watch what was sent, what filled and where prices stand, and answer with a reaction. It never sends,
cancels or closes anything itself: the gate does that, in one place.
"""

# ruff: noqa: TC004 - the fields of a struct are annotations only, and listing rules must not load the engine
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from nautilus_trader.model import (
        Currency,
        InstrumentId,
        Money,
        OrderCanceled,
        OrderDenied,
        OrderExpired,
        OrderFilled,
        OrderRejected,
        OrderSide,
        Position,
        Price,
        Quantity,
        QuoteTick,
        Venue,
    )

    from framework.specs import PluginConfig


@dataclass(frozen=True, slots=True)
class Approve:
    """The order may leave as proposed."""


@dataclass(frozen=True, slots=True)
class Resize:
    """The order may leave with another quantity.

    Attributes:
        quantity: The quantity to send, in the instrument's units and precision.
        reason: Why, for the journal and the report.
    """

    quantity: Quantity
    reason: str


@dataclass(frozen=True, slots=True)
class Deny:
    """The order must not leave.

    Attributes:
        reason: Why, for the strategy's `OrderDenied` event, the journal and the report.
    """

    reason: str


type Verdict = Approve | Resize | Deny

APPROVE = Approve()


@dataclass(frozen=True, slots=True)
class Flatten:
    """Cancel resting orders and close positions; trading may go on.

    Attributes:
        reason: Why, for the journal and the report.
        strategies: Whose, by `id:`; of every strategy the rule covers when empty.
    """

    reason: str
    strategies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Halt:
    """Flatten, then let nothing but exits through until a person resumes.

    Attributes:
        reason: Why, for the journal and the report.
        strategies: Which strategies, by `id:`; every one the rule covers when empty.
    """

    reason: str
    strategies: tuple[str, ...] = ()


type Reaction = Flatten | Halt


class Mark(msgspec.Struct, frozen=True):
    """The last known price of an instrument.

    Attributes:
        instrument_id: Whose price.
        price: A quote's mid, a trade's price or a bar's close, whichever came last.
        ts_event: When it was true, in nanoseconds since the epoch, UTC.
    """

    instrument_id: InstrumentId
    price: Price
    ts_event: int


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One order on its way out, before anyone else has seen it.

    A struct and not a dataclass, because one is made for every order; `copy.replace` changes a field.

    Attributes:
        action: A new order, or a change to one already working.
        strategy_id: The `id:` of the strategy that proposes it.
        order: The engine's order, for fields not repeated here; never modify it.
        instrument: The engine's instrument.
        side: Buy or sell.
        quantity: What would be sent, in the instrument's units, after sizing.
        price: The limit price, or None.
        trigger_price: The stop or touch price, or None.
        stop_price: The trigger of the protective stop that travels with this entry, or None.
        mark: The last known price, or None when there has been none.
        position: Signed open quantity of this strategy in this instrument, before the order.
        reduces: True when the order can only shrink that position.
        now: Nanoseconds since the epoch, UTC.
    """

    action: Literal["submit", "modify"]
    strategy_id: str
    order: Any
    instrument: Any
    side: OrderSide
    quantity: Quantity
    price: Price | None
    trigger_price: Price | None
    stop_price: Price | None
    mark: Mark | None
    position: Decimal
    reduces: bool
    now: int

    @property
    def instrument_id(self) -> InstrumentId:
        """The instrument's identifier."""
        identifier: InstrumentId = self.instrument.id
        return identifier


class Market(Protocol):
    """What a rule may look at: prices, positions and money, through the engine's own books."""

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        """The last known price, or None."""

    def instrument(self, instrument_id: InstrumentId) -> Any:
        """The engine's instrument, or None."""

    def open_positions(self, strategy_id: str | None = None) -> Sequence[Position]:
        """Open positions, of every strategy in the rule's scope or of one."""

    def quote(self, instrument_id: InstrumentId) -> QuoteTick | None:
        """The last bid and ask, or None where the data has none."""

    def pending_entries(self, strategy_id: str | None = None) -> Sequence[Any]:
        """Orders that could open or grow a position, from approval until they have ended.

        Of every strategy in the rule's scope or of one. One whose fate is not known yet has not ended.
        """

    def equity(self, venue: Venue) -> dict[Currency, Money]:
        """Balance plus unrealised profit at the venue, marked to market, by currency."""

    def margin(self, venue: Venue) -> dict[Currency, Money]:
        """The maintenance margin that the account at the venue must cover, by currency; empty for cash."""

    def owner(self, item: Any) -> str:
        """The `id:` of the strategy an engine's order, position or event belongs to, or an empty string."""

    def now(self) -> int:
        """Nanoseconds since the epoch, UTC."""


class RiskRule[C: PluginConfig]:
    """One idea of what must not happen.

    Subclass it, keep one rule to one idea, and override only what the idea needs. Overriding a method
    that begins with `on_` costs a call per event, so leave it alone otherwise.
    """

    sizes: ClassVar[bool] = False
    """True for a rule that sets the size of entries: it runs first and its `Resize` may grow an order.
    The limits then judge the sized order, and theirs may only shrink it."""

    judges_exits: ClassVar[bool] = False
    """True for a rule that must also see orders that can only shrink a position."""

    def __init__(self, config: C) -> None:
        self.config = config
        self.market: Market

    def start(self, market: Market) -> None:
        """Called once, when the engine is built and before data flows."""
        self.market = market

    def check(self, proposal: Proposal) -> Verdict:
        """Judge a proposal. Pure: the same proposal and market give the same verdict, and nothing changes."""
        del proposal
        return APPROVE

    def on_sent(self, proposal: Proposal) -> None:
        """Called after every rule approved the proposal; where a rate or an exposure is counted."""

    def on_denied(self, proposal: Proposal, *, mine: bool) -> Reaction | None:
        """Called after a proposal in scope was denied; where a flood is noticed.

        Args:
            proposal: As it was judged.
            mine: True when this rule denied it.
        """

    def on_cancel(self, strategy_id: str, orders: int, now: int) -> None:
        """Called before cancels of a strategy in scope leave, which nothing can deny.

        Args:
            strategy_id: The `id:` of the strategy that cancels.
            orders: How many orders it asks the venue to cancel.
            now: Nanoseconds since the epoch, UTC.
        """

    def on_order(self, event: OrderDenied | OrderRejected | OrderCanceled | OrderExpired) -> Reaction | None:
        """Called when an order that `on_sent` was told of has ended without filling in full."""

    def on_fill(self, fill: OrderFilled) -> Reaction | None:
        """Called for every fill in scope."""

    def on_mark(self, mark: Mark) -> Reaction | None:
        """Called for every price in the run's data."""

    def remember(self) -> Mapping[str, Any] | None:
        """What must outlive the process, as JSON has it, money and sizes as text; by default nothing, ever.

        Asked for about once a second of a live node and kept in the journal when it has changed, so let it
        change rarely. An empty mapping takes back what was kept.
        """
        return None

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Called between `start` and the first price with what `remember` gave last, before a restart.

        Raises:
            ValueError: It does not fit these settings; the rule starts without it, and the start says so.
        """
        del memory
