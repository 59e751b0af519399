"""The kill switch of a live node: what it stops, how fast, and when it may be called flat."""

import json
import time

import pytest


def flatten(node, *more):
    return node.framework("node", "flatten", node.file, "--why", "a drill", *more)


def kill(node, *more):
    return node.framework("node", "kill", node.file, "--why", "a drill", *more)


def test_flatten_ends_when_the_venue_shows_that_it_is_flat(exchange, node_on):
    node = node_on(exchange, strategies=("one", "two")).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-2")
    node.do("submit", "two", side="SELL", qty="30", name="B-1")  # the account nets: the venue sees 70
    node.wait("OrderFilled", id="A-1")
    node.wait("OrderAccepted", id="A-2")
    node.wait("OrderFilled", "two", id="B-1")
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all is flat: no order is open and nothing is held\n"
    assert (exchange.position(), exchange.open_orders()) == ("0", [])
    closing = [order for order in exchange.truth()["orders"] if order["client_order_id"].startswith("O-")]
    assert sorted((order["side"], order["quantity"]) for order in closing) == [("BUY", "30"), ("SELL", "100")]
    told = [json.loads(row.body)["command"] for row in node.rows("operator")]
    assert told[-1] == "flat"
    node.do("submit", side="BUY", qty="1", name="A-3")
    assert "halted by" in node.wait("OrderDenied", id="A-3")["reason"]
    assert node.stop() == 0, node.log()


