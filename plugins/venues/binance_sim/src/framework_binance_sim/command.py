"""`framework-binance-sim`: run the exchange until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from framework_binance_sim import control, script
from framework_binance_sim.access import Key, KeyRing
from framework_binance_sim.connections import Terms
from framework_binance_sim.door import explain_unknown_paths
from framework_binance_sim.futures.product import WEIGHT_A_MINUTE, Futures
from framework_binance_sim.spot.product import TERMS, Spot
from framework_binance_sim.spot.product import WEIGHT_A_MINUTE as SPOT_WEIGHT_A_MINUTE
from framework_binance_sim.stage import Stage, background
from framework_binance_sim.symbols import FUTURES, SPOT, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from framework_binance_sim.script import Tick
    from framework_binance_sim.symbols import Symbol


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exchange; 0 when it was told to stop, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except (LookupError, ValueError, OSError) as error:
        sys.stderr.write(f"framework-binance-sim: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


async def _serve(options: argparse.Namespace) -> int:
    stage = _built(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    public = web.Application(middlewares=[explain_unknown_paths], client_max_size=256 * 1024)
    public.add_routes(stage.product.routes())
    runners = [web.AppRunner(app, access_log=None) for app in (public, control.application(stage))]
    ports = []
    for runner, port in zip(runners, (options.port, options.control_port), strict=True):
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=0.5).start()
        ports.append(runner.addresses[0][1])
    sys.stdout.write(json.dumps({"port": ports[0], "control_port": ports[1], "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    async with background(stage.play(options.interval / 1_000, options.speed), stage.tend()) as tasks:
        waiting = {asyncio.create_task(stop.wait()), *tasks}
        while not stop.is_set():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done & set(tasks):
                task.result()
    stage.product.hub.end()
    stage.product.sessions.end()
    for runner in runners:
        await runner.cleanup()
    return 0


def _built(options: argparse.Namespace) -> Stage:
    stage = Stage()
    symbols = listed(FUTURES if options.product == "futures" else SPOT, options.symbols)
    make = _futures if options.product == "futures" else _spot
    stage.product = make(options, stage, symbols)
    stage.script = _script(options, symbols)
    if not options.paused:
        stage.running.set()
    return stage


def _futures(options: argparse.Namespace, stage: Stage, symbols: dict[str, Symbol]) -> Futures:
    made = Futures(
        symbols,
        _balances(options.balance),
        stage.clock,
        stage.faults,
        _keys(options),
        _terms(options, Terms()),
        options.weight or WEIGHT_A_MINUTE,
    )
    made.keys.life = int(options.listen_key_life * 1_000)
    made.exchange.account.hedge = options.hedge
    return made


def _spot(options: argparse.Namespace, stage: Stage, symbols: dict[str, Symbol]) -> Spot:
    if options.hedge:
        raise ValueError("--hedge is of futures; leave it out for spot")
    return Spot(
        symbols,
        _balances(options.balance),
        stage.clock,
        stage.faults,
        _keys(options),
        _terms(options, TERMS),
        options.weight or SPOT_WEIGHT_A_MINUTE,
    )


def _terms(options: argparse.Namespace, standard: Terms) -> Terms:
    return Terms(
        ping=options.ping or standard.ping,
        patience=options.pong_within or standard.patience,
        life=options.stream_life,
        warning=options.warning,
        rate=options.messages or standard.rate,
    )


def _script(options: argparse.Namespace, symbols: dict[str, Symbol]) -> Iterator[Tick]:
    if options.frames is not None:
        return script.frames(_there(options.frames), symbols)
    if options.bars is None:
        return script.walk(symbols.values(), options.walk)
    name, _, where = options.bars.partition("=")
    if name not in symbols:
        raise ValueError(
            f"--bars {options.bars}: write SYMBOL=FILE.csv or SYMBOL=CATALOG:BAR_TYPE, "
            f"with one of {', '.join(symbols)}"
        )
    symbol = symbols[name]
    if where.endswith((".csv", ".csv.gz")):
        return script.bars(symbol, script.bars_of_csv(_there(Path(where))), _positive(options.shown))
    folder, _, bar_type = where.rpartition(":")
    return script.bars(
        symbol, script.bars_of_catalog(_there(Path(folder)), bar_type), _positive(options.shown)
    )


def _there(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"there is no {path}")
    return path


def _keys(options: argparse.Namespace) -> KeyRing:
    keys = []
    name, secret = (os.environ.get(variable, "") for variable in (options.key_env, options.secret_env))
    if name and secret:
        keys.append(Key(name, "hmac", secret))
    for wish in options.public_key or []:
        name, _, file = wish.partition("=")
        keys.append(Key.public(name, _there(Path(file)).read_bytes()))
    if not keys:
        raise LookupError(
            f"set {options.key_env} and {options.secret_env} in the environment, or name a --public-key"
        )
    return KeyRing(keys)


def _balances(texts: Sequence[str] | None) -> dict[str, Decimal]:
    balances = {}
    for text in texts or ["10000 USDT"]:
        amount, _, asset = text.partition(" ")
        if not asset:
            raise ValueError(f'--balance {text!r}: write an amount and an asset, such as "10000 USDT"')
        balances[asset] = _positive(amount)
    return balances


def _positive(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{text!r} is not a positive number")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="framework-binance-sim", description=__doc__)
    add = parser.add_argument
    add("--product", choices=("futures", "spot"), default="futures", help="what is traded here")
    add("--port", type=int, default=0, help="for traders; 0 takes a free one")
    add("--control-port", type=int, default=0, help="for whoever tests; 0 takes a free one")
    add(
        "--walk",
        type=int,
        default=0,
        metavar="SEED",
        help="a random walk from this seed (the default, from 0)",
    )
    add("--bars", metavar="SYMBOL=FILE.csv", help="replay bars instead: a CSV file, or CATALOG:BAR_TYPE")
    add("--frames", type=Path, metavar="FILE", help="replay recorded stream frames instead")
    add("--shown", default="10", metavar="SIZE", help="size on each level of replayed bars")
    add("--interval", type=float, default=100.0, metavar="MS", help="between two events of a walk")
    add("--speed", type=float, default=1.0, help="of a replay; 0 goes by --interval instead")
    add("--paused", action="store_true", help="start with the market standing still")
    add("--symbols", type=Path, metavar="FILE", help="a JSON list of what is listed, and its filters")
    add("--balance", action="append", metavar='"10000 USDT"', help="what the account starts with")
    add("--hedge", action="store_true", help="start in hedge mode; futures only")
    add("--weight", type=int, help="request weight a minute before 429: 2400, on spot 6000")
    add("--ping", type=float, metavar="S", help="between two pings of a stream: 180, on spot 20")
    add("--pong-within", type=float, metavar="S", help="before a silent stream is cut: 600, on spot 60")
    add("--stream-life", type=float, default=86_400.0, metavar="S", help="before any stream is closed")
    add("--warning", type=float, default=600.0, metavar="S", help="before that, when serverShutdown is sent")
    add("--messages", type=int, metavar="N", help="a client may send on a stream in a second: 10, on spot 5")
    add("--listen-key-life", type=float, default=3_600.0, metavar="S", help="futures only")
    add("--key-env", default="BINANCE_SIM_KEY", help="the environment variable that holds the API key")
    add(
        "--secret-env",
        default="BINANCE_SIM_SECRET",
        help="the environment variable that holds the HMAC secret",
    )
    add(
        "--public-key",
        action="append",
        metavar="KEY=FILE.pem",
        help="an API key signed for with RSA or Ed25519",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
