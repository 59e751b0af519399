"""Orders, order lists and fills of the account, and how REST and the account's events write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework_binance_sim.symbols import Symbol

ZERO = Decimal(0)
STATED = Decimal("1E-8")
OPEN = ("NEW", "PARTIALLY_FILLED")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
TAKES = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
ALGOS = (*STOPS, *TAKES)
NOT_WORKING = -1
NO_LIST = -1


def money(value: Decimal) -> str:
    """An amount of an asset, with eight decimals."""
    return format(value.quantize(STATED), "f")


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of the account; the attributes are those of Binance's own answers.

    Attributes:
        working: When it came on the book; -1 while it waits for its stop price.
        reserved: What is locked for it, of the asset that it gives away.
        group: The order list it belongs to.
        reason: Why it expired.
    """

    symbol: Symbol
    number: int
    client_id: str
    side: str
    kind: str
    tif: str
    quantity: Decimal
    price: Decimal
    created: int
    updated: int
    stop_price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    strategy_id: int | None = None
    strategy_type: int | None = None
    prevention: str = "NONE"
    status: str = "NEW"
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    working: int = NOT_WORKING
    reserved: Decimal = ZERO
    group: OrderList | None = None
    reason: str = ""
    fills: list[Fill] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN

    @property
    def waits(self) -> bool:
        """Whether it waits for its stop price."""
        return self.kind in ALGOS and self.working == NOT_WORKING

    @property
    def rises(self) -> bool:
        """Whether it waits for the price to rise."""
        return (self.side == "BUY") is (self.kind in STOPS)

    @property
    def gives(self) -> str:
        """The asset that it gives away."""
        return self.symbol.quote if self.side == "BUY" else self.symbol.base

    @property
    def list_number(self) -> int:
        """Its order list, or -1."""
        return NO_LIST if self.group is None else self.group.number

    def acknowledgement(self) -> dict[str, Any]:
        """As an answer of kind ACK writes it."""
        return {
            "symbol": self.symbol.symbol,
            "orderId": self.number,
            "orderListId": self.list_number,
            "clientOrderId": self.client_id,
            "transactTime": self.updated,
        }

    def result(self) -> dict[str, Any]:
        """As an answer of kind RESULT writes it."""
        return {**self.acknowledgement(), **self._facts(), "workingTime": self.working, **self._more()}

    def full(self) -> dict[str, Any]:
        """As an answer of kind FULL writes it."""
        return {**self.result(), "fills": [fill.part() for fill in self.fills]}

    def cancelled(self, cancel_id: str) -> dict[str, Any]:
        """As the answer to a cancellation writes it."""
        head = {**self.acknowledgement(), "origClientOrderId": self.client_id, "clientOrderId": cancel_id}
        return {**head, **self._facts(), **self._more()}

    def body(self) -> dict[str, Any]:
        """As a query writes it."""
        row = {**self.acknowledgement(), **self._facts()}
        del row["transactTime"]
        stop = {"stopPrice": self.symbol.price(self.stop_price), "icebergQty": self.symbol.size(ZERO)}
        times = {"time": self.created, "updateTime": self.updated, "workingTime": self.working}
        return {**row, **self._more(), **stop, **times, "isWorking": self.working != NOT_WORKING}

    def event(self, execution: str, number: int, fill: Fill | None, cancel_id: str) -> dict[str, Any]:
        """As executionReport writes it; `number` is the execution's own."""
        symbol, ms = self.symbol, self.updated
        told: dict[str, Any] = {
            "e": "executionReport",
            "E": ms,
            "s": symbol.symbol,
            "c": cancel_id or self.client_id,
            "S": self.side,
            "o": self.kind,
            "f": self.tif,
            "q": symbol.size(self.quantity),
            "p": symbol.price(self.price),
            "P": symbol.price(self.stop_price),
            "F": symbol.size(ZERO),
            "g": self.list_number,
            "C": self.client_id if cancel_id else "",
            "x": execution,
            "X": self.status,
            "r": "NONE",
            "i": self.number,
            "l": symbol.size(fill.size if fill else ZERO),
            "z": symbol.size(self.filled),
            "L": symbol.price(fill.price if fill else ZERO),
            "n": money(fill.commission) if fill else "0",
            "N": fill.commission_asset if fill else None,
            "T": ms,
            "t": fill.number if fill else -1,
            "I": number,
            "w": self.is_open and self.working != NOT_WORKING,
            "m": fill.maker if fill else False,
            "M": False,
            "O": self.created,
            "Z": symbol.worth(self.quote),
            "Y": symbol.worth(fill.price * fill.size if fill else ZERO),
            "Q": symbol.worth(self.quote_quantity),
            "V": self.prevention,
        }
        if self.working != NOT_WORKING:
            told["W"] = self.working
        return told | _given(j=self.strategy_id, J=self.strategy_type, eR=self.reason or None)

    def _facts(self) -> dict[str, Any]:
        symbol = self.symbol
        return {
            "price": symbol.price(self.price),
            "origQty": symbol.size(self.quantity),
            "executedQty": symbol.size(self.filled),
            "origQuoteOrderQty": symbol.worth(self.quote_quantity),
            "cummulativeQuoteQty": symbol.worth(self.quote),
            "status": self.status,
            "timeInForce": self.tif,
            "type": self.kind,
            "side": self.side,
        }

    def _more(self) -> dict[str, Any]:
        row: dict[str, Any] = {"selfTradePreventionMode": self.prevention}
        if self.kind in ALGOS:
            row["stopPrice"] = self.symbol.price(self.stop_price)
        return row | _given(
            strategyId=self.strategy_id, strategyType=self.strategy_type, expiryReason=self.reason or None
        )


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade of the account."""

    number: int
    order: Order
    price: Decimal
    size: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    ms: int

    def part(self) -> dict[str, Any]:
        """As the answer to an order writes it."""
        symbol = self.order.symbol
        return {
            "price": symbol.price(self.price),
            "qty": symbol.size(self.size),
            "commission": money(self.commission),
            "commissionAsset": self.commission_asset,
            "tradeId": self.number,
        }

    def body(self) -> dict[str, Any]:
        """As a query writes it."""
        order, symbol = self.order, self.order.symbol
        return {
            "symbol": symbol.symbol,
            "id": self.number,
            "orderId": order.number,
            "orderListId": order.list_number,
            "price": symbol.price(self.price),
            "qty": symbol.size(self.size),
            "quoteQty": symbol.worth(self.price * self.size),
            "commission": money(self.commission),
            "commissionAsset": self.commission_asset,
            "time": self.ms,
            "isBuyer": order.side == "BUY",
            "isMaker": self.maker,
            "isBestMatch": True,
        }


@dataclass(slots=True, kw_only=True)
class OrderList:
    """Two orders of which one cancels the other.

    Attributes:
        done: Neither of them is open any more.
    """

    symbol: Symbol
    number: int
    client_id: str
    orders: list[Order]
    updated: int
    done: bool = False

    def other(self, order: Order) -> Order:
        """The one that is not `order`."""
        first, second = self.orders
        return second if order is first else first

    def body(self) -> dict[str, Any]:
        """As REST writes it."""
        kind, status = ("ALL_DONE", "ALL_DONE") if self.done else ("EXEC_STARTED", "EXECUTING")
        return {
            "orderListId": self.number,
            "contingencyType": "OCO",
            "listStatusType": kind,
            "listOrderStatus": status,
            "listClientOrderId": self.client_id,
            "transactionTime": self.updated,
            "symbol": self.symbol.symbol,
            "orders": [
                {"symbol": self.symbol.symbol, "orderId": o.number, "clientOrderId": o.client_id}
                for o in self.orders
            ],
        }

    def event(self, ms: int) -> dict[str, Any]:
        """As listStatus writes it."""
        row = self.body()
        return {
            "e": "listStatus",
            "E": ms,
            "s": self.symbol.symbol,
            "g": self.number,
            "c": "OCO",
            "l": row["listStatusType"],
            "L": row["listOrderStatus"],
            "r": "NONE",
            "C": self.client_id,
            "T": ms,
            "O": [{"s": self.symbol.symbol, "i": o.number, "c": o.client_id} for o in self.orders],
        }
