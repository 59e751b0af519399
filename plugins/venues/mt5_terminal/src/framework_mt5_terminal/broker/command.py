"""`framework-mt5-terminal`: run the broker."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.account import Account
from framework_mt5_terminal.broker.house import House
from framework_mt5_terminal.broker.listed import offered
from framework_mt5_terminal.broker.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_USAGE = 2
EXIT_BUSY = 6
BAR_TYPE_DASHES = 3


def main(arguments: list[str] | None = None) -> int:
    """Print where the broker listens as one JSON line, and serve until SIGTERM or Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        rows = _replayed(options) if options.data else None
        account = Account(
            login=options.login,
            currency=options.currency,
            balance=Decimal(options.balance),
            leverage=options.leverage,
            hedging=options.margin_mode == "hedging",
            trade_mode=c.ACCOUNT_TRADE_MODE_REAL if options.real else c.ACCOUNT_TRADE_MODE_DEMO,
        )
        house = House(
            account,
            zone=options.zone,
            seed=options.seed,
            history=options.history,
            comments=options.comments,
            bare_answers=options.bare_answers,
        )
        return asyncio.run(_serve(house, options, rows))
    except (ValueError, InvalidOperation, KeyError) as error:
        sys.stderr.write(f"framework-mt5-terminal: {error}\n")
        return EXIT_USAGE
    except OSError as error:
        sys.stderr.write(f"framework-mt5-terminal: port {options.port}: {error.strerror}\n")
        return EXIT_BUSY
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="framework-mt5-terminal",
        description="A simulated MetaTrader 5 broker on this machine.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0 takes a free port")
    add("--zone", default="Europe/Athens", help="the broker's clock: Europe/Athens, +2, America/New_York+7")
    add("--margin-mode", choices=["hedging", "netting"], default="hedging", help="how positions are kept")
    add("--currency", default="USD", help="of the account")
    add("--balance", default="10000", help="what the account starts with")
    add("--leverage", type=int, default=100, help="what margins are divided by")
    add("--login", type=int, default=5_000_123, help="the account's number")
    add("--real", action="store_true", help="say that the account is a real one")
    add("--seed", type=int, default=7, help="of the prices")
    add("--rate", type=float, default=0.0, help="ticks of the walk a second for each symbol; 0 stands still")
    add("--walk", nargs="*", default=["EURUSD"], metavar="SYMBOL", help="what walks")
    add("--history", type=int, default=600, help="minutes of prices before the start")
    add("--comments", choices=["keep", "overwrite"], default="keep", help="what the broker does to comments")
    add("--bare-answers", action="store_true", help="answer market orders without deal and price")
    add("--data", type=Path, help="a catalog whose quotes or bars are replayed (needs the extra `catalog`)")
    add(
        "--stream",
        metavar="INSTRUMENT",
        help="its quotes, EUR/USD.SIM, or bars, EUR/USD.SIM-1-HOUR-LAST-EXTERNAL",
    )
    add("--as", dest="symbol", metavar="SYMBOL", help="the symbol it is here, such as EURUSD")
    add("--speed", type=float, default=1.0, help="of the replay; 60 plays a minute in a second")
    return parser


async def _serve(house: House, options: argparse.Namespace, rows: Iterator[Any] | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers here
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    service = Service(house)
    unknown = [name for name in options.walk if name not in house.listed]
    if unknown or (options.symbol and options.symbol not in house.listed):
        raise ValueError(
            f"no such symbol: {', '.join(unknown) or options.symbol}; there are {list(house.listed)}"
        )
    async with service.listening(options.port) as port:
        sys.stdout.write(json.dumps({"port": port, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        driver = asyncio.create_task(_replay(service, rows, options) if rows else _walk(service, options))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({driver, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if driver.done():
            driver.result()  # a driver that failed ends the broker, loudly
            await stopping
        driver.cancel()
    return 0


async def _walk(service: Service, options: argparse.Namespace) -> None:
    while options.rate:
        await asyncio.sleep(1 / options.rate)
        for symbol in options.walk:
            service.tick(symbol)
    await asyncio.Event().wait()


def _replayed(options: argparse.Namespace) -> Iterator[tuple[int, Decimal, Decimal]]:
    if not (options.stream and options.symbol):
        raise ValueError("--data needs --stream INSTRUMENT and --as SYMBOL")
    try:
        from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415 - only a replay needs the engine
    except ImportError as error:
        raise ValueError("--data reads a catalog: pip install 'framework-mt5-terminal[catalog]'") from error
    catalog = ParquetDataCatalog(str(options.data))
    if options.stream.count("-") < BAR_TYPE_DASHES:
        quotes = catalog.query_quote_ticks([options.stream])
        rows = [(q.ts_event, q.bid_price.as_decimal(), q.ask_price.as_decimal()) for q in quotes]
    else:
        spread = offered()[options.symbol].spread * offered()[options.symbol].point
        rows = [
            (bar.ts_event, price.as_decimal(), price.as_decimal() + spread)
            for bar in catalog.query_bars([options.stream])
            for price in (bar.open, bar.high, bar.low, bar.close)
        ]
    if not rows:
        raise ValueError(f"nothing of {options.stream} in {options.data}")
    return iter(rows)


async def _replay(service: Service, rows: Iterator[Any], options: argparse.Namespace) -> None:
    before = None
    for ns, bid, ask in rows:
        if before is not None and ns > before:
            await asyncio.sleep((ns - before) / 1e9 / options.speed)
        before = ns
        service.publish([(options.symbol, bid, ask)])
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
