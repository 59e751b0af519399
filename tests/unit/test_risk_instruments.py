"""What an instrument's profit and loss are in, and settings that name one twice."""

from __future__ import annotations

import pytest
from nautilus_trader.model import (
    CryptoFuture,
    CryptoPerpetual,
    Currency,
    CurrencyPair,
    InstrumentId,
    Price,
    Quantity,
    Symbol,
)

from framework import cost_currency, refuse_repeats

BTC, ETH, USD, USDT = (Currency.from_str(code) for code in ("BTC", "ETH", "USD", "USDT"))
EURUSD, GBPUSD = InstrumentId.from_str("EUR/USD.SIM"), InstrumentId.from_str("GBP/USD.SIM")
TICK, UNIT = Price.from_str("0.5"), Quantity.from_str("1")


def perpetual(base, quote, settlement, *, inverse=False):
    name = InstrumentId.from_str("PERP.X")
    return CryptoPerpetual(
        name, Symbol("PERP"), base, quote, settlement, inverse, 1, 0, TICK, UNIT, 0, 0, multiplier=UNIT
    )


def dated(underlying, quote, settlement, *, inverse=False):
    name = InstrumentId.from_str("DATED.X")
    return CryptoFuture(
        name, Symbol("DATED"), underlying, quote, settlement, inverse, 0, 2**62, 1, 0, TICK, UNIT, 0, 0
    )


def pair():
    step = Price.from_str("0.00001")
    eur = Currency.from_str("EUR")
    return CurrencyPair(EURUSD, Symbol("EUR/USD"), eur, USD, 5, 0, step, UNIT, 0, 0)


@pytest.mark.parametrize(
    ("instrument", "currency"),
    [
        (pair(), USD),
        (perpetual(BTC, USDT, USDT), USDT),
        (perpetual(BTC, USD, BTC, inverse=True), BTC),
        (perpetual(ETH, USD, BTC), BTC),  # a quanto
        (dated(BTC, USDT, USDT), USDT),
        (dated(BTC, USD, BTC, inverse=True), BTC),  # no base currency, only an underlying
    ],
)
def test_profit_is_in_the_currency_the_engine_settles_it_in(instrument, currency):
    assert cost_currency(instrument) == currency
    assert instrument.notional_value(UNIT, Price.from_str("100.0")).currency == currency


def test_instruments_named_once_pass():
    refuse_repeats([EURUSD, GBPUSD])
    refuse_repeats([])


def test_an_instrument_named_twice_is_refused_by_name():
    with pytest.raises(ValueError, match=r"^`instruments` names EUR/USD\.SIM twice; keep one$"):
        refuse_repeats([EURUSD, GBPUSD, EURUSD])


def test_the_refusal_says_where_and_what_to_do():
    with pytest.raises(ValueError, match=r"^`bar_types` names EUR/USD\.SIM twice; run two$"):
        refuse_repeats(iter([EURUSD, EURUSD]), setting="bar_types", instead="run two")
