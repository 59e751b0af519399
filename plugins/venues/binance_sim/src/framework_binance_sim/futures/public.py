"""What anybody may ask about futures: rules, prices, trades, klines, mark prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.futures.checks import CONDITIONAL, KINDS, TIMES
from framework_binance_sim.futures.exchange import FUNDING_MS
from framework_binance_sim.futures.records import ZERO
from framework_binance_sim.refusals import Refused
from framework_binance_sim.tape import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.params import Params
    from framework_binance_sim.symbols import Symbol
    from framework_binance_sim.tape import Print
    from framework_binance_sim.weights import Meter

DEPTHS = (5, 10, 20, 50, 100, 500, 1_000)
PERPETUAL_UNTIL = 4_133_404_800_000
ONBOARD = 1_569_398_400_000


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
        ("v1/klines", public.klines, lambda p: _klines_weight(p.limit(500, 1_500))),
        ("v1/continuousKlines", public.klines, lambda p: _klines_weight(p.limit(500, 1_500))),
        ("v1/markPriceKlines", public.klines, lambda p: _klines_weight(p.limit(500, 1_500))),
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


class Public:
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, meter: Meter) -> None:
        self._exchange = exchange
        self._market = exchange.market
        self._meter = meter

    def info(self, _: Params) -> dict[str, Any]:
        """What is listed, and its rules."""
        limits = [{k: v for k, v in row.items() if k != "count"} for row in self._meter.table()]
        assets = sorted({symbol.quote for symbol in self._market.symbols.values()})
        return {
            "timezone": "UTC",
            "serverTime": self._exchange.ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": a, "marginAvailable": True, "autoAssetExchange": "-10000"} for a in assets],
            "symbols": [_symbol(symbol) for symbol in self._market.symbols.values()],
        }

    def depth(self, params: Params) -> dict[str, Any]:
        """The book."""
        symbol = self._market.symbol(params.text("symbol"))
        limit = params.whole("limit", 500)
        if limit not in DEPTHS:
            raise Refused((-4021, f"{limit} is not valid depth limit."))
        book = self._market.books[symbol.symbol]
        sides = {
            name: [[symbol.price(price), symbol.size(size)] for price, size in list(levels.items())[:limit]]
            for name, levels in (("bids", book.bids), ("asks", book.asks))
        }
        return {"lastUpdateId": book.update, "E": self._exchange.ms(), "T": self._market.ms(), **sides}

    def trades(self, params: Params) -> list[dict[str, Any]]:
        """The last trades."""
        symbol = self._market.symbol(params.text("symbol"))
        rows = list(self._market.tapes[symbol.symbol].trades)[-params.limit(500, 1_000) :]
        return [
            {
                "id": trade.number,
                "price": symbol.price(trade.price),
                "qty": symbol.size(trade.size),
                "quoteQty": symbol.worth(trade.price * trade.size),
                "time": trade.ms,
                "isBuyerMaker": trade.buyer_is_maker,
            }
            for trade in rows
        ]

    def aggregated(self, params: Params) -> list[dict[str, Any]]:
        """The last trades in the short form; every trade is an aggregate of itself."""
        symbol = self._market.symbol(params.text("symbol"))
        start = params.maybe_whole("fromId") or 0
        rows = [
            t for t in self._market.tapes[symbol.symbol].trades if t.number >= start and params.within(t.ms)
        ]
        return [aggregate(symbol, trade) for trade in rows[-params.limit(500, 1_000) :]]

    def klines(self, params: Params) -> list[list[Any]]:
        """Klines by time."""
        name = params.maybe("symbol") or params.text("pair")
        symbol = self._market.symbol(name)
        interval = params.choice("interval", INTERVALS, (-1120, "Invalid interval."))
        rows = [
            row for row in self._market.tapes[symbol.symbol].klines[interval] if params.within(row.opened)
        ]
        limit = params.limit(500, 1_500)
        return [row.row() for row in (rows[:limit] if "startTime" in params else rows[-limit:])]

    def premium(self, params: Params) -> Any:
        """Mark price and funding."""
        return self._each(params, self.mark_row)

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
        rows = self._each(params, self.mark_row)
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
            for name in self._market.symbols
        ]

    def day(self, params: Params) -> Any:
        """The last 24 hours."""
        return self._each(params, self.day_row)

    def day_row(self, symbol: Symbol) -> dict[str, Any]:
        """The last 24 hours of one symbol."""
        tape, now = self._market.tapes[symbol.symbol], self._market.ms()
        row, last = tape.day(now), tape.last
        opened = row.open if row else symbol.start
        price = row.close if row else symbol.start
        change = price - opened
        mean = row.quote / row.volume if row and row.volume else price
        return {
            "symbol": symbol.symbol,
            "priceChange": symbol.price(change),
            "priceChangePercent": format(change * 100 / opened, ".3f"),
            "weightedAvgPrice": symbol.price(mean),
            "lastPrice": symbol.price(price),
            "lastQty": symbol.size(last.size if last else ZERO),
            "openPrice": symbol.price(opened),
            "highPrice": symbol.price(row.high if row else price),
            "lowPrice": symbol.price(row.low if row else price),
            "volume": symbol.size(row.volume if row else ZERO),
            "quoteVolume": format(row.quote if row else ZERO, "f"),
            "openTime": row.opened if row else now,
            "closeTime": now,
            "firstId": row.first if row else 0,
            "lastId": row.last if row else 0,
            "count": row.count if row else 0,
        }

    def price(self, params: Params) -> Any:
        """The last price."""
        return self._each(params, self._price_row)

    def best(self, params: Params) -> Any:
        """The best prices."""
        return self._each(params, self._best_row)

    def open_interest(self, params: Params) -> dict[str, Any]:
        """What this account holds: nobody else is here."""
        symbol = self._market.symbol(params.text("symbol"))
        held = sum((abs(p.amount) for p in self._exchange.account.held() if p.symbol is symbol), Decimal(0))
        return {"openInterest": symbol.size(held), "symbol": symbol.symbol, "time": self._exchange.ms()}

    def _price_row(self, symbol: Symbol) -> dict[str, Any]:
        last = self._market.tapes[symbol.symbol].last
        price = last.price if last else symbol.start
        return {
            "symbol": symbol.symbol,
            "price": symbol.price(price),
            "time": last.ms if last else self._market.ms(),
        }

    def _best_row(self, symbol: Symbol) -> dict[str, Any]:
        book = self._market.books[symbol.symbol]
        (bid, bid_size), (ask, ask_size) = book.bid or (ZERO, ZERO), book.ask or (ZERO, ZERO)
        return {
            "symbol": symbol.symbol,
            "bidPrice": symbol.price(bid),
            "bidQty": symbol.size(bid_size),
            "askPrice": symbol.price(ask),
            "askQty": symbol.size(ask_size),
            "time": self._market.ms(),
            "lastUpdateId": book.update,
        }

    def _each(self, params: Params, row: Callable[[Symbol], dict[str, Any]]) -> Any:
        if "symbol" in params:
            return row(self._market.symbol(params.text("symbol")))
        return [row(symbol) for symbol in self._market.symbols.values()]


def aggregate(symbol: Symbol, trade: Print) -> dict[str, Any]:
    """A trade in the short form."""
    return {
        "a": trade.number,
        "p": symbol.price(trade.price),
        "q": symbol.size(trade.size),
        "f": trade.number,
        "l": trade.number,
        "T": trade.ms,
        "m": trade.buyer_is_maker,
    }


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
