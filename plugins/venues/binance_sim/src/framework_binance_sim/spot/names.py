"""The numbers that spot's binary messages have for names."""

from __future__ import annotations

STATUSES = {"NEW": 0, "PARTIALLY_FILLED": 1, "FILLED": 2, "CANCELED": 3, "REJECTED": 5, "EXPIRED": 6}
KINDS = (
    "MARKET",
    "LIMIT",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
    "LIMIT_MAKER",
)
PREVENTIONS = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")

CODES = {
    "status": STATUSES,
    "kind": {name: number for number, name in enumerate(KINDS)},
    "side": {"BUY": 0, "SELL": 1},
    "tif": {"GTC": 0, "IOC": 1, "FOK": 2},
    "prevention": {name: number for number, name in enumerate(PREVENTIONS, start=1)},
    "execution": {"NEW": 0, "CANCELED": 1, "REPLACED": 2, "REJECTED": 3, "TRADE": 4, "EXPIRED": 5},
    "reason": {
        "REJECTED": 1,
        "EXCHANGE_CANCELED": 2,
        "OCO_TRIGGER": 3,
        "UNFILLED_IOC_QUANTITY_EXPIRED": 5,
        "UNFILLED_FOK_ORDER_EXPIRED": 6,
        "INSUFFICIENT_LIQUIDITY": 7,
    },
    "trading": {"TRADING": 0},
    "account": {"SPOT": 0},
    "limit": {"RAW_REQUESTS": 0, "REQUEST_WEIGHT": 2, "ORDERS": 3},
    "interval": {"SECOND": 0, "MINUTE": 1, "HOUR": 2, "DAY": 3},
    "contingency": {"OCO": 1},
    "list_kind": {"RESPONSE": 0, "EXEC_STARTED": 1, "ALL_DONE": 2},
    "list_status": {"EXECUTING": 1, "ALL_DONE": 2, "REJECT": 3},
    "result": {"SUCCESS": 0, "FAILURE": 1, "NOT_ATTEMPTED": 2},
}
FLAGS = {"kinds": ("H", KINDS), "preventions": ("B", PREVENTIONS)}
