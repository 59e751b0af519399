"""A node in live mode, over HTTPS, to a server process, on the simulated terminal."""

import pytest


def test_a_day_of_trading(rig, node):
    """Quotes arrive; orders fill, rest, are changed and cancelled; a position is closed in parts."""
    rig.broker.quote("1.10001", "1.10003")
    assert node.wait("quote", bid="1.10001")["ask"] == "1.10003"

    node.do("submit", id="A", side="BUY", qty="50000")
    fill = node.wait("OrderFilled", id="A")
    assert (fill["last_px"], fill["last_qty"]) == ("1.10003", "50000")
    assert node.events("A") == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]

    node.do("submit", id="B", side="BUY", qty="20000", price="1.09900")
    node.wait("OrderAccepted", id="B")
    node.do("modify", id="B", price="1.09950")
    assert node.wait("OrderUpdated", id="B")["price"] == "1.09950"
    rig.broker.quote("1.09940", "1.09942")
    assert node.wait("OrderFilled", id="B")["last_px"] == "1.09942"

    node.do("submit", id="C", side="SELL", qty="10000", trigger="1.09800")
    node.wait("OrderAccepted", id="C")
    node.do("cancel", id="C")
    node.wait("OrderCanceled", id="C")

    (ticket,) = [p["ticket"] for p in rig.broker("truth")["positions"] if p["volume"] == "0.5"]
    node.do("submit", id="D", side="SELL", qty="30000", position=str(ticket))
    node.wait("OrderFilled", id="D")
    truth = rig.broker("truth")
    node.until(lambda: balance(node) == truth["balance"])  # the account comes after the fill
    state = node.state()
    assert {name: status for name, (status, _) in state["orders"].items()} == {
        "A": "FILLED",
        "B": "FILLED",
        "C": "CANCELED",
        "D": "FILLED",
    }
    assert sorted(state["positions"].values()) == [["EURUSD", "20000"], ["EURUSD", "20000"]]
    assert set(state["positions"]) == {str(p["ticket"]) for p in truth["positions"]}
    assert state["trades"] == sorted(str(d["ticket"]) for d in truth["deals"])
    assert {s.get("magic") for s in truth["sent"] if s["action"] in (1, 5)} == {77}
    assert truth["overlaps"] == 0
    assert node.stop() == 0


def balance(node):
    """As the broker writes it."""
    (told,) = node.state()["balances"]
    return told.split()[0].replace("_", "")


def types(node, name):
    return [kind.removeprefix("Order") for kind in node.events(name)]


@pytest.mark.slow
def test_every_order_that_maps_is_sent_and_every_other_is_denied_before_it_leaves(rig, node):
    """Types x time in force, and what the terminal was asked."""
    rig.broker.quote("1.10000", "1.10002")
    taken = {
        "m-gtc": {},
        "m-ioc": {"tif": "IOC"},
        "m-fok": {"tif": "FOK"},
        "l-gtc": {"price": "1.05000"},
        "l-day": {"price": "1.05000", "tif": "DAY"},
        "l-post": {"price": "1.05000", "post_only": True},
        "s-gtc": {"trigger": "1.15000"},
        "sl-gtc": {"trigger": "1.15000", "price": "1.14000"},
    }
    denied = {
        "l-ioc": {"price": "1.05000", "tif": "IOC"},
        "l-fok": {"price": "1.05000", "tif": "FOK"},
        "s-ioc": {"trigger": "1.15000", "tif": "IOC"},
        "l-iceberg": {"price": "1.05000", "display_qty": None, "reduce_only": True},
        "reduce": {"reduce_only": True},
    }
    for name, fields in {**taken, **denied}.items():
        fields.pop("display_qty", None)
        node.do("submit", id=name, side="BUY", qty="1000", **fields)
    for name in taken:
        node.wait("OrderAccepted", id=name)
    for name in ("m-gtc", "m-ioc", "m-fok"):
        node.wait("OrderFilled", id=name)
    for name in denied:
        node.wait("OrderDenied", id=name)
    truth = rig.broker("truth")
    sent = [s for s in truth["sent"] if s["action"] in {1, 5}]
    assert len(sent) == len(taken)
    # type, type_filling, type_time, by the order's price and kind
    seen = sorted((s["type"], s["type_filling"], s["type_time"]) for s in sent)
    assert seen == sorted(
        [(0, 1, 0), (0, 1, 0), (0, 0, 0), (2, 2, 0), (2, 2, 1), (2, 3, 0), (4, 2, 0), (6, 2, 0)]
    )
    (stop_limit,) = [o for o in truth["orders"] if o["type"] == 6]
    assert (stop_limit["price"], stop_limit["stoplimit"]) == ("1.15", "1.14")
    # a change of the stop-limit's two prices, and a volume that cannot be changed
    node.do("modify", id="sl-gtc", trigger="1.16000", price="1.14500")
    node.wait("OrderUpdated", id="sl-gtc")
    (stop_limit,) = [o for o in rig.broker("truth")["orders"] if o["type"] == 6]
    assert (stop_limit["price"], stop_limit["stoplimit"]) == ("1.16", "1.145")
    node.do("modify", id="l-gtc", qty="2000")
    assert "volume" in node.wait("OrderModifyRejected", id="l-gtc")["reason"]
    node.do("modify", id="l-day", price="1.20000")
    assert "10015" in node.wait("OrderModifyRejected", id="l-day")["reason"]
    # a stop that is reached, and a stop-limit that becomes a limit
    rig.broker.quote("1.15010", "1.15012")
    node.wait("OrderFilled", id="s-gtc")
    rig.broker.quote("1.16010", "1.16012")
    node.wait("OrderTriggered", id="sl-gtc")
    rig.broker.quote("1.14480", "1.14482")
    assert node.wait("OrderFilled", id="sl-gtc")["last_px"] == "1.14482"
    node.do("cancel_all")
    for name in ("l-gtc", "l-day", "l-post"):
        node.wait("OrderCanceled", id=name)
    assert rig.broker("truth")["orders"] == []


