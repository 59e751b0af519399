"""What the tables of a run say about a strategy whose orders were filled in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.result import Result


def mistaken_parts(whole: Result, parts: Result, steps: int, tolerance: float) -> str | None:
    """Whether orders or positions grew because fills came in parts.

    Args:
        whole: The run in which orders were filled whole.
        parts: The run in a thin market.
        steps: Size steps an event of the thin market traded.
        tolerance: How many times larger they may be.
    """
    if not _has_partial_fills(parts):
        return f"no order was filled in parts: let the settings order more than {steps} size steps"
    for what, sizes in (("order", _order_sizes), ("position", _position_sizes)):
        usual, largest = max(sizes(whole), default=0.0), max(sizes(parts), default=0.0)
        if largest > usual * tolerance:
            return f"its largest {what} was {usual:g} when filled whole and {largest:g} when filled in parts"
    return None


def _has_partial_fills(result: Result) -> bool:
    fills = result.fills
    return bool(len(fills)) and bool(fills.index.duplicated().any() or _left_over(result))


def _left_over(result: Result) -> bool:
    orders = result.orders
    done = orders["filled_qty"].astype(float)
    return bool(((done > 0) & (done < orders["quantity"].astype(float))).any())


def _order_sizes(result: Result) -> list[float]:
    return [float(size) for size in result.orders["quantity"]] if len(result.orders) else []


def _position_sizes(result: Result) -> list[float]:
    return [float(size) for size in result.positions["peak_qty"]] if len(result.positions) else []
