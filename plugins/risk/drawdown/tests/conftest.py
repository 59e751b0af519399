"""An account whose equity the test sets, and the marks it is read at."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest
from nautilus_trader.model import (
    Currency,
    CurrencyPair,
    InstrumentId,
    Money,
    Price,
    Quantity,
    Symbol,
    Venue,
)

from framework import Mark

START = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z


def pair(base, quote, venue="SIM", tick="0.00001"):
    price = Price.from_str(tick)
    return CurrencyPair(
        InstrumentId.from_str(f"{base}/{quote}.{venue}"),
        Symbol(f"{base}/{quote}"),
        Currency.from_str(base),
        Currency.from_str(quote),
        price.precision,
        2,
        price,
        Quantity.from_str("0.01"),
        0,
        0,
    )


PAIRS = {
    str(item.id): item for item in (pair("EUR", "USD"), pair("USD", "JPY", tick="0.001"), pair("BTC", "USDT"))
}


class Account:
    """What a breaker sees of the market."""

    def __init__(self):
        self.sums = {}
        self.prices = {}
        self.positions = ["a position"]
        self.readings = 0
        self.hold("100000 USD")

    def hold(self, *amounts):
        money = [Money.from_str(amount) for amount in amounts]
        self.sums = {item.currency: item for item in money}

    def equity(self, venue):
        self.readings += 1
        return self.sums if venue == Venue("SIM") else {}

    def instrument(self, instrument_id):
        return PAIRS.get(str(instrument_id))

    def mark(self, instrument_id):
        price = self.prices.get(str(instrument_id))
        return Mark(instrument_id, Price.from_str(price), START) if price else None

    def open_positions(self, strategy_id=None):
        return self.positions


class Driver:
    """Feeds a rule one mark after another, a second apart."""

    def __init__(self, rule, account):
        self.rule = rule
        self.account = account
        self.now = START
        rule.start(account)

    def mark(self, *amounts, name="EUR/USD.SIM", at=None):
        """What the rule answers to a mark at which the account is worth this."""
        self.now = self.now + 1_000_000_000 if at is None else at
        if amounts:
            self.account.hold(*[text if " " in str(text) else f"{text} USD" for text in amounts])
        return self.rule.on_mark(Mark(InstrumentId.from_str(name), Price.from_str("1.10000"), self.now))

    def trade(self, *, flat):
        self.account.positions = [] if flat else ["a position"]
        self.rule.on_fill(SimpleNamespace())

    def entry(self):
        """What the rule answers to an entry now."""
        return self.rule.check(SimpleNamespace(now=self.now))


@pytest.fixture
def account():
    return Account()


@pytest.fixture
def driver(account):
    def make(rule, config, **settings):
        def decode(kind, value):
            return kind(value) if kind is Venue else kind.from_str(value)

        settings = {"venue": "SIM", **settings}
        return Driver(rule(msgspec.convert(settings, config, dec_hook=decode)), account)

    return make


@pytest.fixture
def decimal():
    return Decimal
