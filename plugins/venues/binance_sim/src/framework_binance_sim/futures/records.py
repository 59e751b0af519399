"""Orders, conditional orders and fills of the account, and how REST and the user stream write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework_binance_sim.symbols import Symbol

ZERO = Decimal(0)
OPEN = ("NEW", "PARTIALLY_FILLED")
STATED = Decimal("1E-8")


def money(value: Decimal) -> str:
    """An amount of an asset, with eight decimals."""
    return format(value.quantize(STATED), "f")


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of the account; the attributes are those of Binance's own answers."""

    symbol: Symbol
    number: int
    client_id: str
    side: str
    position_side: str
    kind: str
    original_kind: str
    tif: str
    quantity: Decimal
    price: Decimal
    created: int
    updated: int
    reduce_only: bool = False
    close_position: bool = False
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    price_match: str = "NONE"
    good_till: int = 0
    activate: Decimal = ZERO
    callback: Decimal = ZERO
    status: str = "NEW"
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    amended: int = 0
    algo: int = 0
    expiry: str = "0"

    @property
    def left(self) -> Decimal:
        """What is not filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status in OPEN

    @property
    def average(self) -> str:
        """The mean price of what is filled."""
        places = max(5, self.symbol.price_decimals)
        mean = self.quote / self.filled if self.filled else ZERO
        return format(mean.quantize(Decimal(1).scaleb(-places)), "f")

    def body(self, *, acknowledged: bool = False) -> dict[str, Any]:
        """As REST writes it; an acknowledgement is of before anything filled."""
        symbol = self.symbol
        filled, quote = (ZERO, ZERO) if acknowledged else (self.filled, self.quote)
        row: dict[str, Any] = {
            "orderId": self.number,
            "symbol": symbol.symbol,
            "status": "NEW" if acknowledged else self.status,
            "clientOrderId": self.client_id,
            "price": symbol.price(self.price),
            "avgPrice": "0.00" if acknowledged else self.average,
            "origQty": symbol.size(self.quantity),
            "executedQty": symbol.size(filled),
            "cumQty": symbol.size(filled),
            "cumQuote": symbol.worth(quote),
            "timeInForce": self.tif,
            "type": self.kind,
            "reduceOnly": self.reduce_only,
            "closePosition": self.close_position,
            "side": self.side,
            "positionSide": self.position_side,
            "stopPrice": symbol.price(self.stop_price),
            "workingType": self.working_type,
            "priceProtect": False,
            "origType": self.original_kind,
            "priceMatch": self.price_match,
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": self.good_till,
            "time": self.created,
            "updateTime": self.updated,
        }
        if self.callback:
            row |= {"activatePrice": symbol.price(self.activate), "priceRate": format(self.callback, "f")}
        return row

    def event(self, execution: str, ms: int, fill: Fill | None = None) -> dict[str, Any]:
        """As ORDER_TRADE_UPDATE writes it."""
        symbol = self.symbol
        told: dict[str, Any] = {
            "s": symbol.symbol,
            "c": self.client_id,
            "S": self.side,
            "o": self.kind,
            "f": self.tif,
            "q": symbol.size(self.quantity),
            "p": symbol.price(self.price),
            "ap": self.average,
            "sp": symbol.price(self.stop_price),
            "x": execution,
            "X": self.status,
            "i": self.number,
            "l": symbol.size(fill.size if fill else ZERO),
            "z": symbol.size(self.filled),
            "L": symbol.price(fill.price if fill else ZERO),
            "n": money(fill.commission) if fill else "0",
            "N": fill.commission_asset if fill else symbol.quote,
            "T": ms,
            "t": fill.number if fill else 0,
            "b": "0",
            "a": "0",
            "m": fill.maker if fill else False,
            "R": self.reduce_only,
            "wt": self.working_type,
            "ot": self.original_kind,
            "ps": self.position_side,
            "cp": self.close_position,
            "rp": money(fill.realized) if fill else "0",
            "pP": False,
            "si": self.algo,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": self.price_match,
            "gtd": self.good_till,
            "er": self.expiry,
        }
        if self.callback:
            told |= {"AP": symbol.price(self.activate), "cr": format(self.callback, "f")}
        return {"e": "ORDER_TRADE_UPDATE", "E": ms, "T": ms, "o": told}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade of the account."""

    number: int
    order: int
    symbol: Symbol
    side: str
    position_side: str
    price: Decimal
    size: Decimal
    commission: Decimal
    commission_asset: str
    realized: Decimal
    maker: bool
    ms: int

    def body(self) -> dict[str, Any]:
        """As REST writes it."""
        return {
            "buyer": self.side == "BUY",
            "commission": money(self.commission),
            "commissionAsset": self.commission_asset,
            "id": self.number,
            "maker": self.maker,
            "orderId": self.order,
            "price": self.symbol.price(self.price),
            "qty": self.symbol.size(self.size),
            "quoteQty": self.symbol.worth(self.price * self.size),
            "realizedPnl": money(self.realized),
            "side": self.side,
            "positionSide": self.position_side,
            "symbol": self.symbol.symbol,
            "time": self.ms,
        }


