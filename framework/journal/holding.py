"""What trades make up what is held: those since nothing was held, with all that their orders filled."""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from framework.journal.state import Fill, OrderState


def since_flat(
    fills: Iterable[Fill], kept: Collection[str], orders: Mapping[str, OrderState]
) -> Iterator[Fill]:
    """The trades of each strategy and instrument from the last moment at which nothing was held there.

    No order begins before that moment and goes on after it, and none of those that are kept begins before it.

    Args:
        fills: In the order they were counted.
        kept: Client order ids of orders that are wanted whatever they have filled.
        orders: The orders of all these trades.
    """
    for _, group in groupby(sorted(fills, key=_place), key=_place):
        yield from _since_flat(list(group), kept, orders)


def beyond(fills: Iterable[Fill], orders: Mapping[str, OrderState]) -> Iterator[str]:
    """Client order ids of orders that may only reduce, and of which more was filled than there was to reduce.

    A venue that nets lets them where others on the account hold the same side.

    Args:
        fills: In the order they happened, from a moment at which nothing was held.
        orders: The orders of all these trades.
    """
    held: dict[tuple[str, str, str], Decimal] = {}
    for fill in fills:
        place = (*_place(fill), fill.position_id)
        before = held.get(place, Decimal(0))
        held[place] = before + _signed(fill)
        may_only_reduce = orders[fill.client_order_id].order.get("is_reduce_only")
        if may_only_reduce and abs(held[place]) != abs(before) - fill.quantity:
            yield fill.client_order_id


def _since_flat(
    fills: Sequence[Fill], kept: Collection[str], orders: Mapping[str, OrderState]
) -> Sequence[Fill]:
    if any(orders[fill.client_order_id].inferred for fill in fills):
        return fills  # what is held at which moment is not known
    flat = [0]
    first: dict[str, int] = {}
    held: dict[str, Decimal] = {}
    for number, fill in enumerate(fills):
        first.setdefault(fill.client_order_id, number)
        after = held.pop(fill.position_id, 0) + _signed(fill)
        if after:
            held[fill.position_id] = after
        if not held:
            flat.append(number + 1)
    end = len(fills)
    earliest = min((number for key, number in first.items() if key in kept), default=end)
    for start in reversed(flat):
        earliest = min([earliest, *(first[fill.client_order_id] for fill in fills[start:end])])
        if earliest >= start:
            return fills[start:]
        end = start
    return fills


def _signed(fill: Fill) -> Decimal:
    return fill.quantity if fill.side == "BUY" else -fill.quantity


def _place(fill: Fill) -> tuple[str, str]:
    return fill.strategy, fill.instrument_id
