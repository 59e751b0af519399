"""Which of the orders and trades a journal knows have to be put back into an engine that starts with nothing.

Those that may still fill, those whose trades make up what is held, and those that ended a short while ago: a
venue may know more of them. Of every other order the engine is told to take no notice, because it would take
a trade of an order that it does not know for somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from framework.journal.state import EXTERNAL, ZERO

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from decimal import Decimal

    from framework.journal.state import Fill, OrderState, State

RECENT = 3_600_000_000_000
"""Nanoseconds before the last thing heard: what ended since then may not have ended at the venue."""
NEVER_THERE = frozenset({"DENIED", "REJECTED", "NEVER_ARRIVED"})


@dataclass(frozen=True, slots=True)
class Restoration:
    """What has to be put back.

    Attributes:
        orders: In the order they were submitted.
        fills: Their trades, oldest first.
        over: Client order ids that are known, over and not put back.
        orphans: Strategies that have something at the venue and are not in the node any more.
    """

    orders: tuple[OrderState, ...] = ()
    fills: tuple[Fill, ...] = ()
    over: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()


def restoration(state: State, strategies: Collection[str]) -> Restoration:
    """What has to be put back for these strategies."""
    mine = {
        key: order
        for key, order in state.orders.items()
        if order.strategy in strategies and order.order and order.status not in NEVER_THERE
    }
    newest = max((order.ts for order in state.orders.values()), default=0)
    kept = {key for key, order in mine.items() if order.is_live or order.ts >= newest - RECENT}
    fills: list[Fill] = []
    trades = (fill for fill in state.fills.values() if fill.client_order_id in mine)
    for _, group in groupby(sorted(trades, key=_place), key=_place):
        needed = _since_flat(list(group), kept, mine)
        fills += needed
        kept |= {fill.client_order_id for fill in needed}
    return Restoration(
        tuple(order for key, order in mine.items() if key in kept),
        tuple(sorted(fills, key=lambda fill: fill.ts)),
        tuple(key for key, order in state.orders.items() if key not in kept and _is_over(order)),
        tuple(sorted(_orphans(state, strategies))),
    )


def _since_flat(fills: Sequence[Fill], kept: Iterable[str], orders: dict[str, OrderState]) -> list[Fill]:
    """The trades from the last moment at which nothing was held and no order that is kept had begun."""
    wanted = set(kept)
    if any(orders[fill.client_order_id].inferred for fill in fills):
        return list(fills)  # what is held at which moment is not known
    flat = [0]
    held: dict[str, Decimal] = {}
    for number, fill in enumerate(fills, start=1):
        change = fill.quantity if fill.side == "BUY" else -fill.quantity
        held[fill.position_id] = held.get(fill.position_id, ZERO) + change
        if not any(held.values()):
            flat.append(number)
    start = flat.pop()
    while any(fill.client_order_id in wanted for fill in fills[:start]):
        wanted |= {fill.client_order_id for fill in fills[start:]}
        start = flat.pop()
    return list(fills[start:])


def _place(fill: Fill) -> tuple[str, str]:
    return fill.strategy, fill.instrument_id


def _is_over(order: OrderState) -> bool:
    """Nothing of it is left anywhere; should the venue have what it once proved not to have, it is news."""
    return order.strategy != EXTERNAL and not order.is_live and order.status not in NEVER_THERE


def _orphans(state: State, strategies: Collection[str]) -> set[str]:
    live = {order.strategy for order in state.orders.values() if order.is_live}
    return {name for name in live | set(state.positions) if name not in strategies and name != EXTERNAL}
