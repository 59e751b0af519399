"""Spot's answers and events as binary messages of Binance's schema 3:5, made of the JSON ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework_binance_sim.spot.sbe import SCHEMA, VERSION, Group, Layout, Message

if TYPE_CHECKING:
    from collections.abc import Callable

E = "e:exponent "
PAIR = "symbol:text clientOrderId:text"
PEG = "peg:byte? peg:byte? peg:byte? peg:money? "
"""Pegs: there are none."""

# Filters: each stands in exchangeInfo as a message of its own.
FILTERS = {
    "PRICE_FILTER": Message(1, Layout(E + "minPrice:money maxPrice:money tickSize:money")),
    "PERCENT_PRICE_BY_SIDE": Message(
        3,
        Layout(
            E + "bidMultiplierUp:money bidMultiplierDown:money askMultiplierUp:money askMultiplierDown:money "
            "avgPriceMins:int"
        ),
    ),
    "LOT_SIZE": Message(4, Layout(E + "minQty:money maxQty:money stepSize:money")),
    "NOTIONAL": Message(
        6,
        Layout(
            E + "minNotional:money applyMinToMarket:bool maxNotional:money applyMaxToMarket:bool "
            "avgPriceMins:int"
        ),
    ),
    "MARKET_LOT_SIZE": Message(8, Layout(E + "minQty:money maxQty:money stepSize:money")),
    "MAX_NUM_ORDERS": Message(9, Layout("maxNumOrders:long")),
    "MAX_NUM_ALGO_ORDERS": Message(10, Layout("maxNumAlgoOrders:long")),
    "MAX_POSITION": Message(12, Layout(E + "maxPosition:money")),
}

LIMIT = "rateLimitType:limit interval:interval intervalNum:byte limit:long"
ERROR = Message(
    100, Layout("code:short serverTime:time? retryAfter:time?", texts="msg:long_text data:parcel")
)
SHUTDOWN = Message(610, Layout("E:time"))
_SESSION = "connectedSince:time returnRateLimits:bool serverTime:time userDataStream:bool?"

LEVELS = Layout("0:money 1:money")
TRADES = Layout("id:long price:money qty:money quoteQty:money time:time isBuyerMaker:bool isBestMatch:bool")
SHORT_TRADES = Layout("a:long p:money q:money f:long l:long T:time m:bool M:bool")
KLINES = Layout(
    "0:time 1:money 2:money 3:money 4:money 5:wide_money 6:time 7:wide_money 8:long 9:wide_money "
    "10:wide_money"
)
LAST = Layout(E + "price:money?", texts="symbol:text")
BEST = Layout(E + E + "bidPrice:money? bidQty:money askPrice:money? askQty:money", texts="symbol:text")
_RANGE = (
    "volume:wide_money quoteVolume:wide_money openTime:time closeTime:time firstId:long? lastId:long? "
    "count:long"
)
DAY = Layout(
    E + E + "priceChange:money? priceChangePercent:float weightedAvgPrice:money? prevClosePrice:money? "
    "lastPrice:money? lastQty:wide_money bidPrice:money? bidQty:money askPrice:money? askQty:money "
    "openPrice:money? highPrice:money? lowPrice:money? " + _RANGE,
    texts="symbol:text",
)
MINI = Layout(
    E + E + "openPrice:money? highPrice:money? lowPrice:money? lastPrice:money? " + _RANGE,
    texts="symbol:text",
)

_WHICH = "orderId:long orderListId:long? "
_AMOUNTS = "price:money origQty:money executedQty:money cummulativeQuoteQty:money "
_WHAT = (
    "status:status timeInForce:tif type:kind side:side stopPrice:money? trailingDelta:long? "
    "trailingTime:time? "
)
_ICEBERG = "icebergQty:money? "
_STRATEGY = "strategyId:long? strategyType:int? "
_FLOOR = "capacity:1 floor:1 selfTradePreventionMode:prevention "
"""Every order is the account's own, on the exchange's book."""
_RESULT = (
    _WHICH
    + "transactTime:time "
    + _AMOUNTS
    + _WHAT
    + "workingTime:time? "
    + _ICEBERG
    + _STRATEGY
    + _FLOOR
    + "tradeGroupId:long? prevented:money usedSor:bool origQuoteOrderQty:money "
    + PEG
    + "expiryReason:reason?"
)
_CANCELLED = (
    _WHICH
    + "transactTime:time "
    + _AMOUNTS
    + _WHAT
    + _ICEBERG
    + _STRATEGY
    + _FLOOR
    + "prevented:money usedSor:bool origQuoteOrderQty:money "
    + PEG
)
_ASKED = (
    E
    + E
    + _WHICH
    + _AMOUNTS
    + _WHAT
    + _ICEBERG
    + "time:time updateTime:time isWorking:bool workingTime:time? "
    "origQuoteOrderQty:money "
    + _STRATEGY
    + _FLOOR
    + "preventedMatchId:long? prevented:money usedSor:bool "
    + PEG
    + "expiryReason:reason?"
)
_TEXTS_OF_CANCEL = "symbol:text origClientOrderId:text clientOrderId:text"
FILLS = Group(
    "fills",
    Layout(
        E + "match:1 price:money qty:money commission:money tradeId:long? allocId:long?",
        texts="commissionAsset:text",
    ),
)
PREVENTED = Group(
    "preventedMatches",
    Layout("id:long makerOrderId:long? p:money? t:money? m:money?", texts="makerSymbol:text"),
)
ORDER = Layout(_ASKED, texts=PAIR)
CANCELLED = Layout(_CANCELLED, texts=_TEXTS_OF_CANCEL)

_LIST = (
    "orderListId:long contingencyType:contingency listStatusType:list_kind listOrderStatus:list_status "
    "transactionTime:time"
)
_LEGS = Layout("orderId:long", texts=PAIR)
_LIST_TEXTS = "listClientOrderId:text symbol:text"


def _listed(number: int, row: Layout, *, amounts: bool) -> Message:
    groups = (Group("orders", _LEGS, small=True), Group("orderReports", row, small=True))
    return Message(number, Layout(_LIST + (f" {E}{E}" if amounts else ""), groups, _LIST_TEXTS))


MESSAGES = {
    "ping": Message(101),
    "time": Message(102, Layout("serverTime:time")),
    "exchangeInfo": Message(
        103,
        Layout(
            groups=(
                Group("rateLimits", Layout(LIMIT)),
                Group("exchangeFilters", Layout(texts=".:note")),
                Group(
                    "symbols",
                    Layout(
                        "status:trading baseAssetPrecision:byte quoteAssetPrecision:byte "
                        "baseCommissionPrecision:byte quoteCommissionPrecision:byte orderTypes:kinds "
                        "icebergAllowed:bool ocoAllowed:bool otoAllowed:bool quoteOrderQtyMarketAllowed:bool "
                        "allowTrailingStop:bool cancelReplaceAllowed:bool amendAllowed:bool "
                        "isSpotTradingAllowed:bool isMarginTradingAllowed:bool "
                        "defaultSelfTradePreventionMode:prevention "
                        "allowedSelfTradePreventionModes:preventions pegInstructionsAllowed:bool?",
                        (
                            Group("filters", Layout(texts=".:note")),
                            Group("permissionSets", Layout(groups=(Group(".", Layout(texts=".:text")),))),
                        ),
                        "symbol:text baseAsset:text quoteAsset:text",
                    ),
                ),
                Group(
                    "sors", Layout(groups=(Group("symbols", Layout(texts=".:text")),), texts="baseAsset:text")
                ),
            )
        ),
    ),
    "depth": Message(
        200, Layout("lastUpdateId:long " + E + E, (Group("bids", LEVELS), Group("asks", LEVELS)))
    ),
    "trades": Message(201, Layout(E + E, (Group(".", TRADES),))),
    "trades.aggregate": Message(202, Layout(E + E, (Group(".", SHORT_TRADES),))),
    "klines": Message(203, Layout(E + E, (Group(".", KLINES),))),
    "avgPrice": Message(204, Layout("mins:long " + E + "price:money? closeTime:time?")),
    "ticker.24hr": Message(205, DAY),
    "ticker.24hr[]": Message(206, Layout(groups=(Group(".", DAY),))),
    "ticker.mini": Message(207, MINI),
    "ticker.mini[]": Message(208, Layout(groups=(Group(".", MINI),))),
    "ticker.price": Message(209, LAST),
    "ticker.price[]": Message(210, Layout(groups=(Group(".", LAST),))),
    "ticker.book": Message(211, BEST),
    "ticker.book[]": Message(212, Layout(groups=(Group(".", BEST),))),
    "ack": Message(300, Layout(_WHICH + "transactTime:time", texts=PAIR)),
    "result": Message(301, Layout(E + E + _RESULT, texts=PAIR)),
    "full": Message(302, Layout(E + E + _RESULT, (FILLS, PREVENTED), PAIR)),
    "tested": Message(303),
    "order.status": Message(304, ORDER),
    "cancelled": Message(305, Layout(E + E + _CANCELLED, texts=_TEXTS_OF_CANCEL)),
    "cancelled.all": Message(306, Layout(groups=(Group(".", Layout(texts=".:letter")),))),
    "replaced": Message(
        307,
        Layout(
            "cancelResult:result newOrderResult:result", texts="cancelResponse:letter newOrderResponse:parcel"
        ),
    ),
    "orders": Message(308, Layout(groups=(Group(".", ORDER),))),
    "list.ack": _listed(309, Layout(_WHICH + "transactTime:time", texts=PAIR), amounts=False),
    "list.result": _listed(310, Layout(_RESULT, texts=PAIR), amounts=True),
    "list.full": _listed(311, Layout(_RESULT, (FILLS, PREVENTED), PAIR), amounts=True),
    "list.cancelled": _listed(312, CANCELLED, amounts=True),
    "list": Message(313, Layout(_LIST, (Group("orders", _LEGS, small=True),), _LIST_TEXTS)),
    "lists": Message(
        314, Layout(groups=(Group(".", Layout(_LIST, (Group("orders", _LEGS),), _LIST_TEXTS)),))
    ),
    "tested.fees": Message(
        315,
        Layout(
            E + E + "standardCommissionForOrder.maker:money standardCommissionForOrder.taker:money "
            "taxCommissionForOrder.maker:money taxCommissionForOrder.taker:money "
            "discount.enabledForAccount:bool discount.enabledForSymbol:bool discount.discount:money "
            "specialCommissionForOrder.maker:money? specialCommissionForOrder.taker:money?",
            texts="discount.discountAsset:text",
        ),
    ),
    "account.status": Message(
        400,
        Layout(
            E + "commissionRates.maker:money commissionRates.taker:money commissionRates.buyer:money "
            "commissionRates.seller:money canTrade:bool canWithdraw:bool canDeposit:bool brokered:bool "
            "requireSelfTradePrevention:bool preventSor:bool updateTime:time accountType:account "
            "tradeGroupId:long? uid:long",
            (
                Group("balances", Layout(E + "free:money locked:money", texts="asset:text")),
                Group("permissions", Layout(texts=".:text")),
                Group("reduceOnlyAssets", Layout(texts=".:text")),
            ),
        ),
    ),
    "myTrades": Message(
        401,
        Layout(
            groups=(
                Group(
                    ".",
                    Layout(
                        E
                        + E
                        + E
                        + "id:long orderId:long orderListId:long? price:money qty:money quoteQty:money "
                        "commission:money time:time isBuyer:bool isMaker:bool isBestMatch:bool",
                        texts="symbol:text commissionAsset:text",
                    ),
                ),
            )
        ),
    ),
    "account.rateLimits.orders": Message(402, Layout(groups=(Group(".", Layout(LIMIT + " count:long")),))),
    "account.commission": Message(
        405,
        Layout(
            E + E + "standardCommission.maker:money standardCommission.taker:money "
            "standardCommission.buyer:money standardCommission.seller:money taxCommission.maker:money "
            "taxCommission.taker:money taxCommission.buyer:money taxCommission.seller:money "
            "discount.enabledForAccount:bool discount.enabledForSymbol:bool discount.discount:money "
            "specialCommission.maker:money? specialCommission.taker:money? specialCommission.buyer:money? "
            "specialCommission.seller:money?",
            texts="symbol:text discount.discountAsset:text",
        ),
    ),
    "session.logon": Message(51, Layout("authorizedSince:time " + _SESSION, texts="apiKey:long_text")),
    "session.status": Message(52, Layout("authorizedSince:time? " + _SESSION, texts="apiKey:long_text")),
    "session.logout": Message(53, Layout("authorizedSince:time? " + _SESSION, texts="apiKey:long_text")),
    "session.subscriptions": Message(
        54, Layout(groups=(Group(".", Layout("subscriptionId:word expirationTime:time?")),))
    ),
    "subscribed": Message(503, Layout("subscriptionId:word?")),
    "userDataStream.unsubscribe": Message(504),
}

EVENTS = {
    "eventStreamTerminated": Message(602, Layout("E:time subscriptionId:word?")),
    "executionReport": Message(
        603,
        Layout(
            "E:time T:time "
            + E
            + E
            + E
            + "O:time? W:time? i:long g:long? q:money p:money Q:money F:money P:money "
            "o:kind S:side f:tif x:execution X:status t:long? I:long z:money Z:money l:money L:money Y:money "
            "n:money w:bool m:bool M:bool match:1 V:prevention capacity:1 floor:1 usedSor:bool a:long? "
            "d:long? D:time? u:long? A:money B:money? v:long? pl:money? pL:money? pY:money? J:int? j:long? "
            "U:long? "
            "subscriptionId:word? " + PEG + "eR:reason?",
            texts="s:text c:text C:text N:text r:text Cs:text",
        ),
    ),
    "listStatus": Message(
        606,
        Layout(
            "E:time T:time g:long c:contingency l:list_kind L:list_status subscriptionId:word?",
            (Group("O", Layout("i:long", texts="s:text c:text"), small=True),),
            "s:text C:text r:text",
        ),
    ),
    "outboundAccountPosition": Message(
        607,
        Layout(
            "E:time u:time subscriptionId:word?",
            (Group("B", Layout(E + "f:money l:money", texts="a:text")),),
        ),
    ),
}

SOCKET = Message(
    50,
    Layout(
        "deprecated:bool status:word",
        (Group("rateLimits", Layout(LIMIT + " count:long"), small=True),),
        "id:text result:parcel",
    ),
)


def supports(schema: str, version: str) -> bool:
    """Whether a schema is known here: 3:5, and those that it reads as."""
    return schema == str(SCHEMA) and version.isdigit() and int(version) <= VERSION


def shutdown(ms: int) -> bytes:
    """That the connection will be closed."""
    return SHUTDOWN.encode({"E": ms})


def error(body: dict[str, Any]) -> bytes:
    """What was refused."""
    data = body.get("data")
    return ERROR.encode({**body, "data": b"" if data is None else answer("order.cancelReplace", data)})


def answer(action: str, told: Any) -> bytes:
    """An answer to what is called `action`."""
    special = _SPECIAL.get(action)
    return special(told) if special else MESSAGES[_SAME.get(action, action)].encode(told)


def event(told: dict[str, Any], subscription: int) -> bytes:
    """An event of the account."""
    named = {
        name: None if name in {"C", "r"} and value in {"", "NONE"} else value for name, value in told.items()
    }
    return EVENTS[told["e"]].encode({**named, "subscriptionId": subscription})


def reply(number: Any, status: int, result: bytes, limits: list[dict[str, Any]]) -> bytes:
    """An answer on the WebSocket API."""
    name = "" if number is None else str(number)
    return SOCKET.encode({"status": status, "id": name, "result": result, "rateLimits": limits})


def _info(told: dict[str, Any]) -> bytes:
    symbols = [
        {**symbol, "filters": [FILTERS[rule["filterType"]].encode(rule) for rule in symbol["filters"]]}
        for symbol in told["symbols"]
    ]
    return MESSAGES["exchangeInfo"].encode({**told, "symbols": symbols})


def _placed(told: dict[str, Any]) -> bytes:
    kind = "full" if "fills" in told else "result" if "status" in told else "ack"
    return MESSAGES[kind].encode(told)


def _listed_all(told: dict[str, Any]) -> bytes:
    first = told["orderReports"][0]
    kind = "full" if "fills" in first else "result" if "status" in first else "ack"
    return MESSAGES[f"list.{kind}"].encode(told)


def _cancelled(told: dict[str, Any]) -> bytes:
    return MESSAGES["list.cancelled" if "orderReports" in told else "cancelled"].encode(told)


def _replaced(told: dict[str, Any]) -> bytes:
    done = {"cancelResponse": _cancelled, "newOrderResponse": _placed}
    parts = {
        name: b"" if told[name] is None else error(told[name]) if "code" in told[name] else make(told[name])
        for name, make in done.items()
    }
    return MESSAGES["replaced"].encode({**told, **parts})


def _ticker(told: Any) -> bytes:
    first = told[0] if isinstance(told, list) and told else told
    kind = "ticker.24hr" if "priceChange" in first else "ticker.mini"
    return _one_or_all(kind, told)


def _one_or_all(kind: str, told: Any) -> bytes:
    return MESSAGES[f"{kind}[]" if isinstance(told, list) else kind].encode(told)


_SPECIAL: dict[str, Callable[[Any], bytes]] = {
    "exchangeInfo": _info,
    "ticker.24hr": _ticker,
    "ticker.price": lambda told: _one_or_all("ticker.price", told),
    "ticker.book": lambda told: _one_or_all("ticker.book", told),
    "order.place": _placed,
    "order.test": lambda told: MESSAGES["tested.fees" if told else "tested"].encode(told),
    "order.cancel": _cancelled,
    "order.cancelReplace": _replaced,
    "openOrders.cancelAll": lambda told: MESSAGES["cancelled.all"].encode(
        [_cancelled(each) for each in told]
    ),
    "orderList.place.oco": _listed_all,
    "orderList.cancel": _cancelled,
}
_SAME = {
    "trades.recent": "trades",
    "trades.historical": "trades",
    "uiKlines": "klines",
    "openOrders.status": "orders",
    "allOrders": "orders",
    "orderList.status": "list",
    "openOrderLists.status": "lists",
    "allOrderLists": "lists",
    "userDataStream.subscribe": "subscribed",
    "userDataStream.subscribe.signature": "subscribed",
}
