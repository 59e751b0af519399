"""End to end over real sockets: a live node, the engine's Binance adapter, and the simulator."""

import time
from decimal import Decimal

import pytest


def venue_orders(sim):
    """What arrived, oldest first."""
    return sim.truth()["orders"]


def test_a_market_order_fills_and_the_account_agrees_to_the_last_digit(sim, node):
    node.submit("A-1", qty="0.012")
    filled = node.wait("OrderFilled", id="A-1")
    assert (filled["last_px"], filled["last_qty"], filled["commission"]) == (
        "60000.10",
        "0.012",
        "0.36000060 USDT",
    )
    assert node.events("A-1") == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]
    state = node.state()
    assert state["positions"] == ["0.012"]
    assert state["balances"] == ["9999.63999940 USDT"]
    assert sim.truth()["wallet"] == {"USDT": "9999.63999940"}


LIMIT = {"kind": "limit", "price": "59000.0"}


@pytest.mark.parametrize(
    ("order", "events"),
    [
        ({**LIMIT}, ["OrderAccepted"]),
        ({**LIMIT, "price": "60000.1"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "price": "60000.1", "time_in_force": "IOC"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "time_in_force": "IOC"}, ["OrderAccepted", "OrderExpired"]),
        ({**LIMIT, "price": "60000.1", "time_in_force": "FOK"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "time_in_force": "FOK"}, ["OrderRejected"]),
        ({**LIMIT, "post_only": True}, ["OrderAccepted"]),
        ({**LIMIT, "price": "60050.0", "post_only": True}, ["OrderRejected"]),
        ({**LIMIT, "time_in_force": "GTD"}, ["OrderAccepted"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_limit_orders_of_every_time_in_force(shared_node, order, events):
    sim, node, name = shared_node
    if order.get("time_in_force") == "GTD":
        order = order | {"expire_time": (int(time.time()) + 900) * 10**9}
    node.submit(name, **order)
    node.wait(events[-1], id=name)
    assert node.events(name) == ["OrderInitialized", "OrderSubmitted", *events]
    arrived = venue_orders(sim)
    if events[-1] == "OrderFilled":
        node.submit(f"{name}-out", side="SELL", reduce_only=True)
        node.wait("OrderFilled", id=f"{name}-out")
    if events == ["OrderAccepted"]:
        sent = arrived[-1]
        assert sent["status"] == "NEW"
        assert sent["timeInForce"] == ("GTX" if order.get("post_only") else order.get("time_in_force", "GTC"))
        node.do("cancel", name=name)
        node.wait("OrderCanceled", id=name)
    if events == ["OrderRejected"]:
        code = "-5022" if order.get("post_only") else "-5021"
        assert code in node.find("OrderRejected", id=name)[0]["reason"]


CONDITIONAL = [
    ("stop_market", "STOP_MARKET", {"trigger_price": "59900.0"}, "59899.9"),
    ("stop_limit", "STOP", {"trigger_price": "59900.0", "price": "59800.0"}, "59899.9"),
    ("market_if_touched", "TAKE_PROFIT_MARKET", {"trigger_price": "60100.0"}, "60100.0"),
    ("limit_if_touched", "TAKE_PROFIT", {"trigger_price": "60100.0", "price": "60050.0"}, "60100.0"),
    ("trailing_stop_market", "TRAILING_STOP_MARKET", {"trailing_offset": "50"}, "59690.0"),
]


@pytest.mark.parametrize(
    ("kind", "theirs", "prices", "then"), CONDITIONAL, ids=[row[0] for row in CONDITIONAL]
)
def test_stops_of_every_kind_wait_at_the_exchange_and_become_trades(shared_node, kind, theirs, prices, then):
    sim, node, name = shared_node
    sim.quote("60000.0", "60000.1")
    node.submit(f"{name}-in")
    node.wait("OrderFilled", id=f"{name}-in")
    node.submit(name, side="SELL", kind=kind, reduce_only=True, trigger_type="LAST_PRICE", **prices)
    node.wait("OrderAccepted", id=name)
    waiting = sim.truth()["algos"][-1]
    assert (waiting["orderType"], waiting["algoStatus"], waiting["reduceOnly"]) == (theirs, "NEW", True)
    sim.quote(then, str(Decimal(then) + Decimal("0.1")))
    filled = node.wait("OrderFilled", id=name)
    assert filled["last_px"] == f"{Decimal(then):.2f}"
    assert sim.position() == "0"
    sim.quote("60000.0", "60000.1")


@pytest.mark.slow
def test_what_the_adapter_does_not_know_is_denied_before_it_leaves(sim, node):
    node.submit("A-1", kind="market_to_limit")
    assert "UNSUPPORTED_ORDER_TYPE" in node.wait("OrderDenied", id="A-1")["reason"]
    node.submit("A-2", **LIMIT, time_in_force="DAY")
    assert "UNSUPPORTED_TIME_IN_FORCE" in node.wait("OrderDenied", id="A-2")["reason"]
    assert venue_orders(sim) == []


def test_a_limit_order_fills_in_parts(sim, node):
    thin = {"levels": 1, "last": "60000.1"}
    sim.quote("60000.0", "60000.1", ask_size="0.004", **thin)
    node.submit("A-1", **LIMIT | {"price": "60000.1"})
    node.wait("OrderFilled", id="A-1", last_qty="0.004")
    sim.quote("60000.0", "60000.1", ask_size="0.005", **thin)
    node.wait("OrderFilled", id="A-1", last_qty="0.005")
    assert node.state()["orders"]["A-1"] == ["PARTIALLY_FILLED", "0.009"]
    sim.quote("60000.0", "60000.1")
    node.wait("OrderFilled", id="A-1", last_qty="0.001")
    fees = [row["commission"] for row in node.find("OrderFilled", id="A-1")]
    # 0.05 % of the first as taker, 0.02 % of the others as maker
    assert fees == ["0.12000020 USDT", "0.06000010 USDT", "0.01200002 USDT"]
    assert node.state()["orders"]["A-1"] == ["FILLED", "0.010"]


@pytest.mark.slow
def test_orders_are_changed_and_cancelled(sim, node):
    node.submit("A-1", **LIMIT)
    node.wait("OrderAccepted", id="A-1")
    node.do("modify", name="A-1", price="59001.0", qty="0.020")
    node.wait("OrderUpdated", id="A-1", price="59001.00", quantity="0.020")
    node.do("modify", name="A-1", price="64000.0")
    assert "-4016" in node.wait("OrderModifyRejected", id="A-1")["reason"]
    node.do("cancel", name="A-1")
    node.wait("OrderCanceled", id="A-1")
    node.submit("A-2", **LIMIT)
    node.submit("A-3", kind="stop_market", side="SELL", trigger_price="59000.0", trigger_type="LAST_PRICE")
    node.wait("OrderAccepted", id="A-2")
    node.wait("OrderAccepted", id="A-3")
    node.do("cancel_all")
    node.wait("OrderCanceled", id="A-2")
    node.wait("OrderCanceled", id="A-3")
    assert [order["status"] for order in venue_orders(sim)] == ["CANCELED", "CANCELED"]
    assert sim.truth()["algos"][0]["algoStatus"] == "CANCELED"


@pytest.mark.slow
def test_a_stop_is_replaced_as_it_is_trailed_and_gone_before_an_exit_by_hand(sim, node, until):
    """Binance changes no conditional order: a new one is sent, and the old one cancelled."""
    stop = {"kind": "stop_market", "side": "SELL", "reduce_only": True, "trigger_type": "LAST_PRICE"}
    node.submit("A-1")
    node.wait("OrderFilled", id="A-1")
    node.submit("S-1", **stop, trigger_price="59000.0")
    node.wait("OrderAccepted", id="S-1")
    node.do("modify", name="S-1", trigger="59100.0")
    node.wait("OrderModifyRejected", id="S-1")
    node.submit("S-2", **stop, trigger_price="59100.05")
    assert "-4014" in node.wait("OrderRejected", id="S-2")["reason"]
    for old, new, trigger in (("S-1", "S-3", "59100.0"), ("S-3", "S-4", "59200.0")):
        node.submit(new, **stop, trigger_price=trigger)
        node.wait("OrderAccepted", id=new)
        node.do("cancel", name=old)
        node.wait("OrderCanceled", id=old)
    told = {
        a["clientAlgoId"].removeprefix("x-aHRE4BCj-R"): (a["algoStatus"], a["triggerPrice"])
        for a in sim.truth()["algos"]
    }
    assert told["S-4"][0] == "NEW"
    assert Decimal(told["S-4"][1]) == 59_200
    assert {told[name][0] for name in ("S-1", "S-3")} == {"CANCELED"}
    node.do("cancel", name="S-4")
    node.wait("OrderCanceled", id="S-4")
    node.submit("A-2", side="SELL", reduce_only=True)
    node.wait("OrderFilled", id="A-2")
    sim.quote("58000.0", "58000.1")
    assert sim.position() == "0"
    assert [a for a in sim.truth()["algos"] if a["algoStatus"] == "NEW"] == []


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"qty": "0.001", **LIMIT}, "NOTIONAL"),
        ({"qty": "5.000", **LIMIT}, "INITIAL_MARGIN"),
        ({"side": "SELL", "reduce_only": True}, "-2022"),
        ({**LIMIT, "price": "70000.0"}, "-4016"),
        (
            {"kind": "stop_market", "side": "SELL", "trigger_price": "60100.0", "trigger_type": "LAST_PRICE"},
            "-2021",
        ),
    ],
)
def test_what_the_exchange_refuses_comes_back_with_its_code(shared_node, order, code):
    _, node, name = shared_node
    node.submit(name, **order)
    heard = node.wait("OrderRejected" if code.startswith("-") else "OrderDenied", id=name)
    assert code in heard["reason"]


