"""What a live node does when another one, its journal, its process or the exchange fails it."""

import shutil
import signal
import time

import pytest


def test_a_second_node_on_the_account_is_refused_while_the_first_lives(exchange, node_on):
    lease = {"lease": "20s"}  # longer than a busy machine keeps the first from renewing it
    first = node_on(exchange, "first", venue=lease).start()
    second = node_on(exchange, "second")  # asks for as long as its own lease would be
    done = second.framework("node", "run", second.file, "--mode", "live")
    assert done.returncode == 6
    assert "the account cannot be taken" in done.stderr
    first.do("submit", side="BUY", qty="100", name="A-1")
    first.wait("OrderFilled", id="A-1")


def test_a_dead_nodes_account_is_taken_over(exchange, node_on):
    node_on(exchange, "first").start().kill()
    second = node_on(exchange, "second").start()
    second.do("submit", side="BUY", qty="100", name="A-1")
    second.wait("OrderFilled", id="A-1")


def test_a_node_that_slept_while_another_took_the_account_sends_nothing(exchange, node_on, until):
    first = node_on(exchange, "first")
    first.environment["ASLEEP"] = "2"
    first.start().process.send_signal(signal.SIGSTOP)
    second = node_on(exchange, "second").start()  # waits for the lease of one second to run out
    first.do("submit", side="BUY", qty="100", name="A-1")
    first.do("submit", side="BUY", qty="100", name="A-2")
    first.process.send_signal(signal.SIGCONT)
    for name in ("A-1", "A-2"):
        until(
            lambda name=name: (
                first.heard(said="OrderDenied", id=name) or first.heard(said="OrderRejected", id=name)
            ),
            first.log,
        )
    assert exchange.truth()["orders"] == []
    second.do("submit", side="BUY", qty="1", name="B-1")
    second.wait("OrderFilled", id="B-1")


def test_after_a_sleep_nothing_is_sent_on_old_prices(exchange, node_on, until):
    node = node_on(exchange, venue={"lease": "60s"})
    node.environment["ASLEEP"] = "2"
    node.start().process.send_signal(signal.SIGSTOP)
    node.do("submit", side="BUY", qty="100", name="A-1")
    time.sleep(3)
    node.process.send_signal(signal.SIGCONT)
    assert "has slept" in node.wait("OrderDenied", id="A-1")["reason"]
    until(lambda: any('"slept"' in row.body for row in node.rows("alert")), node.log)
    exchange.quote("1.20000", "1.20002")
    node.wait("quote", bid="1.20000")
    node.do("submit", side="BUY", qty="100", name="A-2")
    node.wait("OrderFilled", id="A-2")
    assert exchange.arrivals() == {"A-2": 1}


def test_a_journal_that_cannot_be_written_stops_new_risk_and_lets_cancellations_go(exchange, node_on, until):
    import resource

    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="10", price="1.05000", name="A-1")
    node.wait("OrderAccepted", id="A-1")
    # The disk is full: no file of the process may grow any more.
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    node.do("submit", side="BUY", qty="100", name="A-2")
    until(lambda: not exchange.open_orders(), node.log)  # what was working is cancelled
    assert "A-2" not in exchange.arrivals()
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    until(lambda: "all" in node.status()["heartbeat"]["halted"], node.log)  # told when there is room
    node.do("submit", side="BUY", qty="100", name="A-3")  # room again does not undo it
    time.sleep(1)
    assert set(exchange.arrivals()) == {"A-1"}
    assert exchange.position() == "0"


@pytest.mark.parametrize("damage", ["flipped", pytest.param("removed", marks=pytest.mark.slow)])
def test_a_damaged_journal_is_a_node_that_does_not_start(exchange, node_on, damage):
    import apsw

    node = node_on(exchange).start()
    node.do("submit", side="BUY", qty="100", name="A-1")
    node.wait("OrderFilled", id="A-1")
    node.stop()
    path = node.folder / "state" / "journal.db"
    connection = apsw.Connection(str(path))
    statement = {
        "flipped": "UPDATE rows SET body = replace(body, 'BUY', 'SEL') WHERE kind = 'intent'",
        "removed": "DELETE FROM rows WHERE kind = 'intent'",
    }[damage]
    connection.execute(statement).fetchall()
    connection.close()
    done = node.framework("node", "run", node.file, "--mode", "live")
    assert done.returncode == 6
    assert "the journal is damaged" in done.stderr
    assert "--repair saves what is intact" in done.stderr
    # told to recover: what is intact is saved, and the venue knows the rest
    saved = path.with_name("saved.db")
    mended = node.framework("journal", "verify", path, "--repair", saved)
    assert saved.exists(), mended.stderr
    for file in list(path.parent.glob("journal.db*")):
        shutil.move(file, path.parent / f"damaged-{file.name}")
    for file in list(path.parent.glob("saved.db*")):
        shutil.move(file, path.parent / file.name.replace("saved.db", "journal.db"))
    node.start()
    assert "was not sent by this node" in node.log() or "not traded by this node" in node.log()
    assert exchange.position() == "100"


def test_a_venue_that_fails_is_given_up_within_three_seconds_and_nothing_is_sent_twice(
    exchange, node_on, until
):
    node = node_on(exchange).start()
    exchange.fault("status", on="any", when="before", code=503, count=10_000)
    began = time.monotonic()
    number = 0
    while not node.heard(said="OrderDenied"):
        number += 1
        node.do("submit", side="BUY", qty="1", name=f"A-{number}")
        time.sleep(0.1)
        assert time.monotonic() - began < 10
    assert "VENUE_DOWN" in node.heard(said="OrderDenied")[0]["reason"]
    asked = sum(exchange.truth()["requests"].values())
    time.sleep(2)
    assert sum(exchange.truth()["requests"].values()) - asked < 30  # probes, the lease, and no storm
    exchange.control("DELETE", "/faults")
    until(
        lambda: all(
            node.heard(said=said, id=f"A-{one}")
            for one in range(1, number)
            for said in ["OrderRejected"]
            if not node.heard(said="OrderDenied", id=f"A-{one}")
        ),
        node.log,
    )
    assert max(exchange.arrivals().values(), default=0) <= 1
    for number in range(100):  # the breaker closes with the first request that is answered
        node.do("submit", side="BUY", qty="1", name=f"B-{number}")
        until(lambda number=number: len(node.heard(id=f"B-{number}")) > 1, node.log)
        if not node.heard(said="OrderDenied", id=f"B-{number}"):
            break
    node.wait("OrderFilled", id=f"B-{number}")
