"""What is proven about each order, and the engine's events that follow from it: each once, in a legal order.

News comes over the stream and in answers to requests; late, twice, out of order, or not at all. A deal has a
ticket, so that it is booked once; an order is over when the broker's books say so and every deal it had has
been told. Fills come from deals and from nothing else.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ClientOrderId, OrderStatus, VenueOrderId

from framework_mt5.constants import CLOSED_BY, FINAL
from framework_mt5.rest import ns

if TYPE_CHECKING:
    from nautilus_trader.live.clients import ExecutionClient
    from nautilus_trader.model import FillReport, OrderStatusReport

    from framework_mt5.reports import Reports, Row

ZERO = Decimal(0)
SETTLED_SECONDS = 1.0
"""After a change of ours, rows that were read before it may still arrive for so long."""
NOT_ACCEPTED = {OrderStatus.INITIALIZED, OrderStatus.SUBMITTED, OrderStatus.RELEASED}
type Shape = tuple[str | None, str | None]


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of one order, by its ticket or its client id.

    Attributes:
        accepted: The engine has been told that the broker has it.
        triggered: The engine has been told that its stop was reached.
        over: The engine has been told that nothing of it can happen any more.
        external: It is not an order of this node; the engine hears of it by reports.
        shape: Price and stop price as the engine knows them.
        changed: When this node changed it last, by the monotonic clock.
        trades: The tickets of the deals that the engine knows.
        filled: What they come to, in lots.
        news: The newest row.
        untold: Deals of an external order that no report has carried yet.
        cancel: Somebody wants it cancelled, and it is not known yet whether it exists.
        lock: Held while a request about it is under way.
    """

    accepted: bool = False
    triggered: bool = False
    over: bool = False
    external: bool = False
    shape: Shape | None = None
    changed: float = -SETTLED_SECONDS
    trades: set[str] = field(default_factory=set)
    filled: Decimal = ZERO
    news: Row | None = None
    untold: list[Row] = field(default_factory=list)
    cancel: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def short(self) -> bool:
        """Whether the broker has filled more than the deals that were heard of."""
        return self.news is not None and filled_lots(self.news) > self.filled


