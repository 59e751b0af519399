"""Throttles, each offered to `node.yaml` under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import RiskSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the throttles."""
    from framework_throttle.duplicate_intents import (  # noqa: PLC0415 - imported when listed
        DuplicateIntents,
        DuplicateIntentsConfig,
    )
    from framework_throttle.message_limit import (  # noqa: PLC0415 - imported when listed
        MessageLimit,
        MessageLimitConfig,
    )
    from framework_throttle.repeated_orders import (  # noqa: PLC0415 - imported when listed
        RepeatedOrders,
        RepeatedOrdersConfig,
    )
    from framework_throttle.runaway import Runaway, RunawayConfig  # noqa: PLC0415 - imported when listed

    yield RiskSpec(
        name="message_limit",
        rule=MessageLimit,
        config=MessageLimitConfig,
        summary="How many orders, changes and cancels may leave within a sliding window.",
    )
    yield RiskSpec(
        name="repeated_orders",
        rule=RepeatedOrders,
        config=RepeatedOrdersConfig,
        summary="The same order, or fills, over and over again halt the strategy.",
    )
    yield RiskSpec(
        name="duplicate_intents",
        rule=DuplicateIntents,
        config=DuplicateIntentsConfig,
        summary="The same order twice within a moment is denied.",
    )
    yield RiskSpec(
        name="runaway",
        rule=Runaway,
        config=RunawayConfig,
        summary="A strategy that floods, or is refused again and again, is halted alone.",
    )
