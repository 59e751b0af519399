"""Binance USD-M futures and spot, offered to `node.yaml` as `use: binance`.

Live, the engine's own adapter connects; in a backtest and on paper the engine's simulation takes its place,
with the same fees, leverage and position mode, and with funding on futures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CommandSpec, VenueSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer


@hookimpl
def register_venues() -> Iterator[VenueSpec]:
    """Offer Binance."""
    from framework_binance.clients import clients  # noqa: PLC0415 - nothing is imported before it is listed
    from framework_binance.config import BinanceConfig  # noqa: PLC0415
    from framework_binance.twin import build_venue  # noqa: PLC0415

    yield VenueSpec(
        name="binance",
        config=BinanceConfig,
        backtest=build_venue,
        live=clients,
        summary="Binance USD-M futures or spot through the engine's own adapter, set up and verified first.",
    )


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """Offer the download of Binance's public data."""
    yield CommandSpec(name="binance", app=_commands, summary="Download Binance's public data.")


def _commands() -> typer.Typer:
    from framework_binance.command import build  # noqa: PLC0415 - nothing is imported before it is used

    return build()
