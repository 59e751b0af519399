"""What moves the market: a random walk from a seed, or what a catalog recorded."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from framework_simexchange.server.records import Instrument

BAR_STEPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One thing that happens on the market.

    `body` is what is published: the fields of a quote, a trade or a bar, prices and sizes as text. `quotes`
    are the (bid, ask, bid size, ask size) that the books go through first. `at_ns` is the recorded time, or
    `None` for a walk, which is paced by a fixed interval.
    """

    symbol: str
    kind: str
    body: dict[str, Any]
    quotes: tuple[tuple[Decimal, Decimal, Decimal, Decimal], ...] = ()
    at_ns: int | None = None


def walk(instruments: Sequence[Instrument], seed: int, size: Decimal = Decimal(1_000)) -> Iterator[Tick]:
    """A walk of whole ticks for each instrument in turn; a trade follows every fourth quote.

    The same seed gives the same market, for ever. Quotes are two ticks wide and show `size` smallest sizes.
    """
    draw = random.Random(seed)  # noqa: S311 - prices, not secrets
    middle = {item.symbol: int(item.start / item.tick) for item in instruments}
    count = 0
    while True:
        for item in instruments:
            step = draw.choice((-2, -1, 0, 0, 1, 2))
            middle[item.symbol] = max(2, middle[item.symbol] + step)
            bid, ask = ((middle[item.symbol] + side) * item.tick for side in (-1, 1))
            shown = [item.step * draw.randint(1, int(size)) for _ in range(2)]
            yield quote(item.symbol, bid, ask, shown[0], shown[1])
            count += 1
            if count % 4 == 0:
                side = draw.choice(("BUY", "SELL"))
                yield Tick(
                    symbol=item.symbol,
                    kind="trade",
                    body={
                        "price": _str(ask if side == "BUY" else bid),
                        "size": _str(item.step * draw.randint(1, int(size))),
                        "side": side,
                        "trade_id": f"M{count}",
                    },
                )


def quote(symbol: str, bid: Decimal, ask: Decimal, bid_size: Decimal, ask_size: Decimal) -> Tick:
    """A change of the best prices."""
    body = {"bid": _str(bid), "ask": _str(ask), "bid_size": _str(bid_size), "ask_size": _str(ask_size)}
    return Tick(symbol=symbol, kind="quote", body=body, quotes=((bid, ask, bid_size, ask_size),))


def recorded(folder: Path, streams: Sequence[str]) -> Iterator[Tick]:
    """What a catalog holds of `streams`, merged by time.

    A stream is a bar type (`EUR/USD.SIM-1-HOUR-LAST-EXTERNAL`), `quotes:ID` or `trades:ID`.
    """
    feeds = [_stream(folder, stream) for stream in streams]
    return heapq.merge(*feeds, key=lambda tick: tick.at_ns or 0)


def listed(folder: Path, streams: Sequence[str], standard: Instrument) -> list[Instrument]:
    """The catalog's instruments that the streams name; what it does not say is as in `standard`.

    Raises:
        LookupError: A stream names an instrument that the catalog does not describe.
    """
    from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415 - only a replay needs the engine

    known = {str(item.id): item for item in ParquetDataCatalog(str(folder)).instruments()}
    names = dict.fromkeys(_instrument_of(stream) for stream in streams)
    missing = [name for name in names if name not in known]
    if missing:
        raise LookupError(f"{folder} does not describe {', '.join(missing)}; it has {', '.join(known)}")
    return [_listed(known[name], standard) for name in names]


def _listed(item: Any, standard: Instrument) -> Instrument:
    step = Decimal(str(item.size_increment))
    least, most = item.min_quantity, item.max_quantity
    return replace(
        standard,
        symbol=str(item.id.symbol),
        base=item.base_currency.code if getattr(item, "base_currency", None) else str(item.id.symbol),
        quote=item.quote_currency.code,
        tick=Decimal(str(item.price_increment)),
        step=step,
        min_quantity=step if least is None else Decimal(str(least)),
        max_quantity=step * 10**12 if most is None else Decimal(str(most)),
        margin=item.margin_init or standard.margin,
    )


def _instrument_of(stream: str) -> str:
    kind, _, name = stream.rpartition(":")
    return name if kind else "-".join(stream.split("-")[:-4])


def _stream(folder: Path, stream: str) -> Iterator[Tick]:
    from nautilus_trader.persistence import ParquetDataCatalog  # noqa: PLC0415 - only a replay needs the engine

    catalog = ParquetDataCatalog(str(folder))
    kind, _, name = stream.rpartition(":")
    symbol = _instrument_of(stream).rpartition(".")[0]
    if kind == "quotes":
        for tick in catalog.query_quote_ticks([name]):
            numbers = (tick.bid_price, tick.ask_price, tick.bid_size, tick.ask_size)
            yield replace(quote(symbol, *(n.as_decimal() for n in numbers)), at_ns=tick.ts_init)
    elif kind == "trades":
        for trade in catalog.query_trade_ticks([name]):
            yield _trade(symbol, trade)
    else:
        for bar in catalog.query_bars([name]):
            yield _bar(symbol, stream, bar)


def _trade(symbol: str, item: Any) -> Tick:
    price, size = item.price.as_decimal(), item.size.as_decimal()
    side = item.aggressor_side.name if item.aggressor_side.name in {"BUY", "SELL"} else "NONE"
    return Tick(
        symbol=symbol,
        kind="trade",
        body={"price": _str(price), "size": _str(size), "side": side, "trade_id": str(item.trade_id)},
        quotes=((price, price, size, size),),
        at_ns=item.ts_init,
    )


def _bar(symbol: str, bar_type: str, item: Any) -> Tick:
    prices = [price.as_decimal() for price in (item.open, item.high, item.low, item.close)]
    volume = item.volume.as_decimal()
    share = volume / BAR_STEPS
    body = dict(zip(("open", "high", "low", "close"), map(_str, prices), strict=True))
    return Tick(
        symbol=symbol,
        kind="bar",
        body={
            **body,
            "volume": _str(volume),
            "bar": "-".join(bar_type.split("-")[-4:]),
        },
        quotes=tuple((price, price, share, share) for price in prices),
        at_ns=item.ts_init,
    )


def _str(value: Decimal) -> str:
    return format(value, "f")
