"""Pre-trade limits, each offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the limits."""
    from framework_limits.allow_list import AllowList, AllowListConfig  # noqa: PLC0415 - imported when listed
    from framework_limits.max_open_positions import (  # noqa: PLC0415 - imported when listed
        MaxOpenPositions,
        MaxOpenPositionsConfig,
    )
    from framework_limits.order_limits import OrderLimits, OrderLimitsConfig  # noqa: PLC0415 - imported when listed
    from framework_limits.order_rate import OrderRate, OrderRateConfig  # noqa: PLC0415 - imported when listed
    from framework_limits.permissions import Permissions, PermissionsConfig  # noqa: PLC0415 - imported when listed
    from framework_limits.price_collar import PriceCollar, PriceCollarConfig  # noqa: PLC0415 - imported when listed

    yield RiskSpec(
        name="order_limits",
        rule=OrderLimits,
        config=OrderLimitsConfig,
        summary="The most one order may hold, in quantity and in money.",
    )
    yield RiskSpec(
        name="price_collar",
        rule=PriceCollar,
        config=PriceCollarConfig,
        summary="How far an order's prices may stand from the market.",
    )
    yield RiskSpec(
        name="order_rate",
        rule=OrderRate,
        config=OrderRateConfig,
        summary="How many orders and changes may leave within a sliding window.",
    )
    yield RiskSpec(
        name="max_open_positions",
        rule=MaxOpenPositions,
        config=MaxOpenPositionsConfig,
        summary="How many positions may be open or on their way at once.",
    )
    yield RiskSpec(
        name="allow_list",
        rule=AllowList,
        config=AllowListConfig,
        summary="Which instruments, sides and order types may be used at all.",
    )
    yield RiskSpec(
        name="permissions",
        rule=Permissions,
        config=PermissionsConfig,
        summary="Who may trade what: whatever is not granted is denied.",
    )
