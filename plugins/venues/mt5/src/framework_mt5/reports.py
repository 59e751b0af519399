"""The server's orders, deals and positions as the engine's reports."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    AccountBalance,
    AccountId,
    ClientOrderId,
    Currency,
    FillReport,
    InstrumentId,
    LiquiditySide,
    MarginBalance,
    Money,
    OrderSide,
    OrderStatus,
    OrderStatusReport,
    OrderType,
    PositionId,
    PositionSide,
    PositionStatusReport,
    Price,
    Quantity,
    TimeInForce,
    TradeId,
    TriggerType,
    VenueOrderId,
)

from framework_mt5.constants import CLOSED_BY, ORDER_TYPE_OF, TIME_IN_FORCE_OF
from framework_mt5.rest import ns

if TYPE_CHECKING:
    from collections.abc import Mapping

type Row = Mapping[str, Any]


class Reports:
    """Writes reports for one account.

    Args:
        account_id: The account.
        listed: The engine's instruments, by the broker's symbol.
        hedging: Whether deals belong to positions by ticket.
    """

    def __init__(self, account_id: AccountId, listed: Mapping[str, Any], *, hedging: bool) -> None:
        self._account_id = account_id
        self._listed = listed
        self._hedging = hedging
        self.currency = "USD"

    def knows(self, row: Row) -> bool:
        """Whether a row is of an order or a deal that the engine can take in."""
        return row["symbol"] in self._listed and row["side"] in {"buy", "sell"}

    def instrument_id(self, symbol: str) -> InstrumentId:
        """The engine's name of a symbol."""
        found: InstrumentId = self._listed[symbol].id
        return found

    def price(self, symbol: str, text: str | None) -> Price | None:
        """A price of a symbol."""
        precision = self._listed[symbol].price_precision
        return None if text is None else Price.from_decimal_dp(Decimal(text), precision)

    def quantity(self, symbol: str, lots: str | Decimal) -> Quantity:
        """Lots of a symbol as units."""
        found = self._listed[symbol]
        return Quantity.from_decimal_dp(Decimal(lots) * contract_of(found), found.size_precision)

    def contract(self, symbol: str) -> Decimal:
        """Units in a lot of a symbol."""
        return contract_of(self._listed[symbol])

    def quote_currency(self, symbol: str) -> Currency:
        """What a symbol is quoted in."""
        found: Currency = self._listed[symbol].quote_currency
        return found

    def position_id(self, row: Row) -> PositionId | None:
        """The position that a row belongs to, where positions have names."""
        number = row["position"] if "position" in row else row["identifier"]
        return PositionId(str(number)) if self._hedging and number else None

    def order(self, row: Row, now_ns: int) -> OrderStatusReport:
        """An order's report."""
        symbol, kind = row["symbol"], row["type"]
        name, trigger = row.get("client_id"), None
        price = row["price"]
        if kind == "stop":
            price, trigger = None, row["price"]
        elif kind == "stop_limit":
            price, trigger = row["stop_limit"], row["price"]
        expires = ns(row["expiration"])
        filled = Decimal(row["volume"]) - Decimal(row["left"])
        placed = ns(row["placed_at"])
        return OrderStatusReport(
            self._account_id,
            self.instrument_id(symbol),
            VenueOrderId(str(row["ticket"])),
            side(row),
            ORDER_TYPE_OF[kind],
            TIME_IN_FORCE_OF.get(row["time"], TIME_IN_FORCE_OF["gtc"]),
            status(row),
            self.quantity(symbol, row["volume"]),
            self.quantity(symbol, filled),
            placed,
            ns(row["done_at"]) or placed,
            now_ns,
            client_order_id=None if name is None else ClientOrderId(name),
            venue_position_id=self.position_id(row),
            expire_time=expires or None,
            price=None if kind == "market" else self.price(symbol, price),
            trigger_price=self.price(symbol, trigger),
            trigger_type=None if trigger is None else TriggerType.BID_ASK,
            avg_px=Decimal(row["price"]) if filled and row["price"] else None,
            post_only=row["filling"] == "boc",
        )

    def fill(self, row: Row, now_ns: int) -> FillReport:
        """A deal's report; swap and fee are part of its commission."""
        symbol = row["symbol"]
        price = self.price(symbol, row["price"])
        assert price is not None  # noqa: S101 - a deal has a price
        name = None if row["entry"] == CLOSED_BY else row.get("client_id")
        return FillReport(
            self._account_id,
            self.instrument_id(symbol),
            order_number(row),
            TradeId(str(row["ticket"])),
            side(row),
            self.quantity(symbol, row["volume"]),
            price,
            self.cost(row),
            LiquiditySide.TAKER,
            ns(row["at"]),
            now_ns,
            client_order_id=None if name is None else ClientOrderId(name),
            venue_position_id=self.position_id(row),
        )

    def closing(self, row: Row, now_ns: int) -> OrderStatusReport:
        """The order of one of the two deals of a close-by, as a market order that is filled."""
        symbol, at = row["symbol"], ns(row["at"])
        size = self.quantity(symbol, row["volume"])
        return OrderStatusReport(
            self._account_id,
            self.instrument_id(symbol),
            order_number(row),
            side(row),
            OrderType.MARKET,
            TimeInForce.GTC,
            OrderStatus.FILLED,
            size,
            size,
            at,
            at,
            now_ns,
            venue_position_id=self.position_id(row),
            avg_px=Decimal(row["price"]),
        )

    def position(self, row: Row, now_ns: int) -> PositionStatusReport:
        """A position's report."""
        return PositionStatusReport(
            self._account_id,
            self.instrument_id(row["symbol"]),
            PositionSide.LONG if row["side"] == "buy" else PositionSide.SHORT,
            self.quantity(row["symbol"], row["volume"]),
            ns(row["changed_at"]),
            now_ns,
            venue_position_id=self.position_id(row),
            avg_px_open=Decimal(row["price"]),
        )

    def cost(self, row: Row) -> Money:
        """What a deal has cost besides its price, in the account's currency; the broker writes -cost."""
        total = sum((Decimal(row[name]) for name in ("commission", "swap", "fee")), Decimal(0))
        return Money.from_decimal(-total, Currency.from_str(self.currency))