@pytest.mark.slow
def test_an_order_taken_before_a_timeout_is_not_sent_again(sim, node, until):
    sim.fault("status", on="order.place", when="after", status=504)
    node.submit("A-1", **LIMIT)
    node.wait("OrderAccepted", id="A-1")
    sim.fault("status", on="order.place", when="after", status=504)
    node.submit("A-2")
    node.wait("OrderFilled", id="A-2")
    sim.fault("silence", on="order.place", when="after")
    node.submit("A-3", **LIMIT)
    node.wait("OrderAccepted", id="A-3")
    sim.fault("status", on="algoOrder.place", when="after", status=504)
    node.submit("A-4", kind="stop_market", side="SELL", trigger_price="59000.0", trigger_type="LAST_PRICE")
    node.wait("OrderAccepted", id="A-4")
    truth = sim.truth()
    assert sorted(truth["arrivals"].values()) == [1, 1, 1, 1]
    assert len(truth["orders"]) == 3
    assert len(truth["algos"]) == 1
    assert sim.position() == "0.010"
    assert node.find("OrderRejected") == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 418])
def test_an_order_over_the_limit_stays_unknown_and_is_not_sent_again(sim, node, status):
    sim.fault("status", on="order.place", status=status, seconds=1)
    node.submit("A-1", **LIMIT)
    node.wait("OrderSubmitted", id="A-1")
    node.submit("A-2", **LIMIT)
    node.wait("OrderAccepted", id="A-2")
    time.sleep(8)  # longer than the engine waits before it asks for an order that is not confirmed
    assert node.events("A-1") == ["OrderInitialized", "OrderSubmitted"]
    assert [order["status"] for order in venue_orders(sim)] == ["NEW"]
    assert list(sim.truth()["arrivals"].values()) == [1]


