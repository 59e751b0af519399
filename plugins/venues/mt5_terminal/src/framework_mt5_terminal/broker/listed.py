"""What the broker offers: symbols, with the terms that MetaTrader 5 gives each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from framework_mt5_terminal import constants as c

FLAG_FOK, FLAG_IOC, FLAG_BOC = 1, 2, 4
"""Filling flags of a symbol; not the numbers of the filling types."""
TRIPLE_WEDNESDAY = 3


@dataclass(slots=True, kw_only=True)
class Listed:
    """One symbol's terms; amounts in lots, distances in points, swaps in points a lot and day."""

    name: str
    digits: int
    contract: Decimal
    base: str
    profit: str
    margin: str
    price: Decimal
    spread: int
    calc_mode: int = c.SYMBOL_CALC_MODE_FOREX
    exemode: int = c.SYMBOL_TRADE_EXECUTION_MARKET
    filling: int = FLAG_FOK | FLAG_IOC | FLAG_BOC
    trade_mode: int = c.SYMBOL_TRADE_MODE_FULL
    stops_level: int = 0
    freeze_level: int = 0
    volume_min: Decimal = Decimal("0.01")
    volume_max: Decimal = Decimal(100)
    volume_step: Decimal = Decimal("0.01")
    volume_limit: Decimal = Decimal(0)
    swap_long: Decimal = Decimal(0)
    swap_short: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    tick_value_off: Decimal = Decimal(1)
    selected: bool = False
    path: str = "Forex"
    always_open: bool = field(default=False)

    @property
    def point(self) -> Decimal:
        """The smallest step of its price."""
        return Decimal(1).scaleb(-self.digits)


def offered() -> dict[str, Listed]:
    """The symbols of a new broker."""
    lever = c.SYMBOL_CALC_MODE_CFDLEVERAGE
    hundred_thousand = Decimal(100_000)
    rows = (
        Listed(name="EURUSD", digits=5, contract=hundred_thousand, base="EUR", profit="USD", margin="EUR",
               price=Decimal("1.10000"), spread=2, swap_long=Decimal("-7.2"), swap_short=Decimal("2.6")),
        Listed(name="GBPUSD", digits=5, contract=hundred_thousand, base="GBP", profit="USD", margin="GBP",
               price=Decimal("1.30000"), spread=3),
        Listed(name="USDJPY", digits=3, contract=hundred_thousand, base="USD", profit="JPY", margin="USD",
               price=Decimal("150.000"), spread=3),
        Listed(name="EURGBP", digits=5, contract=hundred_thousand, base="EUR", profit="GBP", margin="EUR",
               price=Decimal("0.84600"), spread=4),
        Listed(name="XAUUSD", digits=2, contract=Decimal(100), base="XAU", profit="USD", margin="USD",
               price=Decimal("2000.00"), spread=20, calc_mode=lever, path="Metals"),
        Listed(name="BTCUSD", digits=2, contract=Decimal(1), base="BTC", profit="USD", margin="USD",
               price=Decimal("60000.00"), spread=1500, calc_mode=lever, path="Crypto", always_open=True),
        Listed(name="US500", digits=1, contract=Decimal(10), base="USD", profit="USD", margin="USD",
               price=Decimal("5000.0"), spread=5, calc_mode=c.SYMBOL_CALC_MODE_CFDINDEX, path="Indices",
               volume_min=Decimal("0.1"), volume_step=Decimal("0.1")),
        Listed(name="ODD.tick", digits=2, contract=Decimal(100), base="USD", profit="USD", margin="USD",
               price=Decimal("50.00"), spread=4, calc_mode=lever, path="Odd", tick_value_off=Decimal(2)),
    )  # fmt: skip
    return {row.name: row for row in rows}
