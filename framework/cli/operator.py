"""The commands of `framework node` for a node that runs: status, stop, kill, resume, enable and the like.

They need the node's folder and nothing of its process, so they work when the node hangs, and kill and resume
when it does not run.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import socket
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framework.cli.plain import plain
from framework.errors import CheckFailed, ConfigError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from framework.compose import Plan
    from framework.engine.outside import Status
    from framework.engine.parity import Parity

NodeFile = Annotated[Path, typer.Argument(help="The node.yaml of the node.", metavar="NODE.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
Strategy = Annotated[str | None, typer.Option(help="Only this strategy, by its id.")]
StrategyId = Annotated[
    str, typer.Argument(help="The strategy, by its id.", metavar="STRATEGY", show_default=False)
]
Venue = Annotated[str | None, typer.Option(help="Only what trades at this venue, by its name.")]
Why = Annotated[str, typer.Option(help="The reason, for the record.")]
Who = Annotated[str | None, typer.Option(help="Who asks, for the record; user@host by default.")]
PATIENCE = 10.0


def add(group: typer.Typer) -> None:
    """Add the commands to `framework node`."""
    for command in (status, stop, kill, resume, flatten, disable, enable, reload, parity):
        group.command(command.__name__)(command)


def status(file: NodeFile, as_json: AsJson = False) -> None:
    """Show whether a node runs, what it holds and what is stopped. Exit code 6 when it ought to run."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    found = outside.status(folder_of(file))
    if as_json:
        typer.echo(json.dumps(_facts(found), indent=2))
    else:
        for line in _lines(found):
            typer.echo(plain(line))
    if found.state in {"failed", "gone", "silent"}:
        raise typer.Exit(RunError.exit_code)


def stop(file: NodeFile, as_json: AsJson = False) -> None:
    """Stop a running node gracefully; its orders and positions stay as they are."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    found = outside.stop(folder_of(file))
    typer.echo(json.dumps(_facts(found), indent=2) if as_json else f"the node is {found.state}")


def kill(
    file: NodeFile,
    why: Why,
    strategy: Strategy = None,
    venue: Venue = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Stop new risk at once, whether the node runs or not; entries are cancelled, exits pass, it stays so."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    scope = _scope(file, strategy, venue)
    fresh = outside.kill(folder_of(file), scope, who=who or _me(), why=why)
    said = f"{scope} is latched" if fresh else f"{scope} was latched already"
    typer.echo(json.dumps({"scope": scope, "fresh": fresh}) if as_json else plain(said))


def resume(
    file: NodeFile,
    why: Why,
    strategy: Strategy = None,
    venue: Venue = None,
    who: Who = None,
    as_json: AsJson = False,
) -> None:
    """Take a latch off; only a person may."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    scope = _scope(file, strategy, venue)
    if strategy is not None and scope in outside.status(folder_of(file)).disabled:
        raise RunError(
            f'strategy "{strategy}" is disabled, so letting it trade would change nothing',
            where=str(file),
            remedy=f"framework node enable {file} {strategy} --why ...",
        )
    latch = outside.resume(folder_of(file), scope, who=who or _me(), why=why)
    if latch is None:
        raise RunError(
            f"{scope} is not latched",
            where=str(file),
            remedy="`framework node status` shows what is.",
        )
    said = f"{scope} may trade again; it was latched by {latch.who}: {latch.why}"
    typer.echo(json.dumps({"scope": scope, "who": latch.who, "why": latch.why}) if as_json else plain(said))


