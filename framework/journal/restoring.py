"""Which of the orders and trades a journal knows have to be put back into an engine that starts with nothing.

Those that may still fill, those whose trades make up what is held, and those that ended a short while ago: a
venue may know more of them. Of every other order the engine is told to take no notice, because it would take
a trade of an order that it does not know for somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.journal.holding import beyond, since_flat
from framework.journal.state import EXTERNAL

if TYPE_CHECKING:
    from collections.abc import Collection

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
        beyond: Client order ids of orders that may only reduce, and whose trades did more than that.
        orphans: Strategies that have something at the venue and are not in the node any more.
    """

    orders: tuple[OrderState, ...] = ()
    fills: tuple[Fill, ...] = ()
    over: tuple[str, ...] = ()
    beyond: frozenset[str] = frozenset()
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
    trades = (fill for fill in state.fills.values() if fill.client_order_id in mine)
    fills = sorted(since_flat(trades, kept, mine), key=lambda fill: fill.ts)
    kept |= {fill.client_order_id for fill in fills}
    return Restoration(
        tuple(order for key, order in mine.items() if key in kept),
        tuple(fills),
        tuple(key for key, order in state.orders.items() if key not in kept and _is_over(order)),
        frozenset(beyond(fills, mine)),
        tuple(sorted(_orphans(state, strategies))),
    )


def _is_over(order: OrderState) -> bool:
    """Nothing of it is left anywhere; should the venue have what it once proved not to have, it is news."""
    return order.strategy != EXTERNAL and not order.is_live and order.status not in NEVER_THERE


def _orphans(state: State, strategies: Collection[str]) -> set[str]:
    live = {order.strategy for order in state.orders.values() if order.is_live}
    return {name for name in live | set(state.positions) if name not in strategies and name != EXTERNAL}
