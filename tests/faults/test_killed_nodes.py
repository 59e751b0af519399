"""Faults 1 to 5, 8 and 10: a node that dies comes back to what is true, and sends nothing twice."""

import random
import shutil
import signal
import sqlite3

import pytest

from framework import RunError


def test_fault_02_killed_between_the_durable_intent_and_the_send(market, node_on):
    node = node_on(market).start()
    node.do("die_before_sending", side="BUY", qty="100", name="A-1")
    assert node.ended() == -signal.SIGKILL
    assert [row.order_id for row in node.intents()] == ["A-1"]
    assert market.arrivals("A-1") == 0
    node.start()
    node.holds()
    assert market.arrivals("A-1") == 0, "an intent is never sent again"
    assert market.truth()["requests"].get("submit", 0) == 0
    assert node.started()["position"] == "0"


def test_fault_03_killed_after_the_exchange_took_the_order_and_before_it_said_so(market, node_on, until):
    node = node_on(market).start()
    market.fault("timeout", on="submit", when="after", seconds=30)
    node.do("submit", side="BUY", qty="100", price="1.09000", name="A-1")
    until(lambda: market.arrivals("A-1") and market.orders("OPEN"), node.log)
    node.kill()
    node.start()
    node.holds()
    assert node.started()["orders"]["A-1"] == "ACCEPTED"
    assert market.arrivals("A-1") == 1
    node.do("cancel", name="A-1")
    until(lambda: market.order("A-1")["status"] == "CANCELED", node.log)
    node.holds()


@pytest.mark.slow
def test_fault_03_killed_after_a_fill_that_it_never_heard_of(market, node_on, until):
    node = node_on(market).start()
    market.fault("timeout", on="submit", when="after", seconds=30)
    market.fault("lose", on="any", count=10)
    node.do("submit", side="BUY", qty="100", name="A-1")
    until(lambda: market.position() == "100", node.log)
    node.kill()
    node.start()
    node.holds()
    assert node.started()["position"] == "100", "the position is the strategy's own"
    assert market.arrivals("A-1") == 1


def test_fault_03_a_node_that_is_back_within_the_second_gives_no_name_twice(market, node_on, until):
    node = node_on(market).start()
    for number in range(3):
        node.do("submit", side="BUY", qty="1", price="1.05000")
        until(lambda: len(market.orders()) > number, node.log)  # noqa: B023 - asked at once
    node.kill()
    node.start()
    node.do("submit", side="BUY", qty="1", price="1.05000")
    until(lambda: len(market.orders()) == 4, node.log)
    numbers = [int(order["client_order_id"].rpartition("-")[2]) for order in market.orders()]
    assert numbers == [1, 2, 3, 4]
    node.holds()


def test_fault_02_an_order_that_never_left_is_found_out_although_a_kill_asks_to_cancel_it(market, node_on):
    node = node_on(market).start()
    node.do("die_before_sending", side="BUY", qty="100", price="1.05000", name="A-1")
    assert node.ended() == -signal.SIGKILL
    assert node.framework("node", "kill", node.file, "--why", "a test").returncode == 0
    node.start()
    node.holds()
    node.wait("OrderRejected", id="A-1")
    assert market.arrivals("A-1") == 0


@pytest.mark.slow
def test_fault_04_killed_during_recovery_five_deep(market, node_on, until):
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("submit", side="BUY", qty="50", price="1.09000", name="A-2")
    node.wait("OrderFilled", id="A-1")
    node.wait("OrderAccepted", id="A-2")
    market.fault("timeout", on="submit", when="after", seconds=30)
    node.do("submit", side="SELL", qty="30", price="1.20000", name="A-3")
    until(lambda: market.arrivals("A-3"), node.log)
    node.kill()
    market.trade("SELL", 7)
    dice = random.Random(4)
    sessions = len(node.rows("session_started"))
    for _ in range(5):
        market.fault("slow", on="query", count=3, seconds=0.2)
        node.start(wait=False)
        sessions += 1
        until(lambda: len(node.rows("session_started")) >= sessions, node.log)  # noqa: B023 - asked at once
        node.process.join(dice.uniform(0.0, 1.5))
        node.kill()
    market.control("DELETE", "/faults")
    node.start()
    node.holds()
    assert node.started()["position"] == "100"
    assert {name: market.arrivals(name) for name in ("A-1", "A-2", "A-3")} == {"A-1": 1, "A-2": 1, "A-3": 1}
    known = len(node.rows("recovery"))
    node.kill()
    node.start()
    node.holds()
    facts = [row for row in node.rows("recovery")[known:] if "action" in row.fields()]
    assert facts == [], "a recovery that nothing happened after finds nothing"