def flatten(
    file: NodeFile,
    why: Why,
    strategy: Strategy = None,
    venue: Venue = None,
    who: Who = None,
    patience: Annotated[
        float, typer.Option(min=0.0, help="Seconds to wait until the venue has shown that it is so.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Stop new risk, cancel every order and close every position, through the running node.

    Exit code 0 only when the venue itself shows that nothing is left; 6 when it does not in time. The node
    goes on trying. Ctrl-C before it has begun withdraws the command, and leaves the latch.
    """
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    scope = _scope(file, strategy, venue)
    command = outside.flatten(folder_of(file), scope, who=who or _me(), why=why)
    if not outside.begun(command, PATIENCE):
        raise RunError(
            f"{scope} is latched, but the node has not begun to close within {PATIENCE:.0f} s: "
            "the command is withdrawn",
            where=str(file),
            remedy="It may hang: look at `framework node status`, and close at the venue by hand.",
        )
    said: dict[str, Any] = {"scope": scope, "flat": False, "why": "the node has not said anything yet"}
    deadline = time.monotonic() + patience
    while not said["flat"] and time.monotonic() < deadline:
        said = outside.closed(command) or said
        time.sleep(0.02)
    if as_json:
        typer.echo(json.dumps(said))
        raise typer.Exit(0 if said["flat"] else RunError.exit_code)
    if not said["flat"]:
        raise RunError(
            f"{scope} is latched and NOT known to be flat: {said['why']}",
            where=str(file),
            remedy="The node goes on trying; look at `framework node status`, and at the venue.",
        )
    typer.echo(plain(f"{scope} is flat: {said['why']}"))


def disable(file: NodeFile, strategy: StrategyId, why: Why, who: Who = None, as_json: AsJson = False) -> None:
    """Stop a strategy and call none of its code, now and after a restart; its position stays as it is."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    _scope(file, strategy, None)
    fresh = outside.disable(folder_of(file), strategy, who=who or _me(), why=why)
    said = f"{strategy} is disabled" if fresh else f"{strategy} was disabled already"
    typer.echo(json.dumps({"strategy": strategy, "fresh": fresh}) if as_json else plain(said))


def enable(file: NodeFile, strategy: StrategyId, why: Why, who: Who = None, as_json: AsJson = False) -> None:
    """Have a disabled strategy called again, and let it trade; only a person may."""
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    _scope(file, strategy, None)
    record = outside.enable(folder_of(file), strategy, who=who or _me(), why=why)
    if record is None:
        raise RunError(
            f'strategy "{strategy}" is not disabled',
            where=str(file),
            remedy="`framework node status` shows what is; a latch is taken off by `framework node resume`.",
        )
    said = f"{strategy} is called again; it was disabled by {record.who}: {record.why}"
    facts = {"strategy": strategy, "who": record.who, "why": record.why}
    typer.echo(json.dumps(facts) if as_json else plain(said))


def reload(
    file: NodeFile,
    why: Why,
    who: Who = None,
    approve: Annotated[
        bool, typer.Option("--approve", help="Take changes that may let more risk through, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a running node the file as it is now: parameters and limits, all of it or nothing.

    Exit code 6 when the node keeps what it has; it then says why.
    """
    from framework.cli.node import composer  # noqa: PLC0415 - which loads this module
    from framework.config import document  # noqa: PLC0415 - as below
    from framework.engine import outside  # noqa: PLC0415 - `framework --help` needs none of it

    text = document.text(file)
    folder = folder_of(file)
    composer(file.resolve(), outside.status(folder).heartbeat.get("mode", "paper"))(text)
    command = outside.reload(folder, text, who=who or _me(), why=why, approve=approve, dry=dry_run)
    answer = outside.answered(command, PATIENCE)
    if answer is None:
        raise RunError(
            f"the node has not looked at it within {PATIENCE:.0f} s, and keeps what it has",
            where=str(file),
            remedy="It may hang: look at `framework node status`.",
        )
    refused = not answer["taken"] and answer["changes"] and not dry_run
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        raise typer.Exit(RunError.exit_code if refused else 0)
    for change in answer["changes"]:
        loosens = " (may let more risk through)" if change["loosens"] else ""
        becomes = "needs a restart" if change["kind"] == "restart" else f"{change['old']} -> {change['new']}"
        typer.echo(plain(f"{change['path']}: {becomes}{loosens}"))
    if refused:
        raise RunError(
            f"the node keeps what it has: {answer['why']}",
            where=str(file),
            remedy="--approve takes what loosens or is unproven; a restart takes the rest.",
        )
    typer.echo(plain("taken" if answer["taken"] else f"nothing is taken: {answer['why']}"))


def parity(
    file: NodeFile,
    session: Annotated[
        str | None, typer.Option(help="The session, by its name in the journal; the last one by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a recorded session again as a backtest and explain every decision that differs.

    Exit code 7 when a difference has no explanation in the journal.
    """
    from framework.cli.installed import installed  # noqa: PLC0415 - plugins load when they are needed
    from framework.cli.node import logged  # noqa: PLC0415 - which loads this module
    from framework.engine import logs  # noqa: PLC0415 - the engine loads with it
    from framework.engine.parity import parity as compare  # noqa: PLC0415 - as above

    @contextmanager
    def around(plan: Plan) -> Iterator[None]:
        with logs.masked(plan), logged(plan):
            yield

    found = compare(folder_of(file), file.resolve().parent, installed(), session=session, around=around)
    if as_json:
        typer.echo(json.dumps(_compared(found), indent=2))
        raise typer.Exit(CheckFailed.exit_code if found.unexplained else 0)
    for line in _comparison(found):
        typer.echo(plain(line))
    if found.unexplained:
        raise CheckFailed(
            f"{len(found.unexplained)} differences without an explanation in the journal",
            where=found.session,
            remedy="Compare the versions of both runs; if they are the same, this is a bug of ours.",
        )


def _compared(found: Parity) -> dict[str, Any]:
    return {
        "session": found.session,
        "intents": dict(found.intents),
        "differences": [
            {
                "strategy": one.strategy_id,
                "at": one.at,
                "session": None if one.session is None else str(one.session),
                "backtest": None if one.backtest is None else str(one.backtest),
                "reason": one.reason,
                "follows": one.follows,
            }
            for one in found.differences
        ],
        "unexplained": len(found.unexplained),
    }


def _comparison(found: Parity) -> list[str]:
    lines = [f"session {found.session}"]
    differ = {one.strategy_id: one for one in found.differences}
    for name, count in found.intents.items():
        one = differ.get(name)
        if one is None:
            lines.append(f"{name}: {count:,} intents, the same in the backtest")
            continue
        when = dt.datetime.fromtimestamp(one.at / 1e9, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        lines.append(f"{name}: parts from the backtest at {when}, {one.follows:,} intents follow")
        lines.append(f"  session:  {one.session or 'nothing'}")
        lines.append(f"  backtest: {one.backtest or 'nothing'}")
        lines.append(f"  why: {one.reason or 'NOT EXPLAINED by the journal'}")
    return lines


def folder_of(file: Path) -> Path:
    """The node's folder; the plugins it names need not be installed, or even load."""
    from framework.config import load  # noqa: PLC0415

    loaded = load(file)
    state = Path(loaded.node.state)
    return state if state.is_absolute() else (loaded.directory / state).resolve()


def _scope(file: Path, strategy: str | None, venue: str | None) -> str:
    from framework.config import load  # noqa: PLC0415

    if strategy is not None and venue is not None:
        raise ConfigError("name a strategy or a venue, not both", remedy="Latch one after the other.")
    node = load(file).node
    for name, kind, known in (
        (strategy, "strategy", [entry.id for entry in node.strategies]),
        (venue, "venue", [entry.name for entry in node.venues]),
    ):
        if name is not None:
            if name not in known:
                raise ConfigError(
                    f'no {kind} "{name}" in the file',
                    where=f"--{kind}",
                    remedy=f"One of: {', '.join(known)}.",
                )
            return f"{kind}:{name}"
    return "all"


def _me() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _facts(found: Status) -> dict[str, Any]:
    latches, disabled = ([asdict(one) for one in held.values()] for held in (found.latches, found.disabled))
    return {"state": found.state, "latches": latches, "disabled": disabled, "heartbeat": found.heartbeat}


def _lines(found: Status) -> list[str]:
    beat = found.heartbeat
    lines = [f"{beat['name']} ({beat['mode']}): {found.state}" if beat else f"{found.state} run here"]
    if beat and found.state in {"starting", "running", "silent", "gone"}:
        age = (time.time_ns() - beat["at"]) / 1e9
        lines.append(f"last heard of {age:.1f} s ago, process {beat['pid']}")
        if "rows" in beat:
            data = "" if beat["mode"] == "live" else f"{beat['rows']:,} rows, "
            lines.append(f"{data}{beat['orders']} orders, {beat['open_orders']} open")
            lines.extend(
                f"{name} was {mark['price']}, {mark['age']} s ago" for name, mark in beat["marks"].items()
            )
            for name, held in beat["positions"].items():
                lines.extend(f"{name} holds {size} {instrument}" for instrument, size in held.items())
            lines.extend(f"{name} FAILED in {origin}" for name, origin in beat["failed"].items())
    elif "reason" in beat:
        lines.append(f"why: {beat['reason']}")
    lines.extend(
        f"STOPPED {one.scope}{' and kept flat' if one.flat else ''} by {one.who}: {one.why}"
        for one in found.latches.values()
        if one.scope not in found.disabled
    )
    lines.extend(f"DISABLED {one.scope} by {one.who}: {one.why}" for one in found.disabled.values())
    return lines
