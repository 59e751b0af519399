"""The engine's reports, as a venue's client gives them, in the words of `recovery`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework.journal.recovery import VenueFill, VenueOrder, VenueReports
from framework.journal.state import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal


def venue_reports(
    orders: Iterable[Any],
    fills: Iterable[Any],
    positions: Iterable[Any],
    *,
    venues: Iterable[str],
    not_found: Iterable[str] = (),
) -> VenueReports:
    """What the venues answered.

    Args:
        orders: The engine's `OrderStatusReport`s: every open order, and those asked for that were found.
        fills: The engine's `FillReport`s.
        positions: The engine's `PositionStatusReport`s; several of one instrument are added up.
        venues: Those that answered in full.
        not_found: Client order ids the venue was asked for and proved not to have.
    """
    held: dict[str, Decimal] = {}
    for position in positions:
        size = position.quantity.as_decimal()
        signed = -size if position.position_side.name == "SHORT" else size
        name = str(position.instrument_id)
        held[name] = held.get(name, ZERO) + signed
    return VenueReports(
        venues=frozenset(venues),
        orders=tuple(map(_order, orders)),
        fills=tuple(map(_fill, fills)),
        positions=held,
        not_found=frozenset(not_found),
    )


def _order(report: Any) -> VenueOrder:
    return VenueOrder(
        instrument_id=str(report.instrument_id),
        venue_order_id=str(report.venue_order_id),
        side=report.order_side.name if report.order_side else "",
        quantity=report.quantity.as_decimal(),
        filled=report.filled_qty.as_decimal(),
        status=report.order_status.name,
        client_order_id=str(report.client_order_id or ""),
    )


def _fill(report: Any) -> VenueFill:
    return VenueFill(
        instrument_id=str(report.instrument_id),
        trade_id=str(report.trade_id),
        venue_order_id=str(report.venue_order_id),
        side=report.order_side.name,
        quantity=report.last_qty.as_decimal(),
        price=str(report.last_px),
        ts=report.ts_event,
        client_order_id=str(report.client_order_id or ""),
        commission=str(report.commission),
    )
