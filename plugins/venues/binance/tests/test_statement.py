"""What Binance itself says the account has, against what was done there."""

from decimal import Decimal

import pytest
from framework_binance.clients import clients
from framework_binance.config import BinanceConfig
from framework_binance.signing import Api, api
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


@pytest.fixture
def between(monkeypatch):
    """Does something at the exchange when so many requests of the next statement have been answered."""

    def after(requests, happen):
        paths, signed = [], Api.signed

        def heard(self, method, path, **fields):
            answer = signed(self, method, path, **fields)
            paths.append(path)
            if len(paths) == requests:
                happen()
            return answer

        monkeypatch.setattr(Api, "signed", heard)
        return paths

    return after


LIMIT = {"type": "LIMIT", "timeInForce": "GTC", "price": "59000.0"}
STOP = {"algoType": "CONDITIONAL", "type": "STOP_MARKET", "triggerPrice": "61000.0"}
STOP_LIMIT = STOP | {"type": "STOP", "timeInForce": "GTC", "price": "59000.0"}


@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.parametrize(
    ("order", "bid", "fills"),
    [(LIMIT, "58000.0", True), (STOP, "61000.0", True), (STOP_LIMIT, "61000.0", False)],
    ids=["limit", "stop", "stop_limit"],
)
def test_what_fills_or_triggers_between_two_requests_is_seen(
    sim, account, between, requests, order, bid, fills
):
    config = account()
    kind, name = ("algoOrder", "clientAlgoId") if "algoType" in order else ("order", "newClientOrderId")
    sent = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.010", name: "A-1", **order}
    api(config, 5_000).signed("POST", f"/fapi/v1/{kind}", **sent)
    ask = clients("BINANCE", config).statement
    assert ask() == Statement({}, frozenset({"A-1"}))
    paths = between(requests, lambda: sim.quote(bid, f"{bid[:-1]}1"))
    stated = ask()
    assert paths[:3] == ["/fapi/v1/openAlgoOrders", "/fapi/v1/openOrders", "/fapi/v3/positionRisk"]
    assert stated.positions == ({BOTH[0]: Decimal("0.010")} if fills else {})
    assert stated.positions or stated.orders == {"A-1"}


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
