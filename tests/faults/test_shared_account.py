"""An account that nets and that somebody else trades on: what of it is a strategy's, what is an exit."""

import pytest

from framework.journal.state import load

QUIET = [("lose", "order"), ("lose", "fill")]
DEAF = [("timeout", "cancel"), ("timeout", "query")]


@pytest.fixture
def shared(market, node_on, until):
    """A strategy with 2 bought and an order that sells them again, and somebody else who bought 5."""

    def start(**resting):
        node = node_on(market).start()
        node.do("submit", side="BUY", qty="2", name="A-1")
        node.wait("OrderFilled", id="A-1")
        node.do("submit", side="SELL", qty="2", price="1.10100", name="A-2", **resting)
        node.wait("OrderAccepted", id="A-2")
        market.trade("BUY", 5)
        until(lambda: "was not traded by this node" in str(node.rows("alert")), node.log)
        return node

    return start


def sold_unheard(market, node, until, faults):
    """The price reaches the resting order, and the node does not hear of it."""
    for kind, on in faults:
        market.fault(kind, on=on, count=1_000, seconds=30)
    market.quote("1.10200", "1.10202")
    until(lambda: market.order("A-2")["status"] == "FILLED", node.log)


def believed(node):
    held = load(node.journal).positions
    return {owner: {name: str(size) for name, size in own.items()} for owner, own in held.items()}


def test_under_a_latch_no_close_can_take_what_others_hold(market, shared, until):
    """Both orders would fill: the venue lets one reduce what is held by all, and that is enough for two."""
    node = shared()
    sold_unheard(market, node, until, QUIET + DEAF)
    assert node.framework("node", "kill", node.file, "--why", "a test").returncode == 0
    node.do("close")
    reason = node.wait("OrderDenied")["reason"]
    assert reason.startswith("halted by")
    assert market.position() == "5", "what the other one bought"
    market.control("DELETE", "/faults")
    node.holds()


def test_a_close_that_may_take_what_others_hold_is_booked(market, shared, until):
    node = shared()
    sold_unheard(market, node, until, QUIET)
    node.do("close")
    until(lambda: market.position() == "3", node.log)
    node.holds()
    assert believed(node) == {"one": {"EUR/USD.SIM": "-2"}, "EXTERNAL": {"EUR/USD.SIM": "5"}}
    until(lambda: node.heartbeat()["positions"]["one"] == {"EUR/USD.SIM": "-2"}, node.log)


@pytest.mark.slow
def test_a_trade_that_the_engine_does_not_book_stops_the_strategy_and_is_nobody_elses(market, shared, until):
    node = shared(reduce_only=True)  # a stop: a close may be sent beside it
    sold_unheard(market, node, until, QUIET)
    node.do("close")
    until(lambda: market.position() == "3", node.log)
    until(lambda: "by the engine" in str(node.rows("alert")), node.log)
    asked = market.truth()["requests"].get("query", 0)
    until(lambda: market.truth()["requests"].get("query", 0) >= asked + 6, node.log)
    held = {"one": {"EUR/USD.SIM": "-2"}, "EXTERNAL": {"EUR/USD.SIM": "5"}}
    assert believed(node) == held, "what the engine lacks was not given to somebody else"
    node.do("submit", side="BUY", qty="2", reduce_only=True, name="A-3")
    assert "by the engine" in node.wait("OrderDenied", id="A-3")["reason"]
    node.kill()
    market.control("DELETE", "/faults")
    node.start()
    assert node.started()["position"] == "-2", "once it is started again the engine has it"
    resume = ("node", "resume", node.file, "--strategy", "one", "--why", "it is so")
    assert node.framework(*resume).returncode == 0
    node.do("submit", side="BUY", qty="2", name="A-4")
    until(lambda: market.position() == "5", node.log)
    node.holds()
    assert believed(node) == {"EXTERNAL": {"EUR/USD.SIM": "5"}}
