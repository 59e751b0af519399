"""`framework node run --mode live` against the simulated exchange: orders out, fills back."""

import json
import signal

import pytest
import yaml


def test_an_order_goes_out_through_the_journal_and_its_fill_comes_back(exchange, node_on):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    [order] = exchange.truth()["orders"]
    assert (order["client_order_id"], order["status"], exchange.position()) == ("A-1", "FILLED", "100")
    [intent] = [row for row in node.rows("intent") if row.order_id == "A-1"]
    assert intent.ts < order["accepted_ns"]
    told = [json.loads(row.body)["type"] for row in node.rows("event") if row.order_id == "A-1"]
    assert told == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]
    assert node.stop() == 0, node.log()


def test_a_risk_rule_denies_before_anything_leaves(exchange, node_on):
    limits = {"max_quantity": "500", "max_mark_age": "1h"}
    node = node_on(exchange, risk=[{"use": "order_limits", "config": limits}]).start()
    node.do("submit", side="BUY", qty="501", name="A-1")
    assert "max_quantity" in node.wait("OrderDenied", id="A-1")["reason"]
    assert exchange.truth()["orders"] == []
    assert node.rows("intent") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stops_the_node_and_leaves_orders_and_positions(exchange, node_on, number):
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("submit", side="BUY", qty="50", price="1.09000", name="A-2")
    node.wait("OrderAccepted", id="A-2")
    node.wait("OrderFilled", id="A-1")
    assert node.stop(number) == 0, node.log()
    assert node.heard(said="stopped")
    assert exchange.position() == "100"
    assert [order["client_order_id"] for order in exchange.open_orders()] == ["A-2"]
    shown = node.status()
    assert (shown["state"], shown["heartbeat"]["reason"]) == ("stopped", "it was told to stop")
    assert node.framework("journal", "verify", node.folder / "state" / "journal.db").returncode == 0


def test_a_strategy_that_gets_out_at_its_end_keeps_the_stop_of_its_position(exchange, node_on, until):
    """No order leaves a node that ends, so what protects stays, and only entries are cancelled."""
    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("submit", side="SELL", qty="100", price="1.19000", name="A-2", reduce_only=True)
    node.wait("OrderAccepted", id="A-2")
    node.wait("OrderFilled", id="A-1")
    for name in ("A-3", "A-4", "A-5"):
        node.do("submit", side="BUY", qty="1", price="1.09000", name=name)
        node.wait("OrderAccepted", id=name)
    node.do("get_out_on_stop", exit_name="A-2", entries=["A-3", "A-4"])
    until(lambda: node.heard(said="ready"), node.log)
    assert node.stop() == 0, node.log()
    assert node.heard(said="stopped")
    assert exchange.position() == "100"
    until(lambda: [order["client_order_id"] for order in exchange.open_orders()] == ["A-2"], exchange.truth)
    told = [json.loads(row.body) for row in node.rows("alert")]
    assert [row["stay"] for row in told if row.get("reason") == "the node is stopping"] == [["A-2"]] * 3


def test_status_says_what_is_true(exchange, node_on, until):
    node = node_on(exchange).start()
    node.do("submit", side="SELL", qty="300")
    node.do("submit", side="BUY", qty="50", price="1.09000", name="A-2")
    node.wait("OrderAccepted", id="A-2")
    node.wait("OrderFilled")
    truth = {"mode": "live", "open_orders": 1, "positions": {"one": {"EUR/USD.SIM": "-300"}}}
    shown = until(
        lambda: (found := node.status()["heartbeat"]).items() >= truth.items() and found, node.status
    )
    assert shown["marks"]["EUR/USD.SIM"]["price"] == "1.10001"
    node.kill()
    assert node.status()["state"] == "gone"


@pytest.mark.parametrize(("written", "asked"), [("live", ()), ("paper", ("--mode", "live"))])
def test_live_has_to_be_said_twice(exchange, node_on, written, asked):
    node = node_on(exchange, mode=written)
    done = node.framework("node", "run", node.file, *asked)
    assert done.returncode == 2
    assert "live must be said twice: in the file and on the command line" in done.stderr
    assert "Write `mode: live` in the file and pass --mode live" in done.stderr
    assert not (node.folder / "state").exists()


def test_a_venue_that_is_only_simulated_cannot_go_live(exchange, node_on):
    node = node_on(exchange)
    simulated = {"account_type": "margin", "balances": ["1000 USD"], "fees": {"model": "none"}}
    document = yaml.safe_load(node.file.read_text())
    document["venues"] = [{"name": "SIM", "use": "simulated", "config": simulated}]
    node.file.write_text(json.dumps(document))
    done = node.framework("node", "run", node.file, "--mode", "live")
    assert done.returncode == 4, done.stderr
    assert 'venue "SIM" cannot run in mode live' in done.stderr


def test_an_exchange_that_is_not_there_is_a_node_that_does_not_start(exchange, node_on):
    node = node_on(exchange)
    exchange.close()
    done = node.framework("node", "run", node.file, "--mode", "live")
    assert done.returncode == 6, done.stderr
    assert "cannot connect" in done.stderr
    assert node.status()["state"] == "failed"


def test_paper_fills_at_the_prices_of_the_live_stream_and_sends_nothing(exchange, node_on):
    node = node_on(exchange, mode="paper").start("--mode", "paper")
    exchange.quote("1.20000", "1.20002")
    node.wait("quote", bid="1.20000")
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    [fill] = [row for row in node.rows("event") if json.loads(row.body)["type"] == "OrderFilled"]
    assert json.loads(fill.body)["last_px"] == "1.20002"
    assert exchange.truth()["orders"] == []
    assert node.stop() == 0, node.log()


def test_a_configuration_that_was_not_proven_does_not_go_live(exchange, node_on):
    node = node_on(exchange)
    node.environment.pop("FRAMEWORK_UNPROVEN", None)
    done = node.framework("node", "run", node.file, "--mode", "live")
    assert done.returncode == 4, done.stderr
    assert 'strategy "one" may not trade live: it has no promotion record' in done.stderr
    assert not (node.folder / "state").exists()


def test_going_live_without_proof_is_in_the_journal_with_its_reason(exchange, node_on):
    node = node_on(exchange)
    node.environment.pop("FRAMEWORK_UNPROVEN", None)
    node.start("--mode", "live", "--unproven", "the desk asked for it")
    assert node.stop(signal.SIGTERM) == 0
    notes = [json.loads(row.body) for row in node.rows("operator")]
    [note] = [note for note in notes if note.get("command") == "unproven"]
    assert (note["scope"], note["why"]) == ("one", "the desk asked for it")
