"""`framework-simexchange`: run the exchange until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from framework_simexchange.server import api, control
from framework_simexchange.server.market import listed, recorded, walk
from framework_simexchange.server.matching import Exchange
from framework_simexchange.server.records import STANDARD, Instrument
from framework_simexchange.server.truth import Truth
from framework_simexchange.server.venue import Venue, background

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework_simexchange.server.market import Tick
    from framework_simexchange.server.matching import Event

LEASE_AFTER_RESTART = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exchange; 0 when it was told to stop, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    try:
        venue, door = _built(options)
        asyncio.run(_serve(venue, door, options))
    except (LookupError, ValueError, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"framework-simexchange: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _built(options: argparse.Namespace) -> tuple[Venue, api.Door]:
    key, secret = (os.environ.get(name, "") for name in (options.key_env, options.secret_env))
    if not key or not secret:
        raise LookupError(f"set {options.key_env} and {options.secret_env} in the environment")
    if options.data is not None and not options.stream:
        raise ValueError("--data needs at least one --stream")
    if options.data is not None and not options.data.is_dir():
        raise ValueError(f"no catalog at {options.data}")
    truth = Truth(options.state)
    stored = list(truth.read())
    instruments = _instruments(options)
    exchange = Exchange(
        instruments, _balances(options.balance), oms=options.oms, leverage=_positive(options.leverage)
    )
    venue = Venue(exchange, truth, heartbeat=options.heartbeat)
    if stored:
        _restore(venue, stored)
    else:
        venue.record([_opening(exchange, venue.ns())])
    venue.ticks = _ticks(options, instruments)
    if not options.paused:
        venue.running.set()
    return venue, api.Door(key, secret, rate=options.rate, burst=options.burst)


def _restore(venue: Venue, stored: list[Event]) -> None:
    try:
        for event in stored:
            venue.exchange.apply(event)
    except KeyError as error:
        raise ValueError(f"the state file knows {error}, which is not listed now") from error
    if venue.exchange.session:
        venue.holder = venue.exchange.holder
        venue.lease_ends = time.monotonic() + LEASE_AFTER_RESTART


def _opening(exchange: Exchange, ns: int) -> Event:
    body = {
        "balances": {name: format(value, "f") for name, value in exchange.balances.items()},
        "oms": "hedging" if exchange.hedging else "netting",
        "leverage": format(exchange.leverage, "f"),
    }
    event: Event = {"seq": 1, "ns": ns, "kind": "account", "body": body}
    exchange.apply(event)
    return event


async def _serve(venue: Venue, door: api.Door, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    runners = [
        web.AppRunner(app, access_log=None)
        for app in (api.application(venue, door), control.application(venue))
    ]
    ports = []
    for runner, port in zip(runners, (options.port, options.control_port), strict=True):
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=0.5)
        await site.start()
        ports.append(runner.addresses[0][1])
    sys.stdout.write(json.dumps({"port": ports[0], "control_port": ports[1], "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    work = (venue.run_market(options.interval / 1_000, options.speed), venue.run_clock())
    async with background(*work) as tasks:
        waiting = [asyncio.create_task(stop.wait()), *tasks]
        while not stop.is_set():
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done & set(tasks):
                task.result()
            waiting = [task for task in waiting if task not in done]
    venue.hub.cut()
    for runner in runners:
        await runner.cleanup()
    venue.truth.close()


def _ticks(options: argparse.Namespace, instruments: Sequence[Instrument]) -> Iterator[Tick]:
    if options.data is not None:
        return recorded(options.data, options.stream)
    return walk(instruments, options.walk)


def _instruments(options: argparse.Namespace) -> list[Instrument]:
    stated = {"maker": options.maker, "taker": options.taker}
    fees: dict[str, Any] = {name: _rate(text) for name, text in stated.items() if text is not None}
    return [replace(instrument, **fees) for instrument in _catalogued(options)]


def _catalogued(options: argparse.Namespace) -> list[Instrument]:
    if options.data is not None:
        return listed(options.data, options.stream, STANDARD[0])
    if options.instruments is None:
        return list(STANDARD)
    rows = json.loads(options.instruments.read_text(encoding="utf-8"))
    return [_instrument(row) for row in rows]


def _instrument(row: dict[str, Any]) -> Instrument:
    texts = {"symbol", "base", "quote"}
    try:
        fields: dict[str, Any] = {n: value if n in texts else Decimal(value) for n, value in row.items()}
        return Instrument(**fields)
    except (TypeError, InvalidOperation) as error:
        raise ValueError(f"{row} does not describe an instrument: {error}") from error


def _balances(texts: Sequence[str]) -> dict[str, Decimal]:
    balances = {}
    for text in texts or ["1000000 USD", "1000000 USDT"]:
        amount, _, currency = text.partition(" ")
        balances[currency] = _positive(amount)
    return balances


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal(1)
    if not rate.is_finite() or not Decimal("-0.01") <= rate <= Decimal("0.1"):
        raise ValueError(f"{text!r} is not a fee rate; 2 basis points is 0.0002")
    return rate


def _positive(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{text!r} is not a positive number")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="framework-simexchange", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="for traders; 0 takes a free one")
    add("--control-port", type=int, default=0, help="for whoever tests; 0 takes a free one")
    add("--state", type=Path, help="the file that the exchange remembers in; without it, nothing lasts")
    add(
        "--walk",
        type=int,
        default=0,
        metavar="SEED",
        help="a random walk from this seed (the default, from 0)",
    )
    add("--data", type=Path, metavar="CATALOG", help="replay a catalog instead")
    add(
        "--stream",
        action="append",
        help="what of the catalog: a bar type, quotes:ID or trades:ID; may be repeated",
    )
    add("--interval", type=float, default=100.0, metavar="MS", help="between two events of a walk")
    add("--speed", type=float, default=1.0, help="of a replay; 0 goes by --interval instead")
    add("--paused", action="store_true", help="start with the market standing still")
    add("--instruments", type=Path, help="a JSON file of what is listed")
    add("--balance", action="append", metavar='"1000 USD"', help="what the account starts with")
    add("--oms", choices=("netting", "hedging"), default="netting", help="how positions are kept")
    add("--maker", help="the fee rate of resting orders, for every instrument")
    add("--taker", help="the fee rate of taking orders, for every instrument")
    add("--leverage", default="1", help="margins are divided by it")
    add("--heartbeat", type=float, default=1.0, metavar="S", help="between two heartbeats")
    add("--rate", type=float, default=200.0, help="requests a second before 429")
    add("--burst", type=int, default=400, help="requests at once before 429")
    add("--key-env", default="SIMEXCHANGE_KEY", help="the environment variable that holds the API key")
    add("--secret-env", default="SIMEXCHANGE_SECRET", help="the environment variable that holds the secret")
    return parser


if __name__ == "__main__":
    sys.exit(main())
