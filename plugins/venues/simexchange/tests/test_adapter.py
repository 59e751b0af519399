"""The adapter in a real node, in a process of its own, against the exchange in another."""

import random
import signal
import time

import pytest

from framework.testkit import simulate


def test_a_day_of_trading(market, node):
    """Quotes arrive; orders fill, fill in part, rest, are modified and cancelled; the books agree."""
    market.quote("1.10001", "1.10003")
    assert node.wait("quote", bid="1.10001")["ask"] == "1.10003"

    node.do("submit", id="A", side="BUY", qty="100")
    assert node.wait("OrderFilled", id="A")["last_px"] == "1.10003"
    assert node.events("A") == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]

    node.do("submit", id="B", side="BUY", qty="50", price="1.09990")
    node.wait("OrderAccepted", id="B")
    market.quote("1.09980", "1.09985", ask_size="30")
    assert node.wait("OrderFilled", id="B")["last_qty"] == "30"
    node.do("modify", id="B", qty="40", price="1.09970")
    updated = node.wait("OrderUpdated", id="B")
    assert (updated["quantity"], updated["price"]) == ("40", "1.09970")
    node.do("cancel", id="B")
    node.wait("OrderCanceled", id="B")

    node.do("submit", id="C", side="SELL", qty="10", trigger="1.09950", price="1.09940")
    node.wait("OrderAccepted", id="C")
    market.quote("1.09930", "1.09935")
    node.wait("OrderTriggered", id="C")
    market.quote("1.09945", "1.09950")
    assert node.wait("OrderFilled", id="C")["last_px"] == "1.09940"

    node.do("submit", id="D", side="BUY", qty="10", price="1.20000", post_only=True)
    assert "POST_ONLY" in node.wait("OrderRejected", id="D")["reason"]

    node.settle(0.3)
    state, truth = node.state(), market.truth()
    assert state["orders"] == {
        "A": ["FILLED", "100"],
        "B": ["CANCELED", "30"],
        "C": ["FILLED", "10"],
        "D": ["REJECTED", "0"],
    }
    assert sum(float(size) for size in state["positions"].values()) == 120
    assert [p["quantity"] for p in truth["positions"]] == ["120"]
    assert state["trades"] == sorted(fill["trade_id"] for fill in truth["fills"])
    assert f"{truth['balances']['USD']} USD" in [b.replace("_", "") for b in state["balances"]]
    assert node.stop() == 0


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("fault", "when"),
    [
        pytest.param({"kind": "timeout"}, "after", id="timeout-after"),
        pytest.param({"kind": "drop"}, "before", id="drop-before"),
        pytest.param({"kind": "timeout"}, "before", id="timeout-before", marks=SLOW),
        pytest.param({"kind": "drop"}, "after", id="drop-after", marks=SLOW),
        pytest.param({"kind": "status", "code": 504}, "before", id="504-before", marks=SLOW),
        pytest.param({"kind": "status", "code": 504}, "after", id="504-after", marks=SLOW),
        pytest.param({"kind": "garbage"}, "before", id="garbage-before", marks=SLOW),
        pytest.param({"kind": "garbage"}, "after", id="garbage-after", marks=SLOW),
        pytest.param({"kind": "rate_limit", "seconds": 1}, "after", id="429-after", marks=SLOW),
    ],
)
def test_a_submission_without_an_answer_is_asked_for_and_never_sent_again(market, node_on, fault, when):
    node = node_on(market, window="1s", timeout="500ms")
    market.fault(**fault, on="submit", when=when)
    node.do("submit", id="A", side="BUY", qty="100")
    if when == "after":
        node.wait("OrderFilled", id="A")
        assert "OrderRejected" not in node.events("A")
    else:
        assert "NOT_TAKEN" in node.wait("OrderRejected", id="A")["reason"]
    truth = market.truth()
    assert truth["ids"]["A"] == {"orders": int(when == "after"), "arrivals": 1, "repeats": 0}
    assert len(truth["fills"]) == int(when == "after")


@pytest.mark.slow
def test_a_late_submission_is_neither_lost_nor_rejected_meanwhile(market, node_on):
    node = node_on(market, timeout="300ms", window="5s")
    market.fault("slow", on="submit", seconds=1.5)
    node.do("submit", id="A", side="BUY", qty="100")
    node.settle(1.0)
    assert node.events("A") == ["OrderInitialized", "OrderSubmitted"]
    node.wait("OrderFilled", id="A")
    assert market.truth()["ids"]["A"] == {"orders": 1, "arrivals": 1, "repeats": 0}


