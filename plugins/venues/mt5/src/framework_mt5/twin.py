"""The same venue inside a backtest: the engine's simulated exchange with this account's terms."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from zoneinfo import ZoneInfo

from nautilus_trader.backtest import BacktestVenueConfig, SimulationModule
from nautilus_trader.execution import DefaultFillModel, FeeModel
from nautilus_trader.model import Money

if TYPE_CHECKING:
    from framework_mt5.config import Mt5Config, Swap

ROLLOVER_HOUR = 17
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
HALF = Decimal("0.5")


def build_venue(name: str, config: Mt5Config, seed: int) -> BacktestVenueConfig:
    """The engine's venue called `name`; fills are certain, so that `seed` changes nothing."""
    return BacktestVenueConfig(
        name=name,
        oms_type=config.oms.upper(),
        account_type="MARGIN",
        base_currency=config.balances[0].currency if config.swap else None,
        starting_balances=[str(balance) for balance in config.balances],
        default_leverage=config.leverage,
        fee_model=Costs(config),
        fill_model=DefaultFillModel(1.0, 0.0, seed),
        modules=[Nights(config)] if config.swap else None,
    )


class Costs(FeeModel):
    """Commission for each unit, and on bars half the spread for each fill."""

    def __new__(cls, config: Mt5Config) -> Self:
        """The engine builds its half without arguments."""
        del config
        return super().__new__(cls)

    def __init__(self, config: Mt5Config) -> None:
        super().__init__()
        self._commission = config.commission
        self._spread = config.spread
        self._home = config.balances[0].currency

    def get_commission(self, _order: Any, _fill_quantity: Any, _fill_px: Any, _instrument: Any) -> Money:
        """What a fill costs besides its price.

        Raises:
            ValueError: Commission and spread would be in two currencies.
        """
        symbol = str(_instrument.id.symbol)
        units = _fill_quantity.as_decimal()
        spread = self._spread.get(symbol, Decimal(0)) * HALF * units
        commission = self._commission.get(symbol, Decimal(0)) * units
        quote = _instrument.quote_currency
        if spread and commission and quote != self._home:
            raise ValueError(
                f"{symbol} costs a commission in {self._home} and a spread in {quote}; backtest it on quotes"
            )
        return Money.from_decimal(spread + commission, quote if spread else self._home)


class Nights(SimulationModule):
    """What positions cost over night, charged to the account when a new trading day begins."""

    def __new__(cls, config: Mt5Config) -> Self:
        """The engine builds its half without arguments."""
        del config
        return super().__new__(cls)

    def __init__(self, config: Mt5Config) -> None:
        super().__init__()
        self._swap = config.swap
        self._zone = ZoneInfo(config.rollover)
        self._home = config.balances[0].currency
        self._day: Any = None

    def process(self, _ts_now: int, _context: Any) -> list[Money] | None:
        """Called with every row of data; charges once for each night that has passed."""
        day = self._trading_day(_ts_now)
        before, self._day = self._day, day
        if before is None or day == before:
            return None
        nights = {name: self._nights(before, day, terms) for name, terms in self._swap.items()}
        total = Decimal(0)
        for position in _context.positions:
            name = str(position.instrument_id.symbol)
            if position.is_open and name in nights:
                total += nights[name] * self._night(position, self._swap[name])
        return [Money.from_decimal(total, self._home)] if total else None

    def reset(self) -> None:
        """Begin again."""
        self._day = None

    def _trading_day(self, ts: int) -> Any:
        """The day that ends at the next rollover."""
        local = datetime.fromtimestamp(ts / 1e9, tz=UTC).astimezone(self._zone)
        return local.date().toordinal() + (local.hour >= ROLLOVER_HOUR)

    @staticmethod
    def _nights(before: int, day: int, terms: Swap) -> int:
        """Nights from one trading day to another: none for weekends, whose nights are the triple one's."""
        triple = DAYS.index(terms.triple)
        passed = [(number - 1) % 7 for number in range(before, day)]
        return sum(0 if weekday >= len(DAYS) else 3 if weekday == triple else 1 for weekday in passed)

    @staticmethod
    def _night(position: Any, terms: Swap) -> Decimal:
        lots: Decimal = position.quantity.as_decimal() / terms.contract
        return lots * (terms.long if position.is_long else terms.short)
