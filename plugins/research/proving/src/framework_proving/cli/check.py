"""`framework check`: is a strategy's backtest biased?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from framework import Study, note_tried, settings_hash, tried_before
from framework_proving.cli.parts import (
    AsJson,
    Catalog,
    NodeFile,
    Quiet,
    Settings,
    Workers,
    conclude,
    open_plan,
    spinner,
)

Seed = Annotated[int, typer.Option(help="The same seed makes the same check.")]
Known = Annotated[
    list[Path] | None,
    typer.Option(
        "--known",
        help="A file or folder that was there before the data began, such as a trained model.",
        show_default=False,
    ),
]


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    group.command("lookahead")(lookahead)
    group.command("warmup")(warmup)
    group.command("overfit")(overfit)
    return group


def lookahead(
    file: NodeFile,
    cuts: Annotated[
        int, typer.Option(min=1, help="Moments at which the future is changed, half of them at decisions.")
    ] = 8,
    seed: Seed = 0,
    minimum: Annotated[int, typer.Option(min=1, help="Decisions it takes to call a node clean.")] = 10,
    known: Known = None,
    shrink: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Look for the smallest window that shows a fault.")
    ] = True,
    settings: Settings = None,
    catalog: Catalog = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Whether any decision depends on what comes after it; exits with 0 clean, 7 biased, 8 undecided.

    The node runs again and again in the real engine, with its own risk rules and venue, on data whose future
    is cut off, shuffled, full of holes, or ten times dearer. Decisions before that moment must not change.
    """
    from framework_proving.lookahead import look_ahead  # noqa: PLC0415 - the engine loads when it runs

    plan = open_plan(file, settings, catalog)
    with spinner("looking ahead", shown=not (quiet or as_json)) as tick:
        verdict = look_ahead(
            plan,
            cuts=cuts,
            seed=seed,
            minimum=minimum,
            workers=workers,
            known=known or (),
            shrink=shrink,
            tick=tick,
        )
    conclude(verdict, as_json=as_json)


def warmup(
    file: NodeFile,
    starts: Annotated[int, typer.Option(min=1, help="Runs that begin late.")] = 12,
    reach: Annotated[int, typer.Option(min=2, help="Events that each of them is followed for.")] = 1_000,
    seed: Seed = 0,
    minimum: Annotated[
        int, typer.Option(min=1, help="Decisions that must be made again to call a node clean.")
    ] = 10,
    known: Known = None,
    settings: Settings = None,
    catalog: Catalog = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """How much history decisions need, and whether one is made before; exits 0 clean, 7 biased, 8 undecided.

    Runs that begin late are compared with the whole run, as long as both hold the same. Saying nothing yet is
    honest; saying something else is a decision on a state that had not settled.
    """
    from framework_proving.warmup import warm_up  # noqa: PLC0415 - the engine loads when it runs

    plan = open_plan(file, settings, catalog)
    with spinner("beginning late", shown=not (quiet or as_json)) as tick:
        verdict = warm_up(
            plan,
            starts=starts,
            reach=reach,
            seed=seed,
            minimum=minimum,
            workers=workers,
            known=known or (),
            tick=tick,
        )
    conclude(verdict, as_json=as_json)


def overfit(
    file: NodeFile,
    axes: Annotated[
        list[str],
        typer.Option(
            "--set", metavar="PATH=VALUES", help="As of `framework sweep`: every combination is one trial."
        ),
    ],
    most: Annotated[
        float, typer.Option("--max-probability", help="The largest probability of overfitting.")
    ] = 0.5,
    least: Annotated[
        float, typer.Option("--min-deflated", help="The least deflated Sharpe ratio of the best.")
    ] = 0.95,
    earlier: Annotated[
        int,
        typer.Option(
            "--earlier-trials",
            min=0,
            help="Trials made before that are not in the promotions folder's tried.jsonl, which counts.",
        ),
    ] = 0,
    currency: Annotated[
        str | None, typer.Option(help="Of the equity that is judged.", show_default=False)
    ] = None,
    max_points: Annotated[int, typer.Option(min=1, help="Refuse to run more.")] = 2_000,
    catalog: Catalog = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Whether the best of many settings is more than luck; exits with 0 clean, 7 biased, 8 undecided.

    Every combination of the settings is one trial. How often the best of one half of the time is below the
    middle in the other half is the probability of overfitting; the best one's Sharpe ratio is deflated by
    what luck gives the best of so many.
    """
    from framework_proving import runners  # noqa: PLC0415 - the engine loads when it runs
    from framework_proving.overfit import over_fit  # noqa: PLC0415

    study = Study.open(file, catalog=catalog)
    grid = Study.grid(axes)
    numbers = grid.choose(most=max_points)
    plans = {number: study.plan(grid.point(number)) for number in numbers}
    own = {settings_hash(plan) for plan in plans.values()}
    before = tried_before(next(iter(plans.values()))) - own if plans else frozenset()
    with spinner("trying settings", shown=not (quiet or as_json)) as tick:
        verdict = over_fit(
            plans,
            runners.local(workers, tick),
            currency=currency,
            most=most,
            least=least,
            earlier=earlier + len(before),
        )
    note_tried(plans.values(), "framework check overfit")
    conclude(verdict, as_json=as_json)
