"""Research that cannot fool you: bias checks, optimisation, walk-forward, attribution, stress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CommandSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """Offer the commands; none is imported before it is used."""
    yield CommandSpec(
        name="check", app=_check, summary="Is a strategy's backtest biased? lookahead, warmup, overfit."
    )
    yield CommandSpec(
        name="optimize", app=_optimize, summary="Search a node's settings with Optuna, here or on a cluster."
    )
    yield CommandSpec(
        name="walkforward",
        app=_walkforward,
        summary="Choose settings on the past, judge them on what follows, write the promotion record.",
    )
    yield CommandSpec(
        name="attribute",
        app=_attribute,
        summary="Where a backtest's profit came from: strategy, instrument, hour, regime, cost; VaR.",
    )
    yield CommandSpec(
        name="stress",
        app=_stress,
        summary="What crashes, outages and wild markets would have done to a node.",
    )


def _check() -> typer.Typer:
    from framework_proving.cli import check  # noqa: PLC0415 - nothing is imported before it is used

    return check.build()


def _optimize() -> typer.Typer:
    from framework_proving.cli import optimize  # noqa: PLC0415 - nothing is imported before it is used

    return optimize.build()


def _walkforward() -> typer.Typer:
    from framework_proving.cli import walkforward  # noqa: PLC0415 - nothing is imported before it is used

    return walkforward.build()


def _attribute() -> typer.Typer:
    from framework_proving.cli import attribute  # noqa: PLC0415 - nothing is imported before it is used

    return attribute.build()


def _stress() -> typer.Typer:
    from framework_proving.cli import stress  # noqa: PLC0415 - nothing is imported before it is used

    return stress.build()