@pytest.mark.slow
def test_refusals_of_the_broker_and_of_the_server_are_rejections_with_their_reason(rig_with, node_on):
    rig = rig_with(limits__max_notional="1000000")
    broker, node = rig.broker, node_on(rig)
    node.do("submit", id="big", side="BUY", qty="200000")
    assert "MAX_LOTS" in node.wait("OrderRejected", id="big")["reason"]
    broker("conditions", closed=True)
    node.do("submit", id="closed", side="BUY", qty="1000")
    assert "10018" in node.wait("OrderRejected", id="closed")["reason"]
    broker("conditions", closed=False)
    for retcode in (10006, 10019, 10030):
        broker("fault", kind="retcode", retcode=retcode)
        node.do("submit", id=f"r{retcode}", side="BUY", qty="1000")
        assert str(retcode) in node.wait("OrderRejected", id=f"r{retcode}")["reason"]
    # requoted once: sent again within the deviation; twice: rejected
    broker("fault", kind="requote")
    node.do("submit", id="q1", side="BUY", qty="1000")
    node.wait("OrderFilled", id="q1")
    broker("fault", kind="requote", count=2)
    node.do("submit", id="q2", side="BUY", qty="1000")
    assert "10004" in node.wait("OrderRejected", id="q2")["reason"]
    # a partial fill: what is left is cancelled
    broker.quote("1.10000", "1.10002", depth="0.3")
    node.do("submit", id="part", side="BUY", qty="100000", tif="IOC")
    node.wait("OrderCanceled", id="part")
    assert node.wait("OrderFilled", id="part")["last_qty"] == "30000"
    assert types(node, "part")[-2:] == ["Filled", "Canceled"]
    broker.quote("1.10000", "1.10002")
    # return codes that prove nothing say nothing: the order stays in flight until the books have been silent
    for retcode in (10011, 10012, 10024, 10031):
        broker("fault", kind="retcode", retcode=retcode)
        name = f"u{retcode}"
        node.do("submit", id=name, side="BUY", qty="1000")
        rejected = node.wait("OrderRejected", id=name)
        assert "NOT_TAKEN" in rejected["reason"]
        assert types(node, name) == ["Initialized", "Submitted", "Rejected"]
        silent = rejected["ts"] - node.wait("OrderSubmitted", id=name)["ts"]
        assert silent > 900_000_000  # settle_seconds is 1


