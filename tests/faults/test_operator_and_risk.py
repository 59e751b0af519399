"""Faults 6, 9, 22 to 27, 30 and 31: the switch is pulled, the node hangs, prices and clocks are wrong."""

import resource
import signal
import time

import pytest

from framework import RunError

GUARD = {"use": "price_guard", "config": {"max_mark_age": "2s"}}


@pytest.mark.slow
@pytest.mark.waits
@pytest.mark.parametrize("seconds", [5, 60])
def test_fault_06_stopped_and_continued_it_sends_nothing_on_old_prices(market, node_on, until, seconds):
    node = node_on(market, risk=[GUARD])
    node.environment["ASLEEP"] = "2"
    node.start().signal(signal.SIGSTOP)
    node.do("submit", side="BUY", qty="100", name="A-1")
    time.sleep(seconds)
    node.signal(signal.SIGCONT)
    reason = node.wait("OrderDenied", id="A-1")["reason"]
    assert "slept" in reason or "old" in reason, "whoever judged first: the node's pulse or the rule"
    assert market.orders() == []

    def trades():
        market.quote()
        node.do("submit", side="BUY", qty="100")
        time.sleep(0.3)
        return market.orders("FILLED")

    until(trades, node.log)
    node.holds()


def test_fault_09_a_full_disk_stops_new_orders_and_lets_cancels_pass(market, node_on, until):
    node = node_on(market).start()
    node.do("rest", count=2, price="1.05000")
    node.wait("OrderAccepted", id="R-1")
    grown = sum(file.stat().st_size for file in node.state.glob("journal.db*"))
    full = max(file.stat().st_size for file in node.state.glob("journal.db*"))
    assert grown
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (full, full))
    since = time.time()
    node.do("submit", side="BUY", qty="100", name="A-1")
    for number in range(40):
        node.do("submit", side="BUY", qty="1", price="1.05000", name=f"F-{number}")
    until(lambda: "journal" in str(node.heartbeat().get("halted", "")) or latched(node), node.log)
    assert time.time() - since <= 20.0, "told within seconds; a busy machine has more"
    taken = {order["client_order_id"] for order in market.orders()}
    intended = {row.order_id for row in node.intents()}
    assert taken <= intended, "nothing left without a record"
    node.do("submit", side="BUY", qty="100", name="B-1")
    node.do("cancel", name="R-0")
    until(lambda: market.order("R-0")["status"] == "CANCELED", node.log)
    assert market.arrivals("B-1") == 0
    assert "the journal" in node.log()


def latched(node):
    return [file for file in (node.state / "latch").glob("*.json") if "journal" in file.read_text()]


@pytest.mark.slow
def test_fault_22_fifteen_hundred_resting_orders_are_cancelled_in_a_moment(market, node_on, until):
    unhurried = {"timeout": "10s", "window": "30s", "lease": "30s"}  # 1,500 orders take a slow disk its time
    node = node_on(market, venue={"rate": 5_000, **unhurried}).start()
    for batch in range(20):
        node.do("rest", count=75, price="1.05000", prefix=f"R{batch}")
        until(lambda: len(market.orders("OPEN")) >= 75 * (batch + 1), node.log)  # noqa: B023 - asked at once
        time.sleep(1)  # the engine takes a hundred submissions a second
    assert len(market.orders("OPEN")) == 1_500
    latched = node.framework("node", "kill", node.file, "--why", "a test")
    assert latched.returncode == 0, latched.stderr
    until(lambda: not market.orders("OPEN"), node.log)
    held = [file.stat().st_mtime for file in (node.state / "latch").glob("*.json")]
    last = max(order["changed_ns"] for order in market.orders()) / 1e9
    # The figure is the row `kill` of the benchmarks; a busy machine must not decide here.
    assert last - held[0] <= 10.0, f"the last of them {last - held[0]:.3f} s after the latch"
    node.holds()


