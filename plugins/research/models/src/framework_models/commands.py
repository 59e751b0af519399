"""`framework model`: train models, and see and verify those there are."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from framework import CheckFailed, ConfigError, FrameworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from framework_models.registry import Checked, Registry

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
RegistryFolder = Annotated[Path, typer.Option("--registry", help="The folder of models.")]
Trusted = Annotated[
    Path | None, typer.Option("--trust", help="The .pub file of the key whose signature is accepted.")
]
DEFAULT = Path("registry")


def build() -> typer.Typer:
    """The group's commands."""
    group = typer.Typer(no_args_is_help=True, add_completion=False)
    for command in (keygen, train, verify, show):
        group.command(command.__name__)(command)
    group.command("list")(list_)
    return group


def keygen(
    file: Annotated[Path, typer.Argument(help="The new signing key; FILE.pub is the key to trust.")],
    as_json: AsJson = False,
) -> None:
    """Make a key that signs models, and beside it the one that says whom to trust."""
    from framework_models import keys  # noqa: PLC0415 - each command loads what it needs

    public = keys.make(file)
    if as_json:
        typer.echo(json.dumps({"key": str(file), "trust": str(public)}, indent=2))
        return
    typer.echo(f"{file} signs: keep it to yourself, and out of version control.")
    typer.echo(f"{public} is whom to trust: name it in node.yaml.")


