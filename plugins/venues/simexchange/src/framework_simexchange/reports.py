"""The exchange's orders, fills and positions as the engine's reports."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    AccountBalance,
    ClientOrderId,
    Currency,
    FillReport,
    InstrumentId,
    LiquiditySide,
    Money,
    OrderSide,
    OrderStatus,
    OrderStatusReport,
    PositionId,
    PositionSide,
    PositionStatusReport,
    Price,
    Quantity,
    TradeId,
    TriggerType,
    VenueOrderId,
)

from framework_simexchange.constants import ORDER_TYPE_OF, TIME_IN_FORCE_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model import AccountId

type Row = Mapping[str, Any]

_FINAL = {
    "REJECTED": OrderStatus.REJECTED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
}


class Reports:
    """Writes reports for one account.

    Args:
        account_id: The account.
        listed: The engine's instruments, by the exchange's symbol.
    """

    def __init__(self, account_id: AccountId, listed: Mapping[str, Any]) -> None:
        self._account_id = account_id
        self._listed = listed

    def instrument_id(self, symbol: str) -> InstrumentId:
        """The engine's name of a symbol."""
        found: InstrumentId = self._listed[symbol].id
        return found

    def price(self, symbol: str, text: str | None) -> Price | None:
        """A price of a symbol."""
        precision = self._listed[symbol].price_precision
        return None if text is None else Price.from_decimal_dp(Decimal(text), precision)

    def quantity(self, symbol: str, text: str) -> Quantity:
        """A quantity of a symbol."""
        return Quantity.from_decimal_dp(abs(Decimal(text)), self._listed[symbol].size_precision)

    def order(self, row: Row, now_ns: int) -> OrderStatusReport:
        """An order's report."""
        symbol, filled = row["symbol"], Decimal(row["filled"])
        trigger = row["trigger_price"]
        return OrderStatusReport(
            self._account_id,
            self.instrument_id(symbol),
            VenueOrderId(str(row["number"])),
            OrderSide.BUY if row["side"] == "BUY" else OrderSide.SELL,
            ORDER_TYPE_OF[row["type"]],
            TIME_IN_FORCE_OF[row["tif"]],
            status(row),
            self.quantity(symbol, row["quantity"]),
            self.quantity(symbol, row["filled"]),
            row["accepted_ns"],
            row["changed_ns"],
            now_ns,
            client_order_id=ClientOrderId(row["client_order_id"]),
            venue_position_id=None if row["position_id"] is None else PositionId(row["position_id"]),
            expire_time=row["expire_ns"],
            price=self.price(symbol, row["price"]),
            trigger_price=self.price(symbol, trigger),
            trigger_type=None if trigger is None else TriggerType.BID_ASK,
            avg_px=Decimal(row["paid"]) / filled if filled else None,
            post_only=row["post_only"],
            reduce_only=row["reduce_only"],
            cancel_reason=row["reason"],
            ts_triggered=row["changed_ns"] if row["triggered"] else None,
        )

    def fill(self, row: Row, now_ns: int) -> FillReport:
        """A trade's report."""
        symbol = row["symbol"]
        price = self.price(symbol, row["price"])
        assert price is not None  # noqa: S101 - a fill has a price
        return FillReport(
            self._account_id,
            self.instrument_id(symbol),
            VenueOrderId(str(row["number"])),
            TradeId(row["trade_id"]),
            OrderSide.BUY if row["side"] == "BUY" else OrderSide.SELL,
            self.quantity(symbol, row["quantity"]),
            price,
            money(row["fee"], row["currency"]),
            LiquiditySide.MAKER if row["maker"] else LiquiditySide.TAKER,
            row["ts_ns"],
            now_ns,
            client_order_id=ClientOrderId(row["client_order_id"]),
            venue_position_id=None if row["position_id"] is None else PositionId(row["position_id"]),
        )

    def position(self, row: Row, now_ns: int, *, hedging: bool) -> PositionStatusReport:
        """A position's report."""
        size = Decimal(row["quantity"])
        return PositionStatusReport(
            self._account_id,
            self.instrument_id(row["symbol"]),
            PositionSide.LONG if size > 0 else PositionSide.SHORT if size < 0 else PositionSide.FLAT,
            self.quantity(row["symbol"], row["quantity"]),
            row["changed_ns"],
            now_ns,
            venue_position_id=PositionId(row["position_id"]) if hedging else None,
            avg_px_open=Decimal(row["average"]) if size else None,
        )


def balances(message: Row) -> list[AccountBalance]:
    """The account's balances; what is held back never shows as more than there is."""
    found = []
    for currency, row in message["balances"].items():
        total = Decimal(row["total"])
        used = min(Decimal(row["used"]), max(total, Decimal(0)))
        found.append(
            AccountBalance(money(total, currency), money(used, currency), money(total - used, currency))
        )
    return found


def money(amount: str | Decimal, currency: str) -> Money:
    """An amount of a currency."""
    return Money.from_decimal(Decimal(amount), Currency.from_str(currency))


def status(row: Row) -> OrderStatus:
    """The engine's word for where an order is."""
    if row["status"] in _FINAL:
        return _FINAL[row["status"]]
    if Decimal(row["filled"]):
        return OrderStatus.PARTIALLY_FILLED
    if row["triggered"] and row["type"] == "STOP_LIMIT":
        return OrderStatus.TRIGGERED
    return OrderStatus.ACCEPTED
