"""Features of bars, the models made from them, and the filters that use both.

Loading this plugin loads none of its libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import CommandSpec, FilterSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    """Offer `framework model`."""
    yield CommandSpec(name="model", app=_commands, summary="Train models, and list, show and verify them.")


@hookimpl
def register_filters() -> Iterator[FilterSpec]:
    """Offer the filter that asks a model."""
    from framework_models.filter import ModelFilter, ModelFilterConfig, settle  # noqa: PLC0415 - the engine

    yield FilterSpec(
        name="model",
        filter=ModelFilter,
        config=ModelFilterConfig,
        settle=settle,
        summary="Entries go out when a signed model gives their direction enough probability.",
    )


def _commands() -> typer.Typer:
    from framework_models.commands import build  # noqa: PLC0415 - loads when it is used

    return build()
