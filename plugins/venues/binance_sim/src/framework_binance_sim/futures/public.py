"""What anybody may ask about futures: rules, prices, trades, klines, mark prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.futures.checks import CONDITIONAL, KINDS, TIMES
from framework_binance_sim.futures.exchange import FUNDING_MS
from framework_binance_sim.prices import Prices
from framework_binance_sim.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.weights import Meter

DEPTHS = (5, 10, 20, 50, 100, 500, 1_000)
PERPETUAL_UNTIL = 4_133_404_800_000
ONBOARD = 1_569_398_400_000
MOST_KLINES = 1_500


def endpoints(exchange: Exchange, meter: Meter) -> list[Endpoint]:
    """The public endpoints."""
    public = Public(exchange, meter)
    rows: list[tuple[str, Callable[[Params], Any], int | Callable[[Params], int]]] = [
        ("v1/ping", lambda _: {}, 1),
        ("v1/time", lambda _: {"serverTime": exchange.ms()}, 1),
        ("v1/exchangeInfo", public.info, 1),
        ("v1/depth", public.depth, lambda p: _depth_weight(p.limit(500, 1_000))),
        ("v1/trades", public.trades, 5),
        ("v1/historicalTrades", public.trades, 20),
        ("v1/aggTrades", public.aggregated, 20),
        ("v1/klines", public.candles, lambda p: _klines_weight(p.limit(500, MOST_KLINES))),
        ("v1/continuousKlines", public.candles, lambda p: _klines_weight(p.limit(500, MOST_KLINES))),
        ("v1/markPriceKlines", public.candles, lambda p: _klines_weight(p.limit(500, MOST_KLINES))),
        ("v1/premiumIndex", public.premium, lambda p: 1 if "symbol" in p else 10),
        ("v1/fundingRate", public.funding, 1),
        ("v1/fundingInfo", public.funding_info, 1),
        ("v1/ticker/24hr", public.day, lambda p: 1 if "symbol" in p else 40),
        ("v1/ticker/price", public.price, lambda p: 1 if "symbol" in p else 2),
        ("v2/ticker/price", public.price, lambda p: 1 if "symbol" in p else 2),
        ("v1/ticker/bookTicker", public.best, lambda p: 2 if "symbol" in p else 5),
        ("v1/openInterest", public.open_interest, 1),
    ]
    return [
        Endpoint("GET", f"/fapi/{path}", answer, weight, "none", 0, path.partition("/")[2])
        for path, answer, weight in rows
    ]


def _depth_weight(limit: int) -> int:
    return next(w for most, w in ((50, 2), (100, 5), (500, 10), (1_000, 20)) if limit <= most)


def _klines_weight(limit: int) -> int:
    return next(w for most, w in ((99, 1), (499, 2), (1_000, 5), (1_500, 10)) if limit <= most)


class Public(Prices):
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, meter: Meter) -> None:
        super().__init__(exchange.market)
        self._exchange = exchange
        self._meter = meter

    def info(self, _: Params) -> dict[str, Any]:
        """What is listed, and its rules."""
        limits = [{k: v for k, v in row.items() if k != "count"} for row in self._meter.table()]
        assets = sorted({symbol.quote for symbol in self.market.symbols.values()})
        return {
            "timezone": "UTC",
            "serverTime": self._exchange.ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": a, "marginAvailable": True, "autoAssetExchange": "-10000"} for a in assets],
            "symbols": [_symbol(symbol) for symbol in self.market.symbols.values()],
        }

    def depth(self, params: Params) -> dict[str, Any]:
        """The book."""
        symbol = self.market.symbol(params.text("symbol"))
        limit = params.whole("limit", 500)
        if limit not in DEPTHS:
            raise Refused((-4021, f"{limit} is not valid depth limit."))
        sides, update = self.sides(symbol, limit), self.market.books[symbol.symbol].update
        return {"lastUpdateId": update, "E": self._exchange.ms(), "T": self.market.ms(), **sides}

    def candles(self, params: Params) -> list[list[Any]]:
        """Klines by time."""
        return self.klines(params, MOST_KLINES)

    def premium(self, params: Params) -> Any:
        """Mark price and funding."""
        return self.each(params, self.mark_row)

    def mark_row(self, symbol: Symbol) -> dict[str, Any]:
        """Mark price and funding of one symbol."""
        mark = self._exchange.mark(symbol)
        now = self._exchange.ms()
        return {
            "symbol": symbol.symbol,
            "markPrice": format(mark, "f"),
            "indexPrice": format(mark, "f"),
            "estimatedSettlePrice": format(mark, "f"),
            "lastFundingRate": format(self._exchange.funding_rate[symbol.symbol], ".8f"),
            "interestRate": "0.00010000",
            "nextFundingTime": (now // FUNDING_MS + 1) * FUNDING_MS,
            "time": now,
        }

    def funding(self, params: Params) -> list[dict[str, Any]]:
        """The rate of the running interval."""
        rows = self.each(params, self.mark_row)
        return [
            {
                "symbol": row["symbol"],
                "fundingRate": row["lastFundingRate"],
                "fundingTime": row["nextFundingTime"] - FUNDING_MS,
                "markPrice": row["markPrice"],
            }
            for row in (rows if isinstance(rows, list) else [rows])
        ]

    def funding_info(self, _: Params) -> list[dict[str, Any]]:
        """How often funding is paid."""
        return [
            {
                "symbol": name,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": 8,
                "disclaimer": False,
            }
            for name in self.market.symbols
        ]

    def day(self, params: Params) -> Any:
        """The last 24 hours."""
        return self.each(params, self.day_row)

    def price(self, params: Params) -> Any:
        """The last price."""
        return self.each(params, self._price_row)

    def best(self, params: Params) -> Any:
        """The best prices."""
        return self.each(params, self._best_row)

    def open_interest(self, params: Params) -> dict[str, Any]:
        """What this account holds: nobody else is here."""
        symbol = self.market.symbol(params.text("symbol"))
        held = sum((abs(p.amount) for p in self._exchange.account.held() if p.symbol is symbol), Decimal(0))
        return {"openInterest": symbol.size(held), "symbol": symbol.symbol, "time": self._exchange.ms()}

    def _price_row(self, symbol: Symbol) -> dict[str, Any]:
        last = self.market.tapes[symbol.symbol].last
        return {
            "symbol": symbol.symbol,
            "price": symbol.price(self.last(symbol)),
            "time": last.ms if last else self.market.ms(),
        }

    def _best_row(self, symbol: Symbol) -> dict[str, Any]:
        update = self.market.books[symbol.symbol].update
        return {**self.best_row(symbol), "time": self.market.ms(), "lastUpdateId": update}


def _symbol(symbol: Symbol) -> dict[str, Any]:
    price, size = symbol.price, symbol.size
    return {
        "symbol": symbol.symbol,
        "pair": symbol.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_UNTIL,
        "onboardDate": ONBOARD,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": symbol.base,
        "quoteAsset": symbol.quote,
        "marginAsset": symbol.quote,
        "pricePrecision": symbol.price_decimals,
        "quantityPrecision": symbol.size_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": price(symbol.min_price),
                "maxPrice": price(symbol.max_price),
                "tickSize": format(symbol.tick, "f"),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": size(symbol.min_qty),
                "maxQty": size(symbol.max_qty),
                "stepSize": format(symbol.step, "f"),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": size(symbol.min_qty),
                "maxQty": size(symbol.market_max_qty),
                "stepSize": format(symbol.market_step, "f"),
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": symbol.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": symbol.max_algo_orders},
            {"filterType": "MIN_NOTIONAL", "notional": format(symbol.min_notional, "f")},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": format(symbol.multiplier_up, "f"),
                "multiplierDown": format(symbol.multiplier_down, "f"),
                "multiplierDecimal": "4",
            },
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": [*KINDS, *CONDITIONAL],
        "timeInForce": list(TIMES),
        "permissionSets": ["GRID", "COPY"],
    }
