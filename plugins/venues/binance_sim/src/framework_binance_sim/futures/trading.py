"""Orders over REST and the WebSocket API: plain ones, batches, and conditional ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused, missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.futures.algos import Algos
    from framework_binance_sim.futures.exchange import Exchange
    from framework_binance_sim.futures.records import Order

MOST_IN_BATCH, MOST_CANCELS = 5, 10


def endpoints(exchange: Exchange, algos: Algos) -> list[Endpoint]:
    """The endpoints of orders."""
    trading = Trading(exchange, algos)

    def signed(
        method: str,
        path: str,
        answer: Callable[[Params], Any],
        action: str,
        weight: int | Callable[[Params], int] = 1,
        orders: int = 0,
    ) -> Endpoint:
        return Endpoint(method, f"/fapi/v1/{path}", answer, weight, "signed", orders, action)

    return [
        signed("POST", "order", trading.place, "order.place", 0, 1),
        signed("POST", "order/test", trading.test, "order.test"),
        signed("GET", "order", lambda p: exchange.find(p).body(), "order.status"),
        signed("PUT", "order", trading.amend, "order.modify", 1, 1),
        signed("DELETE", "order", trading.cancel, "order.cancel"),
        signed("POST", "batchOrders", trading.place_many, "order.batch", 5, 5),
        signed("PUT", "batchOrders", trading.amend_many, "order.batch", 5, 5),
        signed("DELETE", "batchOrders", trading.cancel_many, "order.batch"),
        signed("DELETE", "allOpenOrders", trading.cancel_all, "order.cancel_all"),
        signed("POST", "countdownCancelAll", trading.countdown, "order.countdown", 10),
        signed("GET", "openOrder", lambda p: exchange.find(p, open_only=True).body(), "order.status"),
        signed("GET", "openOrders", trading.open, "order.open", lambda p: 1 if "symbol" in p else 40),
        signed("GET", "allOrders", trading.all, "order.all", 5),
        signed("GET", "userTrades", trading.fills, "fills", 5),
        signed("POST", "algoOrder", lambda p: algos.place(p).body(), "algoOrder.place", 0, 1),
        signed("DELETE", "algoOrder", trading.cancel_algo, "algoOrder.cancel"),
        signed("GET", "algoOrder", lambda p: algos.find(p).body(), "algoOrder.status"),
        signed(
            "GET",
            "openAlgoOrders",
            trading.open_algos,
            "algoOrder.open",
            lambda p: 1 if "symbol" in p else 40,
        ),
        signed("GET", "allAlgoOrders", trading.all_algos, "algoOrder.all", 5),
        signed("DELETE", "algoOpenOrders", trading.cancel_algos, "algoOrder.cancel_all"),
    ]


class Trading:
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, algos: Algos) -> None:
        self._exchange = exchange
        self._algos = algos

    def place(self, params: Params) -> dict[str, Any]:
        """A new order, acknowledged or with its result."""
        kind = _response(params)
        return self._exchange.place(params).body(acknowledged=kind == "ACK")

    def test(self, params: Params) -> dict[str, Any]:
        """Whether an order would be taken."""
        return self._exchange.place(params, test=True).body(acknowledged=True)

    def amend(self, params: Params) -> dict[str, Any]:
        """A changed order."""
        return self._exchange.amend(params).body()

    def cancel(self, params: Params) -> dict[str, Any]:
        """A cancelled order."""
        return self._exchange.cancel(params).body()

    def place_many(self, params: Params) -> list[dict[str, Any]]:
        """New orders, each on its own."""
        return self._each(params, MOST_IN_BATCH, self.place)

    def amend_many(self, params: Params) -> list[dict[str, Any]]:
        """Changed orders, each on its own."""
        return self._each(params, MOST_IN_BATCH, self.amend)

    def cancel_many(self, params: Params) -> list[dict[str, Any]]:
        """Cancelled orders of one symbol, each on its own."""
        symbol = params.text("symbol")
        for name, each in (("orderIdList", "orderId"), ("origClientOrderIdList", "origClientOrderId")):
            if name in params:
                wanted = [
                    Params({"symbol": symbol, each: str(value)})
                    for value in _list(params, name, MOST_CANCELS)
                ]
                return [_tried(self.cancel, one) for one in wanted]
        raise missing("orderIdList")

    def cancel_all(self, params: Params) -> dict[str, Any]:
        """Every open order of a symbol cancelled."""
        self._exchange.cancel_all(self._exchange.market.symbol(params.text("symbol")))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def countdown(self, params: Params) -> dict[str, Any]:
        """The dead man's switch: a symbol's open orders are cancelled unless this is asked again."""
        symbol, wait = params.text("symbol"), params.whole("countdownTime")
        self._exchange.market.symbol(symbol)
        if wait <= 0:
            self._exchange.deadlines.pop(symbol, None)
        else:
            self._exchange.deadlines[symbol] = self._exchange.ms() + wait
        return {"symbol": symbol, "countdownTime": str(wait)}

    def open(self, params: Params) -> list[dict[str, Any]]:
        """Open orders."""
        return [order.body() for order in self._of(params, list(self._exchange.working.values()))]

    def all(self, params: Params) -> list[dict[str, Any]]:
        """All orders of a symbol, oldest first."""
        params.text("symbol")
        first = params.maybe_whole("orderId") or 0
        rows = [o for o in self._of(params, list(self._exchange.orders.values())) if o.number >= first]
        rows = [order for order in rows if params.within(order.created)]
        return [order.body() for order in rows[-params.limit(500, 1_000) :]]

    def fills(self, params: Params) -> list[dict[str, Any]]:
        """The account's trades in a symbol, oldest first."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        first, order = params.maybe_whole("fromId") or 0, params.maybe_whole("orderId")
        rows = [
            fill
            for fill in self._exchange.fills
            if fill.symbol is symbol
            and fill.number >= first
            and order in {None, fill.order}
            and params.within(fill.ms)
        ]
        limit = params.limit(500, 1_000)
        return [fill.body() for fill in (rows[:limit] if "fromId" in params else rows[-limit:])]

    def cancel_algo(self, params: Params) -> dict[str, Any]:
        """A conditional order cancelled."""
        algo = self._algos.cancel(params)
        return {"algoId": algo.number, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def open_algos(self, params: Params) -> list[dict[str, Any]]:
        """Conditional orders that wait."""
        wanted = self._wanted(params)
        return [a.body() for a in self._algos.waiting.values() if wanted in {None, a.symbol.symbol}]

    def all_algos(self, params: Params) -> list[dict[str, Any]]:
        """All conditional orders of a symbol, oldest first."""
        wanted = params.text("symbol")
        rows = [a for a in self._algos.all.values() if wanted == a.symbol.symbol and params.within(a.created)]
        return [algo.body() for algo in rows[-params.limit(500, 1_000) :]]

    def cancel_algos(self, params: Params) -> dict[str, Any]:
        """All conditional orders of a symbol cancelled."""
        self._algos.cancel_all(self._exchange.market.symbol(params.text("symbol")))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _wanted(self, params: Params) -> str | None:
        return self._exchange.market.symbol(params.text("symbol")).symbol if "symbol" in params else None

    def _of(self, params: Params, orders: list[Order]) -> list[Order]:
        wanted = self._wanted(params)
        return [order for order in orders if wanted in {None, order.symbol.symbol}]

    def _each(
        self, params: Params, most: int, act: Callable[[Params], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        wanted = []
        for row in _list(params, "batchOrders", most):
            if not isinstance(row, dict):
                raise missing("batchOrders")
            wanted.append(Params({name: _text(value) for name, value in row.items()}))
        return [_tried(act, one) for one in wanted]


def _tried(act: Callable[[Params], dict[str, Any]], params: Params) -> dict[str, Any]:
    try:
        return act(params)
    except Refused as refused:
        return refused.body()


def _response(params: Params) -> str:
    return params.choice("newOrderRespType", ("ACK", "RESULT"), (-1136, "Invalid newOrderRespType."), "ACK")


def _list(params: Params, name: str, most: int) -> list[Any]:
    try:
        rows = json.loads(params.text(name))
    except ValueError:
        raise missing(name) from None
    if not isinstance(rows, list):
        raise missing(name)
    if not 1 <= len(rows) <= most:
        raise Refused((-4082, f"Invalid number of batch place orders: {len(rows)}"))
    return rows


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
