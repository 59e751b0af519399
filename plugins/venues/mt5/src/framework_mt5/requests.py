"""An order of the engine in the server's words, and why some cannot be said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ContingencyType, TimeInForce, TriggerType

from framework_mt5.constants import AT_ONCE, ORDER_TYPES, RESTING
from framework_mt5.providers import lots
from framework_mt5.reports import contract_of
from framework_mt5.rest import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTINGENCIES = {None, ContingencyType.NO_CONTINGENCY}
TRIGGERS = {None, TriggerType.DEFAULT, TriggerType.BID_ASK}
PARAMS = {"sl", "tp"}


def unsupported(order: Any) -> str | None:
    """Why MetaTrader cannot take an order at all."""
    market = order.order_type.name == "MARKET"
    times = AT_ONCE.keys() | RESTING.keys() - {TimeInForce.GTD} if market else RESTING.keys()
    reasons = (
        (order.order_type not in ORDER_TYPES, f"{order.order_type.name} orders; emulate them"),
        (order.time_in_force not in times, f"{order.order_type.name} orders {order.time_in_force.name}"),
        (
            order.contingency_type not in CONTINGENCIES,
            "contingent orders; emulate them, or give `sl` and `tp`",
        ),
        (order.is_quote_quantity, "quantities in the quote currency"),
        (getattr(order, "display_qty", None) is not None, "iceberg orders"),
        (getattr(order, "trigger_type", None) not in TRIGGERS, "triggers other than the quote"),
        (
            getattr(order, "is_post_only", False) and order.order_type.name != "LIMIT",
            "post-only orders that are no limits",
        ),
    )
    return next((f"UNSUPPORTED: {reason}" for wrong, reason in reasons if wrong), None)


def order_body(
    order: Any,
    listed: Any,
    closing: str | None,
    params: Mapping[str, Any],
    *,
    magic: int,
    deviation: int,
    hedging: bool,
) -> tuple[dict[str, Any], str | None]:
    """The server's order, and why it cannot be sent as it is.

    Args:
        order: The engine's.
        listed: Its instrument.
        closing: The ticket of the position it closes.
        params: What the strategy gave with it: `sl` and `tp` of the position it opens.
        magic: The strategy's number.
        deviation: Points by which the price may move.
        hedging: Whether positions have tickets.
    """
    kind = ORDER_TYPES.get(order.order_type, "market")
    body: dict[str, Any] = {
        "client_id": str(order.client_order_id),
        "symbol": str(order.instrument_id.symbol),
        "type": kind,
        "side": order.side.name.lower(),
        "volume": lots(order.quantity, contract_of(listed)),
        "magic": magic,
        "deviation": deviation,
    }
    price, trigger = getattr(order, "price", None), getattr(order, "trigger_price", None)
    if kind == "limit":
        body["price"] = str(price)
    elif kind == "stop":
        body["price"] = str(trigger)
    elif kind == "stop_limit":
        body |= {"price": str(trigger), "stop_limit": str(price)}
    if kind == "market":
        body["filling"] = AT_ONCE.get(order.time_in_force) or _usual(listed)
    else:
        body["filling"] = "boc" if getattr(order, "is_post_only", False) else "return"
        body["time"] = RESTING.get(order.time_in_force, "gtc")
        if order.time_in_force is TimeInForce.GTD:
            body["expiration"] = iso(order.expire_time_ns / 1e9)
    for name in PARAMS & params.keys():
        body[name] = str(params[name])
    if closing is None:
        return body, None
    if kind != "market":
        return (
            body,
            "UNSUPPORTED: on a hedging account only market orders close a position; give it `sl`, `tp`",
        )
    return body | ({"position": int(closing)} if hedging else {}), None


def _usual(listed: Any) -> str:
    """What the broker can do with a market order."""
    fillings = listed.info["fillings"]
    return "ioc" if "ioc" in fillings else "fok" if "fok" in fillings else "return"
