"""One symbol's order book as the market shows it, without the account's own orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework_binance_sim.symbols import Symbol

LEVELS = 20
type Level = tuple[Decimal, Decimal]


class Book:
    """Prices and sizes, best first.

    What an order takes is gone until the market shows new sizes.

    Attributes:
        bids: What is bid, by price.
        asks: What is asked, by price.
        update: The number of the last change.
    """

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.update = 1

    def show(self, bids: Iterable[Level], asks: Iterable[Level]) -> tuple[list[Level], list[Level]]:
        """Replace both sides; returns the levels that changed, a size of zero for a level that is gone."""
        changed = tuple(_changes(old, dict(new)) for old, new in ((self.bids, bids), (self.asks, asks)))
        self._sort()
        self.update += 1
        return changed[0], changed[1]

    def change(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Set single levels; a size of zero removes one."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self._sort()
        self.update += 1

    @property
    def bid(self) -> Level | None:
        """The best bid."""
        return next(iter(self.bids.items()), None)

    @property
    def ask(self) -> Level | None:
        """The best ask."""
        return next(iter(self.asks.items()), None)

    @property
    def middle(self) -> Decimal | None:
        """Half way between the best prices."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid[0] + self.ask[0]) / 2

    def against(self, side: str) -> dict[Decimal, Decimal]:
        """What an order of `side` trades with."""
        return self.asks if side == "BUY" else self.bids

    def reachable(self, side: str, limit: Decimal | None) -> Decimal:
        """How much an order of `side` could take at `limit` or better."""
        levels = self.against(side).items()
        return sum((size for price, size in levels if within(side, price, limit)), Decimal(0))

    def take(self, side: str, limit: Decimal | None, quantity: Decimal) -> list[Level]:
        """Take up to `quantity` at `limit` or better; returns what was taken, by price."""
        levels, taken = self.against(side), []
        for price in list(levels):
            if not quantity or not within(side, price, limit):
                break
            part = min(quantity, levels[price])
            taken.append((price, part))
            quantity -= part
            levels[price] -= part
            if not levels[price]:
                del levels[price]
        return taken

    def _sort(self) -> None:
        self.bids = dict(sorted(self.bids.items(), reverse=True))
        self.asks = dict(sorted(self.asks.items()))


def within(side: str, price: Decimal, limit: Decimal | None) -> bool:
    """Whether an order of `side` and `limit` may trade at `price`."""
    return limit is None or (price <= limit if side == "BUY" else price >= limit)


def ladder(symbol: Symbol, bid: Level, ask: Level) -> tuple[list[Level], list[Level]]:
    """Both sides from the best of each: every level a tick further, and of the same size."""
    bids = [(bid[0] - symbol.tick * i, bid[1]) for i in range(LEVELS) if bid[0] - symbol.tick * i > 0]
    return bids, [(ask[0] + symbol.tick * i, ask[1]) for i in range(LEVELS)]


def _changes(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal]) -> list[Level]:
    gone = [(price, Decimal(0)) for price in old if price not in new]
    changed = [(price, size) for price, size in new.items() if old.get(price) != size]
    old.clear()
    old.update(new)
    return gone + changed
