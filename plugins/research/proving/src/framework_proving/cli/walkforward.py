"""`framework walkforward`: choose on the past, judge on what follows, and write the promotion record."""

from __future__ import annotations

import json
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework import (
    CheckFailed,
    ConfigError,
    Duration,
    NotEnoughEvidence,
    Promotion,
    Study,
    nanoseconds,
    subject_of,
    tried_before,
    write_promotion,
)
from framework_proving.cli.optimize import Constraints, Dask, Objectives, bar, runner, searched
from framework_proving.cli.parts import AsJson, Catalog, NodeFile, Quiet, Workers, plain, point_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework_proving.walkforward import Judged

Span = Annotated[str, typer.Option(help="Such as 3d or 12h.")]
KINDS = ("anchored", "rolling")


def build() -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False)
    app.command("walkforward", no_args_is_help=True)(walkforward)
    return app


def walkforward(
    file: NodeFile,
    axes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUES",
            help="Settings to choose from on every training, as of `framework optimize`; one value fixes it.",
            show_default=False,
        ),
    ] = None,
    objective: Objectives = None,
    constraint: Constraints = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="Trials of each training.")] = 50,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Trials asked for at once.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed walks the same way.")] = 0,
    folds: Annotated[int, typer.Option(min=1, max=1_000, help="Tests.")] = 5,
    lead: Annotated[int, typer.Option(min=1, max=1_000, help="Tests that the first training is long.")] = 3,
    kind: Annotated[str, typer.Option(help="anchored or rolling trainings.")] = "anchored",
    purge: Annotated[str, typer.Option(help="Dropped from the end of every training, such as 3d.")] = "1d",
    embargo: Annotated[
        str, typer.Option(help="Dropped from the beginning of every test, such as 12h.")
    ] = "1d",
    warmup: Annotated[
        str, typer.Option(help="History that a test runs on first, without counting it; see `check warmup`.")
    ] = "20d",
    min_sharpe: Annotated[float, typer.Option(help="The least yearly Sharpe ratio out of sample.")] = 0.5,
    min_win_rate: Annotated[float, typer.Option(help="The least share of trades that win.")] = 0.3,
    max_drawdown: Annotated[float, typer.Option(help="The largest fall from a peak, as a share.")] = 0.25,
    min_trades: Annotated[int, typer.Option(help="The least number of trades.")] = 30,
    min_deflated: Annotated[float, typer.Option(help="The least deflated Sharpe ratio.")] = 0.95,
    max_p_value: Annotated[
        float, typer.Option(help="The largest p-value of Hansen's test against doing nothing.")
    ] = 0.05,
    earlier: Annotated[
        int,
        typer.Option(
            "--earlier-trials",
            min=0,
            help="Trials before this walk that are not in the promotions folder's tried.jsonl, which counts.",
        ),
    ] = 0,
    currency: Annotated[
        str | None, typer.Option(help="Of the equity that is judged.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The page; walks/NAME.html in the report folder by default.", show_default=False),
    ] = None,
    dask: Dask = None,
    workers: Workers = None,
    catalog: Catalog = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the stretches, but neither run nor write.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Choose settings on the past, judge them on what follows, and write a promotion record either way.

    Exits with 0 when every hurdle is taken, 7 when one is not, 8 when there is too little to say. A node goes
    live only with records that pass, for exactly its settings.
    """
    from framework_proving import folds as stretches  # noqa: PLC0415 - the engine loads when it runs
    from framework_proving import walkforward as walking  # noqa: PLC0415
    from framework_proving.verdict import moment  # noqa: PLC0415

    if kind not in KINDS:
        raise ConfigError(f'no kind "{kind}"', where="--kind", remedy=f"One of: {', '.join(KINDS)}.")
    _refuse_others(axes or ())
    study = Study.open(file, catalog=catalog)
    varied = [text for text in axes or () if len(Study.grid([text]).axes[0].values) > 1]
    base = point_of([text for text in axes or () if text not in varied])
    search = searched(varied, objective, constraint, trials, batch, seed)[0] if varied else None
    plan = study.plan(base)
    first, last = Study.span(plan)
    chosen_kind: Any = kind
    walk = stretches.folds(
        first,
        last,
        count=folds,
        lead=lead,
        kind=chosen_kind,
        purge=_span(purge, "--purge"),
        embargo=_span(embargo, "--embargo"),
    )
    final = stretches.last_training(first, last, count=folds, lead=lead, kind=chosen_kind)
    if dry_run:
        lines = [
            {
                name: moment(getattr(fold, name))
                for name in ("train_start", "train_end", "test_start", "test_end")
            }
            for fold in walk
        ]
        typer.echo(
            json.dumps(lines, indent=2)
            if as_json
            else "\n".join(
                f"train {each['train_start']} to {each['train_end']}, "
                f"test {each['test_start']} to {each['test_end']}"
                for each in lines
            )
        )
        return
    before = tried_before(plan)
    bounds = walking.Bounds(min_sharpe, min_win_rate, max_drawdown, min_trades, min_deflated, max_p_value)
    with ExitStack() as stack:
        told = stack.enter_context(bar(plan.name, folds + 1, shown=not (quiet or as_json)))
        run = stack.enter_context(runner(dask, workers))
        judged = walking.walk_forward(
            walk,
            walking.chooser(study, search, base, run, file),
            walking.tester(study, run, first, _span(warmup, "--warmup"), currency),
            bounds=bounds,
            last=final,
            seed=seed,
            before=before,
            earlier=earlier,
            tick=told,
        )
    method = {
        "seed": seed,
        "kind": kind,
        "folds": list(judged.folds),
        "purge": purge,
        "embargo": embargo,
        "warmup": warmup,
        "set": list(axes or ()),
        "trials": trials,
        "objective": objective or [],
        "constraint": constraint or [],
        "earlier trials": earlier,
    }
    paths = _promote(study, judged, method)
    from framework_proving.walk_page import page  # noqa: PLC0415 - plotting loads when there is something to plot

    drawn = page(plan.name, judged).write(out or plan.report / "walks" / f"{plan.name}.html")
    _show(plan.name, judged, paths, drawn, as_json=as_json, quiet=quiet)
    if judged.verdict != "passed":
        kind_of = CheckFailed if judged.verdict == "failed" else NotEnoughEvidence
        raise SystemExit(kind_of.exit_code)


def _refuse_others(axes: Sequence[str]) -> None:
    """A record is of settings of strategies: what else a walk changed would not be what trades."""
    for text in axes:
        if text.startswith(("venues.", "risk.")):
            raise ConfigError(
                f"{text.partition('=')[0]} is no setting of a strategy, and no record would speak of it",
                where="--set",
                remedy="Write it in node.yaml, where paper and live read it too.",
            )


def _span(text: str, where: str) -> int:
    """A duration in nanoseconds; 0 for none."""
    import msgspec  # noqa: PLC0415 - beside its use

    if text.strip() == "0":
        return 0
    try:
        return nanoseconds(msgspec.convert(text, Duration))
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f'"{text}" is no duration', where=where, remedy="Write 90m, 12h or 3d.") from error


def _promote(study: Study, judged: Judged, method: dict[str, Any]) -> list[Path]:
    """A record for every strategy of the node, with the settings to go on with."""
    from framework_proving.walkforward import now  # noqa: PLC0415 - the engine loads when it runs

    plan = study.plan(judged.point)
    hashes = Study.hashes(plan)
    return [
        write_promotion(
            plan,
            Promotion(
                **subject_of(plan, strategy),
                verdict=judged.verdict,
                made=now(),
                by=f"framework-proving {version('framework-proving')}",
                data=hashes,
                hurdles=list(judged.hurdles),
                figures=judged.figures,
                method=method,
            ),
        )
        for strategy in plan.strategies
    ]


def _show(name: str, judged: Judged, paths: list[Path], drawn: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        facts = {
            "name": name,
            "verdict": judged.verdict,
            "hurdles": [
                {"name": h.name, "value": h.value, "bound": h.bound, "passed": h.passed}
                for h in judged.hurdles
            ],
            "figures": judged.figures,
            "folds": list(judged.folds),
            "set": judged.point,
            "records": [str(path) for path in paths],
            "page": str(drawn),
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    lines = [f"walk forward of {name}: {judged.verdict}"]
    if not quiet:
        for fold in judged.folds:
            settings = ", ".join(
                f"{path.rpartition('.')[2]} {value}" for path, value in fold["point"].items()
            )
            lines.append(
                f"  {fold['test'][0][:10]} to {fold['test'][1][:10]}: return {fold['return']:+.2%}, "
                f"yearly Sharpe {fold['sharpe']:.2f}, {fold['trades']} trades "
                f"({settings or 'as in the file'})"
            )
        for hurdle in judged.hurdles:
            value = "none" if hurdle.value is None else f"{hurdle.value:.3g}"
            lines.append(
                f"  {'ok    ' if hurdle.passed else 'FAILED'} {hurdle.name}: {value} ({hurdle.bound})"
            )
        lines.append(f"  different settings tried: {_counted(judged.figures)}")
        lines += [f"  --set {path}={value}" for path, value in judged.point.items()]
        lines += [f"  record: {path}" for path in paths]
        lines.append(f"  page: {drawn}")
    typer.echo(plain("\n".join(lines)))


def _counted(figures: dict[str, Any]) -> str:
    """How many trials the result answers for."""
    earlier = figures["trials before this walk"]
    return f"{figures['trials']}" + (f", {earlier} of them before this walk" if earlier else "")
