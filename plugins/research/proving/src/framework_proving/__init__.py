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


def _check() -> typer.Typer:
    from framework_proving.cli import check  # noqa: PLC0415 - nothing is imported before it is used

    return check.build()
