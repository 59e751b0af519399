"""Real instruments and orders, and a market small enough to read."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest
from nautilus_trader.common import Clock, OrderFactory
from nautilus_trader.model import (
    AssetClass,
    CryptoPerpetual,
    Currency,
    CurrencyPair,
    Equity,
    FuturesContract,
    FuturesSpread,
    InstrumentId,
    Money,
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
    "lots": CurrencyPair(
        InstrumentId.from_str("GBP/USD.SIM"),
        Symbol("GBP/USD"),
        Currency.from_str("GBP"),
        USD,
        5,
        0,
        Price.from_str("0.00001"),
        Quantity.from_str("1"),
        0,
        0,
        lot_size=Quantity.from_str("1000"),
        max_quantity=Quantity.from_str("2500000"),
    ),
    "yen": CurrencyPair(
        InstrumentId.from_str("USD/JPY.SIM"),
        Symbol("USD/JPY"),
        USD,
        Currency.from_str("JPY"),
        3,
        0,
        Price.from_str("0.001"),
        Quantity.from_str("1"),
        0,
        0,
    ),
    "cross": CurrencyPair(
        InstrumentId.from_str("EUR/JPY.SIM"),
        Symbol("EUR/JPY"),
        EUR,
        Currency.from_str("JPY"),
        3,
        0,
        Price.from_str("0.001"),
        Quantity.from_str("1"),
        0,
        0,
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

    def make(
        name, quantity, mark=None, *, side="buy", limit=None, trigger=None, stop=None, age=0, now=NOW, **more
    ):
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
            "stop_price": Price.from_str(stop) if stop else None,
            "mark": Mark(instrument.id, Price.from_str(mark), now - age) if mark else None,
            "position": Decimal(0),
            "reduces": False,
            "now": now,
        }
        return Proposal(**{**fields, **more})

    return make


class Market:
    """What a sizing rule sees: an account, prices and positions."""

    def __init__(self):
        self.sums = {}
        self.prices = {}
        self.positions = []
        self.hold("100000 USD")

    def hold(self, *amounts):
        money = [Money.from_str(amount) for amount in amounts]
        self.sums = {item.currency: item for item in money}

    def equity(self, venue):
        return self.sums

    def instrument(self, instrument_id):
        return next(item for item in INSTRUMENTS.values() if item.id == instrument_id)

    def mark(self, instrument_id):
        price = self.prices.get(str(instrument_id))
        return Mark(instrument_id, Price.from_str(price), NOW) if price else None

    def open_positions(self, strategy_id=None):
        return self.positions

    def net(self, name, strategy="trend-0001"):
        instrument_id = INSTRUMENTS[name].id
        self.positions = [
            SimpleNamespace(
                instrument_id=instrument_id, strategy_id=strategy, id=f"{instrument_id}-{strategy}"
            )
        ]

    def hedge(self, name, strategy="trend-0001"):
        self.positions = [
            SimpleNamespace(instrument_id=INSTRUMENTS[name].id, strategy_id=strategy, id="P-2024-001")
        ]


@pytest.fixture
def market():
    return Market()


@pytest.fixture
def sizer(market):
    """Builds a rule from settings as YAML would give them, in front of the market."""

    def make(rule, config, **settings):
        decoded = msgspec.convert(settings, config, dec_hook=lambda kind, value: kind.from_str(value))
        built = rule(decoded)
        built.start(market)
        return built

    return make
