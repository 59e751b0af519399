"""What an order must be before the exchange takes it: its parameters and the symbol's filters."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from framework_binance_sim.refusals import Refused, missing, neither, unwanted
from framework_binance_sim.spot.records import ALGOS, ZERO, Order
from framework_binance_sim.symbols import decimals

if TYPE_CHECKING:
    from decimal import Decimal

    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol

TIMES = ("GTC", "IOC", "FOK")
KINDS = ("LIMIT", "LIMIT_MAKER", "MARKET", *ALGOS)
WITH_TIME = ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
WITH_PRICE = (*WITH_TIME, "LIMIT_MAKER")
PREVENTIONS = ("NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
PRECISION = 8
LEAST_STRATEGY_TYPE = 1_000_000
BAD_SIDE = (-1117, "Invalid side.")
BAD_KIND = (-1116, "Invalid orderType.")
BAD_TIME = (-1115, "Invalid timeInForce.")
UNSUPPORTED = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
    "pegPriceType": "Pegged orders are not supported for this symbol.",
}


def new_order(params: Params, symbol: Symbol, ms: int) -> Order:
    """An order of a request, when its parameters fit together and pass the filters that need no account.

    Raises:
        Refused: With the exchange's code for what is wrong.
    """
    side = params.choice("side", ("BUY", "SELL"), BAD_SIDE)
    kind = params.choice("type", KINDS, BAD_KIND)
    for name, text in UNSUPPORTED.items():
        if params.maybe(name) not in {None, "0"}:
            raise Refused((-2010, text))
    order = Order(
        symbol=symbol,
        number=0,
        client_id=params.matched("newClientOrderId", CLIENT_ID) or made_up(),
        side=side,
        kind=kind,
        tif=_time(params, kind),
        quantity=ZERO,
        price=_price(params, "price", needed=kind in WITH_PRICE),
        created=ms,
        updated=ms,
        stop_price=_price(params, "stopPrice", needed=kind in ALGOS),
        strategy_id=params.maybe_whole("strategyId"),
        strategy_type=params.maybe_whole("strategyType"),
        prevention=params.choice(
            "selfTradePreventionMode",
            PREVENTIONS,
            (-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
            "NONE",
        ),
    )
    if order.strategy_type is not None and order.strategy_type < LEAST_STRATEGY_TYPE:
        raise Refused((-1134, "`strategyType` was less than 1000000."))
    if kind == "MARKET" and "quoteOrderQty" in params:
        if "quantity" in params:
            raise unwanted("quantity")
        order.quote_quantity = _amount(params, "quoteOrderQty", "Invalid quote order quantity.")
    else:
        if "quoteOrderQty" in params:
            raise unwanted("quoteOrderQty")
        if kind == "MARKET" and "quantity" not in params:
            raise neither("quantity", "quoteOrderQty")
        order.quantity = _amount(params, "quantity", "Invalid quantity.")
    return order


def made_up() -> str:
    """A client order id for an order that came without one."""
    return secrets.token_urlsafe(16)[:22]


def _time(params: Params, kind: str) -> str:
    if kind in WITH_TIME:
        return params.choice("timeInForce", TIMES, BAD_TIME)
    if "timeInForce" in params:
        raise Refused((-1114, "TimeInForce parameter sent when not required."))
    return "GTC"


def _price(params: Params, name: str, *, needed: bool) -> Decimal:
    if not needed:
        if params.maybe_decimal(name) is not None:
            raise unwanted(name)
        return ZERO
    if name == "stopPrice" and name not in params:
        raise neither("stopPrice", "trailingDelta")
    return _amount(params, name, "Invalid price." if name == "price" else "Invalid stopPrice.")


def _amount(params: Params, name: str, nothing: str) -> Decimal:
    value = params.decimal(name)
    if decimals(value) > PRECISION:
        raise Refused((-1111, f"Parameter '{name}' has too much precision."))
    if not value:
        raise Refused((-1013, nothing))
    return value


def check_filters(order: Order, mean: Decimal) -> None:
    """PRICE_FILTER, PERCENT_PRICE_BY_SIDE, LOT_SIZE, MARKET_LOT_SIZE and NOTIONAL.

    Args:
        order: What is checked.
        mean: The mean price of the last minutes.

    Raises:
        Refused: With the name of the filter.
    """
    symbol = order.symbol
    for price in (order.price, order.stop_price):
        if price:
            _check_price(symbol, price)
    if order.price:
        _check_percent(order, mean)
    if order.quantity:
        _check_quantity(symbol, order.quantity, market=order.kind == "MARKET")
    worth = order.quote_quantity or order.quantity * (order.price or order.stop_price or mean)
    most = symbol.max_notional if order.kind != "MARKET" else ZERO  # applyMaxToMarket is false
    if worth < symbol.min_notional or (most and worth > most):
        raise failed("NOTIONAL")


def failed(name: str) -> Refused:
    """A filter that does not let an order pass."""
    return Refused((-1013, f"Filter failure: {name}"))


def _check_price(symbol: Symbol, price: Decimal) -> None:
    outside = (symbol.min_price and price < symbol.min_price) or (
        symbol.max_price and price > symbol.max_price
    )
    if outside or (symbol.tick and price % symbol.tick):
        raise failed("PRICE_FILTER")


def _check_percent(order: Order, mean: Decimal) -> None:
    symbol = order.symbol
    up, down = symbol.multiplier_up, symbol.multiplier_down
    if order.side == "SELL":
        up, down = symbol.ask_multiplier_up, symbol.ask_multiplier_down
    if (up and order.price > mean * up) or (down and order.price < mean * down):
        raise failed("PERCENT_PRICE_BY_SIDE")


def _check_quantity(symbol: Symbol, quantity: Decimal, *, market: bool) -> None:
    outside = (symbol.min_qty and quantity < symbol.min_qty) or (symbol.max_qty and quantity > symbol.max_qty)
    if outside or (symbol.step and quantity % symbol.step):
        raise failed("LOT_SIZE")
    step, most = symbol.market_step, symbol.market_max_qty
    if market and ((most and quantity > most) or (step and quantity % step)):
        raise failed("MARKET_LOT_SIZE")


def which(params: Params, number: str, name: str) -> tuple[int | None, str | None]:
    """The order a request means, by its number, by the client's id, or by both.

    Raises:
        Refused: Neither is given.
    """
    chosen = params.maybe_whole(number), params.maybe(name)
    if chosen == (None, None):
        raise neither(name, number)
    return chosen


def restriction(params: Params) -> str | None:
    """`cancelRestrictions`: the status an order must have to be cancelled, or None for any.

    Raises:
        Refused: There is no such restriction.
    """
    options = {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}
    wanted = params.maybe("cancelRestrictions")
    if wanted is None:
        return None
    if wanted not in options:
        raise Refused((-1145, "Invalid cancelRestrictions"))
    return options[wanted]


def legs(params: Params) -> list[Params]:
    """The two orders of an OCO as orders of their own, the stop-loss first.

    Raises:
        Refused: With the exchange's code for what does not go together.
    """
    side = params.choice("side", ("BUY", "SELL"), BAD_SIDE)
    kinds = {where: params.text(f"{where}Type") for where in ("above", "below")}
    for kind in kinds.values():
        if kind not in {*ALGOS, "LIMIT_MAKER"}:
            raise Refused((-1158, "Order type not supported in OCO."))
    if set(kinds.values()) == {"LIMIT_MAKER"}:
        raise Refused((-1168, "At least one OCO order must be contingent."))
    away = "below" if side == "BUY" else "above"  # where a limit or a profit is taken
    for where, kind in kinds.items():
        if kind.startswith("STOP_LOSS") and where == away:
            raise Refused(_MISPLACED["STOP_LOSS", side])
        if not kind.startswith("STOP_LOSS") and where != away:
            raise Refused(_MISPLACED["LIMIT" if kind == "LIMIT_MAKER" else "TAKE_PROFIT", side])
    for name in ("quantity", "symbol"):
        if name not in params:
            raise missing(name)
    stop = "above" if away == "below" else "below"
    return [_leg(params, where, kinds[where]) for where in (stop, away)]


def _leg(params: Params, where: str, kind: str) -> Params:
    names = {
        "ClientOrderId": "newClientOrderId",
        "IcebergQty": "icebergQty",
        "Price": "price",
        "StopPrice": "stopPrice",
        "TrailingDelta": "trailingDelta",
        "TimeInForce": "timeInForce",
        "StrategyId": "strategyId",
        "StrategyType": "strategyType",
        "PegPriceType": "pegPriceType",
    }
    own = {name: params.text(f"{where}{end}") for end, name in names.items() if f"{where}{end}" in params}
    common = ("symbol", "side", "quantity", "selfTradePreventionMode")
    shared = {name: params.text(name) for name in common if name in params}
    return type(params)({**shared, **own, "type": kind})


_MISPLACED = {
    ("LIMIT", "BUY"): (-1165, "A limit order in a buy OCO must be below."),
    ("LIMIT", "SELL"): (-1166, "A limit order in a sell OCO must be above."),
    ("STOP_LOSS", "BUY"): (-1196, "A stop loss order in a buy OCO must be above."),
    ("STOP_LOSS", "SELL"): (-1197, "A stop loss order in a sell OCO must be below."),
    ("TAKE_PROFIT", "BUY"): (-1198, "A take profit order in a buy OCO must be below."),
    ("TAKE_PROFIT", "SELL"): (-1199, "A take profit order in a sell OCO must be above."),
}