@dataclass(slots=True, kw_only=True)
class Algo:
    """A conditional order, which becomes an order when its price is reached.

    Attributes:
        extreme: A trailing stop's best price since it is active; None before.
        actual: The number of the order it became.
    """

    symbol: Symbol
    number: int
    client_id: str
    side: str
    position_side: str
    kind: str
    tif: str
    quantity: Decimal
    price: Decimal
    trigger: Decimal
    working_type: str
    created: int
    updated: int
    reduce_only: bool = False
    close_position: bool = False
    price_match: str = "NONE"
    good_till: int = 0
    activate: Decimal = ZERO
    callback: Decimal = ZERO
    status: str = "NEW"
    extreme: Decimal | None = None
    triggered: int = 0
    actual: int = 0
    order: Order | None = field(default=None)

    def body(self) -> dict[str, Any]:
        """As REST writes it."""
        symbol, order = self.symbol, self.order
        row: dict[str, Any] = {
            "algoId": self.number,
            "clientAlgoId": self.client_id,
            "algoType": "CONDITIONAL",
            "orderType": self.kind,
            "symbol": symbol.symbol,
            "side": self.side,
            "positionSide": self.position_side,
            "timeInForce": self.tif,
            "quantity": symbol.size(self.quantity),
            "algoStatus": self.status,
            "actualOrderId": str(self.actual) if self.actual else "",
            "actualPrice": order.average if order else "0.00000",
            "triggerPrice": symbol.price(self.trigger),
            "price": symbol.price(self.price),
            "icebergQuantity": None,
            "tpTriggerPrice": "0.000",
            "tpPrice": "0.000",
            "slTriggerPrice": "0.000",
            "slPrice": "0.000",
            "tpOrderType": "",
            "selfTradePreventionMode": "EXPIRE_MAKER",
            "workingType": self.working_type,
            "priceMatch": self.price_match,
            "closePosition": self.close_position,
            "priceProtect": False,
            "reduceOnly": self.reduce_only,
            "createTime": self.created,
            "updateTime": self.updated,
            "triggerTime": self.triggered,
            "goodTillDate": self.good_till,
        }
        if self.callback:
            row |= {"activatePrice": symbol.price(self.activate), "callbackRate": format(self.callback, "f")}
        return row

    def event(self, ms: int, reason: str = "") -> dict[str, Any]:
        """As ALGO_UPDATE writes it."""
        symbol, order = self.symbol, self.order
        told: dict[str, Any] = {
            "caid": self.client_id,
            "aid": self.number,
            "at": "CONDITIONAL",
            "o": self.kind,
            "s": symbol.symbol,
            "S": self.side,
            "ps": self.position_side,
            "f": self.tif,
            "q": symbol.size(self.quantity),
            "X": self.status,
            "ai": str(self.actual) if self.actual else "",
            "ap": order.average if order else "0.00000",
            "aq": symbol.size(order.filled if order else ZERO),
            "act": order.kind if order else "0",
            "tp": symbol.price(self.trigger),
            "p": symbol.price(self.price),
            "V": "EXPIRE_MAKER",
            "wt": self.working_type,
            "pm": self.price_match,
            "cp": self.close_position,
            "pP": False,
            "R": self.reduce_only,
            "tt": self.triggered,
            "gtd": self.good_till,
            "rm": reason,
        }
        if self.callback:
            told |= {"AP": symbol.price(self.activate), "cr": format(self.callback, "f")}
        return {"e": "ALGO_UPDATE", "E": ms, "T": ms, "o": told}
