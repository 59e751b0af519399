"""Circuit breakers on the account's equity, each offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the breakers."""
    from framework_drawdown.daily_loss import DailyLoss, DailyLossConfig  # noqa: PLC0415 - imported when listed
    from framework_drawdown.max_drawdown import (  # noqa: PLC0415 - imported when listed
        MaxDrawdown,
        MaxDrawdownConfig,
    )

    yield RiskSpec(
        name="daily_loss",
        rule=DailyLoss,
        config=DailyLossConfig,
        summary="Flatten, and no entries until tomorrow, when the day has lost too much.",
    )
    yield RiskSpec(
        name="max_drawdown",
        rule=MaxDrawdown,
        config=MaxDrawdownConfig,
        summary="Flatten and halt when equity has fallen too far from its peak.",
    )
