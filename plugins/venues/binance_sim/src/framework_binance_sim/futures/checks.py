"""What an order must be before the exchange takes it: its parameters and the symbol's filters."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import TYPE_CHECKING

from framework_binance_sim.futures.records import ZERO, Algo, Order
from framework_binance_sim.refusals import (
    BAD_PRECISION,
    GOOD_TILL,
    USE_ALGO,
    Refused,
    missing,
    neither,
    unwanted,
)
from framework_binance_sim.symbols import decimals

if TYPE_CHECKING:
    from framework_binance_sim.book import Book
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol

TIMES = ("GTC", "IOC", "FOK", "GTX", "GTD")
KINDS = ("LIMIT", "MARKET")
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
MATCHES = ("OPPONENT", "OPPONENT_5", "OPPONENT_10", "OPPONENT_20", "QUEUE", "QUEUE_5", "QUEUE_10", "QUEUE_20")
BAD_SIDE = (-1117, "Invalid side.")
BAD_KIND = (-1116, "Invalid orderType.")
BAD_TIME = (-1115, "Invalid timeInForce.")
GOOD_TILL_AHEAD_MS = 600_000
GOOD_TILL_LAST = 253_402_300_799_000
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
LONGEST_CLIENT_ID = 36
LEAST_CALLBACK, MOST_CALLBACK = Decimal("0.1"), Decimal(10)


def new_order(params: Params, symbol: Symbol, book: Book, number: int, ms: int, *, hedge: bool) -> Order:
    """An order of a request, when everything about it that needs no account is in order.

    Raises:
        Refused: With the exchange's code for what is wrong.
    """
    side = params.choice("side", ("BUY", "SELL"), BAD_SIDE)
    kind = params.choice("type", (*KINDS, *CONDITIONAL), BAD_KIND)
    if kind in CONDITIONAL:
        raise Refused(USE_ALGO)
    match = _match(params)
    tif = "GTC"
    price = ZERO
    if kind == "LIMIT":
        tif = params.choice("timeInForce", TIMES, BAD_TIME)
        price = _matched(book, side, match) if match else params.decimal("price")
        check_price(symbol, price)
    else:
        for name in ("price", "timeInForce"):
            if name in params:
                raise (
                    unwanted(name)
                    if name == "price"
                    else Refused((-1114, "TimeInForce parameter sent when not required."))
                )
    quantity = params.decimal("quantity")
    check_quantity(symbol, quantity, market=kind == "MARKET")
    return Order(
        symbol=symbol,
        number=number,
        client_id=client_id(params, "newClientOrderId") or made_up(),
        side=side,
        position_side=position_side(params, hedge=hedge),
        kind=kind,
        original_kind=kind,
        tif=tif,
        quantity=quantity,
        price=price,
        created=ms,
        updated=ms,
        reduce_only=params.flag("reduceOnly") or _closes(params, side, hedge=hedge),
        price_match=match or "NONE",
        good_till=good_till(params, tif, ms),
    )


def new_algo(params: Params, symbol: Symbol, number: int, ms: int, *, hedge: bool) -> Algo:
    """A conditional order of a request.

    Raises:
        Refused: With the exchange's code for what is wrong.
    """
    params.choice("algoType", ("CONDITIONAL",), (-1130, "Data sent for parameter 'algoType' is not valid."))
    side = params.choice("side", ("BUY", "SELL"), BAD_SIDE)
    kind = params.choice("type", CONDITIONAL, BAD_KIND)
    tif = params.choice("timeInForce", TIMES, BAD_TIME, "GTC")
    close = params.flag("closePosition")
    if close:
        if "quantity" in params:
            raise Refused((-4137, "Quantity must be zero with closePosition equals true"))
        if "reduceOnly" in params:
            raise unwanted("reduceOnly")
        if kind not in {"STOP_MARKET", "TAKE_PROFIT_MARKET"}:
            raise Refused((-4136, f"Target strategy {kind} is not supported with closePosition"))
    quantity = ZERO if close else params.decimal("quantity")
    if not close:
        check_quantity(symbol, quantity, market=kind.endswith("MARKET"))
    price = ZERO
    if kind in {"STOP", "TAKE_PROFIT"}:
        price = params.decimal("price")
        check_price(symbol, price)
    algo = Algo(
        symbol=symbol,
        number=number,
        client_id=client_id(params, "clientAlgoId") or made_up(),
        side=side,
        position_side=position_side(params, hedge=hedge),
        kind=kind,
        tif=tif,
        quantity=quantity,
        price=price,
        trigger=ZERO,
        working_type=params.choice(
            "workingType",
            ("CONTRACT_PRICE", "MARK_PRICE"),
            (-4031, "Invalid parameter working type"),
            "CONTRACT_PRICE",
        ),
        created=ms,
        updated=ms,
        reduce_only=close or params.flag("reduceOnly") or _closes(params, side, hedge=hedge),
        close_position=close,
        good_till=good_till(params, tif, ms),
    )
    if kind == "TRAILING_STOP_MARKET":
        algo.callback = params.decimal("callbackRate")
        if not LEAST_CALLBACK <= algo.callback <= MOST_CALLBACK:
            raise Refused((-2007, "Invalid callBack rate."))
        algo.activate = params.maybe_decimal("activatePrice") or ZERO
        if algo.activate:
            check_price(symbol, algo.activate, stop=True)
    else:
        algo.trigger = params.decimal("triggerPrice")
        check_price(symbol, algo.trigger, stop=True)
    return algo


def client_id(params: Params, name: str) -> str | None:
    """A client's own identifier, or None.

    Raises:
        Refused: It is too long, or has characters that it may not have.
    """
    if len(params.maybe(name) or "") > LONGEST_CLIENT_ID:
        raise Refused((-4015, "Client order id length should not be more than 36 chars"))
    return params.matched(name, CLIENT_ID)


def made_up() -> str:
    """A client order id for an order that came without one."""
    return secrets.token_urlsafe(16)[:22]


def position_side(params: Params, *, hedge: bool) -> str:
    """BOTH in one-way mode, LONG or SHORT in hedge mode."""
    side = params.choice("positionSide", ("BOTH", "LONG", "SHORT"), (-4060, "Invalid position side."), "BOTH")
    if (side == "BOTH") is hedge:
        raise Refused((-4061, "Order's position side does not match user's setting."))
    if hedge and "reduceOnly" in params:
        raise unwanted("reduceonly")
    return side


def _closes(params: Params, side: str, *, hedge: bool) -> bool:
    return hedge and (params.text("positionSide"), side) in {("LONG", "SELL"), ("SHORT", "BUY")}


def good_till(params: Params, tif: str, ms: int) -> int:
    """When a GTD order ends, in whole seconds; 0 for others."""
    if tif != "GTD":
        if params.maybe_decimal("goodTillDate") is not None:
            raise unwanted("goodTillDate")
        return 0
    if "goodTillDate" not in params:
        raise missing("goodTillDate")
    at = params.whole("goodTillDate")
    if not ms + GOOD_TILL_AHEAD_MS < at < GOOD_TILL_LAST:
        raise Refused(GOOD_TILL)
    return at // 1_000 * 1_000


def check_price(symbol: Symbol, price: Decimal, *, stop: bool = False) -> None:
    """PRICE_FILTER.

    Raises:
        Refused: The price is too low, too high, or between two ticks.
    """
    if price <= 0:
        raise Refused((-4006, "Stop price less than zero.") if stop else (-4001, "Price less than 0."))
    if decimals(price) > symbol.price_decimals:
        raise Refused(BAD_PRECISION)
    if symbol.max_price and price > symbol.max_price:
        raise Refused(
            (-4007, "Stop price greater than max price.")
            if stop
            else (-4002, "Price greater than max price.")
        )
    if symbol.min_price and price < symbol.min_price:
        raise Refused((-4013, "Price less than min price."))
    if symbol.tick and (price - symbol.min_price) % symbol.tick:
        raise Refused((-4014, "Price not increased by tick size."))


def check_quantity(symbol: Symbol, quantity: Decimal, *, market: bool) -> None:
    """LOT_SIZE, and MARKET_LOT_SIZE of a market order.

    Raises:
        Refused: The quantity is too small, too large, or between two steps.
    """
    step, most = symbol.step, symbol.max_qty
    if market:
        step, most = symbol.market_step or step, symbol.market_max_qty or most
    if quantity <= 0:
        raise Refused((-4003, "Quantity less than zero."))
    if decimals(quantity) > symbol.size_decimals:
        raise Refused(BAD_PRECISION)
    if symbol.min_qty and quantity < symbol.min_qty:
        raise Refused((-4004, "Quantity less than min quantity."))
    if most and quantity > most:
        raise Refused((-4005, "Quantity greater than max quantity."))
    if step and quantity % step:
        raise Refused((-4023, "Qty not increased by step size."))


def check_value(order: Order, mark: Decimal) -> None:
    """MIN_NOTIONAL and PERCENT_PRICE.

    Raises:
        Refused: The order is worth too little, or priced too far from the mark price.
    """
    symbol = order.symbol
    if not order.reduce_only and order.quantity * (order.price or mark) < symbol.min_notional:
        least = format(symbol.min_notional.normalize(), "f")
        text = f"Order's notional must be no smaller than {least} (unless you choose reduce only)."
        raise Refused((-4164, text))
    if not order.price:
        return
    if order.side == "BUY" and symbol.multiplier_up and order.price > mark * symbol.multiplier_up:
        raise Refused(
            (-4016, f"Limit price can't be higher than {symbol.price(mark * symbol.multiplier_up)}.")
        )
    if order.side == "SELL" and symbol.multiplier_down and order.price < mark * symbol.multiplier_down:
        raise Refused(
            (-4024, f"Limit price can't be lower than {symbol.price(mark * symbol.multiplier_down)}.")
        )


def _match(params: Params) -> str | None:
    match = params.maybe("priceMatch")
    if match is None or match == "NONE":
        return None
    if match not in MATCHES:
        raise Refused((-5037, "Invalid price match"))
    if params.text("type") != "LIMIT":
        raise Refused((-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT"))
    if "price" in params:
        raise unwanted("price")
    return match


def _matched(book: Book, side: str, match: str) -> Decimal:
    which, _, depth = match.partition("_")
    levels = list(
        book.against(side) if which == "OPPONENT" else book.against("SELL" if side == "BUY" else "BUY")
    )
    place = int(depth or 1) - 1
    if place >= len(levels):
        raise Refused((-5041, "No depth matches this BBO order"))
    return levels[place]


def which(params: Params, number: str, name: str) -> tuple[int | None, str | None]:
    """The order a request means, by its number or by the client's id.

    Raises:
        Refused: Neither is given.
    """
    chosen = params.maybe_whole(number), params.maybe(name)
    if chosen == (None, None):
        raise neither(name, number)
    return chosen