@pytest.mark.slow
def test_a_cancel_of_an_order_not_known_to_exist_is_done_when_it_is_found(market, node_on):
    node = node_on(market, timeout="300ms", window="5s")
    market.fault("slow", on="submit", seconds=1.0)
    node.do("submit", id="A", side="BUY", qty="100", price="1.05000")
    node.do("cancel", id="A")
    node.wait("OrderCanceled", id="A")
    assert market.order("A")["status"] == "CANCELED"


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_cancels_and_changes_without_an_answer_are_settled_by_asking(market, node_on, when):
    node = node_on(market, window="1s", timeout="400ms")
    node.do("submit", id="A", side="BUY", qty="100", price="1.05000")
    node.wait("OrderAccepted", id="A")
    market.fault("timeout", on="modify", when=when, seconds=1)
    node.do("modify", id="A", qty="90")
    node.wait("OrderUpdated" if when == "after" else "OrderModifyRejected", id="A")
    market.fault("timeout", on="cancel", when=when, seconds=1)
    node.do("cancel", id="A")
    node.wait("OrderCanceled", id="A")
    assert market.order("A")["quantity"] == ("90" if when == "after" else "100")


def test_duplicates_reordered_late_and_lost_messages_book_each_trade_once(market, node):
    market.fault("duplicate", count=6)
    market.fault("reorder", on="fill")
    market.fault("late", on="fill", seconds=0.5)
    market.fault("lose", count=3)
    for number in range(6):
        node.do("submit", id=f"A{number}", side="BUY", qty="10")
    for number in range(6):
        node.wait("OrderFilled", id=f"A{number}")
    node.settle(1.0)
    truth, state = market.truth(), node.state()
    assert [node.events(f"A{number}").count("OrderFilled") for number in range(6)] == [1] * 6
    assert state["trades"] == sorted(fill["trade_id"] for fill in truth["fills"])
    assert [p["quantity"] for p in truth["positions"]] == ["60"]
    assert sum(float(size) for size in state["positions"].values()) == 60
    assert market.control("GET", "/faults")["armed"] == []


def test_an_order_is_over_only_when_its_last_trade_was_told(market, node):
    market.quote("1.10000", "1.10002", ask_size="40")
    market.fault("lose", on="fill")
    node.do("submit", id="A", side="BUY", qty="100", price="1.10002", tif="IOC")
    node.wait("OrderCanceled", id="A")
    assert node.events("A")[-2:] == ["OrderFilled", "OrderCanceled"]


def test_a_cut_stream_is_made_again_and_what_was_missed_is_had(market, node):
    node.wait("quote", bid="1.10000")
    market.control("POST", "/conditions", {"refuse_streams": True})
    market.control("POST", "/cut")
    node.do("submit", id="A", side="BUY", qty="100", price="1.09990")
    node.wait("OrderAccepted", id="A")
    for bid, ask in (("1.09970", "1.09980"), ("1.09971", "1.09981")):
        market.quote(bid, ask)
    market.control("POST", "/conditions", {"refuse_streams": False})
    node.wait("OrderFilled", id="A")
    node.wait("quote", bid="1.09971")
    bids = [h["bid"] for h in node.heard if h["said"] == "quote"]
    assert bids == ["1.10000", "1.09970", "1.09971"]


def test_a_half_open_stream_is_noticed_within_two_heartbeats(market, node):
    node.until(lambda: market.truth()["streams"] == 2)
    stale = "Stale: nothing heard for 0.6 s"  # two heartbeats of 0.3 s
    before = node.logged(stale)
    market.control("POST", "/conditions", {"half_open": True})
    market.quote("1.10010", "1.10012")
    node.until(lambda: node.logged(stale) >= before + 2)
    market.control("POST", "/conditions", {"half_open": False})
    node.wait("quote", bid="1.10010", seconds=20)


@pytest.mark.slow
def test_a_dead_exchange_opens_the_breaker_within_seconds_and_it_closes_again(market, node):
    market.fault("status", code=503, count=10_000)
    began = time.monotonic()
    number = 0
    while not any(h["said"] == "OrderDenied" for h in node.heard):
        number += 1
        node.do("submit", id=f"A{number}", side="BUY", qty="1")
        node.settle(0.2)
        assert time.monotonic() - began < 10, "within three; a busy machine has more"
    assert "VENUE_DOWN" in node.wait("OrderDenied")["reason"]
    market.control("DELETE", "/faults")
    while not any(h["said"] == "OrderFilled" for h in node.heard):
        number += 1
        node.do("submit", id=f"B{number}", side="BUY", qty="1")
        node.settle(0.5)
        assert time.monotonic() - began < 60, "it closes again"
    tried = {name: told for name, told in market.truth()["ids"].items() if name.startswith("A")}
    assert all(told["orders"] == 0 and told["arrivals"] <= 1 for told in tried.values())


