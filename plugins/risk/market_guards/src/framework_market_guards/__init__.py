"""Guards against bad prices and bad fills, each offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the guards."""
    from framework_market_guards.price_guard import (  # noqa: PLC0415 - imported when listed
        PriceGuard,
        PriceGuardConfig,
    )
    from framework_market_guards.slippage_guard import (  # noqa: PLC0415 - imported when listed
        SlippageGuard,
        SlippageGuardConfig,
    )

    yield RiskSpec(
        name="price_guard",
        rule=PriceGuard,
        config=PriceGuardConfig,
        summary="No entry on a price that is missing, old, impossible, crossed or not believed yet.",
    )
    yield RiskSpec(
        name="slippage_guard",
        rule=SlippageGuard,
        config=SlippageGuardConfig,
        summary="Fills far from the price they were sent at halt the strategy.",
    )
