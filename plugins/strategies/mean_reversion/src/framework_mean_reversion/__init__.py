"""The mean reversion strategy, offered to `node.yaml` as `use: mean_reversion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import StrategySpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_strategies() -> Iterator[StrategySpec]:
    """Offer the mean reversion strategy."""
    # Nothing is imported before it is listed.
    from framework_mean_reversion.config import MeanReversionConfig  # noqa: PLC0415
    from framework_mean_reversion.signals import signals  # noqa: PLC0415
    from framework_mean_reversion.strategy import MeanReversion  # noqa: PLC0415

    yield StrategySpec(
        name="mean_reversion",
        strategy=MeanReversion,
        config=MeanReversionConfig,
        summary="Fades the z-score of price against its rolling mean: entry, exit and stop thresholds.",
        signals=signals,
    )
