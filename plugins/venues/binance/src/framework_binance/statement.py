"""What the account has, asked of Binance itself: the engine's adapter keeps what it knows to itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from framework import Statement, nanoseconds
from framework_binance.signing import api

if TYPE_CHECKING:
    from framework_binance.config import BinanceConfig

MS = 1_000_000


def statement(config: BinanceConfig) -> Statement:
    """Positions and open orders of the instruments in the settings; seven of request weight for each.

    Raises:
        RunError: Binance does not answer, or refused.
    """
    binance = api(config, nanoseconds(config.receive_window) // MS)
    positions: dict[str, Decimal] = {}
    orders: set[str] = set()
    for instrument, symbol in zip(config.instruments, config.symbols, strict=True):
        risks = binance.signed("GET", "/fapi/v3/positionRisk", symbol=symbol)
        if held := sum((Decimal(row["positionAmt"]) for row in risks), Decimal(0)):
            positions[str(instrument)] = held
        plain = binance.signed("GET", "/fapi/v1/openOrders", symbol=symbol)
        stops = binance.signed("GET", "/fapi/v1/openAlgoOrders", symbol=symbol)
        orders |= {row["clientOrderId"] for row in plain} | {row["clientAlgoId"] for row in stops}
    return Statement(positions, frozenset(orders))
