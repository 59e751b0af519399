"""What the owner of the account may ask about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.params import Params
    from framework_binance_sim.spot.exchange import Exchange
    from framework_binance_sim.weights import Meter

NOTHING = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
BASIS_POINTS = 10_000


def endpoints(exchange: Exchange, meter: Meter) -> list[Endpoint]:
    """The endpoints of the account."""
    private = Private(exchange, meter)
    rows: list[tuple[str, Callable[[Params], Any], str, int | Callable[[Params], int]]] = [
        ("account", private.account, "account.status", 20),
        ("account/commission", private.commission, "account.commission", 20),
        ("myTrades", private.fills, "myTrades", lambda p: 5 if "orderId" in p else 20),
        ("rateLimit/order", private.limits, "account.rateLimits.orders", 40),
    ]
    return [
        Endpoint("GET", f"/api/v3/{path}", answer, weight, "signed", 0, action)
        for path, answer, action, weight in rows
    ]


class Private:
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, meter: Meter) -> None:
        self._exchange = exchange
        self._meter = meter

    def account(self, params: Params) -> dict[str, Any]:
        """Balances, and what the account may do. Its fees are those of the first symbol."""
        first = next(iter(self._exchange.market.symbols.values()))
        return {
            "makerCommission": int(first.maker * BASIS_POINTS),
            "takerCommission": int(first.taker * BASIS_POINTS),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {**NOTHING, "maker": f"{first.maker:.8f}", "taker": f"{first.taker:.8f}"},
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self._exchange.ms(),
            "accountType": "SPOT",
            "balances": self._exchange.account.rows(zeros=not params.flag("omitZeroBalances")),
            "permissions": ["SPOT"],
            "uid": 354_937_868,
        }

    def commission(self, params: Params) -> dict[str, Any]:
        """The fees of a symbol."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        return {
            "symbol": symbol.symbol,
            "standardCommission": {
                **NOTHING,
                "maker": f"{symbol.maker:.8f}",
                "taker": f"{symbol.taker:.8f}",
            },
            "specialCommission": NOTHING,
            "taxCommission": NOTHING,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.00000000",
            },
        }

    def fills(self, params: Params) -> list[dict[str, Any]]:
        """The account's trades in a symbol, oldest first."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        first, order = params.maybe_whole("fromId"), params.maybe_whole("orderId")
        rows = [
            fill
            for fill in self._exchange.fills
            if fill.order.symbol is symbol
            and fill.number >= (first or 0)
            and order in {None, fill.order.number}
            and params.within(fill.ms)
        ]
        limit = params.limit(500, 1_000)
        oldest = first is not None or "startTime" in params
        return [fill.body() for fill in (rows[:limit] if oldest else rows[-limit:])]

    def limits(self, _: Params) -> list[dict[str, object]]:
        """How many orders were sent, by interval."""
        return self._meter.table()[1:]
