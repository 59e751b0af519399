"""Two nodes on one account: the second one does not start, and a first one that was cut off sends nothing."""

import json
import signal

import pytest


def order(rig, name, session):
    body = {"client_id": name, "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.01"}
    return rig.ask("POST", "/order", body, headers={"X-Session": session})


@pytest.mark.slow
def test_a_second_node_is_refused_until_the_first_has_gone(rig, node_on):
    first = node_on(rig)
    second = node_on(rig, wait=False)
    second.wait_for_text("another node trades on this account")
    second.close()
    first.do("submit", id="still", side="BUY", qty="1000")
    first.wait("OrderFilled", id="still")
    first.kill()
    third = node_on(rig)
    third.do("submit", id="next", side="BUY", qty="1000")
    third.wait("OrderFilled", id="next")
    # a person's tool names no session, and may trade
    assert rig.order("hand")[1]["state"] == "done"


@pytest.mark.slow
def test_a_node_whose_account_was_taken_over_while_it_was_cut_off_sends_nothing(rig, node_on, listen):
    first = node_on(rig)
    rig.kill()
    # Somebody else comes first when the server is back.
    first.process.send_signal(signal.SIGSTOP)  # SIGSTOP: it does not connect again yet
    rig.start(keep_port=True)
    rig.broker.quote()
    with listen(rig, "trade", **{"X-Session": "OTHER/1"}) as other:
        assert json.loads(other.recv(60))["type"] == "welcome"
        said = order(rig, "theirs", "OTHER/1")[1]
        assert said.get("state") == "done", said
        status, said = order(rig, "ours", "TRADER-001/0")
        assert (status, said["code"]) == (409, "FENCED")
        first.process.send_signal(signal.SIGCONT)
        first.wait_for_text("this one sends nothing any more")
        first.do("submit", id="late", side="BUY", qty="1000")
        said = first.wait(("OrderDenied", "OrderRejected"), id="late")
        assert said["reason"].startswith("FENCED")
        first.do("cancel_all")
        first.settle(0.5)
    assert len([s for s in rig.broker("truth")["sent"] if s["action"] == 1]) == 1
