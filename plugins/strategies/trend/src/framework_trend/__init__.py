"""The trend strategy, offered to `node.yaml` as `use: trend`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import StrategySpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_strategies() -> Iterator[StrategySpec]:
    """Offer the trend strategy."""
    # Nothing is imported before it is listed.
    from framework_trend.config import TrendConfig  # noqa: PLC0415
    from framework_trend.signals import signals  # noqa: PLC0415
    from framework_trend.strategy import Trend  # noqa: PLC0415

    yield StrategySpec(
        name="trend",
        strategy=Trend,
        config=TrendConfig,
        summary="Follows the cross of a fast and a slow exponential average: long, short or both.",
        signals=signals,
    )
