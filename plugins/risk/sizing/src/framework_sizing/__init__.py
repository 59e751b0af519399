"""Position sizing, each way of it offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the sizing rules."""
    from framework_sizing.fixed_notional import (  # noqa: PLC0415 - imported when listed
        FixedNotional,
        FixedNotionalConfig,
    )
    from framework_sizing.fixed_quantity import (  # noqa: PLC0415 - imported when listed
        FixedQuantity,
        FixedQuantityConfig,
    )
    from framework_sizing.risk_per_trade import RiskPerTrade, RiskPerTradeConfig  # noqa: PLC0415 - imported when listed
    from framework_sizing.volatility_parity import (  # noqa: PLC0415 - imported when listed
        VolatilityParity,
        VolatilityParityConfig,
    )

    yield RiskSpec(
        name="fixed_quantity",
        rule=FixedQuantity,
        config=FixedQuantityConfig,
        summary="Every entry the same quantity.",
    )
    yield RiskSpec(
        name="fixed_notional",
        rule=FixedNotional,
        config=FixedNotionalConfig,
        summary="Every entry worth the same amount of money.",
    )
    yield RiskSpec(
        name="risk_per_trade",
        rule=RiskPerTrade,
        config=RiskPerTradeConfig,
        summary="Every entry loses the same fraction of equity at its stop.",
    )
    yield RiskSpec(
        name="volatility_parity",
        rule=VolatilityParity,
        config=VolatilityParityConfig,
        summary="Every entry moves equity by the same fraction in an ordinary move of its price.",
    )