@pytest.mark.slow
def test_a_node_started_again_knows_its_orders_and_position(sim, node_on, until):
    node = node_on(sim)
    node.submit("A-1")
    node.wait("OrderFilled", id="A-1")
    node.submit("A-2", **LIMIT)
    node.wait("OrderAccepted", id="A-2")
    node.submit("A-3", kind="stop_market", side="SELL", trigger_price="59000.0", trigger_type="LAST_PRICE")
    node.wait("OrderAccepted", id="A-3")
    node.kill()
    sim.control("/trade", symbol="BTCUSDT", side="BUY", quantity="0.005")  # meanwhile, by hand
    again = node_on(sim)
    state = again.state()
    assert sum(map(Decimal, state["positions"])) == Decimal("0.015")
    known = {name: status for name, (status, _) in state["orders"].items()}
    assert (known["A-2"], known["A-3"]) == ("ACCEPTED", "ACCEPTED")
    again.do("cancel", name="A-2")
    again.do("cancel", name="A-3")
    until(lambda: sim.truth()["algos"][0]["algoStatus"] == "CANCELED", lambda: again.text[-3000:])
    expected = ["FILLED", "CANCELED", "FILLED"]
    until(lambda: [o["status"] for o in venue_orders(sim)] == expected, lambda: again.text[-3000:])


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["expired", "cut", "day"])
def test_the_account_is_heard_again_after_its_stream_ended(sim, node, until, trouble):
    node.submit("A-1")
    node.wait("OrderFilled", id="A-1")
    before = sim.truth()["requests"]
    if trouble == "expired":
        sim.control("/expire")
        until(
            lambda: sim.truth()["requests"]["userDataStream.start"] > before["userDataStream.start"],
            lambda: node.text[-3000:],
        )
    else:
        sim.control("/cut", which={"cut": "user", "day": "day"}[trouble])
    until(lambda: sim.truth()["users"] == 1, lambda: node.text[-3000:])
    node.submit("A-2")
    node.wait("OrderFilled", id="A-2")
    if trouble == "day":
        until(
            lambda: sim.quote("60010.0", "60010.1") and node.find("quote", bid="60010.00"), lambda: node.text
        )
    assert node.state()["positions"] == ["0.020"]


