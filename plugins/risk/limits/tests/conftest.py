"""Real instruments and orders, and a market small enough to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace

import pytest
from nautilus_trader.common import Clock, OrderFactory
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
    OrderSide,
    Price,
    Quantity,
    StrategyId,
    Symbol,
    TraderId,
)

from framework import Mark, Proposal

NOW = 1_700_000_000_000_000_000
USD, EUR, BTC, ETH, USDT = (Currency.from_str(code) for code in ("USD", "EUR", "BTC", "ETH", "USDT"))


def perpetual(
    symbol, settlement, *, base=BTC, inverse=False, quote=USD, step="1", tick="0.5", multiplier="1"
):
    return CryptoPerpetual(
        InstrumentId.from_str(f"{symbol}.X"),
        Symbol(symbol),
        base,
        quote,
        settlement,
        inverse,
        Price.from_str(tick).precision,
        Quantity.from_str(step).precision,
        Price.from_str(tick),
        Quantity.from_str(step),
        0,
        0,
        multiplier=Quantity.from_str(multiplier),
    )


INSTRUMENTS = {
    "fx": CurrencyPair(
        InstrumentId.from_str("EUR/USD.SIM"),
        Symbol("EUR/USD"),
        EUR,
        USD,
        5,
        0,
        Price.from_str("0.00001"),
        Quantity.from_str("1"),
        0,
        0,
        min_quantity=Quantity.from_str("1000"),
    ),
    "future": FuturesContract(
        InstrumentId.from_str("ESZ4.CME"),
        Symbol("ESZ4"),
        AssetClass.INDEX,
        "ES",
        0,
        2**62,
        USD,
        2,
        Price.from_str("0.25"),
        Quantity.from_str("50"),
        Quantity.from_str("1"),
        0,
        0,
    ),
    "spread": FuturesSpread(
        InstrumentId.from_str("ESZ4-ESH5.CME"),
        Symbol("ESZ4-ESH5"),
        AssetClass.INDEX,
        "ES",
        "calendar",
        0,
        2**62,
        USD,
        2,
        Price.from_str("0.05"),
        Quantity.from_str("50"),
        Quantity.from_str("1"),
        0,
        0,
    ),
    "dated": CryptoFuture(
        InstrumentId.from_str("BTCUSD-DEC.X"),
        Symbol("BTCUSD-DEC"),
        BTC,
        USD,
        BTC,
        True,
        0,
        2**62,
        1,
        0,
        Price.from_str("0.5"),
        Quantity.from_str("1"),
        0,
        0,
        multiplier=Quantity.from_str("100"),
    ),
    "equity": Equity(
        InstrumentId.from_str("AAPL.XNAS"), Symbol("AAPL"), USD, 2, Price.from_str("0.01"), 0, 0
    ),
    "spot": CurrencyPair(
        InstrumentId.from_str("BTCUSDT.X"),
        Symbol("BTCUSDT"),
        BTC,
        USDT,
        2,
        5,
        Price.from_str("0.01"),
        Quantity.from_str("0.00001"),
        0,
        0,
    ),
    "linear": perpetual("BTCUSDT-PERP", USDT, quote=USDT, step="0.001", tick="0.1"),
    "inverse": perpetual("BTCUSD-PERP", BTC, inverse=True, multiplier="100"),
    "quanto": perpetual("ETHUSD-PERP", BTC, base=ETH, tick="0.05", multiplier="0.000001"),
}


class Orders:
    """Makes the engine's own orders."""

    def __init__(self, strategy="trend-0001"):
        self.factory = OrderFactory(TraderId("T-001"), StrategyId(strategy), Clock.new_test())

    def make(self, instrument, side, quantity, limit, trigger, *, quote):
        head = (instrument.id, side, quantity)
        if limit is not None and trigger is not None:
            return self.factory.stop_limit(*head, limit, trigger, quote_quantity=quote)
        if limit is not None:
            return self.factory.limit(*head, limit, quote_quantity=quote)
        if trigger is not None:
            return self.factory.stop_market(*head, trigger, quote_quantity=quote)
        return self.factory.market(*head, quote_quantity=quote)


@pytest.fixture(scope="session")
def instruments():
    return INSTRUMENTS


@pytest.fixture(scope="session")
def propose():
    """A proposal for one of the instruments; its mark is `age` nanoseconds old, or absent."""
    makers = {}

    def make(name, quantity, mark=None, *, side="buy", limit=None, trigger=None, age=0, now=NOW, **more):
        instrument = INSTRUMENTS[name]
        strategy = more.pop("strategy", "trend")
        orders = makers.setdefault(strategy, Orders(f"{strategy}-0001"))
        quantity = Quantity.from_str(str(quantity))
        limit = Price.from_str(limit) if limit else None
        trigger = Price.from_str(trigger) if trigger else None
        order = orders.make(
            instrument, OrderSide.from_str(side), quantity, limit, trigger, quote=more.pop("quote", False)
        )
        fields = {
            "action": "submit",
            "strategy_id": strategy,
            "order": order,
            "instrument": instrument,
            "side": order.side,
            "quantity": quantity,
            "price": limit,
            "trigger_price": trigger,
            "stop_price": None,
            "mark": Mark(instrument.id, Price.from_str(mark), now - age) if mark else None,
            "position": Decimal(0),
            "reduces": False,
            "now": now,
        }
        return Proposal(**{**fields, **more})

    return make


@dataclass
class Books:
    """What a rule sees; positions and entries are anything with the attributes it reads."""

    positions: list = field(default_factory=list)
    entries: list = field(default_factory=list)

    def open_positions(self, strategy_id=None):
        return self.positions

    def pending_entries(self):
        return self.entries

    def hold(self, name, strategy="trend"):
        self.positions.append(
            SimpleNamespace(strategy_id=StrategyId(f"{strategy}-0001"), instrument_id=INSTRUMENTS[name].id)
        )


@pytest.fixture
def books():
    return Books()