@pytest.mark.slow
def test_429_silences_orders_and_lets_cancels_pass(market, node_on):
    node = node_on(market, window="1s")
    node.do("submit", id="A", side="BUY", qty="10", price="1.05000")
    node.wait("OrderAccepted", id="A")
    market.fault("rate_limit", on="submit", seconds=10)
    node.do("submit", id="B", side="BUY", qty="10", price="1.05000")
    node.until(lambda: node.logged("whether B was taken is not known: 429"))
    node.do("cancel", id="A")
    node.wait("OrderCanceled", id="A")
    node.do("submit", id="C", side="BUY", qty="10", price="1.05000")
    assert "RATE_LIMIT" in node.wait("OrderDenied", id="C")["reason"], "the silence is not over yet"
    assert "NOT_TAKEN" in node.wait("OrderRejected", id="B", seconds=30)["reason"]
    assert market.truth()["ids"]["B"]["arrivals"] == 1


def test_a_clock_that_is_off_stops_new_orders_and_not_cancels(market, node_on):
    node = node_on(market, timeout="5s")
    node.do("submit", id="A", side="BUY", qty="10", price="1.05000")
    node.wait("OrderAccepted", id="A")
    market.control("POST", "/conditions", {"skew_ms": 5_000})
    asked = market.truth()["requests"]["time"]
    node.until(lambda: market.truth()["requests"]["time"] >= asked + 2)  # the answer to the first was heard
    node.do("submit", id="B", side="BUY", qty="10")
    assert "CLOCK_OFFSET" in node.wait("OrderDenied", id="B")["reason"]
    node.do("cancel", id="A")
    node.wait("OrderCanceled", id="A")


@pytest.mark.slow
def test_an_exchange_that_dies_and_comes_back_finds_its_trader_waiting(exchange_with, node_on, tmp_path):
    exchange = exchange_with("--heartbeat=0.3", f"--state={tmp_path / 'truth.db'}")
    exchange.quote("1.10000", "1.10002")
    node = node_on(exchange)
    node.do("submit", id="A", side="BUY", qty="100", price="1.09000")
    node.wait("OrderAccepted", id="A")
    exchange.kill()
    node.settle(2)
    exchange.start()
    exchange.quote("1.08990", "1.08995")
    node.wait("OrderFilled", id="A")
    node.wait("quote", bid="1.08990")
    node.settle(2)
    node.do("submit", id="B", side="SELL", qty="100")
    node.wait("OrderFilled", id="B")
    assert node.state()["positions"] == {}


def test_a_replayed_catalogs_bars_reach_a_strategy_that_trades_on_them(exchange_with, node_on, tmp_path):
    simulate(tmp_path / "catalog", ["EURUSD"], step="1-HOUR", length=10, seed=1)
    bar_type = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
    exchange = exchange_with(f"--data={tmp_path / 'catalog'}", f"--stream={bar_type}")
    node = node_on(exchange, wait=False)
    node.wait("started", 90)
    node.do("bars", bar_type=bar_type.replace("SIM-", "SIMX-"))
    node.until(lambda: "bar:EUR/USD" in exchange.truth()["channels"])
    exchange.control("POST", "/market", {"do": "step", "count": 3})
    node.until(lambda: len([h for h in node.heard if h["said"] == "bar"]) >= 3)
    node.do("submit", id="A", side="BUY", qty="1")
    filled = node.wait("OrderFilled", id="A")
    closes = [h["close"] for h in node.heard if h["said"] == "bar"]
    assert exchange.truth()["mseq"] == len(closes) == 3
    assert filled["last_px"] == closes[-1]


def test_a_trade_by_hand_becomes_an_external_position(market, node):
    market.control("POST", "/trade", {"symbol": "EUR/USD", "side": "SELL", "quantity": "70"})
    node.until(lambda: node.state()["positions"] == {"EUR/USD.SIMX-EXTERNAL": "-70.0"})
    assert node.state()["trades"] == [fill["trade_id"] for fill in market.truth()["fills"]]


