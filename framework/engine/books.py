"""The engine's own books, as the gate and the rules may read them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.model import BarType, InstrumentId, OrderStatus, Price, StrategyId

from framework.risk.rule import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nautilus_trader.common import Cache
    from nautilus_trader.model import ClientOrderId, Currency, Money, Position, Quantity, QuoteTick, Venue
    from nautilus_trader.portfolio import Portfolio


NOTHING = Decimal(0)
FEW = 4
MANY_FILLS = 50
"""Fills from which looking at a position, a copy with all of them, costs more than asking the portfolio."""
SECOND = 1_000_000_000
CHANGING = frozenset({OrderStatus.PENDING_UPDATE, OrderStatus.PENDING_CANCEL, OrderStatus.PARTIALLY_FILLED})
"""Where an order may be while a change of it is under way: it may be cancelled, and fill, meanwhile."""


def mid(quote: QuoteTick) -> Price:
    """The middle of a quote, exact: one decimal more than the quote's when the spread is odd."""
    bid, ask = quote.bid_price, quote.ask_price
    return Price.from_decimal((bid.as_decimal() + ask.as_decimal()) / 2)


class HasTime(Protocol):
    """A clock, as far as the books need one."""

    def timestamp_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""


class Entries:
    """Approved orders of one strategy that could still open or grow a position.

    An order stays until the engine's cache says it is closed. Closed ones leave when somebody looks, and
    when they would pile up.

    Args:
        cache: The engine's cache.
    """

    MANY = 64

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._orders: dict[Any, Any] = {}
        self._grown: dict[Any, Quantity] = {}
        self._leaving: set[Any] = set()
        self._limit = self.MANY

    def add(self, client_order_id: ClientOrderId, order: Any) -> None:
        """Remember an approved order."""
        self._orders[client_order_id] = order
        if len(self._orders) > self._limit:
            self._forget_closed()
            self._limit = max(self.MANY, 2 * len(self._orders))

    def forget(self, client_order_id: ClientOrderId) -> None:
        """An approved order did not leave."""
        self._orders.pop(client_order_id, None)

    def grow(self, client_order_id: ClientOrderId, quantity: Quantity) -> None:
        """Remember that a change to this quantity leaves: the venue may have made it before it says so."""
        self._leaving.add(client_order_id)
        known = self._grown.get(client_order_id)
        if known is None or quantity.as_decimal() > known.as_decimal():
            self._grown[client_order_id] = quantity

    def left(self) -> None:
        """The changes that were to leave have left, or never will: from now on the engine knows of them."""
        self._leaving.clear()

    def working(self) -> list[Any]:
        """The orders that are not closed, oldest first, as the engine knows them now.

        An order approved in this moment is not in the cache yet, and stands for itself. One that is being
        changed to a larger size has the larger one.
        """
        if not self._orders:
            return []
        self._forget_closed()
        if self._grown:
            return [self._largest(known, order) for known, order in self._orders.items()]
        return [self._cache.order(known) or order for known, order in self._orders.items()]

    def _largest(self, known: Any, approved: Any) -> Any:
        order: Any = self._cache.order(known) or approved
        quantity = self._grown.get(known)
        if quantity is None:
            return order
        changing = known in self._leaving or order.status in CHANGING
        if order.quantity >= quantity or not changing:
            del self._grown[known]
            return order
        return Growing(order, quantity)

    def _forget_closed(self) -> None:
        for client_order_id in [known for known in self._orders if self._cache.is_order_closed(known)]:
            del self._orders[client_order_id]
            self._grown.pop(client_order_id, None)


class Growing:
    """An order as it will be when a change that has left is made.

    Args:
        order: The engine's, of which everything else is.
        quantity: What it was changed to.
    """

    def __init__(self, order: Any, quantity: Quantity) -> None:
        self._order = order
        self.quantity = quantity
        self.leaves_qty = quantity - order.filled_qty

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)