def contract_of(listed: Any) -> Decimal:
    """Units in a lot."""
    return Decimal(listed.info["contract_size"])


def order_number(row: Row) -> VenueOrderId:
    """The order of a deal; the two deals of a close-by have opposite sides, and each has its own."""
    return VenueOrderId(f"{row['order']}-{row['ticket']}" if row["entry"] == CLOSED_BY else str(row["order"]))


def side(row: Row) -> OrderSide:
    """Buy or sell."""
    return OrderSide.BUY if row["side"] == "buy" else OrderSide.SELL


def status(row: Row) -> OrderStatus:
    """The engine's word for where an order is."""
    filled, left = Decimal(row["volume"]) - Decimal(row["left"]), Decimal(row["left"])
    match row["state"]:
        case "filled":
            return OrderStatus.FILLED
        case "canceled":
            return OrderStatus.CANCELED
        case "rejected":
            return OrderStatus.REJECTED
        case "expired":
            return OrderStatus.EXPIRED
        case _:
            return OrderStatus.PARTIALLY_FILLED if filled and left else OrderStatus.ACCEPTED


def balances(account: Row) -> tuple[list[AccountBalance], list[MarginBalance]]:
    """The account's money; what is held back never shows as more than there is."""
    currency = Currency.from_str(account["currency"])
    total = Decimal(account["balance"]) + Decimal(account["credit"])
    used = min(Decimal(account["margin"]), max(total, Decimal(0)))
    money = [Money.from_decimal(amount, currency) for amount in (total, used, total - used)]
    return [AccountBalance(*money)], []