def test_lost_answers_wedged_calls_and_a_lost_pipe_make_no_second_order(rig_with, node_on):
    rig = rig_with(terminal__call_seconds=2.0, limits__settle_seconds=10.0)
    broker, node = rig.broker, node_on(rig)
    broker("fault", kind="lost", when="after")
    node.do("submit", id="lost", side="BUY", qty="1000")
    node.wait("OrderFilled", id="lost")
    broker("fault", kind="wedge", when="before", seconds=3.5)
    node.do("submit", id="wedged", side="BUY", qty="2000")
    node.settle(2.5)
    assert "OrderRejected" not in node.events("wedged")
    node.wait("OrderFilled", id="wedged")
    broker("ipc", up=False)
    node.settle(0.5)
    node.do("submit", id="down", side="BUY", qty="3000")
    said = node.wait(("OrderRejected", "OrderDenied"), id="down")
    assert said["reason"].startswith(("NOT_SENT", "VENUE_DOWN"))
    broker("ipc", up=True)
    broker("conditions", history_lag=1.0)
    broker("fault", kind="close_socket", when="after")
    for cut in (f"cut{n}" for n in range(100)):  # until the node has found that the terminal is back
        node.do("submit", id=cut, side="BUY", qty="4000")
        end = node.wait(("OrderFilled", "OrderRejected", "OrderDenied"), id=cut)
        if end["said"] == "OrderFilled":
            break
        assert end["reason"].startswith(("NOT_SENT", "VENUE_DOWN"))
        node.settle(0.3)
    assert end["said"] == "OrderFilled"
    truth, state = broker("truth"), node.state()
    assert sorted(p["volume"] for p in truth["positions"]) == ["0.01", "0.02", "0.04"]
    assert set(state["positions"]) == {str(p["ticket"]) for p in truth["positions"]}
    assert [types(node, name).count("Filled") for name in ("lost", "wedged", cut)] == [1, 1, 1]


@pytest.mark.slow
def test_stops_targets_and_manual_trades_reach_the_books_without_being_asked_for(rig, node):
    broker = rig.broker
    node.do("submit", id="p", side="BUY", qty="10000", params={"sl": "1.09000", "tp": "1.11000"})
    node.wait("OrderFilled", id="p")
    (position,) = broker("truth")["positions"]
    assert (position["sl"], position["tp"]) == ("1.09", "1.11")
    broker.quote("1.11010", "1.11012")
    hand = broker("trade", action=1, symbol="EURUSD", volume=0.05, type=1, type_filling=1)
    node.until(lambda: node.state()["positions"] == {str(hand[2]): ["EURUSD", "-5000"]})
    assert node.state()["trades"] == sorted(str(d["ticket"]) for d in broker("truth")["deals"])


def test_positions_that_somebody_closes_by_each_other_are_closed_here_too(rig, node, node_on):
    """Of 0.5 bought at 1.10002 and 0.2 sold at 1.10100, 0.2 go: 0.00098 x 100,000 x 0.2 = 19.60 USD."""
    broker = rig.broker
    node.do("submit", id="long", side="BUY", qty="50000")
    node.wait("OrderFilled", id="long")
    broker.quote("1.10100", "1.10102")
    node.do("submit", id="short", side="SELL", qty="20000")
    node.wait("OrderFilled", id="short")
    long, short = (str(p["ticket"]) for p in broker("truth")["positions"])
    broker("trade", action=10, position=int(long), position_by=int(short))
    node.until(lambda: node.state()["positions"] == {long: ["EURUSD", "30000"]})
    state, truth = node.state(), broker("truth")
    assert state["trades"] == sorted(str(d["ticket"]) for d in truth["deals"])
    assert (state["pnl"][long], state["pnl"][short]) == ("19.60 USD", "0.00 USD")
    node.until(lambda: balance(node) == truth["balance"] == "10019.60")
    # and a node that comes later finds the same
    node.kill()
    later = node_on(rig)
    later.settle(1.0)
    assert later.state()["positions"] == {long: ["EURUSD", "30000"]}


def test_while_the_terminal_is_logged_in_to_another_account_nothing_is_sent_and_nothing_of_it_told(rig, node):
    broker = rig.broker
    node.do("submit", id="before", side="BUY", qty="1000")
    node.wait("OrderFilled", id="before")
    broker("conditions", login=7)
    node.wait_for_text("logged in to account 7")
    node.do("submit", id="while", side="BUY", qty="1000")
    assert "account 7" in node.wait("OrderDenied", id="while")["reason"]
    broker("trade", action=1, symbol="EURUSD", volume=0.05, type=1, type_filling=1)
    node.settle(2.5)
    assert len(node.state()["positions"]) == 1
    broker("conditions", login=5_000_123)
    node.wait_for_text("back at account 5000123")
    node.do("submit", id="after", side="BUY", qty="1000")
    node.wait("OrderFilled", id="after")
    node.until(lambda: len(node.state()["positions"]) == 3)