def test_fault_23_a_latch_holds_while_the_loop_is_busy(market, node_on, until):
    node = node_on(market, guard={"patience": 60}).start()
    over = node.folder / "over"
    node.do("sleep", until=str(over))
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("sleeping")
    assert node.framework("node", "kill", node.file, "--why", "a test").returncode == 0
    assert list((node.state / "latch").glob("*.json"))
    assert not node.heard(said="awake"), "it did not wait for the loop"
    over.touch()
    assert "halted" in node.wait("OrderDenied", id="A-1")["reason"]
    assert market.orders() == []
    node.holds()


@pytest.mark.slow
@pytest.mark.waits
def test_fault_23_nothing_is_called_flat_while_the_exchange_is_down(market, node_on, until):
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    market.fault("status", on="any", code=503, count=1_000_000)
    until(lambda: "VENUE_DOWN" in str(probe(node)), node.log)
    done = node.framework("node", "flatten", node.file, "--why", "a test")
    assert done.returncode == RunError.exit_code, done.stderr
    assert "NOT known to be flat" in done.stderr
    assert "flat" not in done.stdout.replace("flatten", "")
    time.sleep(2)
    assert node.heartbeat()["positions"]["one"] == {"EUR/USD.SIM": "100"}
    market.control("DELETE", "/faults")

    def flat():
        node.framework("node", "flatten", node.file, "--why", "again")
        time.sleep(0.5)
        return market.position() == "0"

    until(flat, node.log)
    until(lambda: node.heartbeat()["positions"]["one"] == {}, node.log)
    node.holds()


def probe(node):
    node.do("submit", side="BUY", qty="1", price="1.05000")
    time.sleep(0.2)
    return node.heard(said="OrderDenied")


def test_an_order_that_went_round_the_gate_does_not_leave(market, node_on):
    node = node_on(market).start()
    node.do("bypass", side="BUY", qty="100", name="A-1")
    assert "the gate has not let it through" in node.wait("OrderRejected", id="A-1")["reason"]
    assert market.arrivals("A-1") == 0
    node.do("submit", side="BUY", qty="100", name="A-2")
    node.wait("OrderFilled", id="A-2")
    node.holds()


def test_fault_24_an_order_sent_while_stopping_does_not_leave(market, node_on):
    node = node_on(market).start()
    node.do("submit_on_stop", side="BUY", qty="100", name="A-1")
    time.sleep(0.2)
    assert node.stop() in {0, RunError.exit_code}, "on a busy machine the engine may give a stop up"
    assert market.arrivals("A-1") == 0
    assert market.orders() == []


@pytest.mark.slow
def test_fault_24_an_order_sent_under_the_latch_does_not_leave(market, node_on):
    node = node_on(market).start()
    assert node.framework("node", "kill", node.file, "--why", "a test").returncode == 0
    node.do("submit", side="BUY", qty="100", name="A-1")
    assert "halted" in node.wait("OrderDenied", id="A-1")["reason"]
    assert market.arrivals("A-1") == 0


def test_fault_25_reduce_only_when_flat_and_an_overshoot_are_denied(market, node_on):
    node = node_on(market).start()
    node.do("submit", side="SELL", qty="10", name="A-1", reduce_only=True)
    node.wait("OrderDenied", id="A-1")
    node.do("submit", side="BUY", qty="10", name="A-2")
    node.wait("OrderFilled", id="A-2")
    node.do("submit", side="SELL", qty="1000", name="A-3", reduce_only=True)
    node.wait("OrderDenied", id="A-3")
    assert [order["client_order_id"] for order in market.orders()] == ["A-2"]
    node.holds()


@pytest.mark.parametrize(
    "price", ["NaN", *(pytest.param(price, marks=pytest.mark.slow) for price in ("gone", "stale"))]
)
def test_fault_26_a_market_order_without_a_good_price_is_denied(market_with, node_on, price):
    market = market_with()
    node = node_on(market, risk=[GUARD]).start()
    if price == "stale":
        time.sleep(2.5)
    elif price == "NaN":
        time.sleep(2.5)
        market.quote("NaN", "NaN", match=False)
        market.quote("0", "1e999", match=False)
        time.sleep(0.3)
    else:
        market.kill()
        time.sleep(2.5)
    node.do("submit", side="BUY", qty="100", name="A-1")
    assert "old" in node.wait("OrderDenied", id="A-1")["reason"]
    assert price == "gone" or market.orders() == []