def test_fault_05_fourteen_resting_orders_and_a_position_are_kept(market, node_on, until):
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.do("rest", count=14, price="1.05000")
    node.wait("OrderFilled", id="A-1")
    until(lambda: len(market.orders("OPEN")) == 14, node.log)
    node.wait("OrderAccepted", id="R-13")
    node.kill()
    node.start()
    found = node.started()
    assert found["position"] == "100"
    assert {name: status for name, status in found["orders"].items() if name.startswith("R-")} == {
        f"R-{number}": "ACCEPTED" for number in range(14)
    }
    assert len(market.orders("OPEN")) == 14
    node.holds()
    node.do("cancel", name="R-7")
    until(lambda: market.order("R-7")["status"] == "CANCELED", node.log)
    node.do("close")
    until(lambda: market.position() == "0", node.log)
    node.holds()


def test_fault_08_a_tail_that_never_reached_the_disk_is_cut_with_a_report(market, node_on, until):
    """What a machine without power loses: the log of the database since it was last synced."""
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="100", price="1.09000", name="A-1")
    node.wait("OrderAccepted", id="A-1")
    until(lambda: [row for row in node.rows("event") if row.order_id == "A-1"], node.log)
    node.kill()
    log = node.state / "journal.db-wal"
    rows = node.rows()
    intent = next(row for row in rows if row.kind == "intent")
    kept = synced_log(node.state, intent.seq)
    assert kept < log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(kept + 100)  # and a torn piece of what came next
    node.start()
    node.holds()
    lost = [row.fields() for row in node.rows("recovery") if "first_lost" in row.fields()]
    assert lost
    assert lost[0]["first_lost"] > intent.seq, "what was acknowledged as durable is there"
    assert node.started()["orders"]["A-1"] == "ACCEPTED"


def synced_log(state, seq):
    """How much of the write-ahead log holds everything up to a row: a frame more at a time."""
    log = (state / "journal.db-wal").read_bytes()
    page = int.from_bytes(log[8:12], "big")
    for size in range(32 + 24 + page, len(log) + 1, 24 + page):
        with_copy = state.parent / "cut"
        shutil.rmtree(with_copy, ignore_errors=True)
        with_copy.mkdir()
        shutil.copy(state / "journal.db", with_copy / "journal.db")
        (with_copy / "journal.db-wal").write_bytes(log[:size])
        connection = sqlite3.connect(with_copy / "journal.db")
        try:
            [[last]] = connection.execute("SELECT max(seq) FROM rows")
        except sqlite3.OperationalError:
            last = None
        finally:
            connection.close()
        if last is not None and last >= seq:
            return size
    raise AssertionError("the row is not in the log")


@pytest.mark.parametrize(
    "damage", ["flip", *(pytest.param(how, marks=pytest.mark.slow) for how in ("delete", "reorder"))]
)
def test_fault_10_a_damaged_journal_is_no_start(market, node_on, damage):
    node = node_on(market).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    assert node.stop() in {0, RunError.exit_code}, "on a busy machine the engine may give a stop up"
    taken = market.truth()["session"]
    connection = sqlite3.connect(node.journal)
    with connection:
        if damage == "flip":
            connection.execute("UPDATE rows SET body = replace(body, 'BUY', 'BUZ') WHERE kind = 'intent'")
        elif damage == "delete":
            connection.execute("DELETE FROM rows WHERE seq = 3")
        else:
            for change in ((-1, 3), (3, 4), (4, -1)):
                connection.execute("UPDATE rows SET seq = ? WHERE seq = ?", change)
    connection.close()
    node.start(wait=False)
    assert node.ended() == 6, node.log()
    assert "the journal is damaged" in node.log()
    assert "framework journal verify says more, and --repair saves what is intact" in node.log()
    assert market.truth()["session"] == taken, "it did not even take the account"