class Books:
    """Prices, positions and money of one running node.

    Args:
        cache: The engine's cache.
        portfolio: The engine's portfolio.
        clock: The engine's clock.
        bar_types: The bar types the run has data for, by instrument: where a price may come from.
        engine_ids: The engine's strategy identifier for every strategy's `id:`.
        simulated: True when the venues are the engine's own, which state margin by instrument alone.

    Attributes:
        unexplained: What a venue holds of an instrument beyond every known trade, as it was last seen.
    """

    def __init__(
        self,
        cache: Cache,
        portfolio: Portfolio,
        clock: HasTime,
        bar_types: Mapping[InstrumentId, Sequence[BarType]],
        engine_ids: Mapping[str, StrategyId],
        *,
        simulated: bool = False,
    ) -> None:
        self.cache = cache
        self.portfolio = portfolio
        self.now = clock.timestamp_ns
        self.engine_ids = engine_ids
        self.ids = {engine_id: strategy_id for strategy_id, engine_id in engine_ids.items()}
        self.entries = {strategy_id: Entries(cache) for strategy_id in engine_ids}
        self.unexplained: dict[str, Decimal] = {}
        self._bar_types = bar_types
        self._whole_margins: dict[Venue, tuple[int | None, dict[Currency, Money]]] = {}
        self._simulated = simulated
        self._grown: set[tuple[str, InstrumentId]] = set()

    def mark(self, instrument_id: InstrumentId) -> Mark | None:
        """The last known price: a quote's mid, a trade or a bar's close, whichever came last."""
        best: Mark | None = None
        quote = self.cache.quote(instrument_id)
        if quote is not None:
            best = Mark(instrument_id, mid(quote), quote.ts_event)
        trade = self.cache.trade(instrument_id)
        if trade is not None and (best is None or trade.ts_event > best.ts_event):
            best = Mark(instrument_id, trade.price, trade.ts_event)
        for bar_type in self._bar_types.get(instrument_id, ()):
            bar = self.cache.bar(bar_type)
            if bar is not None and (best is None or bar.ts_event > best.ts_event):
                best = Mark(instrument_id, bar.close, bar.ts_event)
        return best

    def positions(self, strategy_id: str, instrument_id: InstrumentId | None = None) -> list[Position]:
        """The strategy's open positions, in one instrument or in all."""
        return self.cache.positions_open(
            instrument_id=instrument_id, strategy_id=self.engine_ids[strategy_id]
        )

    def position(self, strategy_id: str, instrument_id: InstrumentId) -> Decimal:
        """The strategy's signed open quantity in an instrument."""
        engine_id, cache = self.engine_ids[strategy_id], self.cache
        mine = cache.positions_open_count(instrument_id=instrument_id, strategy_id=engine_id)
        if mine == 0:
            return NOTHING
        key = (strategy_id, instrument_id)
        if key in self._grown and mine == cache.positions_open_count(instrument_id=instrument_id):
            return self.portfolio.net_position(instrument_id)
        # Asking the cache for one instrument costs as much as looking at several positions oneself.
        few = cache.positions_open_count(strategy_id=engine_id) <= FEW
        total = NOTHING
        for position in cache.positions_open(
            instrument_id=None if few else instrument_id, strategy_id=engine_id
        ):
            if position.instrument_id == instrument_id:
                quantity = position.quantity.as_decimal()
                total += quantity if position.is_long else -quantity
                if position.event_count > MANY_FILLS:
                    self._grown.add(key)
        return total

    def margin(self, venue: Venue) -> dict[Currency, Money]:
        """The maintenance margin of the account at a venue, by currency.

        A venue states it by instrument, for the whole account, or both. The second is looked up at most once
        a second, because the engine hands out an account with a copy of its whole history: a millisecond
        after 5,000 orders.
        """
        single = self.portfolio.instrument_maintenance_margins(venue) or {}
        whole = {} if self._simulated else self._whole_margin(venue)
        return _summed((*single.values(), *whole.values()))

    def _whole_margin(self, venue: Venue) -> dict[Currency, Money]:
        now = self.now()
        read, margin = self._whole_margins.get(venue, (None, {}))
        if read is None or now - read >= SECOND:
            account: Any = self.portfolio.account(venue)
            stated = account is not None and account.is_margin_account()
            margin = account.account_maintenance_margins() if stated else {}
            self._whole_margins[venue] = (now, margin)
        return margin

    def view(self, strategies: tuple[str, ...]) -> MarketView:
        """What a rule covering these strategies may look at."""
        return MarketView(self, strategies)


class MarketView:
    """The books through one rule's scope; implements `framework.Market`."""

    def __init__(self, books: Books, strategies: tuple[str, ...]) -> None:
        self._books = books
        self._strategies = strategies
        self.mark = books.mark
        self.now = books.now
        self.quote = books.cache.quote
        self.instrument = books.cache.instrument

    def open_positions(self, strategy_id: str | None = None) -> Sequence[Position]:
        """Open positions of every strategy in scope, or of one of them."""
        scope = (strategy_id,) if strategy_id else self._strategies
        return [position for sid in scope for position in self._books.positions(sid)]

    def pending_entries(self, strategy_id: str | None = None) -> Sequence[Any]:
        """Orders approved and not closed that could open or grow a position, in scope or of one strategy."""
        scope = (strategy_id,) if strategy_id else self._strategies
        return [order for sid in scope for order in self._books.entries[sid].working()]

    def equity(self, venue: Venue) -> dict[Currency, Money]:
        """Balance plus unrealised profit at the venue, marked to market, by currency."""
        return self._books.portfolio.equity(venue)

    def margin(self, venue: Venue) -> dict[Currency, Money]:
        """The maintenance margin that the account at the venue must cover, by currency."""
        return self._books.margin(venue)

    def owner(self, item: Any) -> str:
        """The `id:` of the strategy an engine's order, position or event belongs to, or an empty string."""
        return self._books.ids.get(item.strategy_id, "")


def _summed(amounts: Iterable[Money]) -> dict[Currency, Money]:
    sums: dict[Currency, Money] = {}
    for money in amounts:
        known = sums.get(money.currency)
        sums[money.currency] = money if known is None else known + money
    return sums


def by_instrument(bar_types: Iterable[BarType]) -> dict[InstrumentId, tuple[BarType, ...]]:
    """Bar types grouped by the instrument they describe."""
    grouped: dict[InstrumentId, tuple[BarType, ...]] = {}
    for bar_type in bar_types:
        grouped[bar_type.instrument_id] = (*grouped.get(bar_type.instrument_id, ()), bar_type)
    return grouped
