"""What Binance itself says the account has, against what was done there."""

from decimal import Decimal

import pytest
from framework_binance.clients import clients
from framework_binance.config import BinanceConfig
from framework_binance.signing import api
from nautilus_trader.model import InstrumentId, Money

from framework import RunError, Statement

BOTH = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE")


@pytest.fixture
def account(sim, monkeypatch):
    """The settings of an account at the simulator."""

    def settings(signed_with="planted-secret-2718281828", **more):
        monkeypatch.setenv("BINANCE_API_KEY", "test-key")
        monkeypatch.setenv("BINANCE_API_SECRET", signed_with)
        return BinanceConfig(
            balances=[Money.from_str("10000 USDT")],
            instruments=[InstrumentId.from_str(name) for name in BOTH],
            maker=Decimal("0.0002"),
            taker=Decimal("0.0005"),
            url=sim.url,
            **more,
        )

    return settings


def test_positions_and_orders_are_those_at_the_exchange(sim, account):
    config = account()
    ask = clients("BINANCE", config).statement
    assert ask() == Statement({}, frozenset())
    sim.control("/trade", symbol="BTCUSDT", side="SELL", quantity="0.005")
    send = api(config, 5_000).signed
    order = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010"}
    resting = {"type": "LIMIT", "timeInForce": "GTC", "price": "59000.0"}
    send("POST", "/fapi/v1/order", **order, **resting, newClientOrderId="A-1")
    conditional = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "61000.0"}
    send("POST", "/fapi/v1/algoOrder", **order, **conditional, clientAlgoId="A-2")
    assert ask() == Statement({BOTH[0]: Decimal("-0.005")}, frozenset({"A-1", "A-2"}))
    send("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="A-1")
    assert ask().orders == {"A-2"}
    send("POST", "/fapi/v1/order", **order, **resting, newClientOrderId="x-aHRE4BCj-RA-3")
    assert ask().orders == {"A-2", "A-3"}
    send("POST", "/fapi/v1/order", **order, **resting, newClientOrderId="x-aHRE4BCj-T0001")
    with pytest.raises(RunError, match="whose it is"):
        ask()


def test_the_ids_are_those_that_the_engines_adapter_was_given(account, sim, node):
    node.submit("A-1", kind="limit", price="59000.0")
    node.submit("A-2", kind="stop_market", side="SELL", trigger_price="59000.0", trigger_type="LAST_PRICE")
    node.submit("O-20261125-140011-001-003e-3", kind="limit", price="59000.0")
    for name in ("A-1", "A-2", "O-20261125-140011-001-003e-3"):
        node.wait("OrderAccepted", id=name)
    stated = clients("BINANCE", account()).statement()
    assert stated.orders == {"A-1", "A-2", "O-20261125-140011-001-003e-3"}


def test_a_refusal_is_no_answer(account):
    with pytest.raises(RunError, match="-1022"):
        clients("BINANCE", account(signed_with="another")).statement()


def test_where_long_and_short_are_held_apart_there_is_none(account):
    assert clients("BINANCE", account(position_mode="hedge")).statement is None