def train(
    recipe: Annotated[Path, typer.Argument(help="What to train.", metavar="RECIPE.yaml")],
    key: Annotated[Path, typer.Option(help="The key that signs the model; `keygen` makes one.")],
    registry: RegistryFolder = DEFAULT,
    catalog: Annotated[Path | None, typer.Option(help="Read this catalog instead of the recipe's.")] = None,
    pictures: Annotated[bool, typer.Option(help="Draw SHAP values and reliability beside the model.")] = True,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Make the samples and say what there is; train and write nothing."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a model, judge it on samples it has not seen, and put it into the registry, signed."""
    from framework import load_bars, read_settings, to_nanos  # noqa: PLC0415 - the engine loads with them
    from framework_models import keys, training  # noqa: PLC0415 - each command loads what it needs
    from framework_models.features import Rows  # noqa: PLC0415
    from framework_models.recipe import Recipe  # noqa: PLC0415
    from framework_models.registry import Registry  # noqa: PLC0415

    wanted = read_settings(recipe, Recipe)
    wanted.model.ready()
    signing = keys.signing_key(key)
    try:
        start = to_nanos(wanted.start) if wanted.start else None
        end = to_nanos(wanted.end, end_of_day=True)
    except ValueError as error:
        raise ConfigError(str(error), where=str(recipe), path="start, end") from error
    folder = catalog or recipe.resolve().parent / wanted.catalog
    bars = load_bars(folder, wanted.bars, start=start, end=end)
    if dry_run:
        samples = training.make_samples(wanted, Rows.of(bars))
        shares = {label: float((samples.classes == n).mean()) for n, label in enumerate(samples.labels)}
        facts = {
            "bars": len(bars),
            "samples": len(samples.classes),
            "columns": samples.columns,
            "shares": shares,
        }
        typer.echo(json.dumps(facts, indent=2) if as_json else _would(facts))
        return
    with _progress(f"training {wanted.name}", shown=not (quiet or as_json)) as progress:
        trained = training.train(wanted, bars, progress)
        drawn = {}
        if pictures:
            from framework_models.pictures import pictures as draw  # noqa: PLC0415 - takes seconds

            progress(1.0, "pictures")
            drawn = draw(trained)
    model_id = Registry(registry).add(trained.manifest, trained.model, signing, drawn)
    facts = {"id": model_id, "folder": str(registry / model_id), **_facts(trained.manifest)}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    elif not quiet:
        _print(facts)


def list_(registry: RegistryFolder = DEFAULT, as_json: AsJson = False) -> None:
    """List the models of a registry, whole and damaged ones."""
    found = _open_all(registry, None)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not found:
        typer.echo(f"no models in {registry}")
    for row in found:
        name = f"{row['name']}{' (newest)' if row['newest'] else ''}" if "name" in row else "damaged"
        rest = (
            row.get("error")
            or f"{row['bars']}, trained to {row['trained_to']}, knows until {row['knows_until']}"
        )
        typer.echo(f"{row['id'][:12]}  {name}  {rest}")


def show(
    model: Annotated[str, typer.Argument(help="A name, an id or the beginning of one.")],
    registry: RegistryFolder = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Show what a model is made of, and how it was judged. The signature is not looked at: see verify."""
    from framework_models.registry import Registry  # noqa: PLC0415 - each command loads what it needs

    checked = Registry(registry).open(model, None)
    facts = {
        "id": checked.id,
        "folder": str(checked.folder),
        **_facts(checked.manifest),
        "pictures": sorted(str(path) for path in checked.folder.glob("*.png")),
    }
    if as_json:
        typer.echo(json.dumps({**facts, "manifest": msgspec.to_builtins(checked.manifest)}, indent=2))
    else:
        _print(facts)


def verify(
    trust: Annotated[Path, typer.Option(help="The .pub file of the key whose signature is accepted.")],
    model: Annotated[str | None, typer.Argument(help="One model; all of the registry by default.")] = None,
    registry: RegistryFolder = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Check signature, hash and format of models, then load each; exit code 7 when one is refused."""
    from framework_models import keys  # noqa: PLC0415 - each command loads what it needs
    from framework_models.predictor import Predictor  # noqa: PLC0415

    public = keys.public_key(trust)
    rows = _open_all(registry, public, only=model, use=Predictor)
    bad = [row for row in rows if "error" in row]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        raise typer.Exit(CheckFailed.exit_code if bad else 0)
    for row in rows:
        typer.echo(f"{row['id'][:12]}  {row.get('error') or 'sound: signed, unchanged, loads'}")
    if bad:
        raise CheckFailed(f"{len(bad)} of {len(rows)} models refused", where=str(registry))
    if not rows:
        raise ConfigError(f"no models in {registry}", remedy="`framework model train` makes one.")


def _open_all(
    folder: Path, trusted: Any, *, only: str | None = None, use: Callable[[Checked], Any] | None = None
) -> list[dict[str, Any]]:
    from framework_models.registry import Registry  # noqa: PLC0415 - each command loads what it needs

    registry: Registry = Registry(folder)
    newest = set(registry.names().values())
    rows: list[dict[str, Any]] = []
    for model_id in [registry.find(only)] if only else sorted(registry.ids()):
        try:
            checked = registry.open(model_id, trusted)
            if use is not None:
                use(checked)
        except FrameworkError as error:
            rows.append({"id": model_id, "error": error.message})
        else:
            rows.append({"id": model_id, "newest": model_id in newest, **_facts(checked.manifest)})
    return rows


def _facts(manifest: Any) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "kind": manifest.parameters.get("use"),
        "bars": manifest.bars,
        "samples": manifest.samples,
        "trained_from": _time(manifest.first),
        "trained_to": _time(manifest.train_end),
        "knows_until": _time(manifest.knows_until),
        "label": manifest.label,
        "columns": manifest.columns,
        "window": manifest.window,
        "parameters": manifest.parameters,
        "trials": manifest.trials,
        "scores": manifest.scores,
    }


def _print(facts: dict[str, Any]) -> None:
    scores = facts.pop("scores")
    for name, value in facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {item}" for key, item in value.items())
        typer.echo(f"{name.replace('_', ' ')}: {shown}")
    typer.echo("on samples not seen:")
    for name, value in scores.items():
        typer.echo(f"  {name.replace('_', ' ')}: {value:.4f}")


def _would(facts: dict[str, Any]) -> str:
    shares = ", ".join(f"{label}: {share:.1%}" for label, share in facts["shares"].items())
    return (
        f"would train on {facts['samples']:,} of {facts['bars']:,} bars, "
        f"{len(facts['columns'])} columns; {shares}"
    )


def _time(nanos: int) -> str:
    return datetime.fromtimestamp(nanos // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _progress(name: str, *, shown: bool) -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr, when a person is watching."""
    if not (shown and sys.stderr.isatty()):
        yield lambda share, what: None  # noqa: ARG005 - its signature
        return
    from rich.console import Console  # noqa: PLC0415 - only when a person is watching
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0)
        yield lambda share, what: bar.update(task, completed=share, description=f"{name}: {what}")