@pytest.mark.slow
def test_a_venue_that_does_not_answer_is_not_called_flat(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    exchange.fault("status", on="any", when="before", code=503, count=10_000)
    done = flatten(node, "--patience", "4")
    assert done.returncode == 6
    assert "all is latched and NOT known to be flat" in done.stderr
    assert exchange.position() == "100"
    exchange.control("DELETE", "/faults")
    until(lambda: exchange.position() == "0", node.log, 60)  # the node goes on trying
    until(lambda: json.loads(node.rows("operator")[-1].body)["command"] == "flat", node.log, 60)


def test_what_others_hold_is_left_to_them_and_said(exchange, node_on, until):
    node = node_on(exchange).start()
    exchange.trade("BUY", "30")
    until(lambda: node.rows("alert"), node.log)
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    assert "others on the account hold 30 EUR/USD.SIM" in done.stdout
    assert exchange.position() == "30"
    assert node.stop() == 0, node.log()


def test_a_kill_of_a_venue_stops_what_trades_there(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-1")
    node.wait("OrderAccepted", id="A-1")
    assert kill(node, "--venue", "SIM").returncode == 0
    node.wait("OrderCanceled", id="A-1")
    node.do("submit", side="BUY", qty="1", name="A-2")
    assert "a drill" in node.wait("OrderDenied", id="A-2")["reason"]
    assert node.framework("node", "resume", node.file, "--venue", "SIM", "--why", "over").returncode == 0
    node.do("submit", side="BUY", qty="1", name="A-3")
    node.wait("OrderFilled", id="A-3")
    assert exchange.position() == "1"


def test_what_could_not_be_cancelled_is_cancelled_again_while_the_latch_holds(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-1")
    node.wait("OrderAccepted", id="A-1")
    exchange.fault("status", on="cancel", when="before", code=400, count=1)
    assert kill(node).returncode == 0
    node.wait("OrderCancelRejected", id="A-1")
    node.wait("OrderCanceled", id="A-1")
    until(lambda: not exchange.open_orders(), node.log)


@pytest.mark.slow
def test_a_kill_holds_while_the_loop_is_busy(exchange, node_on):
    node = node_on(exchange, guard={"patience": 60}).start()
    over = node.folder / "over"
    node.do("sleep", until=str(over))
    node.wait("sleeping")
    assert kill(node).returncode == 0
    latched = time.time()
    assert not node.heard(said="awake")
    over.touch()
    node.do("submit", side="BUY", qty="1", name="A-1")
    denied = node.wait("OrderDenied", id="A-1")
    assert node.heard(said="awake")[-1]["at"] > latched
    assert "halted by" in denied["reason"]
    assert exchange.truth()["orders"] == []


def test_a_kill_holds_for_an_order_that_has_not_left_and_its_exit_leaves(exchange, node_on, until):
    node = node_on(exchange, guard={"patience": 60}).start()
    node.do("submit", side="BUY", qty="10", name="A-1")
    node.wait("OrderFilled", id="A-1")
    over = node.folder / "over"
    node.do("send_and_sleep", until=str(over), side="BUY", qty="20", price="1.05000", name="A-2")
    node.wait("sleeping")
    assert kill(node).returncode == 0
    assert not node.heard(said="awake")
    over.touch()
    reason = node.wait("OrderRejected", id="A-2")["reason"]
    assert "NOT_SENT" in reason
    assert "halted by" in reason
    until(lambda: exchange.position() == "0", node.log)
    assert "A-2" not in exchange.arrivals()


def test_what_a_rule_halted_is_kept_flat_after_a_restart(exchange, node_on, until):
    limit = {"use": "max_drawdown", "config": {"venue": "SIM", "amount": "1000 USD", "confirm": 1}}
    node = node_on(exchange, strategies=("one", "two"), risk=[{**limit, "strategies": ["one"]}]).start()
    node.do("submit", side="BUY", qty="100000", name="A-1")
    node.do("submit", "two", side="BUY", qty="10", name="B-1")
    node.wait("OrderFilled", id="A-1")
    node.wait("OrderFilled", "two", id="B-1")
    exchange.fault("status", on="submit", when="before", code=400, count=1_000)
    exchange.quote("1.08000", "1.08002")
    until(lambda: node.status()["latches"], node.log)
    node.wait("OrderRejected")
    node.kill()
    exchange.control("DELETE", "/faults")
    exchange.quote("1.10000", "1.10002")  # no drawdown any more: only the latch says that it is to be closed
    node.start()
    until(lambda: exchange.position() == "10", node.log)
    [latch] = node.status()["latches"]
    assert (latch["scope"], latch["who"], latch["flat"]) == ("strategy:one", "max_drawdown", True)
    resumed = node.framework("node", "resume", node.file, "--strategy", "one", "--why", "looked at it")
    assert resumed.returncode == 0, resumed.stderr
    node.do("submit", side="BUY", qty="100", name="A-2")
    node.wait("OrderFilled", id="A-2")
    exchange.quote("1.10001", "1.10003")
    node.wait("quote", bid="1.10001")
    time.sleep(0.5)
    assert exchange.position() == "110"


@pytest.mark.slow
def test_a_flatten_that_a_node_died_in_is_told_and_not_gone_on_with(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    exchange.fault("status", on="submit", when="before", code=400, count=1_000)
    assert flatten(node, "--patience", "1").returncode == 6
    commands = node.folder / "state" / "commands"
    assert [file.suffix for file in commands.glob("*") if file.suffix != ".answer"] == [".begun"]
    node.kill()
    exchange.control("DELETE", "/faults")
    node.start()
    assert any("flatten all" in row.body for row in node.rows("alert"))
    assert [file.suffix for file in commands.glob("*") if file.suffix != ".answer"] == []
    exchange.quote("1.10001", "1.10003")
    node.wait("quote", bid="1.10001")
    time.sleep(0.5)
    assert exchange.position() == "100"
    assert flatten(node).returncode == 0
    until(lambda: exchange.position() == "0", node.log)
    until(lambda: [file.suffix for file in commands.glob("*") if file.suffix != ".answer"] == [], node.log)


@pytest.mark.parametrize("quantity", ["100", "10000"])
def test_a_reduce_only_order_has_something_to_reduce(exchange, node_on, quantity):
    node = node_on(exchange).start()
    if quantity == "10000":
        node.do("submit", side="BUY", qty="100", name="A-1")
        node.wait("OrderFilled", id="A-1")
    node.do("submit", side="SELL", qty=quantity, name="A-2", reduce_only=True)
    assert "reduce-only" in node.wait("OrderDenied", id="A-2")["reason"]
    assert "A-2" not in exchange.arrivals()


@pytest.mark.slow
def test_fifteen_hundred_orders_are_cancelled_in_a_moment(exchange_with, node_on, until):
    exchange = exchange_with("--rate=100000", "--burst=100000")
    node = node_on(exchange, venue={"rate": 5_000}).start()
    count = 1_500
    for number in range(1, 16):  # the engine's own throttle takes a hundred a second
        node.do("flood", count=count // 15, price="1.05000")
        until(
            lambda wanted=number * count // 15: len(exchange.open_orders()) >= wanted,
            lambda: f"{len(exchange.open_orders())} {node.heard(said='OrderDenied')[-3:]} {node.log()}",
        )
        time.sleep(1)
    latched = time.time_ns()
    assert kill(node).returncode == 0
    until(lambda: not exchange.open_orders(), node.log, 60)
    changed = [order["changed_ns"] for order in exchange.truth()["orders"]]
    assert len(changed) == count
    record = next(row for row in node.rows("operator") if json.loads(row.body)["command"] == "kill")
    took = (max(changed) - record.ts) / 1e9
    assert record.ts >= latched
    assert took < 20, f"{took:.2f} s"  # not one by one; how fast it is: `python -m benchmarks --rows kill`
