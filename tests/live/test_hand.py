"""What the node does when somebody trades by hand what its strategies hold."""

import json

import pytest

CASES = [
    ("60", [("SELL", "40")], "0"),
    pytest.param("130", [], "-30", marks=pytest.mark.slow),
]


def flatten(node, *more):
    return node.framework("node", "flatten", node.file, "--why", "a drill", *more)


def closings(exchange):
    """The side and size of the orders that the node made to close, as the exchange has them."""
    orders = [order for order in exchange.truth()["orders"] if order["client_order_id"].startswith("O-")]
    return [(order["side"], order["quantity"]) for order in orders]


def trade_by_hand(exchange, node, until, side, quantity):
    """Trade, and wait until the node has booked it."""

    def booked():
        return sum("was not traded by this node" in row.body for row in node.rows("alert"))

    known = booked()
    exchange.trade(side, quantity)
    until(lambda: booked() > known, node.log)


def test_a_position_closed_by_hand_is_not_closed_again(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    trade_by_hand(exchange, node, until, "SELL", "100")
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "all is flat: no order is open; one holds 100 EUR/USD.SIM in the books, and others on the account "
        "the opposite: no order was sent for that; the account holds nothing\n"
    )
    assert exchange.position() == "0"
    assert [name for name in exchange.arrivals() if name.startswith("O-")] == []
    assert json.loads(node.rows("operator")[-1].body)["command"] == "flat"


@pytest.mark.parametrize(("quantity", "closing", "ends"), CASES)
def test_no_more_is_closed_than_the_venue_still_has(exchange, node_on, until, quantity, closing, ends):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    trade_by_hand(exchange, node, until, "SELL", quantity)
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    held = "nothing" if ends == "0" else f"{ends} EUR/USD.SIM"
    assert done.stdout.endswith(
        f"others on the account the opposite: no order was sent for that; the account holds {held}\n"
    )
    assert (closings(exchange), exchange.position()) == (closing, ends)


def test_a_strategys_own_close_of_what_was_closed_by_hand_is_refused_by_the_venue(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    trade_by_hand(exchange, node, until, "SELL", "100")
    node.do("close")
    assert "REDUCE_ONLY" in node.wait("OrderRejected")["reason"]
    assert exchange.position() == "0"


def test_strategies_that_hold_the_opposite_are_still_closed_in_full(exchange, node_on, until):
    node = node_on(exchange, strategies=("one", "two")).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    node.do("submit", "two", side="SELL", qty="30", name="B-1")
    node.wait("OrderFilled", "two", id="B-1")
    done = flatten(node, "--strategy", "one")
    assert done.returncode == 0, done.stderr
    assert (closings(exchange), exchange.position()) == ([("SELL", "100")], "-30")
    trade_by_hand(exchange, node, until, "BUY", "30")
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    assert "two holds -30 EUR/USD.SIM in the books" in done.stdout
    assert (closings(exchange), exchange.position()) == ([("SELL", "100")], "0")


def test_a_plain_opposite_order_on_a_hedging_account_is_no_exit(exchange_with, node_on):
    exchange = exchange_with("--oms=hedging")
    node = node_on(exchange, venue={"oms": "hedging"}).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    done = node.framework("node", "kill", node.file, "--why", "a drill")
    assert done.returncode == 0, done.stderr
    node.do("submit", side="SELL", qty="100", name="A-2")
    assert "halted by" in node.wait("OrderDenied", id="A-2")["reason"]
    assert "A-2" not in exchange.arrivals()
    done = flatten(node)
    assert done.returncode == 0, done.stderr
    assert closings(exchange) == [("SELL", "100")]
    assert exchange.truth()["positions"] == []


def test_what_was_closed_by_hand_while_the_node_was_down_is_not_closed_again_under_a_rules_latch(
    exchange, node_on, until
):
    limit = {"use": "max_drawdown", "config": {"venue": "SIM", "amount": "1000 USD", "confirm": 1}}
    node = node_on(exchange, risk=[limit]).start()
    node.do("submit", side="BUY", qty="100000", name="A-1")
    node.wait("OrderFilled", id="A-1")
    exchange.fault("status", on="submit", when="before", code=400, count=1_000)
    exchange.quote("1.08000", "1.08002")
    until(lambda: node.status()["latches"], node.log)
    node.kill()
    exchange.control("DELETE", "/faults")
    exchange.trade("SELL", "100000")
    tried = len(closings(exchange))
    node.start()
    for price in ("1.10000", "1.10001", "1.10002"):
        exchange.quote(price, "1.10003")
        node.wait("quote", bid=price)
    assert node.status()["latches"][0]["flat"] is True
    assert exchange.position() == "0"
    assert len(closings(exchange)) == tried
