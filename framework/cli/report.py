"""`framework report`: look at a finished run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def build() -> typer.Typer:
    """The command group."""
    app = typer.Typer(help="Look at finished runs.", no_args_is_help=True, add_completion=False)

    @app.callback()
    def report() -> None:
        """Look at finished runs."""

    @app.command()
    def show(
        run_dir: Annotated[
            Path, typer.Argument(help="The run's folder, or the `latest` beside it.", show_default=True)
        ] = Path("reports/latest"),
        *,
        as_json: Annotated[bool, typer.Option("--json", help="Print result.json as it is.")] = False,
        open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    ) -> None:
        """Print a run's summary again, from its files."""
        from framework.report.write import resolve  # noqa: PLC0415 - `framework --help` needs no reports

        folder = resolve(run_dir)
        record = _read(folder)
        if as_json:
            typer.echo(json.dumps(record, indent=2))
        else:
            from rich.console import Console  # noqa: PLC0415

            from framework.report.summary import render  # noqa: PLC0415

            try:
                shown = render(record)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise _unreadable(folder, f"{type(error).__name__}: {error}") from None
            Console().print(shown)
        if open_page:
            typer.launch(str(_page(folder)))

    return app


def _page(folder: Path) -> Path:
    from framework.errors import RunError  # noqa: PLC0415
    from framework.report.write import PAGE  # noqa: PLC0415

    page = folder / PAGE
    if not page.is_file():
        raise RunError(
            "this run has no page", where=str(folder), remedy="set `html: true` under `report:` and run again"
        )
    return page


def _read(folder: Path) -> dict[str, object]:
    """The run's record, saying where it lies now; it may have been moved since it was written."""
    try:
        record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder, str(error)) from error
    if not isinstance(record, dict):
        raise _unreadable(folder, "it is no JSON object")
    return {**record, "report": str(folder)}


def _unreadable(folder: Path, problem: str) -> Exception:
    from framework.errors import RunError  # noqa: PLC0415

    return RunError(
        f"the run's record cannot be read: {problem}",
        where=str(folder / "result.json"),
        remedy="run the node again",
    )
