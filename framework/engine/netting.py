"""One position an instrument: what a live account that nets makes of what several hold on it.

The venue sees what everybody on the account holds together. So the position of a strategy may be there no
more although the books have it; an order that closes it may reduce nothing there; and one that may only
reduce can take from what somebody else holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import AccountType, PositionId

from framework.engine.books import NOTHING

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model import InstrumentId, StrategyId

    from framework.engine.books import Books


class Netting:
    """What the venue makes of one strategy's position; where nothing is shared, what the books say.

    Args:
        books: Of the node.
        engine_id: The engine's identifier for the strategy.
        live: The account is a venue's, which others may use too.
    """

    def __init__(self, books: Books, engine_id: StrategyId, *, live: bool) -> None:
        self._books = books
        self._engine_id = engine_id
        self._live = live

    def left(self, position: Any) -> Decimal:
        """How much of a position there is to close: all of it, but for what others hold the opposite of.

        Somebody who sells by hand what a strategy has bought leaves its position in the books. Closing it
        again would open one: no more is closed than the venue's net contains.
        """
        size: Decimal = position.quantity.as_decimal()
        if not self._live or not self._nets(position) or self.of_balances(position.instrument_id):
            return size
        sign = 1 if position.is_long else -1
        own, others = self._sides(position.instrument_id)
        if sign * others >= 0:
            return size
        return min(size, max(sign * (own + others), NOTHING))

    def holds_alone(self, position: Any) -> bool:
        """True when an order that closes the position is to be reduce-only at the venue.

        Where others of the node hold the opposite, the venue refuses an order that, to it, reduces nothing.
        What somebody else has traded does not count: when that was the position, the venue has to refuse. A
        live account of balances knows no such orders. The gate still holds it to the position.
        """
        if not self._live:
            return True
        if self.of_balances(position.instrument_id):
            return False
        if not self._nets(position):
            return True
        sign = 1 if position.is_long else -1
        own, others = self._sides(position.instrument_id)
        return bool(max(sign * own, sign * (own + others)) >= position.quantity.as_decimal())

    def holds_more(self, instrument_id: InstrumentId, position: Decimal) -> bool:
        """True when a reduce-only order could take more at the venue than the strategy's own position.

        Others hold the same side, or the account is one of balances: two orders that close one position can
        both fill there, and the second one opens another.
        """
        if not self._live:
            return False
        if self.of_balances(instrument_id):
            return True
        if not self.is_one(instrument_id):
            return False
        own, others = self._sides(instrument_id)
        return (own + others) * (1 if position > 0 else -1) > abs(position)

    def is_one(self, instrument_id: InstrumentId) -> bool:
        """True when all that the strategy holds of an instrument is the one position that nets."""
        held = self._books.cache.position_open_ids(instrument_id=instrument_id, strategy_id=self._engine_id)
        return bool(held == [self._id(instrument_id)])

    def of_balances(self, instrument_id: InstrumentId) -> bool:
        """True when the account holds balances, and no positions."""
        account = self._books.cache.account_for_venue(instrument_id.venue)
        return account is not None and account.account_type == AccountType.CASH

    def _sides(self, instrument_id: InstrumentId) -> tuple[Decimal, Decimal]:
        """What the strategies of the node hold of an instrument, and what others on the account do."""
        own, others = NOTHING, self._books.unexplained.get(str(instrument_id), NOTHING)
        for position in self._books.cache.positions_open(instrument_id=instrument_id):
            quantity = position.quantity.as_decimal()
            size = quantity if position.is_long else -quantity
            if position.strategy_id in self._books.ids:
                own += size
            else:
                others += size
        return own, others

    def _nets(self, position: Any) -> bool:
        return bool(position.id == self._id(position.instrument_id))

    def _id(self, instrument_id: InstrumentId) -> PositionId:
        """The engine's name for the only position of a strategy where orders net."""
        return PositionId(f"{instrument_id}-{self._engine_id}")
