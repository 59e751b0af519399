"""The words of the exchange, and what they are in the engine."""

from __future__ import annotations

from nautilus_trader.model import OrderType, TimeInForce

ORDER_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOP_MARKET",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
}
"""The order types that the exchange has; any other is denied before it is sent."""

TIMES_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTD: "GTD",
}

ORDER_TYPE_OF = {word: kind for kind, word in ORDER_TYPES.items()}
TIME_IN_FORCE_OF = {word: tif for tif, word in TIMES_IN_FORCE.items()}

POST_ONLY = "POST_ONLY"
FENCED = "FENCED"
ACCOUNT_TAKEN = "ACCOUNT_TAKEN"
NOT_FOUND = "ORDER_NOT_FOUND"
NOT_OPEN = "ORDER_NOT_OPEN"
OUTSIDE_WINDOW = "OUTSIDE_WINDOW"

CANCELS_AT_ONCE = 1_000
"""The most orders that one request may cancel."""
MS = 1_000_000
"""Nanoseconds."""
