"""A live node that is killed, and what the next start makes of it: orders, trades, positions, saved state."""

import json
import signal

import pytest


def report(node):
    """What the last start found, once the node has said so."""
    started = node.rows("session_started")[-1]
    reports = [row for row in node.rows("recovery") if row.seq > started.seq and '"report"' in row.body]
    return json.loads(reports[0].body)["report"]


def submitted(exchange):
    return {order["client_order_id"]: order["status"] for order in exchange.truth()["orders"]}


def test_positions_and_orders_come_back_to_the_strategy_that_sent_them(exchange, node_on, until):
    node = node_on(exchange, strategies=("one", "two")).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-2")
    node.do("submit", "two", side="SELL", qty="30", name="B-1")
    node.do("submit", "two", side="SELL", qty="7", price="1.15000", name="B-2")
    for strategy, said, name in (
        ("one", "OrderFilled", "A-1"),
        ("one", "OrderAccepted", "A-2"),
        ("two", "OrderFilled", "B-1"),
        ("two", "OrderAccepted", "B-2"),
    ):
        node.wait(said, strategy, id=name)
    until(lambda: [row for row in node.rows("snapshot") if "MQ==" in row.body and row.strategy == "two"], "")
    node.kill()
    exchange.quote("1.04998", "1.05000")  # A-2 fills while nobody is there

    node.start()
    one, two = node.heard("one", "started")[-1], node.heard("two", "started")[-1]
    assert (one["position"], two["position"]) == ("110", "-30")
    assert one["orders"] == {"A-1": "FILLED", "A-2": "FILLED"}
    assert two["orders"] == {"B-1": "FILLED", "B-2": "ACCEPTED"}
    assert (one["loaded"], two["loaded"]) == ({"count": "1"}, {"count": "1"})
    assert exchange.position() == "80"
    found = report(node)
    assert "fill: BUY 10 EUR/USD.SIM at 1.05000, trade" in str(found["lines"])
    assert "did not end in order" in str(found["lines"])
    assert (found["alerts"], found["asks"]) == ([], [])
    assert "was missed by one" in node.log()
    # and what came back can be worked with
    node.do("cancel", "two", name="B-2")
    node.wait("OrderCanceled", "two", id="B-2")
    assert exchange.open_orders() == []
    node.kill()

    node.start()  # nothing new: nothing is found again
    assert report(node)["lines"] == [line for line in report(node)["lines"] if "did not end" in line]
    trades = [json.loads(row.body) for row in node.rows("recovery")]
    assert [row["action"] for row in trades if "action" in row] == ["fill"]
    assert node.stop() == 0, node.log()


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_an_order_of_unknown_fate_is_asked_about_and_never_sent_again(exchange, node_on, until, when):
    node = node_on(exchange, venue={"window": "5s"}).start()
    exchange.fault("timeout", on="submit", when=when, seconds=30)
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-1")
    node.wait("OrderSubmitted", id="A-1")
    until(lambda: exchange.arrivals().get("A-1"), exchange.truth)
    node.kill()
    assert submitted(exchange) == ({} if when == "before" else {"A-1": "OPEN"})
    exchange.control("DELETE", "/faults")

    node.start()
    started = node.heard("one", "started")[-1]
    if when == "before":
        assert started["orders"] == {"A-1": "SUBMITTED"}  # its exposure stays reserved
        assert "NOT_TAKEN" in node.wait("OrderRejected", id="A-1")["reason"]
        until(lambda: node.status()["heartbeat"]["recovery"].get("asks") == [], node.status)
    else:
        assert started["orders"] == {"A-1": "ACCEPTED"}
        node.do("cancel", name="A-1")
        node.wait("OrderCanceled", id="A-1")
    assert exchange.arrivals() == {"A-1": 1}
    assert node.stop() == 0, node.log()
    node.start()
    assert report(node)["asks"] == []
    assert node.stop() == 0, node.log()