def test_a_killed_nodes_orders_and_position_are_found_by_the_next(market, node, node_on):
    node.do("submit", id="A", side="BUY", qty="100")
    node.do("submit", id="B", side="BUY", qty="50", price="1.09000")
    node.do("submit", id="C", side="SELL", qty="30", price="1.20000")
    for name, said in (("A", "OrderFilled"), ("B", "OrderAccepted"), ("C", "OrderAccepted")):
        node.wait(said, id=name)
    node.kill()
    market.quote("1.08990", "1.08995")
    after = node_on(market, lease="1s")
    state = after.state()
    assert state["orders"] == {"A": ["FILLED", "100"], "B": ["FILLED", "50"], "C": ["ACCEPTED", "0"]}
    assert sum(float(size) for size in state["positions"].values()) == 150
    after.do("cancel", id="C")
    after.until(lambda: market.order("C")["status"] == "CANCELED")
    after.until(lambda: after.state()["orders"]["C"] == ["CANCELED", "0"])
    assert after.state()["trades"] == sorted(fill["trade_id"] for fill in market.truth()["fills"])


@pytest.mark.slow
def test_a_second_node_is_refused_and_the_first_trades_on(market, node_on):
    node = node_on(market)
    second = node_on(market, wait=False, lease="1s", connection_seconds=10)
    second.process.wait(90)
    second.settle(20)
    assert not any(h["said"] == "started" for h in second.heard)
    assert any("the account cannot be taken" in line for line in second.text)
    node.do("submit", id="A", side="BUY", qty="100")
    node.wait("OrderFilled", id="A")
    assert market.truth()["session"] == 1


def test_a_node_that_lost_the_account_sends_nothing_more(market, node):
    node.wait("quote")
    node.process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while market.take("thief") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    node.process.send_signal(signal.SIGCONT)
    node.until(lambda: node.logged("another node has the account"))
    node.do("submit", id="A", side="BUY", qty="100")
    reason = node.wait("OrderDenied", id="A")["reason"]
    assert "FENCED" in reason
    assert market.truth()["orders"] == []


@pytest.mark.slow
def test_fifteen_hundred_orders_are_cancelled_in_a_few_requests(exchange_with, node_on):
    exchange = exchange_with("--heartbeat=0.3", "--rate=100000", "--burst=100000")
    exchange.quote("1.10000", "1.10002")
    node = node_on(exchange, rate=5_000)
    node.do("flood", count=1_500)
    node.wait("OrderAccepted", id="F-1499", seconds=60)
    node.do("cancel_all")
    node.wait("OrderCanceled", id="F-1499", seconds=20)
    node.settle(2)
    truth = exchange.truth()
    assert len(truth["orders"]) == 1_500
    assert {order["status"] for order in truth["orders"]} == {"CANCELED"}
    assert truth["requests"]["cancel"] < 50
    assert {status for status, _ in node.state()["orders"].values()} == {"CANCELED"}


@pytest.mark.slow
def test_an_order_that_waits_to_be_sent_is_not_sent_when_it_is_cancelled(market, node_on):
    node = node_on(market, rate=25, cancel_reserve=20)
    node.settle(1)
    node.do("flood", count=30)
    node.do("cancel_all")
    node.settle(4)
    truth, orders = market.truth(), node.state()["orders"]
    assert all(order["status"] == "CANCELED" for order in truth["orders"])
    assert len(truth["ids"]) < 30
    assert {status for status, _ in orders.values()} <= {"CANCELED", "REJECTED", "DENIED"}


