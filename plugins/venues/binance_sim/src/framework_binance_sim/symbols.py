"""What is listed, and the rules of each symbol. A rule of zero is no rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

D = Decimal
_NONE = D(0)
_MAKER, _TAKER, _MAINTENANCE = D("0.0002"), D("0.0005"), D("0.004")


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A symbol and its filters, under the names Binance gives them.

    Attributes:
        symbol: Its name: BTCUSDT.
        base: What is bought.
        quote: What it is paid with.
        tick: `tickSize` of PRICE_FILTER.
        step: `stepSize` of LOT_SIZE.
        start: Where a walk begins.
        min_price: `minPrice` of PRICE_FILTER.
        max_price: `maxPrice` of PRICE_FILTER.
        min_qty: `minQty` of LOT_SIZE.
        max_qty: `maxQty` of LOT_SIZE.
        market_step: `stepSize` of MARKET_LOT_SIZE.
        market_max_qty: `maxQty` of MARKET_LOT_SIZE.
        min_notional: The least price times quantity.
        max_notional: The most of it; spot only.
        max_orders: MAX_NUM_ORDERS.
        max_algo_orders: MAX_NUM_ALGO_ORDERS.
        multiplier_up: PERCENT_PRICE: a limit price may be this many times the mark price; on spot, of
            PERCENT_PRICE_BY_SIDE, a bid may be this many times the mean price of five minutes.
        multiplier_down: And no less than this many times.
        ask_multiplier_up: PERCENT_PRICE_BY_SIDE for offers; spot only.
        ask_multiplier_down: And no less than this many times.
        max_position: MAX_POSITION of the base asset; spot only.
        max_leverage: The largest leverage; futures only.
        maker: Fee rate of resting fills.
        taker: Fee rate of taking fills.
        maintenance: Maintenance margin rate; futures only.
        written: Decimals that numbers are written with; 0 for as many as tick and step have.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    start: Decimal
    min_price: Decimal = _NONE
    max_price: Decimal = _NONE
    min_qty: Decimal = _NONE
    max_qty: Decimal = _NONE
    market_step: Decimal = _NONE
    market_max_qty: Decimal = _NONE
    min_notional: Decimal = _NONE
    max_notional: Decimal = _NONE
    max_orders: int = 200
    max_algo_orders: int = 10
    multiplier_up: Decimal = _NONE
    multiplier_down: Decimal = _NONE
    ask_multiplier_up: Decimal = _NONE
    ask_multiplier_down: Decimal = _NONE
    max_position: Decimal = _NONE
    max_leverage: int = 125
    maker: Decimal = _MAKER
    taker: Decimal = _TAKER
    maintenance: Decimal = _MAINTENANCE
    written: int = 0

    @property
    def price_decimals(self) -> int:
        """Decimals that a price is written with: as many as the tick is, 2 of 0.10."""
        return places(self.tick)

    @property
    def size_decimals(self) -> int:
        """Decimals of a quantity."""
        return decimals(self.step)

    def price(self, value: Decimal) -> str:
        """A price as it is written."""
        return _fixed(value, self.written or self.price_decimals)

    def size(self, value: Decimal) -> str:
        """A quantity as it is written."""
        return _fixed(value, self.written or self.size_decimals)

    def worth(self, value: Decimal) -> str:
        """A price times a quantity as it is written."""
        return _fixed(value, self.written or self.price_decimals + self.size_decimals)


def _fixed(value: Decimal, decimals: int) -> str:
    return format(value.quantize(D(1).scaleb(-decimals)), "f")


def places(number: Decimal) -> int:
    """The decimals a number is written with."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def decimals(number: Decimal) -> int:
    """The decimals a number needs: 1 of 0.10."""
    return places(number.normalize())


_FUTURES = Symbol(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=D("0.10"),
    step=D("0.001"),
    start=D(60_000),
    min_price=D("556.80"),
    max_price=D(4_529_764),
    min_qty=D("0.001"),
    max_qty=D(1_000),
    market_step=D("0.001"),
    market_max_qty=D(120),
    min_notional=D(100),
    multiplier_up=D("1.0500"),
    multiplier_down=D("0.9500"),
)
FUTURES = (
    _FUTURES,
    replace(
        _FUTURES,
        symbol="ETHUSDT",
        base="ETH",
        tick=D("0.01"),
        start=D(3_000),
        min_price=D("39.86"),
        max_price=D(306_177),
        max_qty=D(10_000),
        market_max_qty=D(2_000),
        min_notional=D(20),
        max_leverage=100,
        maintenance=D("0.005"),
    ),
    replace(
        _FUTURES,
        symbol="SOLUSDT",
        base="SOL",
        tick=D("0.0100"),
        step=D("0.01"),
        market_step=D("0.01"),
        min_qty=D("0.01"),
        start=D(150),
        min_price=D("0.4200"),
        max_price=D(6_857),
        max_qty=D(1_000_000),
        market_max_qty=D(80_000),
        min_notional=D(5),
        max_leverage=75,
        maintenance=D("0.005"),
    ),
)
_SPOT = replace(
    _FUTURES,
    tick=D("0.01"),
    step=D("0.00001"),
    market_step=D(0),
    min_price=D("0.01"),
    max_price=D(1_000_000),
    min_qty=D("0.00001"),
    max_qty=D(9_000),
    market_max_qty=D(100),
    min_notional=D(5),
    max_notional=D(9_000_000),
    max_algo_orders=5,
    multiplier_up=D(5),
    multiplier_down=D("0.2"),
    ask_multiplier_up=D(5),
    ask_multiplier_down=D("0.2"),
    written=8,
    maker=D("0.001"),
    taker=D("0.001"),
)
SPOT = (
    _SPOT,
    replace(_SPOT, symbol="ETHUSDT", base="ETH", step=D("0.0001"), min_qty=D("0.0001"), start=D(3_000)),
    replace(
        _SPOT,
        symbol="ETHBTC",
        base="ETH",
        quote="BTC",
        tick=D("0.00001"),
        step=D("0.0001"),
        min_price=D("0.00001"),
        max_price=D(922_327),
        min_qty=D("0.0001"),
        min_notional=D("0.0001"),
        max_notional=_NONE,
        start=D("0.05"),
    ),
)


def listed(standard: Iterable[Symbol], file: Path | None) -> dict[str, Symbol]:
    """The symbols by name: `standard`, changed and extended by a JSON file of objects.

    An object names a `symbol`; what it leaves out is as in the standard list, or as in its first symbol when
    the name is new.

    Raises:
        ValueError: The file is no list of such objects.
    """
    known = {symbol.symbol: symbol for symbol in standard}
    if file is None:
        return known
    rows = json.loads(file.read_text(encoding="utf-8"))
    first = next(iter(known.values()))
    found = {}
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, dict) or "symbol" not in row:
            raise ValueError(f"{file}: {row!r} is no object with a `symbol`")
        found[row["symbol"]] = _changed(known.get(row["symbol"], first), row)
    return found


def _changed(symbol: Symbol, row: dict[str, Any]) -> Symbol:
    kinds = {field.name: type(getattr(symbol, field.name)) for field in fields(symbol)}
    unknown = row.keys() - kinds.keys()
    if unknown:
        raise ValueError(
            f"{row['symbol']}: there is no rule {', '.join(sorted(unknown))}; there are {', '.join(kinds)}"
        )
    try:
        values: dict[str, Any] = {name: kinds[name](str(value)) for name, value in row.items()}
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"{row['symbol']}: {error}") from error
    return replace(symbol, **values)
