"""Moving averages over whole arrays, equal to the engine's indicators bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.signals.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _fused() -> Any:
    """Multiply and add, rounded once, as the engine's indicators do it."""
    from numba.core import types  # noqa: PLC0415 - `compiled` has said it when numba is missing
    from numba.extending import intrinsic  # noqa: PLC0415 - as above

    def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
        del typing, a, b, c

        def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            del context, signature
            return builder.fma(*values)

        return types.float64(types.float64, types.float64, types.float64), build

    return intrinsic(multiply_add)


def _ema(prices: NDArray[np.float64], period: int) -> NDArray[np.float64]:
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


ema = compiled(_ema)
"""The exponential average of prices: seeded with the simple mean of the first `period`, NaN before."""
fused = _fused()
