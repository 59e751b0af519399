"""Moving averages over whole arrays, equal to the engine's indicators bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.signals.compiled import compiled, numba

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _fused() -> Any:
    """Multiply and add, rounded once, as the engine's indicators do it."""
    float64 = numba("numba").float64

    def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
        del typing, a, b, c

        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            del context, signature
            return builder.fma(*values)

        return float64(float64, float64, float64), build

    return numba("numba.extending").intrinsic(multiply_add)


fused = _fused()


@compiled
def ema(prices: NDArray[np.float64], period: int) -> NDArray[np.float64]:
    """The exponential average of prices: seeded with the simple mean of the first `period`, NaN before."""
    values = np.full(len(prices), np.nan)
    if len(prices) < period:
        return values
    total = 0.0
    for n in range(period):
        total += prices[n]
    value = total / period
    values[period - 1] = value
    weight = 2.0 / (period + 1.0)
    for n in range(period, len(prices)):
        value = fused(weight, prices[n], (1.0 - weight) * value)
        values[n] = value
    return values
