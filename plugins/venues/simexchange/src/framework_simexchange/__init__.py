"""The simulated exchange, offered to `node.yaml` as `use: simexchange`.

`framework-simexchange` runs the exchange; `clients` gives a live node the adapter to it; in a backtest the
engine's own simulation takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from framework import CompositionError, LiveVenue, SimulatorSpec, VenueSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework_simexchange.config import SimExchangeConfig


@hookimpl
def register_venues() -> Iterator[VenueSpec]:
    """Offer the simulated exchange."""
    from framework_simexchange.config import SimExchangeConfig  # noqa: PLC0415 - nothing is imported before it is listed
    from framework_simexchange.twin import build_venue  # noqa: PLC0415 - nothing is imported before it is listed

    yield VenueSpec(
        name="simexchange",
        config=SimExchangeConfig,
        backtest=build_venue,
        live=clients,
        simulator=SimulatorSpec(
            module="framework_simexchange.server.command",
            settings=practice,
            environment=(("SIMEXCHANGE_KEY", "drill"), ("SIMEXCHANGE_SECRET", "opens-nothing-but-a-drill")),
            symbol="EUR/USD",
        ),
        summary="A simulated exchange in a process of its own, with faults on request.",
    )


def practice(port: int) -> dict[str, Any]:
    """The settings of a node that is drilled: quick to notice, and quick to take a dead node's place."""
    return {
        "balances": ["1000000 USD"],
        "maker": "0.00001",
        "taker": "0.00003",
        "url": f"http://127.0.0.1:{port}",
        "timeout": "300ms",
        "window": "1s",
        "lease": "1s",
        "rate": 1_000,
    }


def clients(name: str, config: SimExchangeConfig) -> LiveVenue:
    """What a live node builds the venue called `name` with; nothing is connected yet.

    Raises:
        CompositionError: The settings do not say where the exchange is.
    """
    from framework_simexchange.config import (  # noqa: PLC0415 - only a live node needs the adapter
        SimExchangeDataConfig,
        SimExchangeExecutionConfig,
    )
    from framework_simexchange.data import SimExchangeDataFactory  # noqa: PLC0415
    from framework_simexchange.execution import SimExchangeExecutionFactory  # noqa: PLC0415

    if config.url is None:
        raise CompositionError(
            f"venue {name} does not say where the exchange is",
            remedy='Write `url: "http://127.0.0.1:PORT"` in its settings, with the port that '
            "framework-simexchange printed.",
        )
    return LiveVenue(
        data=(SimExchangeDataFactory, SimExchangeDataConfig(config)),
        execution=(SimExchangeExecutionFactory, SimExchangeExecutionConfig(config)),
    )