def test_a_start_that_is_killed_again_and_again_converges(exchange, node_on, until):
    node = node_on(exchange).start()
    for number in range(14):
        node.do("submit", side="BUY", qty="1", price="1.05000", name=f"R-{number}")
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    node.wait("OrderAccepted", id="R-13")
    node.kill()
    for rows in range(1, 6):  # a start writes a few rows: killed when it has written the first, the second...
        before = len(node.rows())
        node.start(wait=False)
        until(lambda before=before, rows=rows: len(node.rows()) >= min(before + rows, before + 2), node.log)
        node.kill()
    node.start()
    started = node.heard("one", "started")[-1]
    assert started["position"] == exchange.position() == "100"
    resting = {f"R-{number}": "ACCEPTED" for number in range(14)}
    assert started["orders"] == resting | {"A-1": "FILLED"}
    assert len(exchange.open_orders()) == 14
    assert set(exchange.arrivals().values()) == {1}
    assert node.framework("journal", "verify", node.folder / "state" / "journal.db").returncode == 0


def test_a_manual_trade_is_external_and_told(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    exchange.trade("SELL", "30")
    until(lambda: node.rows("alert"), node.log)
    assert all(
        "not sent by this node" in row.body or "not traded by" in row.body for row in node.rows("alert")
    )
    told = len(node.rows("alert"))
    node.kill()
    node.start()
    assert node.heard("one", "started")[-1]["position"] == "100"
    assert exchange.position() == "70"
    assert report(node)["alerts"] == []
    exchange.trade("BUY", "5")
    until(lambda: len(node.rows("alert")) > told, node.log)


def test_a_strategy_that_left_the_file_is_told_of(exchange, node_on):
    node = node_on(exchange, strategies=("one", "two")).start()
    node.do("submit", "two", side="SELL", qty="30", name="B-1")
    node.wait("OrderFilled", "two", id="B-1")
    node.kill()
    node.say["strategies"].pop()
    node.file.write_text(json.dumps(node.say))
    node.start()
    assert 'strategy "two" has orders or a position and is not in the file any more' in node.log()
    assert node.heard("one", "started")[-1]["position"] == "0"


def test_what_was_done_on_paper_is_not_taken_for_real(exchange, node_on):
    node = node_on(exchange, mode="paper").start("--mode", "paper")
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    assert node.stop(signal.SIGTERM) == 0
    node.say["mode"] = "live"
    node.file.write_text(json.dumps(node.say))
    done = node.framework("node", "run", node.file, "--mode", "live")
    assert done.returncode == 2
    assert "is of a node that ran in mode paper, and this one is live" in done.stderr
    node.say["state"] = "state-live"
    node.file.write_text(json.dumps(node.say))
    node.start()
    assert node.heard("one", "started")[-1]["position"] == "0"
    assert node.heard("one", "started")[-1]["orders"] == {}


def test_a_restart_gives_the_day_no_new_allowance(exchange, node_on, until):
    breaker = {"use": "daily_loss", "config": {"venue": "SIM", "amount": "50 USD"}}
    node = node_on(exchange, risk=[breaker]).start()
    node.do("submit", side="BUY", qty="10000", name="A-1")
    node.wait("OrderFilled", id="A-1")
    exchange.quote("1.09400", "1.09402")  # 10,000 times 0.00602, to the bid
    until(lambda: exchange.position() == "0", node.log)
    until(lambda: [row for row in node.rows("snapshot") if '"stopped":true' in row.body], node.log)
    node.kill()

    node.start()
    node.do("submit", side="BUY", qty="1", name="B-1")
    assert "the day's loss was reached" in node.wait("OrderDenied", id="B-1")["reason"]
    assert exchange.arrivals().get("B-1") is None
    node.kill()
    node.say["risk"][0]["config"]["day_start"] = "17:00"
    node.file.write_text(json.dumps(node.say))
    node.start()
    [alert] = report(node)["alerts"]
    assert alert.startswith(
        "risk daily_loss starts without what it knew: that was of USD at SIM by days from 00:00 UTC"
    )
