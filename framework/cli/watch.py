"""`framework node watch`: the watchdog, a process of its own."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framework.cli.operator import NodeFile, folder_of
from framework.cli.plain import plain
from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework.engine.delivery import Delivery
    from framework.secret import Secret

AlertsFile = Annotated[
    Path | None, typer.Option("--alerts", help="Append alerts to this file, a line of JSON each.")
]
LOOK_SECONDS = 0.25
"""How often the watchdog looks."""


def watch(
    file: NodeFile,
    silent: Annotated[
        float, typer.Option(help="Seconds without a heartbeat after which the node hangs.", min=1.5)
    ] = 3.0,
    stale: Annotated[
        float | None, typer.Option(help="Say so when a last price is older than these seconds.", min=0)
    ] = None,
    alerts: AlertsFile = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Run the command that is at env:NAME, vault:NAME or keyring:SERVICE/NAME, with the alert on "
            "its standard input.",
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Post alerts as JSON to the address that is at env:NAME or the like."
        ),
    ] = None,
    ping: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Ask for the address that is at env:NAME or the like once a minute while all is well.",
        ),
    ] = None,
    latch_after: Annotated[
        float | None,
        typer.Option(
            help="Set the kill switch when the node has been in trouble for so many seconds.", min=0
        ),
    ] = None,
    restarts: Annotated[
        int,
        typer.Option(help="Start the node again when it dies or hangs, so often in a row.", min=0, max=100),
    ] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print alerts to stdout, a line of JSON each.")
    ] = False,
) -> None:
    """Watch a node from another process: say when it dies, hangs or is stopped; start it again if told to.

    Runs until SIGTERM or Ctrl-C, and leaves the node alone when it ends.
    """
    from framework.engine import delivery  # noqa: PLC0415 - `framework --help` needs none of it
    from framework.engine.watchdog import Keeper, Watcher  # noqa: PLC0415

    folder = folder_of(file)
    watcher = Watcher(folder, silent, stale)
    keeper = Keeper(folder, latch_after, restarts)
    ways = _ways(alerts, _secret(command, "--command"), _secret(webhook, "--webhook"))
    told = _secret(ping, "--ping")
    pinger = None if told is None else delivery.Ping(told, _undelivered)
    over = _told_to_end()
    while not over.is_set():
        found, said = watcher.look()
        for alert in [*said, *keeper.act(found)]:
            typer.echo(json.dumps(alert.to_dict()) if as_json else plain(str(alert)), err=not as_json)
            for way in ways:
                way.take(alert)
        if pinger is not None and found.state == "running":
            pinger.well(watcher.clock())
        over.wait(LOOK_SECONDS)
    for way in ways:
        way.close()


def _ways(alerts: Path | None, command: Secret | None, webhook: Secret | None) -> list[Delivery]:
    from framework.engine import delivery  # noqa: PLC0415 - as above

    found: list[tuple[str, Callable[[str], None]]] = []
    if alerts is not None:
        found.append(("file", delivery.to_file(alerts)))
    if command is not None:
        found.append(("command", delivery.to_command(command)))
    if webhook is not None:
        found.append(("webhook", delivery.to_webhook(webhook)))
    return [delivery.Delivery(name, send, _undelivered) for name, send in found]


def _undelivered(words: str) -> None:
    typer.echo(plain(f"not delivered {words}"), err=True)


def _told_to_end() -> threading.Event:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: over.set())
    return over


def _secret(reference: str | None, option: str) -> Secret | None:
    from framework.secret import Secret  # noqa: PLC0415 - as above

    if reference is None:
        return None
    try:
        return Secret(reference)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        raise ConfigError(message, where=option, remedy=remedy) from None
