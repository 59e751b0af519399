"""The server's words, and what they are in the engine."""

from __future__ import annotations

from nautilus_trader.model import BarAggregation, OrderType, TimeInForce

ORDER_TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP_MARKET: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
}
"""The order types that MetaTrader has; any other is denied before it is sent."""
ORDER_TYPE_OF = {word: kind for kind, word in ORDER_TYPES.items()}
RESTING = {TimeInForce.GTC: "gtc", TimeInForce.DAY: "day", TimeInForce.GTD: "specified"}
AT_ONCE = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
TIME_IN_FORCE_OF = {
    "gtc": TimeInForce.GTC,
    "day": TimeInForce.DAY,
    "specified": TimeInForce.GTD,
    "specified_day": TimeInForce.GTD,
}
TIMEFRAMES = {
    **{(step, BarAggregation.MINUTE): f"M{step}" for step in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{(step, BarAggregation.HOUR): f"H{step}" for step in (1, 2, 3, 4, 6, 8, 12)},
    (1, BarAggregation.DAY): "D1",
}
FINAL = {"canceled", "filled", "rejected", "expired"}
CLOSED_BY = "out_by"
"""The entry of the two deals by which opposite positions close each other."""
NOT_FOUND = "NO_ORDER"
LEVERAGED = {0, 4}
"""The calculation modes whose margin the account's leverage divides."""
FOREX = {0, 5}
"""The calculation modes of currency pairs; everything else is a contract for difference."""
