"""MetaTrader 5, offered to `node.yaml` as `use: mt5`, through a framework-mt5-server beside the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CompositionError, LiveVenue, RiskSpec, VenueSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework_mt5.config import Mt5Config


@hookimpl
def register_venues() -> Iterator[VenueSpec]:
    """Offer MetaTrader 5."""
    from framework_mt5.config import Mt5Config  # noqa: PLC0415 - nothing is imported before it is listed
    from framework_mt5.twin import build_venue  # noqa: PLC0415 - nothing is imported before it is listed

    yield VenueSpec(
        name="mt5",
        config=Mt5Config,
        backtest=build_venue,
        live=clients,
        summary="MetaTrader 5 on a Windows machine, over REST.",
    )


@hookimpl
def register_risk() -> Iterator[RiskSpec]:
    """Offer the broker's levels, for backtests."""
    from framework_mt5.levels import Mt5Levels, Mt5LevelsConfig  # noqa: PLC0415 - nothing is imported before it is listed

    yield RiskSpec(
        name="mt5_levels",
        rule=Mt5Levels,
        config=Mt5LevelsConfig,
        summary="Stops level and freeze level: no order nearer to the market than MetaTrader takes.",
    )


def clients(name: str, config: Mt5Config) -> LiveVenue:
    """What a live node builds the venue called `name` with; nothing is connected yet.

    Raises:
        CompositionError: The settings do not say where the server is, or what its key is.
    """
    from framework_mt5.config import Mt5DataConfig, Mt5ExecutionConfig  # noqa: PLC0415 - only a live node needs it
    from framework_mt5.data import Mt5DataFactory  # noqa: PLC0415
    from framework_mt5.execution import Mt5ExecutionFactory  # noqa: PLC0415

    for field, example in (("url", '"https://192.168.1.30:8443"'), ("key", '"env:MT5_KEY"')):
        if getattr(config, field) is None:
            raise CompositionError(
                f"venue {name} does not say `{field}`", remedy=f"Write `{field}: {example}` in its settings."
            )
    return LiveVenue(
        data=(Mt5DataFactory, Mt5DataConfig(config)),
        execution=(Mt5ExecutionFactory, Mt5ExecutionConfig(config)),
    )
