"""One instrument of every kind that a rule may meet, by the name a test calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.model import (
    AssetClass,
    CryptoFuture,
    CryptoPerpetual,
    Currency,
    CurrencyPair,
    Equity,
    FuturesContract,
    FuturesSpread,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NEVER = 2**62
"""When a dated contract expires."""


def every_kind() -> Mapping[str, Any]:
    """The instruments.

    `fx` EUR/USD with a least quantity of 1,000, `lots` GBP/USD in lots of 1,000 and at most 2,500,000, `yen`
    USD/JPY, `cross` EUR/JPY, `spot` BTC/USDT, `equity` AAPL, `future` and `spread` the ES at 50 USD a point,
    and contracts on coins: `linear`, `inverse` of 100 USD each, `dated` the same with an expiry, and
    `quanto`, a millionth of a bitcoin for each dollar of ether.
    """
    return {
        "fx": _pair("EUR/USD.SIM", tick="0.00001", min_quantity=Quantity.from_str("1000")),
        "lots": _pair(
            "GBP/USD.SIM",
            tick="0.00001",
            lot_size=Quantity.from_str("1000"),
            max_quantity=Quantity.from_str("2500000"),
        ),
        "yen": _pair("USD/JPY.SIM", tick="0.001"),
        "cross": _pair("EUR/JPY.SIM", tick="0.001"),
        "spot": _pair("BTCUSDT.X", base="BTC", quote="USDT", tick="0.01", step="0.00001"),
        "equity": Equity(*_names("AAPL.XNAS"), _money("USD"), 2, Price.from_str("0.01"), 0, 0),
        "future": _listed(FuturesContract, "ESZ4.CME", tick="0.25"),
        "spread": _listed(FuturesSpread, "ESZ4-ESH5.CME", "calendar", tick="0.05"),
        "linear": _perpetual("BTCUSDT-PERP.X", "BTC", "USDT", "USDT", step="0.001", tick="0.1"),
        "inverse": _perpetual("BTCUSD-PERP.X", "BTC", "USD", "BTC", inverse=True, multiplier="100"),
        "dated": CryptoFuture(
            *_names("BTCUSD-DEC.X"),
            *(_money("BTC"), _money("USD"), _money("BTC")),
            True,
            0,
            NEVER,
            *_grid("0.5", "1"),
            0,
            0,
            multiplier=Quantity.from_str("100"),
        ),
        "quanto": _perpetual("ETHUSD-PERP.X", "ETH", "USD", "BTC", tick="0.05", multiplier="0.000001"),
    }


def _pair(
    name: str, *, tick: str, base: str = "", quote: str = "", step: str = "1", **limits: Any
) -> CurrencyPair:
    first, _, second = name.partition(".")[0].partition("/")
    return CurrencyPair(
        *_names(name), _money(base or first), _money(quote or second), *_grid(tick, step), 0, 0, **limits
    )


def _listed(kind: Any, name: str, *strategy: str, tick: str) -> Any:
    increment = Price.from_str(tick)
    return kind(
        *_names(name),
        AssetClass.INDEX,
        "ES",
        *strategy,
        0,
        NEVER,
        _money("USD"),
        increment.precision,
        increment,
        Quantity.from_str("50"),
        Quantity.from_str("1"),
        0,
        0,
    )


def _perpetual(
    name: str,
    base: str,
    quote: str,
    settlement: str,
    *,
    inverse: bool = False,
    tick: str = "0.5",
    step: str = "1",
    multiplier: str = "1",
) -> CryptoPerpetual:
    return CryptoPerpetual(
        *_names(name),
        *(_money(base), _money(quote), _money(settlement)),
        inverse,
        *_grid(tick, step),
        0,
        0,
        multiplier=Quantity.from_str(multiplier),
    )


def _names(name: str) -> tuple[InstrumentId, Symbol]:
    instrument_id = InstrumentId.from_str(name)
    return instrument_id, instrument_id.symbol


def _money(code: str) -> Currency:
    return Currency.from_str(code)


def _grid(tick: str, step: str) -> tuple[Any, Any, Any, Any]:
    """Decimals and increments of price and size."""
    price, size = Price.from_str(tick), Quantity.from_str(step)
    return price.precision, size.precision, price, size
