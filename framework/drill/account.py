"""What was asked for and what the venue made of it, added up without any of the node's own code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from framework.journal.state import EXTERNAL, ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from framework.drill.record import VenueRow
    from framework.journal import Row

UNSENT = frozenset({"OrderDenied", "OrderRejected"})
"""Events after which the node knows that the venue does not have the order."""


class Asked:
    """What the nodes meant to do, by client order id.

    Attributes:
        submits: The submit intents of each order; more than one is a breach of its own.
        changes: The modify intents of each order.
        unsent: The row from which the node knew that an order had never been taken.
        strategy: Whose each order is.
        orders: Its fields when it was submitted.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.submits: dict[str, list[Row]] = {}
        self.changes: dict[str, list[Row]] = {}
        self.unsent: dict[str, Row] = {}
        self.strategy: dict[str, str] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        for row in rows:
            fields = row.fields()
            if row.kind == "intent" and fields.get("action") == "submit":
                self.submits.setdefault(row.order_id, []).append(row)
                self.strategy[row.order_id] = row.strategy
                self.orders[row.order_id] = fields["order"]
            elif row.kind == "intent" and fields.get("action") == "modify":
                self.changes.setdefault(row.order_id, []).append(row)
            elif _never_taken(row.kind, fields):
                name = row.order_id or fields.get("client_order_id", "")
                self.unsent.setdefault(name, row)


def _never_taken(kind: str, fields: dict[str, Any]) -> bool:
    """True where the node learned that the venue does not have an order, and never had."""
    if kind == "event":
        return fields.get("type") in UNSENT
    if kind != "recovery":
        return False
    adopted = fields.get("action") == "adopt" and fields.get("status") in {"REJECTED", "DENIED"}
    return adopted or fields.get("action") == "never_arrived"


class Account:
    """The venue's account, added up row by row.

    Attributes:
        open: The orders that work, as they were taken or last changed.
        left: What is still to fill of each.
        held: Signed quantity by owner and instrument.
        trades: The fills, by instrument and trade id.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.open: dict[str, VenueRow] = {}
        self.left: dict[str, Decimal] = {}
        self.held: dict[str, dict[str, Decimal]] = {}
        self.trades: dict[str, VenueRow] = {}

    def apply(self, row: VenueRow) -> None:
        """Add one row."""
        if row.what == "order":
            self.open[row.order], self.left[row.order] = row, row.quantity
        elif row.what == "fill":
            self.trades[f"{row.instrument_id} {row.trade}"] = row
            held = self.held.setdefault(self.owner(row), {})
            held[row.instrument_id] = held.get(row.instrument_id, ZERO) + row.signed
            self.left[row.order] = self.left.get(row.order, ZERO) - row.quantity
            if self.left[row.order] <= 0:
                self.open.pop(row.order, None)
        elif row.what == "change" and row.order in self.open:
            before = self.open[row.order].quantity
            self.left[row.order] += row.quantity - before
            self.open[row.order] = replace(self.open[row.order], quantity=row.quantity)
        elif row.what == "over":
            self.open.pop(row.order, None)

    def owner(self, row: VenueRow) -> str:
        """The strategy whose order the row is about, or EXTERNAL."""
        return EXTERNAL if row.by_hand else self._asked.strategy.get(row.order, EXTERNAL)

    def own(self, instrument_id: str) -> Decimal:
        """What the strategies hold together."""
        mine = (held for owner, held in self.held.items() if owner != EXTERNAL)
        return sum((held.get(instrument_id, ZERO) for held in mine), ZERO)

    def reduces(self, order: str) -> bool:
        """True for an order that the venue lets reduce what is held, and nothing more."""
        return bool(self._asked.orders.get(order, {}).get("is_reduce_only"))
