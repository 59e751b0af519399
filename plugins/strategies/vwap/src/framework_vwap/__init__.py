"""The session VWAP strategy, offered to `node.yaml` as `use: vwap`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import StrategySpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_strategies() -> Iterator[StrategySpec]:
    """Offer the session VWAP strategy."""
    from framework_vwap.config import VwapConfig  # noqa: PLC0415 - nothing is imported before it is listed
    from framework_vwap.strategy import Vwap  # noqa: PLC0415 - nothing is imported before it is listed

    yield StrategySpec(
        name="vwap",
        strategy=Vwap,
        config=VwapConfig,
        summary="Session VWAP with deviation bands: fade or breakout, with brackets and trading windows.",
    )
