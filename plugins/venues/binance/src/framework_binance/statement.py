"""What the account has, asked of Binance itself: the engine's adapter keeps what it knows to itself."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from framework import RunError, Statement, nanoseconds
from framework_binance.signing import api

if TYPE_CHECKING:
    from framework_binance.config import BinanceConfig

MS = 1_000_000
MARK = "x-aHRE4BCj-"
"""What the engine's adapter writes before an id, and then how the rest is written."""
WHOLE = f"{MARK}R"
"""The rest is the id itself."""


def statement(config: BinanceConfig) -> Statement:
    """Positions and open orders of the instruments in the settings; seven of request weight for each.

    They are read in the order in which one becomes the other, stop, order, position: what triggers or fills
    between two requests is seen by the later one, and nothing is missed by both.

    Raises:
        RunError: Binance does not answer, or refused.
    """
    binance = api(config, nanoseconds(config.receive_window) // MS)
    positions: dict[str, Decimal] = {}
    orders: set[str] = set()
    for instrument, symbol in zip(config.instruments, config.symbols, strict=True):
        stops = binance.signed("GET", "/fapi/v1/openAlgoOrders", symbol=symbol)
        plain = binance.signed("GET", "/fapi/v1/openOrders", symbol=symbol)
        risks = binance.signed("GET", "/fapi/v3/positionRisk", symbol=symbol)
        orders |= {_ours(row["clientOrderId"]) for row in plain} | {
            _ours(row["clientAlgoId"]) for row in stops
        }
        if held := sum((Decimal(row["positionAmt"]) for row in risks), Decimal(0)):
            positions[str(instrument)] = held
    return Statement(positions, frozenset(orders))


def _ours(client_order_id: str) -> str:
    """The node's own id of an order; the engine's adapter marks those that are short enough as its own.

    Raises:
        RunError: It was marked in a way that is not known here: whose order it is cannot be said.
    """
    if not client_order_id.startswith(MARK):
        return client_order_id
    if not client_order_id.startswith(WHOLE):
        raise RunError(
            f"Binance has an open order {client_order_id}, and this does not tell whose it is",
            remedy="Look at Binance.",
        )
    return client_order_id.removeprefix(WHOLE)
