"""Orders and order lists over REST and the WebSocket API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework_binance_sim.door import Endpoint
from framework_binance_sim.refusals import Refused
from framework_binance_sim.spot import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_binance_sim.params import Params
    from framework_binance_sim.spot.exchange import Exchange
    from framework_binance_sim.spot.lists import Lists
    from framework_binance_sim.spot.records import Order
    from framework_binance_sim.weights import Meter

FAILED = (-2022, "Order cancel-replace failed.")
PARTIAL = (-2021, "Order cancel-replace partially failed.")
CONFLICT = 409


def endpoints(trading: Trading) -> list[Endpoint]:
    """The endpoints of orders; each is called on the WebSocket API as faults call it."""

    def signed(
        method: str,
        path: str,
        answer: Callable[[Params], Any],
        action: str,
        weight: int | Callable[[Params], int] = 1,
        orders: int = 0,
    ) -> Endpoint:
        return Endpoint(method, f"/api/v3/{path}", answer, weight, "signed", orders, action)

    return [
        signed("POST", "order", trading.place, "order.place", 1, 1),
        signed("POST", "order/test", trading.test, "order.test", _test_weight),
        signed("GET", "order", trading.status, "order.status", 4),
        signed("DELETE", "order", trading.cancel, "order.cancel"),
        signed("POST", "order/cancelReplace", trading.replace, "order.cancelReplace"),
        signed("GET", "openOrders", trading.open, "openOrders.status", lambda p: 6 if "symbol" in p else 80),
        signed("DELETE", "openOrders", trading.cancel_all, "openOrders.cancelAll"),
        signed("GET", "allOrders", trading.all, "allOrders", 20),
        signed("POST", "orderList/oco", trading.place_oco, "orderList.place.oco", 1, 2),
        signed("GET", "orderList", trading.list_status, "orderList.status", 4),
        signed("DELETE", "orderList", trading.cancel_list, "orderList.cancel"),
        signed("GET", "openOrderList", trading.open_lists, "openOrderLists.status", 6),
        signed("GET", "allOrderList", trading.all_lists, "allOrderLists", 20),
    ]


class Trading:
    """One method for each thing that can be asked."""

    def __init__(self, exchange: Exchange, lists: Lists, meter: Meter) -> None:
        self._exchange = exchange
        self._lists = lists
        self._meter = meter

    def place(self, params: Params) -> dict[str, Any]:
        """A new order, acknowledged, with its result, or with its fills too."""
        answer = _response(params, "FULL" if params.maybe("type") in {"MARKET", "LIMIT"} else "ACK")
        return answer(self._exchange.place(params))

    def test(self, params: Params) -> dict[str, Any]:
        """Whether an order would be taken; the fees it would pay when they are asked for."""
        order = self._exchange.place(params, test=True)
        if not params.flag("computeCommissionRates"):
            return {}
        zeros = {"maker": "0.00000000", "taker": "0.00000000"}
        rates = {"maker": f"{order.symbol.maker:.8f}", "taker": f"{order.symbol.taker:.8f}"}
        return {
            "standardCommissionForOrder": rates,
            "specialCommissionForOrder": zeros,
            "taxCommissionForOrder": zeros,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.00000000",
            },
        }

    def cancel(self, params: Params) -> dict[str, Any]:
        """A cancelled order; all of its order list, if it is in one."""
        order = self._exchange.cancel(params)
        return self._cancelled(order, params.maybe("newClientOrderId"))

    def cancel_all(self, params: Params) -> list[dict[str, Any]]:
        """Every open order of a symbol cancelled."""
        symbol = self._exchange.market.symbol(params.text("symbol"))
        working = list(self._exchange.working.values())
        rows = [self._cancelled(o, None) for o in working if o.symbol is symbol and o.is_open]
        if not rows:
            raise Refused((-2011, "Unknown order sent."))
        return rows

    def replace(self, params: Params) -> dict[str, Any]:
        """An order cancelled, and another placed."""
        exchange = self._exchange
        mode = params.choice(
            "cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"), _bad("cancelReplaceMode")
        )
        beyond = params.choice(
            "orderRateLimitExceededMode",
            ("DO_NOTHING", "CANCEL_ONLY"),
            _bad("orderRateLimitExceededMode"),
            "DO_NOTHING",
        )
        answer = _response(params, "FULL" if params.maybe("type") in {"MARKET", "LIMIT"} else "ACK")
        exchange.asked(params, test=True)  # filters are looked at before anything is done
        many = self._counted()
        if many is not None and beyond == "DO_NOTHING":
            raise many
        try:
            order = exchange.cancel(params, "cancelOrderId", "cancelOrigClientOrderId")
            cancelled: Any = self._cancelled(order, params.maybe("cancelNewClientOrderId"))
            cancel_done = True
        except Refused as refused:
            cancelled, cancel_done = refused.body(), False
        placed: Any = None
        place_done = False
        status = CONFLICT
        try:
            if many is not None:
                status = many.status
                raise many
            if cancel_done or mode == "ALLOW_FAILURE":
                placed, place_done = answer(exchange.place(params)), True
        except Refused as refused:
            placed = refused.body()
        body = {
            "cancelResult": _word(done=cancel_done),
            "newOrderResult": _word(done=place_done) if placed is not None else "NOT_ATTEMPTED",
            "cancelResponse": cancelled,
            "newOrderResponse": placed,
        }
        if cancel_done and place_done:
            return body
        if cancel_done or place_done:
            raise Refused(PARTIAL, status=status, data=body)
        raise Refused(FAILED, status=400 if many is None else status, data=body)

    def status(self, params: Params) -> dict[str, Any]:
        """An order."""
        return self._exchange.find(params).body()

    def list_status(self, params: Params) -> dict[str, Any]:
        """An order list."""
        return self._lists.find(params, "origClientOrderId").body()

    def open(self, params: Params) -> list[dict[str, Any]]:
        """Open orders."""
        return [order.body() for order in self._of(params, list(self._exchange.working.values()))]

    def all(self, params: Params) -> list[dict[str, Any]]:
        """All orders of a symbol, oldest first."""
        params.text("symbol")
        first = params.maybe_whole("orderId")
        rows = [o for o in self._of(params, list(self._exchange.orders.values())) if o.number >= (first or 0)]
        rows = [order for order in rows if params.within(order.created)]
        limit = params.limit(500, 1_000)
        oldest = first is not None or "startTime" in params
        return [order.body() for order in (rows[:limit] if oldest else rows[-limit:])]

    def place_oco(self, params: Params) -> dict[str, Any]:
        """Two orders of which one cancels the other."""
        answer = _response(params, "RESULT")
        made = self._lists.place_oco(params)
        return {**made.body(), "orderReports": [answer(order) for order in made.orders]}

    def cancel_list(self, params: Params) -> dict[str, Any]:
        """An order list cancelled."""
        self._exchange.market.symbol(params.text("symbol"))
        order = self._lists.find(params, "listClientOrderId", open_only=True).orders[0]
        return self._cancelled(order, params.maybe("newClientOrderId"))

    def open_lists(self, _: Params) -> list[dict[str, Any]]:
        """Order lists that are not done."""
        return [each.body() for each in self._lists.open]

    def all_lists(self, params: Params) -> list[dict[str, Any]]:
        """All order lists, newest first."""
        first = params.maybe_whole("fromId") or 0
        rows = [e for e in self._lists.all.values() if e.number >= first and params.within(e.updated)]
        return [each.body() for each in rows[::-1][: params.limit(500, 1_000)]]

    def _cancelled(self, order: Order, cancel_id: str | None) -> dict[str, Any]:
        name = cancel_id or checks.made_up()
        if order.group is None:
            self._exchange.end(order, "CANCELED", cancel_id=name)
            self._exchange.settle()
            return order.cancelled(name)
        still = [each for each in order.group.orders if each.is_open]
        self._lists.cancel(order.group, name)
        return {**order.group.body(), "orderReports": [each.cancelled(name) for each in still]}

    def _counted(self) -> Refused | None:
        """Count a new order; what it is refused with when it is one too many."""
        try:
            self._meter.order(self._exchange.ms() / 1_000)
        except Refused as refused:
            return refused
        return None

    def _of(self, params: Params, orders: list[Order]) -> list[Order]:
        if "symbol" not in params:
            return orders
        symbol = self._exchange.market.symbol(params.text("symbol"))
        return [order for order in orders if order.symbol is symbol]


def _response(params: Params, default: str) -> Callable[[Order], dict[str, Any]]:
    kinds: dict[str, Callable[[Order], dict[str, Any]]] = {
        "ACK": lambda order: order.acknowledgement(),
        "RESULT": lambda order: order.result(),
        "FULL": lambda order: order.full(),
    }
    return kinds[params.choice("newOrderRespType", kinds, _bad("newOrderRespType"), default)]


def _bad(name: str) -> tuple[int, str]:
    return (-1130, f"Data sent for parameter '{name}' is not valid.")


def _word(*, done: bool) -> str:
    return "SUCCESS" if done else "FAILURE"


def _test_weight(params: Params) -> int:
    return 20 if params.maybe("computeCommissionRates") == "true" else 1