@pytest.mark.slow
def test_netting_adds_reduces_and_reverses(rig_with, node_on, wait):
    rig = rig_with(broker=("--margin-mode=netting",))
    node = node_on(rig, oms="netting")
    for number, (side, qty) in enumerate([("BUY", "20000"), ("BUY", "10000"), ("SELL", "50000")]):
        node.do("submit", id=f"n{number}", side=side, qty=qty)
        node.wait("OrderFilled", id=f"n{number}")
    node.do("submit", id="over", side="BUY", qty="30000", reduce_only=True)
    node.wait("OrderDenied", id="over")
    # two that would turn it together: the second one is denied while the first is still under way
    rig.broker("fault", kind="wedge", when="before", seconds=60)
    node.do("submit", id="less", side="BUY", qty="5000", reduce_only=True)
    node.do("submit", id="more", side="BUY", qty="16000", reduce_only=True)
    said = node.wait(("OrderDenied", "OrderFilled", "OrderRejected"), id="more")
    assert said.get("reason", "").startswith("REDUCE_ONLY: it would open a position with the 5000"), said
    wait(lambda: rig.broker("truth")["struck"])
    rig.broker("disarm")
    node.wait("OrderFilled", id="less")
    node.settle(0.5)
    (position,) = rig.broker("truth")["positions"]
    assert (position["buys"], position["volume"]) == (False, "0.15")
    assert [size for _, size in node.state()["positions"].values()] == ["-15000"]
    assert [d["entry"] for d in rig.broker("truth")["deals"]] == [0, 0, 2, 1]


@pytest.mark.parametrize(
    ("currency", "profits"),
    [
        # EURUSD: 0.5 x 100,000 x (1.10502 - 1.10002); XAUUSD: 0.1 x 100 x (2000.00 - 2010.20)
        pytest.param("USD", (250.00, -102.00), marks=pytest.mark.slow),
        # 250 USD / 1.10504 the ask; 102 USD / 1.10502 the bid
        ("EUR", (226.24, -92.31)),
    ],
)
def test_profit_equals_the_brokers_formula_to_the_cent(rig_with, node_on, currency, profits):
    rig = rig_with(broker=(f"--currency={currency}",))
    rig.broker.quote("2000.00", "2000.20", symbol="XAUUSD")
    node = node_on(rig, balances=[f"10000 {currency}"])
    node.wait("quote", of="XAUUSD", bid="2000.00")
    node.do("submit", id="e1", side="BUY", qty="50000")
    node.wait("OrderFilled", id="e1")
    node.do("submit", id="x1", side="SELL", qty="10", symbol="XAUUSD.MT5")
    node.wait("OrderFilled", id="x1")
    opened = {p["symbol"]: str(p["ticket"]) for p in rig.broker("truth")["positions"]}
    rig.broker.quote("1.10502", "1.10504")
    rig.broker.quote("2010.00", "2010.20", symbol="XAUUSD")
    node.do("submit", id="e2", side="SELL", qty="50000", position=opened["EURUSD"])
    node.wait("OrderFilled", id="e2")
    node.do("submit", id="x2", side="BUY", qty="10", symbol="XAUUSD.MT5", position=opened["XAUUSD"])
    node.wait("OrderFilled", id="x2")
    # what the engine works out, in the currency the symbols are quoted in
    assert node.state()["pnl"] == {opened["EURUSD"]: "250.00 USD", opened["XAUUSD"]: "-102.00 USD"}
    # and the account, in its own
    deals = rig.broker("truth")["deals"]
    assert [float(d["profit"]) for d in deals if d["entry"] == 1] == list(profits)
    node.until(lambda: balance(node) == f"{10_000 + sum(profits):.2f}")
    assert node.state()["balances"][0].endswith(currency)


@pytest.mark.slow
def test_bars_of_the_server_arrive_once_each_when_they_are_over(rig_with, node_on):
    rig = rig_with(broker=("--rate=5",))
    node = node_on(rig)
    node.do("bars", bar_type="EURUSD.MT5-1-MINUTE-BID-EXTERNAL")
    node.do("bars", bar_type="EURUSD.MT5-1-MINUTE-LAST-EXTERNAL")
    bar = node.wait("bar", seconds=90)
    assert bar["ts"] % 60_000_000_000 == 0
    assert float(bar["volume"]) > 0


@pytest.mark.slow
def test_an_account_that_is_another_one_is_refused(rig, node_on):
    for wrong, words in (
        ({"account": "7"}, "logged in to account 5000123"),
        ({"oms": "netting"}, "keeps positions by hedging"),
        ({"balances": ["10000 EUR"]}, "kept in USD"),
        ({"symbols": ["EURUSD", "ODD.tick"]}, "worked out wrong"),
    ):
        node = node_on(rig, wait=False, **wrong)
        node.wait_for_text(words)
        node.close()
