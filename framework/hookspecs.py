"""The hooks a plugin may implement: typed, dated, and few.

Each one hands over data. None of them sees ticks or orders: pluggy stays off the hot path, and `node.yaml`
selects by name, so the order of installation never changes behaviour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from framework.specs import CommandSpec, FilterSpec, ImporterSpec, RiskSpec, StrategySpec, VenueSpec

ENTRY_POINT_GROUP = "framework"
"""The entry point group a plugin's distribution declares."""

hookspec = pluggy.HookspecMarker("framework")
hookimpl = pluggy.HookimplMarker("framework")


@hookspec
def register_strategies() -> Iterable[StrategySpec]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded: the strategies this plugin offers.

    Example:
        >>> @hookimpl
        ... def register_strategies():
        ...     yield StrategySpec(name="trend", strategy=Trend, config=TrendConfig)

    .. versionadded:: 0.1
    """


@hookspec
def register_filters() -> Iterable[FilterSpec]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded: the filters of strategies' entries this plugin offers.

    Example:
        >>> @hookimpl
        ... def register_filters():
        ...     yield FilterSpec(name="weekdays", filter=Weekdays, config=WeekdaysConfig)

    .. versionadded:: 0.1
    """


@hookspec
def register_risk() -> Iterable[RiskSpec]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded: the risk rules this plugin offers.

    Example:
        >>> @hookimpl
        ... def register_risk():
        ...     yield RiskSpec(name="no_fridays", rule=NoFridays, config=NoFridaysConfig)

    .. versionadded:: 0.1
    """


@hookspec
def register_venues() -> Iterable[VenueSpec]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded: the venues this plugin offers.

    Example:
        >>> @hookimpl
        ... def register_venues():
        ...     yield VenueSpec(name="paper_exchange", config=ExchangeConfig, backtest=build_exchange)

    .. versionadded:: 0.1
    """


@hookspec
def register_importers() -> Iterable[ImporterSpec]:  # type: ignore[empty-body]
    """Called once, when plugins are loaded: the sources that can fill the catalog.

    Example:
        >>> @hookimpl
        ... def register_importers():
        ...     yield ImporterSpec(name="dukascopy", kinds=("quotes",), read=read_dukascopy)

    .. versionadded:: 0.1
    """


@hookspec
def register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Called once, when the command line starts: the command groups this plugin adds.

    Example:
        >>> @hookimpl
        ... def register_commands():
        ...     yield CommandSpec(name="research", app=build_app, summary="From idea to deployment.")

    .. versionadded:: 0.1
    """


@hookspec
def run_started(plan: Any, node: Any) -> None:
    """Called once a run, when the engine is built and guarded, before data flows.

    Example:
        >>> @hookimpl
        ... def run_started(plan, node):
        ...     print(f"starting {plan.name}")

    .. versionadded:: 0.1
    """


@hookspec
def run_finished(plan: Any, result: Any) -> None:
    """Called once a run, after the report is written; an exception is logged and never masks the result.

    Example:
        >>> @hookimpl
        ... def run_finished(plan, result):
        ...     print(f"{result.fills} fills, report in {result.report}")

    .. versionadded:: 0.1
    """