@pytest.mark.slow
def test_a_hundred_cut_streams_lose_nothing(market, node):
    for number in range(100):
        market.control("POST", "/cut")
        if number % 5 == 0:
            node.do("submit", id=f"A{number}", side="BUY", qty="1")
        if number % 10 == 0:
            market.quote("1.10000", f"1.100{10 + number % 80}")
        node.settle(0.05)
    for number in range(0, 100, 5):
        node.wait("OrderFilled", id=f"A{number}", seconds=10)
    node.until(lambda: len([h for h in node.heard if h["said"] == "quote"]) >= 11)
    node.settle(2)
    truth, state = market.truth(), node.state()
    assert state["trades"] == sorted(fill["trade_id"] for fill in truth["fills"])
    assert all(node.events(f"A{number}").count("OrderFilled") == 1 for number in range(0, 100, 5))
    asks = [h["ask"] for h in node.heard if h["said"] == "quote"]
    assert len(asks) == 11


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whatever_goes_wrong_the_node_and_the_exchange_agree_in_the_end(market, node_on, seed):
    """A seeded storm of faults; then positions, trades and orders are compared with the truth."""
    draw = random.Random(seed)
    node = node_on(market, window="1s", timeout="300ms", lease="5s", rate=1_000)
    names = []
    for number in range(80):
        make_trouble(market, draw)
        give_an_order(node, draw, names, f"S{number}")
        node.settle(draw.uniform(0.0, 0.1))
    market.control("DELETE", "/faults")
    ends = time.monotonic() + 20
    while (differences := disagreements(node, market)) and time.monotonic() < ends:
        node.settle(1)
    assert differences == []
    assert all(ids["orders"] <= 1 and ids["arrivals"] <= 1 for ids in market.truth()["ids"].values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_node_killed_again_and_again_finds_everything_as_it_is(market, node_on, seed):
    draw = random.Random(seed)
    names = []
    for life in range(4):
        node = node_on(market, window="1s", timeout="300ms", lease="1s", rate=1_000)
        if life == 3:
            break
        for number in range(draw.randint(5, 30)):
            make_trouble(market, draw)
            give_an_order(node, draw, names, f"L{life}-{number}")
            node.settle(draw.uniform(0.0, 0.05))
        node.kill()
        market.control("DELETE", "/faults")
    node.do("submit", id="LAST", side="BUY", qty="3")
    node.wait("OrderFilled", id="LAST")
    ends = time.monotonic() + 10
    while (differences := open_disagreements(node, market)) and time.monotonic() < ends:
        node.settle(1)
    assert differences == []
    assert all(ids["orders"] <= 1 and ids["arrivals"] <= 1 for ids in market.truth()["ids"].values())


@pytest.mark.slow
@pytest.mark.waits
def test_an_outage_of_twenty_seconds_rejects_nothing_that_was_taken(market, node_on):
    node = node_on(market, timeout="500ms", window="2s")
    market.fault("timeout", on="submit", when="after", seconds=1)
    market.fault("status", on="query", code=502, count=10_000)
    market.control("POST", "/conditions", {"refuse_streams": True})
    market.control("POST", "/cut")
    node.do("submit", id="A", side="BUY", qty="100")
    node.settle(20)
    assert node.events("A") == ["OrderInitialized", "OrderSubmitted"]
    market.control("DELETE", "/faults")
    node.wait("OrderFilled", id="A", seconds=15)
    assert market.truth()["ids"]["A"] == {"orders": 1, "arrivals": 1, "repeats": 0}


@pytest.mark.slow
def test_a_hedging_accounts_positions_are_found_after_a_restart(exchange_with, node_on):
    exchange = exchange_with("--oms=hedging", "--heartbeat=0.3")
    exchange.quote("1.10000", "1.10002")
    node = node_on(exchange, oms="hedging", lease="1s")
    node.do("submit", id="A", side="BUY", qty="100")
    node.do("submit", id="B", side="SELL", qty="40")
    node.wait("OrderFilled", id="B")
    node.kill()
    after = node_on(exchange, oms="hedging", lease="1s")
    assert after.state()["positions"] == {"P1": "100.0", "P2": "-40.0"}


def make_trouble(market, draw):
    if draw.random() < 0.3:
        market.fault(
            draw.choice(("timeout", "slow", "status", "rate_limit", "drop", "garbage")),
            on=draw.choice(("submit", "cancel", "modify", "query")),
            when=draw.choice(("before", "after")),
            seconds=round(draw.uniform(0.05, 0.6), 2),
        )
    if draw.random() < 0.3:
        kind = draw.choice(("duplicate", "reorder", "lose", "late"))
        market.fault(kind, seconds=round(draw.uniform(0.05, 0.5), 2))
    if draw.random() < 0.1:
        market.control("POST", "/cut")
    if draw.random() < 0.1:
        market.control("POST", "/trade", {"symbol": "EUR/USD", "side": "BUY", "quantity": "7"})
    bid = 10_000 + draw.randint(-5, 5)
    market.quote(f"1.{bid:05}", f"1.{bid + 2:05}", ask_size=str(draw.randint(1, 50)))


def give_an_order(node, draw, names, name):
    move = draw.random()
    if move < 0.6 or not names:
        names.append(name)
        price = {} if draw.random() < 0.4 else {"price": f"1.{10_000 + draw.randint(-6, 6):05}"}
        side, quantity = draw.choice(("BUY", "SELL")), str(draw.randint(1, 40))
        node.do("submit", id=name, side=side, qty=quantity, **price)
    elif move < 0.8:
        node.do("cancel", id=draw.choice(names))
    else:
        node.do("modify", id=draw.choice(names), qty=str(draw.randint(1, 60)))


def disagreements(node, market):
    """What the node believes and the exchange does not; an order neither has may be rejected or denied."""
    state, truth = node.state(), market.truth()
    real = {order["client_order_id"]: (in_words(order), order["filled"]) for order in truth["orders"]}
    believed = {name: tuple(order) for name, order in state["orders"].items()}
    trades = {fill["trade_id"] for fill in truth["fills"]}
    held = sum(float(size) for size in state["positions"].values())
    owned = sum(float(position["quantity"]) for position in truth["positions"])
    never = {"REJECTED", "DENIED"}
    return [
        *((name, believed.get(name), is_so) for name, is_so in real.items() if believed.get(name) != is_so),
        *((name, so, None) for name, so in believed.items() if name not in real and so[0] not in never),
        *trades.symmetric_difference(state["trades"]),
        *([(held, owned)] if held != owned else []),
    ]


def open_disagreements(node, market):
    """What matters after a restart; the engine forgets what was before the position was last flat."""
    state, truth = node.state(), market.truth()
    real = {
        o["client_order_id"]: (in_words(o), o["filled"]) for o in truth["orders"] if o["status"] == "OPEN"
    }
    open_now = {"ACCEPTED", "PARTIALLY_FILLED", "SUBMITTED", "PENDING_CANCEL", "PENDING_UPDATE"}
    believed = {name: tuple(order) for name, order in state["orders"].items() if order[0] in open_now}
    held = sum(float(size) for size in state["positions"].values())
    owned = sum(float(position["quantity"]) for position in truth["positions"])
    return [pair for pair in ((believed, real), (held, owned)) if pair[0] != pair[1]]


def in_words(order):
    if order["status"] != "OPEN":
        return order["status"]
    return "ACCEPTED" if order["filled"] == "0" else "PARTIALLY_FILLED"


@pytest.mark.slow
def test_what_the_exchange_does_not_have_is_denied_before_it_is_sent(market, node):
    node.do("submit", id="A", side="BUY", qty="10", price="1.05000", tif="DAY")
    assert "UNSUPPORTED" in node.wait("OrderDenied", id="A")["reason"]
    assert "A" not in market.truth()["ids"]


def test_nonsense_prices_do_not_reach_the_strategy(market, node):
    node.wait("quote", bid="1.10000")
    for bid in ("0", "-1.1", "NaN", "1e400", "abc"):
        market.quote(bid, "1.10002", match=False)
    market.quote("1.10005", "1.10007")
    node.wait("quote", bid="1.10005")
    assert [h["bid"] for h in node.heard if h["said"] == "quote"] == ["1.10000", "1.10005"]


@pytest.mark.slow
def test_no_secret_is_ever_printed(market, node):
    market.fault("status", code=503, count=3)
    node.do("submit", id="A", side="BUY", qty="10")
    node.settle(1.5)
    assert not any("planted-secret" in line or "test-key" in line for line in node.text)


def test_a_hedging_account_keeps_positions_apart(exchange_with, node_on):
    exchange = exchange_with("--oms=hedging", "--heartbeat=0.3")
    exchange.quote("1.10000", "1.10002")
    node = node_on(exchange, oms="hedging")
    node.do("submit", id="A", side="BUY", qty="100")
    node.do("submit", id="B", side="SELL", qty="40")
    node.wait("OrderFilled", id="A")
    node.wait("OrderFilled", id="B")
    assert node.state()["positions"] == {"P1": "100.0", "P2": "-40.0"}


@pytest.mark.slow
def test_an_exchange_that_is_not_there_is_said_to_be_so(market, node_on):
    market.kill()
    node = node_on(market, wait=False, connection_seconds=5)
    node.process.wait(90)
    node.settle(20)
    assert any("SIMX-execution: cannot connect" in line and "127.0.0.1" in line for line in node.text)


@pytest.mark.slow
def test_an_account_kept_in_another_way_is_refused(market, node_on):
    node = node_on(market, wait=False, oms="hedging", connection_seconds=5)
    node.process.wait(90)
    node.settle(20)
    assert any("keeps positions by netting" in line for line in node.text)