def test_fault_27_a_runaway_strategy_is_stopped_alone_and_stays_so(market, node_on, until):
    limit = {"use": "runaway", "config": {"window": "1s", "max_orders": 20}}
    node = node_on(market, strategies=("one", "two"), risk=[{**limit, "strategies": ["one"]}]).start()
    node.do("flood", each=50)
    node.wait("OrderDenied")
    until(
        lambda: "strategy:one" in str(node.heartbeat().get("halted")),
        lambda: str(node.heartbeat()) + node.log(),
    )
    over = next(row for row in node.rows("decision") if "20 orders left" in row.body)
    sent = [row for row in node.intents() if row.strategy == "one"]
    assert len(sent) >= 20, "and more where twenty took longer than the second they are counted in"
    assert all(row.seq < over.seq for row in sent)

    def two_trades():
        node.do("submit", "two", side="BUY", qty="100")
        time.sleep(0.3)
        return node.heard("two", "OrderFilled")

    until(two_trades, node.log)
    node.kill()

    def of_one():
        theirs = {row.order_id for row in node.intents() if row.strategy == "one"}
        return {order["client_order_id"] for order in market.orders()} & theirs

    taken, quotes = of_one(), len(node.heard("two", "quote"))
    node.start(wait=False)
    until(lambda: len(node.heard("two", "quote")) > quotes, node.log)
    node.do("submit", side="BUY", qty="1", name="A-1")
    node.do("submit", "two", side="BUY", qty="100", name="B-2")
    node.wait("OrderFilled", "two", id="B-2")
    assert market.arrivals("A-1") == 0, "halted, and disabled when it went on"
    assert of_one() == taken
    assert "strategy:one" in str(node.heartbeat())
    node.holds()


def test_fault_30_one_bad_tick_is_no_drawdown_and_a_true_one_is_closed_within_a_second(
    market, node_on, until
):
    stop = {
        "use": "max_drawdown",
        "config": {"venue": "SIM", "amount": "1000 USD", "confirm": 3},
    }
    node = node_on(market, risk=[stop]).start()
    node.do("submit", side="BUY", qty="100000", name="A-1")
    node.wait("OrderFilled", id="A-1")
    market.quote("0.90000", "0.90002", match=False)
    market.quote()
    market.quote()
    market.quote()
    node.wait("quote", bid="0.90000")
    time.sleep(0.5)
    assert market.position() == "100000"
    for _ in range(3):
        market.quote("1.08000", "1.08002")
    began = time.time()
    until(lambda: market.position() == "0", node.log)
    took = market.orders()[-1]["changed_ns"] / 1e9 - began
    assert took <= 10.0, "within a second; a busy machine has more"
    node.holds()


@pytest.mark.parametrize("skew", [5_000, pytest.param(-5_000, marks=pytest.mark.slow)])
def test_fault_31_a_clock_five_seconds_off_stops_new_orders_and_not_cancels(market, node_on, until, skew):
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-1")
    node.wait("OrderAccepted", id="A-1")
    market.conditions(skew_ms=skew)

    def denied():
        node.do("submit", side="BUY", qty="10", price="1.05000")
        time.sleep(0.2)
        return [one for one in node.heard(said="OrderDenied") if "CLOCK_OFFSET" in one["reason"]]

    until(denied, node.log)
    node.do("cancel", name="A-1")
    until(lambda: market.order("A-1")["status"] == "CANCELED", node.log)
    market.conditions(skew_ms=0)

    def taken():
        node.do("submit", side="BUY", qty="10", price="1.05000")
        time.sleep(0.3)
        return market.orders("OPEN")

    until(taken, node.log)
    node.holds(clock_ns=6_000_000_000)
