"""What a strategy's array form does wrong, if anything: it sees the future, or trades another rule."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from framework.errors import CheckFailed, CompositionError
from framework.signals import first_difference
from framework.testkit.nodes import plan_strategy

if TYPE_CHECKING:
    from framework.testkit.lab import Lab

CUTS = 24
"""Places at which the bars are cut."""
WITHOUT_NUMBA = 'numba is not installed, and it offers signals: pip install "framework[screen]"'


def looks_ahead(lab: Lab) -> str | None:
    """The first target that is another one when the bars end early, in any of the market's instruments."""
    signals = lab.spec.signals
    if signals is None:
        return None
    if find_spec("numba") is None:
        return WITHOUT_NUMBA
    from framework.screen.tape import read  # noqa: PLC0415 - needs numba

    with lab.in_place(lab.market) as placed:
        plan = plan_strategy(lab.spec, lab.config, catalog=placed.catalog, data=placed.streams())
        for stream in plan.streams:
            tape = read(replace(plan, streams=(stream,)), stream)
            try:
                found = first_difference(signals, lab.config, tape.bars, CUTS)
            except CompositionError:  # these settings have no array form, and it says so
                return None
            if found:
                return f"{stream.name}: {found}"
    return None


def trades_otherwise(lab: Lab) -> str | None:
    """The first fill that arrays and engine do not share; nothing in a market of several instruments."""
    if lab.spec.signals is None or len(lab.market.tapes) > 1:
        return None
    if find_spec("numba") is None:
        return WITHOUT_NUMBA
    from framework.screen import Screen  # noqa: PLC0415 - needs numba

    with lab.in_place(lab.market) as placed:
        plan = plan_strategy(lab.spec, lab.config, catalog=placed.catalog, data=placed.streams())
        work = Screen()
        try:
            score = work.score(0, {}, plan)
            if score.problem:
                return score.problem
            work.confirm(score, plan)
        except CompositionError:  # as above
            return None
        except CheckFailed as error:
            return error.message
    return None
