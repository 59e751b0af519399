"""What anybody may ask about spot: rules, prices, trades, klines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.prices import ZERO, Prices
from framework_binance_sim.refusals import INVALID_SYMBOL, Refused
from framework_binance_sim.spot.checks import KINDS, PREVENTIONS
from framework_binance_sim.spot.exchange import MEAN_MINUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.params import Params
    from framework_binance_sim.spot.exchange import Exchange
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.weights import Meter

MOST_LEVELS, MOST_KLINES = 5_000, 1_000


def endpoints(exchange: Exchange, meter: Meter) -> list[Endpoint]:
    """The public endpoints."""
    public = Public(exchange, meter)
    rows: list[tuple[str, Callable[[Params], Any], int | Callable[[Params], int], str]] = [
        ("ping", lambda _: {}, 1, "ping"),
        ("time", lambda _: {"serverTime": exchange.ms()}, 1, "time"),
        ("exchangeInfo", public.info, 20, "exchangeInfo"),
        ("depth", public.depth, _depth_weight, "depth"),
        ("trades", public.recent, 25, "trades.recent"),
        ("historicalTrades", public.recent, 25, "trades.historical"),
        ("aggTrades", public.short, 4, "trades.aggregate"),
        ("klines", public.candles, 2, "klines"),
        ("uiKlines", public.candles, 2, "uiKlines"),
        ("avgPrice", public.mean, 2, "avgPrice"),
        ("ticker/24hr", public.day, lambda p: 80 if _all(p) else 2, "ticker.24hr"),
        ("ticker/price", public.last_price, lambda p: 2 if "symbol" in p else 4, "ticker.price"),
        ("ticker/bookTicker", public.best, lambda p: 2 if "symbol" in p else 4, "ticker.book"),
    ]
    return [
        Endpoint("GET", f"/api/v3/{path}", answer, weight, "none", 0, action)
        for path, answer, weight, action in rows
    ]


def _depth_weight(params: Params) -> int:
    limit = params.limit(100, MOST_LEVELS)
    return next(w for most, w in ((100, 5), (500, 25), (1_000, 50), (MOST_LEVELS, 250)) if limit <= most)


def _all(params: Params) -> bool:
    return "symbol" not in params and "symbols" not in params


class Public(Prices):
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, meter: Meter) -> None:
        super().__init__(exchange.market)
        self._exchange = exchange
        self._meter = meter

    def info(self, params: Params) -> dict[str, Any]:
        """What is listed, and its rules."""
        limits = [{k: v for k, v in row.items() if k != "count"} for row in self._meter.table()]
        return {
            "timezone": "UTC",
            "serverTime": self._exchange.ms(),
            "rateLimits": limits,
            "exchangeFilters": [],
            "symbols": [_symbol(symbol) for symbol in self._some(params)],
        }

    def depth(self, params: Params) -> dict[str, Any]:
        """The book."""
        symbol = self.market.symbol(params.text("symbol"))
        sides = self.sides(symbol, params.limit(100, MOST_LEVELS))
        return {"lastUpdateId": self.market.books[symbol.symbol].update, **sides}

    def recent(self, params: Params) -> list[dict[str, Any]]:
        """The last trades."""
        return [{**row, "isBestMatch": True} for row in self.trades(params)]

    def short(self, params: Params) -> list[dict[str, Any]]:
        """The last trades in the short form."""
        return [{**row, "M": True} for row in self.aggregated(params)]

    def candles(self, params: Params) -> list[list[Any]]:
        """Klines by time."""
        return self.klines(params, MOST_KLINES)

    def mean(self, params: Params) -> dict[str, Any]:
        """The mean price that filters go by."""
        symbol = self.market.symbol(params.text("symbol"))
        last = self.market.tapes[symbol.symbol].last
        price = symbol.price(self._exchange.mean(symbol))
        return {"mins": MEAN_MINUTES, "price": price, "closeTime": last.ms if last else self._exchange.ms()}

    def day(self, params: Params) -> Any:
        """The last 24 hours."""
        mini = params.text("type", "FULL") == "MINI"
        return self._each(params, self.mini_row if mini else self.full_row)

    def full_row(self, symbol: Symbol) -> dict[str, Any]:
        """The last 24 hours of one symbol, with the best prices."""
        row = self.day_row(symbol)
        return {**row, "prevClosePrice": row["openPrice"], **self.best_row(symbol)}

    def mini_row(self, symbol: Symbol) -> dict[str, Any]:
        """The last 24 hours of one symbol, without changes and the best prices."""
        left_out = ("priceChange", "priceChangePercent", "weightedAvgPrice", "lastQty")
        return {name: value for name, value in self.day_row(symbol).items() if name not in left_out}

    def last_price(self, params: Params) -> Any:
        """The last price."""
        return self._each(params, lambda s: {"symbol": s.symbol, "price": s.price(self.last(s))})

    def best(self, params: Params) -> Any:
        """The best prices."""
        return self._each(params, self.best_row)

    def _each(self, params: Params, row: Callable[[Symbol], dict[str, Any]]) -> Any:
        if "symbols" in params:
            return [row(symbol) for symbol in self._some(params)]
        return self.each(params, row)

    def _some(self, params: Params) -> list[Symbol]:
        if "symbol" in params:
            return [self.market.symbol(params.text("symbol"))]
        if "symbols" not in params:
            return list(self.market.symbols.values())
        try:
            names = json.loads(params.text("symbols"))
        except ValueError:
            raise Refused((-1100, "Illegal characters found in parameter 'symbols'.")) from None
        if not isinstance(names, list):
            raise Refused(INVALID_SYMBOL)
        return [self.market.symbol(str(name)) for name in names]


def _symbol(symbol: Symbol) -> dict[str, Any]:
    return {
        "symbol": symbol.symbol,
        "status": "TRADING",
        "baseAsset": symbol.base,
        "baseAssetPrecision": 8,
        "quoteAsset": symbol.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(KINDS),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(symbol),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": list(PREVENTIONS),
    }


def _filters(symbol: Symbol) -> list[dict[str, Any]]:
    price, size = symbol.price, symbol.size
    rows: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price(symbol.min_price),
            "maxPrice": price(symbol.max_price),
            "tickSize": price(symbol.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": size(symbol.min_qty),
            "maxQty": size(symbol.max_qty),
            "stepSize": size(symbol.step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": size(ZERO),
            "maxQty": size(symbol.market_max_qty),
            "stepSize": size(symbol.market_step),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": format(symbol.multiplier_up, "f"),
            "bidMultiplierDown": format(symbol.multiplier_down, "f"),
            "askMultiplierUp": format(symbol.ask_multiplier_up, "f"),
            "askMultiplierDown": format(symbol.ask_multiplier_down, "f"),
            "avgPriceMins": MEAN_MINUTES,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": price(symbol.min_notional),
            "applyMinToMarket": True,
            "maxNotional": price(symbol.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": MEAN_MINUTES,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": symbol.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": symbol.max_algo_orders},
    ]
    if symbol.max_position:
        rows.append({"filterType": "MAX_POSITION", "maxPosition": size(symbol.max_position)})
    return rows