class Knowledge:
    """Turns rows into events of one execution client."""

    def __init__(self, client: ExecutionClient, reports: Reports) -> None:
        self._client = client
        self._reports = reports
        self._known: dict[str, Known] = {}

    def of(self, client_order_id: str) -> Known:
        """What is known of an order of ours, beginning with what the engine's cache has."""
        known = self._known.get(client_order_id)
        if known is None:
            known = self._known[client_order_id] = self._from_cache(client_order_id)
        return known

    def short(self) -> list[str]:
        """Orders of which deals are missing."""
        return [name for name, known in self._known.items() if known.short and not known.over]

    def order(self, row: Row) -> None:
        """An order's row was heard."""
        if not self._reports.knows(row):
            return
        name = _name(row)
        known = self.of(name)
        if known.over or _older(row, known.news):
            return
        known.news = row
        if known.external:
            self._report(known)
            return
        order = self._client.cache.order(ClientOrderId(name))
        if row["state"] == "rejected" and not known.accepted:
            known.over = True
            self._client.generate_order_rejected(order, "the broker rejected it", ns(row["done_at"]), False)
            return
        self._accept(known, order, str(row["ticket"]), ns(row["placed_at"]))
        self._change(known, row, order)
        self._finish(known, order)

    def deal(self, row: Row) -> None:
        """A deal was heard of."""
        if not self._reports.knows(row) or not row["order"]:
            return
        if row["entry"] == CLOSED_BY:
            self._closed_by(row)
            return
        name = _name(row, "order")
        known = self.of(name)
        number = str(row["ticket"])
        if number in known.trades:
            return
        known.trades.add(number)
        known.filled += Decimal(row["volume"])
        if known.external:
            known.untold.append(row)
            self._report(known)
            return
        order = self._client.cache.order(ClientOrderId(name))
        self._accept(known, order, str(row["order"]), ns(row["at"]))
        report = self._reports.fill(row, self._client.clock.timestamp_ns())
        self._client.generate_order_filled(
            order,
            report.venue_order_id,
            report.venue_position_id,
            report.trade_id,
            report.last_qty,
            report.last_px,
            self._reports.quote_currency(row["symbol"]),
            report.commission,
            report.liquidity_side,
            ns(row["at"]),
        )
        self._finish(known, order)

    def _closed_by(self, row: Row) -> None:
        """Tell of one of the two deals by which somebody closed two positions against each other."""
        known = self._known.setdefault(f"deal:{row['ticket']}", Known(external=True))
        if not known.over:
            known.over = True
            now = self._client.clock.timestamp_ns()
            self._hand_over(self._reports.closing(row, now), [self._reports.fill(row, now)])

    def accepted(self, client_order_id: str, ticket: int) -> None:
        """The terminal took an order and gave it a ticket."""
        known = self.of(client_order_id)
        if not known.external:
            order = self._client.cache.order(ClientOrderId(client_order_id))
            self._accept(known, order, str(ticket), self._client.clock.timestamp_ns())

    def never(self, client_order_id: str, reason: str) -> None:
        """It is proven that the broker does not have an order and never will."""
        known = self.of(client_order_id)
        if not known.over and not known.accepted and not known.external:
            known.over = True
            order = self._client.cache.order(ClientOrderId(client_order_id))
            self._client.generate_order_rejected(order, reason, self._client.clock.timestamp_ns(), False)

    def _from_cache(self, client_order_id: str) -> Known:
        order = self._client.cache.order(ClientOrderId(client_order_id))
        if order is None:
            return Known(external=True)
        contract = self._reports.contract(str(order.instrument_id.symbol))
        return Known(
            accepted=order.status not in NOT_ACCEPTED,
            triggered=order.status is OrderStatus.TRIGGERED,
            over=order.is_closed,
            trades={str(trade_id) for trade_id in order.trade_ids},
            filled=order.filled_qty.as_decimal() / contract,
        )

    def _accept(self, known: Known, order: Any, ticket: str, when: int) -> None:
        if not known.accepted:
            known.accepted = True
            self._client.generate_order_accepted(order, VenueOrderId(ticket), when)

    def _change(self, known: Known, row: Row, order: Any) -> None:
        if row["type"] == "market":
            return
        became_limit = (
            not known.triggered and order.order_type.name == "STOP_LIMIT" and row["type"] == "limit"
        )
        if became_limit and not known.over:
            known.triggered = True
            self._client.generate_order_triggered(
                order, VenueOrderId(str(row["ticket"])), self._client.clock.timestamp_ns()
            )
            known.shape = None
        shape = (row["price"], row["stop_limit"])
        settled = time.monotonic() - known.changed >= SETTLED_SECONDS
        if known.shape not in {None, shape}:
            if not settled:
                return
            self.updated(known, row, order)
        known.shape = shape

    def updated(self, known: Known, row: Row, order: Any) -> None:
        """Tell the engine of an order's new prices."""
        symbol = row["symbol"]
        price, trigger = row["price"], None
        if row["type"] == "stop":
            price, trigger = None, row["price"]
        elif row["type"] == "stop_limit":
            price, trigger = row["stop_limit"], row["price"]
        self._client.generate_order_updated(
            order,
            VenueOrderId(str(row["ticket"])),
            self._reports.quantity(symbol, row["volume"]),
            self._reports.price(symbol, price),
            self._reports.price(symbol, trigger),
            None,
            self._client.clock.timestamp_ns(),
        )
        known.shape = (row["price"], row["stop_limit"])

    def _finish(self, known: Known, order: Any) -> None:
        row = known.news
        if known.over or row is None or row["state"] not in FINAL or known.short:
            return
        known.over = True
        number = VenueOrderId(str(row["ticket"]))
        if row["state"] in {"canceled", "rejected"}:
            self._client.generate_order_canceled(order, number, ns(row["done_at"]))
        elif row["state"] == "expired":
            self._client.generate_order_expired(order, number, ns(row["done_at"]))

    def _report(self, known: Known) -> None:
        """Tell of an external order, once its row and its deals agree."""
        row = known.news
        if row is None or filled_lots(row) != known.filled:
            return
        known.accepted = True
        known.over = row["state"] in FINAL
        now = self._client.clock.timestamp_ns()
        fills, known.untold = [self._reports.fill(fill, now) for fill in known.untold], []
        self._hand_over(self._reports.order(row, now), fills)

    def _hand_over(self, report: OrderStatusReport, fills: list[FillReport]) -> None:
        self._client._handle_report(report, fills)  # noqa: SLF001 - there is no other name for it


def filled_lots(row: Row) -> Decimal:
    """What an order's row says was filled."""
    return Decimal(row["volume"]) - Decimal(row["left"])


def _name(row: Row, ticket: str = "ticket") -> str:
    return row.get("client_id") or f"ticket:{row[ticket]}"


def _older(row: Row, news: Row | None) -> bool:
    """Whether a row was read before one that is known: an order never fills less, nor comes back."""
    if news is None:
        return False
    ended = news["state"] in FINAL and row["state"] not in FINAL
    return ended or filled_lots(row) < filled_lots(news)
