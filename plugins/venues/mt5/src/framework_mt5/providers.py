"""The broker's symbols as the engine's instruments: units, not lots.

A quantity is lots x contract size. With lots as quantities, the engine's profit on a currency pair would be
wrong a hundred-thousandfold.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.live import InstrumentProvider, InstrumentProviderConfig
from nautilus_trader.model import (
    AssetClass,
    Cfd,
    Currency,
    CurrencyPair,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

from framework import RunError
from framework_mt5.constants import FOREX, LEVERAGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework_mt5.rest import Rest

METALS = {"XAU", "XAG", "XPT", "XPD"}
COINS = {"BTC", "ETH", "LTC", "XRP", "SOL", "BCH", "ADA", "DOT"}


class Mt5Instruments(InstrumentProvider):
    """Loads the symbols that the settings name."""

    def __init__(self, rest: Rest, venue: str, symbols: Sequence[str]) -> None:
        super().__init__(InstrumentProviderConfig(load_all=True))
        self._rest = rest
        self._venue = venue
        self._symbols = symbols
        self.rows: dict[str, Mapping[str, Any]] = {}
        """What the server said of each symbol."""

    async def load_all_async(self, filters: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - the engine's signature
        """Ask for every symbol.

        Raises:
            RunError: One of them cannot be traded here without getting its profit wrong.
        """
        account = await self._rest.get("account")
        for symbol in self._symbols:
            row = await self._rest.get("symbol", {"name": symbol})
            self.rows[symbol] = row
            self.add(instrument(row, self._venue, account["currency"], int(account["leverage"])))


def instrument(row: Mapping[str, Any], venue: str, home: str, leverage: int) -> CurrencyPair | Cfd:
    """The engine's instrument for a symbol of an account kept in `home`; margins are those of its leverage.

    Raises:
        RunError: A tick is worth something else than contract size x tick size.
    """
    contract, tick_size = Decimal(row["contract_size"]), Decimal(row["tick_size"])
    if row["currency_profit"] == home and Decimal(row["tick_value"]) != contract * tick_size:
        raise RunError(
            f"a tick of {row['name']} is worth {row['tick_value']} {home} and not {contract} x {tick_size}: "
            "its profit would be worked out wrong",
            remedy="Take the symbol out of `symbols`.",
        )
    tick = Price.from_decimal_dp(tick_size, int(row["digits"]))
    step = _units(row["volume_step"], contract)
    precision = max(0, -int(step.normalize().as_tuple().exponent))

    def size(lots: str) -> Quantity:
        return Quantity.from_decimal_dp(_units(lots, contract), precision)

    margin = Decimal(1) / leverage if row["calc_mode"] in LEVERAGED else Decimal(1)
    lot = Quantity.from_decimal_dp(contract, precision) if contract == contract.to_integral_value() else None
    common: dict[str, Any] = {
        "instrument_id": InstrumentId.from_str(f"{row['name']}.{venue}"),
        "raw_symbol": Symbol(row["name"]),
        "quote_currency": Currency.from_str(row["currency_profit"]),
        "price_precision": int(row["digits"]),
        "size_precision": precision,
        "price_increment": tick,
        "size_increment": size(row["volume_step"]),
        "ts_event": 0,
        "ts_init": 0,
        "lot_size": lot,
        "min_quantity": size(row["volume_min"]),
        "max_quantity": size(row["volume_max"]),
        "margin_init": margin,
        "margin_maint": margin,
        "info": dict(row),
    }
    base = row["currency_base"]
    if row["calc_mode"] in FOREX:
        return CurrencyPair(base_currency=Currency.from_str(base), **common)
    kind = (
        AssetClass.COMMODITY
        if base in METALS
        else AssetClass.CRYPTOCURRENCY
        if base in COINS
        else AssetClass.INDEX
    )
    return Cfd(asset_class=kind, **common)


def lots(quantity: Quantity, contract: Decimal) -> str:
    """A quantity of units in lots, as the server reads it."""
    return f"{(quantity.as_decimal() / contract).normalize():f}"


def _units(text: str, contract: Decimal) -> Decimal:
    return Decimal(text) * contract
