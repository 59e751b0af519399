"""What is proven about each order, and the engine's events that follow from it: each once, in a legal order.

News comes over the stream and in answers to requests; late, twice, out of order, or not at all. An order's
row has a version, so that an older one is recognised; a trade has an id, so that it is booked once; and an
order is only said to be over when every trade it had has been told.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ClientOrderId, Currency, OrderStatus, VenueOrderId

from framework_simexchange.constants import POST_ONLY

if TYPE_CHECKING:
    from nautilus_trader.live.clients import ExecutionClient

    from framework_simexchange.reports import Reports, Row

ZERO = Decimal(0)
NOT_ACCEPTED = {OrderStatus.INITIALIZED, OrderStatus.SUBMITTED, OrderStatus.RELEASED}


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of one order.

    Attributes:
        version: Of the newest row that was told.
        accepted: The engine has been told that the exchange has it.
        triggered: The engine has been told that its trigger was reached.
        over: The engine has been told that nothing of it can happen any more.
        external: It is not an order of this node; the engine hears of it by reports.
        shape: Quantity, price and trigger price as the engine knows them.
        trades: The ids of the trades that the engine knows.
        filled: What they come to.
        news: The newest row.
        untold: Trades of an external order that no report has carried yet.
        cancel: Somebody wants it cancelled, and it is not known yet whether it exists.
        lock: Held while a request about it is under way.
    """

    version: int = 0
    accepted: bool = False
    triggered: bool = False
    over: bool = False
    external: bool = False
    shape: tuple[Decimal, Decimal | None, Decimal | None] | None = None
    trades: set[str] = field(default_factory=set)
    filled: Decimal = ZERO
    news: Row | None = None
    untold: list[Row] = field(default_factory=list)
    cancel: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def short(self) -> bool:
        """Whether the exchange has filled more than the trades that were heard of."""
        return self.news is not None and Decimal(self.news["filled"]) > self.filled


class Knowledge:
    """Turns rows into events of one execution client."""

    def __init__(self, client: ExecutionClient, reports: Reports) -> None:
        self._client = client
        self._reports = reports
        self._known: dict[str, Known] = {}

    def of(self, client_order_id: str) -> Known:
        """What is known of an order, beginning with what the engine's cache has."""
        known = self._known.get(client_order_id)
        if known is None:
            known = self._known[client_order_id] = self._from_cache(client_order_id)
        return known

    def short(self) -> list[str]:
        """Orders of which trades are missing."""
        return [name for name, known in self._known.items() if known.short]

    def order(self, row: Row) -> None:
        """An order's row was heard."""
        known = self.of(row["client_order_id"])
        if row["version"] <= known.version:
            return
        known.version, known.news = row["version"], row
        if known.external:
            self._report(known)
            return
        order = self._client.cache.order(ClientOrderId(row["client_order_id"]))
        if row["status"] == "REJECTED":
            if not known.over:
                known.over = True
                reason = str(row["reason"])
                self._client.generate_order_rejected(
                    order, reason, row["changed_ns"], reason.startswith(POST_ONLY)
                )
            return
        self._accept(known, row, order)
        self._change(known, row, order)
        self._finish(known, order)

    def fill(self, row: Row) -> None:
        """A trade was heard of."""
        known = self.of(row["client_order_id"])
        if row["trade_id"] in known.trades:
            return
        if known.external:
            self._count(known, row)
            known.untold.append(row)
            self._report(known)
            return
        order = self._client.cache.order(ClientOrderId(row["client_order_id"]))
        self._accept(known, row, order)
        self._count(known, row)
        report = self._reports.fill(row, self._client.clock.timestamp_ns())
        self._client.generate_order_filled(
            order,
            report.venue_order_id,
            report.venue_position_id,
            report.trade_id,
            report.last_qty,
            report.last_px,
            Currency.from_str(row["currency"]),
            report.commission,
            report.liquidity_side,
            row["ts_ns"],
        )
        self._finish(known, order)

    def never(self, client_order_id: str, reason: str) -> None:
        """It is proven that the exchange does not have an order and never will."""
        known = self.of(client_order_id)
        if not known.over and not known.accepted:
            known.over = True
            order = self._client.cache.order(ClientOrderId(client_order_id))
            self._client.generate_order_rejected(order, reason, self._client.clock.timestamp_ns(), False)

    def _from_cache(self, client_order_id: str) -> Known:
        order = self._client.cache.order(ClientOrderId(client_order_id))
        if order is None:
            return Known(external=True)
        return Known(
            # That its cancellation was asked for does not prove that it ever arrived.
            accepted=order.status not in NOT_ACCEPTED and order.venue_order_id is not None,
            triggered=order.status is OrderStatus.TRIGGERED,
            over=order.is_closed,
            trades={str(trade_id) for trade_id in order.trade_ids},
            filled=order.filled_qty.as_decimal(),
        )

    def _accept(self, known: Known, row: Row, order: Any) -> None:
        if not known.accepted:
            known.accepted = True
            when = row.get("accepted_ns", row.get("ts_ns"))
            self._client.generate_order_accepted(order, VenueOrderId(str(row["number"])), when)

    def _change(self, known: Known, row: Row, order: Any) -> None:
        shape = _shape(row)
        if known.shape not in {None, shape} and not known.over:
            symbol = row["symbol"]
            self._client.generate_order_updated(
                order,
                VenueOrderId(str(row["number"])),
                self._reports.quantity(symbol, row["quantity"]),
                self._reports.price(symbol, row["price"]),
                self._reports.price(symbol, row["trigger_price"]),
                None,
                row["changed_ns"],
            )
        known.shape = shape
        if row["triggered"] and not known.triggered and not known.over:
            known.triggered = True
            if row["type"] == "STOP_LIMIT":
                self._client.generate_order_triggered(
                    order, VenueOrderId(str(row["number"])), row["changed_ns"]
                )

    def _finish(self, known: Known, order: Any) -> None:
        row = known.news
        if known.over or row is None or row["status"] == "OPEN" or known.short:
            return
        known.over = True
        number = VenueOrderId(str(row["number"]))
        if row["status"] == "CANCELED":
            self._client.generate_order_canceled(order, number, row["changed_ns"])
        elif row["status"] == "EXPIRED":
            self._client.generate_order_expired(order, number, row["changed_ns"])

    def _report(self, known: Known) -> None:
        """Tell of an external order, once its row and its trades agree."""
        row = known.news
        if row is None or Decimal(row["filled"]) != known.filled:
            return
        known.accepted = True
        known.over = row["status"] != "OPEN"
        now = self._client.clock.timestamp_ns()
        fills, known.untold = [self._reports.fill(fill, now) for fill in known.untold], []
        self._client._handle_report(self._reports.order(row, now), fills)  # noqa: SLF001 - there is no other name for it

    @staticmethod
    def _count(known: Known, row: Row) -> None:
        if row["trade_id"] not in known.trades:
            known.trades.add(row["trade_id"])
            known.filled += Decimal(row["quantity"])


def _shape(row: Row) -> tuple[Decimal, Decimal | None, Decimal | None]:
    price, trigger = row["price"], row["trigger_price"]
    return (
        Decimal(row["quantity"]),
        None if price is None else Decimal(price),
        None if trigger is None else Decimal(trigger),
    )