@pytest.mark.slow
def test_the_trading_socket_comes_back(sim, node, until):
    sim.control("/cut", which="trading")
    until(lambda: sim.truth()["sockets"] == 1, lambda: node.text[-3000:])
    node.submit("A-1")
    node.wait("OrderFilled", id="A-1")


@pytest.mark.slow
@pytest.mark.waits
def test_bars_come_from_klines(sim, node):
    sim.quote("60005.0", "60005.1", last_size="2")
    bar = node.wait("bar", seconds=75)
    assert bar["close"] == "60005.00"


@pytest.mark.slow
def test_the_account_is_set_and_verified_before_anything_trades(sim, node_on):
    node_on(sim, leverage=7, margin_type="isolated", position_mode="hedge")
    truth = sim.truth()
    assert (truth["leverage"], truth["isolated"], truth["hedge"]) == ({"BTCUSDT": 7}, ["BTCUSDT"], True)


@pytest.mark.slow
def test_in_hedge_mode_long_and_short_are_held_apart(sim, node_on):
    node = node_on(sim, position_mode="hedge")
    node.submit("A-1")
    node.submit("A-2", side="SELL", qty="0.020")
    node.wait("OrderFilled", id="A-1")
    node.wait("OrderFilled", id="A-2")
    assert {p["ps"]: p["pa"] for p in sim.truth()["positions"]} == {"LONG": "0.010", "SHORT": "-0.020"}
    assert sorted(node.state()["positions"]) == ["-0.020", "0.010"]
    node.submit("A-3", side="SELL", reduce_only=True)
    node.wait("OrderFilled", id="A-3")
    assert {p["ps"]: p["pa"] for p in sim.truth()["positions"]} == {"SHORT": "-0.020"}


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["clock", "secret", "leverage", "position"])
def test_a_node_does_not_start_on_an_account_that_is_not_right(sim, node_on, trouble):
    settings = {}
    if trouble == "clock":
        sim.control("/conditions", skew_ms=-3_000)
        said = "and `max_clock_offset` is 500 ms"
    elif trouble == "secret":
        settings, said = {"environ": {"BINANCE_API_SECRET": "planted-other-3141"}}, "-1022"
    elif trouble == "leverage":
        settings, said = {"leverage": 110, "instruments": ["ETHUSDT-PERP.BINANCE"]}, "-4028 Leverage 110"
    else:
        sim.control("/trade", symbol="BTCUSDT", side="BUY", quantity="0.005")
        settings, said = {"position_mode": "hedge"}, "-4068"
    node = node_on(sim, wait=False, **settings)
    assert node.process.wait(30) != 0
    node.listen()
    assert said in node.text
    assert "planted" not in node.text
    assert "userDataStream.start" not in sim.truth()["requests"]
