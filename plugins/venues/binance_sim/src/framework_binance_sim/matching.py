"""How resting orders meet the market: what comes to their price, and what trades through it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from framework_binance_sim.book import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from framework_binance_sim.book import Book
    from framework_binance_sim.tape import Print


class Resting(Protocol):
    """An order on the book."""

    side: str
    price: Decimal


def quoted[Order: Resting](
    orders: Iterable[Order], book: Book, allowed: Callable[[Order], Decimal]
) -> Iterator[tuple[Order, Decimal]]:
    """What has come to the orders' prices: the best price first, then the oldest.

    Args:
        orders: Those of one symbol, oldest first.
        book: What the market shows; what is taken is gone from it.
        allowed: How much an order may take, asked when it is its turn.
    """
    mine = sorted(orders, key=lambda order: -order.price if order.side == "BUY" else order.price)
    for order in mine:
        taken = sum((part for _, part in book.take(order.side, order.price, allowed(order))), Decimal(0))
        if taken:
            yield order, taken


def traded[Order: Resting](
    orders: Iterable[Order], trade: Print, allowed: Callable[[Order], Decimal]
) -> Iterator[tuple[Order, Decimal]]:
    """What of a trade beyond the orders' prices would have been theirs: the oldest first, up to its size."""
    left = trade.size
    for order in list(orders):
        beyond = trade.price != order.price and within(order.side, trade.price, order.price)
        part = min(left, allowed(order)) if beyond else Decimal(0)
        if part:
            left -= part
            yield order, part
