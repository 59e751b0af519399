"""The simulated venue, offered to `node.yaml` as `use: simulated`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import VenueSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator


@hookimpl
def register_venues() -> Iterator[VenueSpec]:
    """Offer the engine's simulated exchange."""
    from framework_simulated.config import SimulatedConfig  # noqa: PLC0415 - nothing is imported before it is listed
    from framework_simulated.execution import build_venue  # noqa: PLC0415 - nothing is imported before it is listed

    yield VenueSpec(
        name="simulated",
        config=SimulatedConfig,
        backtest=build_venue,
        summary="The engine's simulated exchange: account, leverage, fees, fills and latency by name.",
    )
