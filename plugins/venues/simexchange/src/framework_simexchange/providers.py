"""The exchange's instruments, as the engine's."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.live import InstrumentProvider, InstrumentProviderConfig
from nautilus_trader.model import Currency, CurrencyPair, InstrumentId, Price, Quantity, Symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework_simexchange.rest import Rest


class SimExchangeInstruments(InstrumentProvider):
    """Loads everything that is listed."""

    def __init__(self, rest: Rest, venue: str) -> None:
        super().__init__(InstrumentProviderConfig(load_all=True))
        self._rest = rest
        self._venue = venue

    async def load_all_async(self, filters: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - the engine's signature
        """Ask for what is listed."""
        answer = await self._rest.get("/v1/instruments")
        for row in answer["instruments"]:
            self.add(instrument(row, self._venue))


def instrument(row: Mapping[str, Any], venue: str) -> CurrencyPair:
    """The engine's instrument for a row of the exchange's list."""
    tick, step = Price.from_str(row["tick"]), Quantity.from_str(row["step"])
    margin = Decimal(row["margin"])
    return CurrencyPair(
        instrument_id=InstrumentId.from_str(f"{row['symbol']}.{venue}"),
        raw_symbol=Symbol(row["symbol"]),
        base_currency=Currency.from_str(row["base"]),
        quote_currency=Currency.from_str(row["quote"]),
        price_precision=tick.precision,
        size_precision=step.precision,
        price_increment=tick,
        size_increment=step,
        ts_event=0,
        ts_init=0,
        min_quantity=Quantity.from_decimal_dp(Decimal(row["min_quantity"]), step.precision),
        max_quantity=Quantity.from_decimal_dp(Decimal(row["max_quantity"]), step.precision),
        margin_init=margin,
        margin_maint=margin,
        info={"maker": row["maker"], "taker": row["taker"]},
    )
