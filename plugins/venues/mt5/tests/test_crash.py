"""Node and server killed at moments drawn from a seed: no order twice, no position lost."""

import random
import threading
import time

import pytest

EVERYDAY, SEEDS = 1, 200


def settled(rig, wait):
    """When the server knows of every order."""
    wait(lambda: rig.ask("GET", "/health")[1].get("in_doubt") == 0, 90)


def agree(rig, node):
    """The node's open positions and the broker's, once everything has arrived."""
    for _ in range(240):
        state, truth = node.state(), rig.broker("truth")
        ours = {number: size for number, (_, size) in state["positions"].items()}
        theirs = {
            str(p["ticket"]): ("" if p["buys"] else "-") + str(int(float(p["volume"]) * 100_000))
            for p in truth["positions"]
        }
        if ours == theirs:
            return state, truth
        node.settle(0.25)
    pytest.fail(f"node {ours}, broker {theirs}; heard:\n{''.join(node.text[-30:])}")


def lifecycle(rig, node, node_on, wait, draw, label):
    """Orders are sent while node or server dies; returns the node that is left, and every client id."""
    names = [f"{label}-{part}" for part in range(draw.randint(1, 3))]
    for name in names:
        if draw.random() < 0.3:
            node.do("submit", id=name, side="BUY", qty="1000", price="1.05000")
        else:
            node.do("submit", id=name, side=draw.choice(["BUY", "SELL"]), qty="1000")
    victim = draw.choice(["node", "server", "both"])
    node.settle(draw.uniform(0.0, 0.06))
    killers = [threading.Thread(target=rig.kill)] if victim != "node" else []
    killers += [threading.Thread(target=node.kill)] if victim != "server" else []
    for killer in killers:
        killer.start()
    for killer in killers:
        killer.join()
    if victim != "node":
        rig.start(keep_port=True)
    rig.broker.quote()
    settled(rig, wait)
    if victim != "server":
        node.close()
        node = node_on(rig)
    agree(rig, node)
    return node, names


def judge(rig, node, names):
    state, truth = agree(rig, node)
    sent = [o for o in truth["past"] + truth["orders"] if o["comment"]]
    # every order at the broker is one client id's, and each client id has one at most
    linked = {}
    for name in names:
        status, view = rig.ask("GET", f"/order/{name}")
        if status == 200 and view["state"] == "done":
            linked[name] = view["ticket"]
    assert len(set(linked.values())) == len(linked)
    assert sorted(linked.values()) == sorted(o["ticket"] for o in sent)
    deals = [str(d["ticket"]) for d in truth["deals"]]
    assert len(state["trades"]) == len(set(state["trades"]))
    assert set(state["trades"]) <= set(deals)
    return len(linked)


def rounds(seed):
    return [pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.more))] if seed >= EVERYDAY else [seed]


@pytest.mark.parametrize("block", [b for n in range(SEEDS // 10 + 1) for b in rounds(n)])
def test_node_and_server_killed_at_any_moment_duplicate_nothing_and_lose_nothing(
    rig_with, node_on, wait, block
):
    """Block 0 is one seed for every day; blocks 1 to 20 are ten seeds each, on one broker."""
    rig = rig_with(limits__settle_seconds=0.6)
    seeds = [0] if block == 0 else range(10 * block - 9, 10 * block + 1)
    node, names = node_on(rig), []
    for seed in seeds:
        node, more = lifecycle(rig, node, node_on, wait, random.Random(seed), f"s{seed}")
        names += more
    assert judge(rig, node, names) >= 0


def test_a_node_that_comes_back_has_its_orders_and_positions(rig, node_on, wait):
    node = node_on(rig)
    node.do("submit", id="kept-1", side="BUY", qty="10000")
    node.wait("OrderFilled", id="kept-1")
    node.do("submit", id="kept-2", side="BUY", qty="20000", price="1.05000")
    node.wait("OrderAccepted", id="kept-2")
    node.kill()
    node = node_on(rig)
    state, _ = agree(rig, node)
    assert state["orders"]["kept-2"] == ["ACCEPTED", "0"]
    node.do("cancel", id="kept-2")
    wait(lambda: rig.broker("truth")["orders"] == [])


@pytest.mark.slow
def test_a_cut_stream_and_a_restarted_server_leave_no_gap(rig, node_on):
    node = node_on(rig)
    rig.kill()
    missed = [f"1.1{step:04}" for step in range(1, 1206)]  # more than a page
    for bid in missed:
        rig.broker.quote(bid, f"{float(bid) + 0.00002:.5f}")
    hand = rig.broker("trade", action=1, symbol="EURUSD", volume=0.07, type=0, type_filling=1)
    rig.start(keep_port=True)
    node.wait("quote", bid=missed[-1])
    bids = [h["bid"] for h in node.heard if h["said"] == "quote"]
    assert bids[-len(missed) :] == missed
    state, _ = agree(rig, node)
    assert list(state["positions"]) == [str(hand[2])]


@pytest.mark.slow
def test_no_secret_is_in_what_a_node_writes(rig, node_on):
    node = node_on(rig)
    rig.kill()
    node.settle(1.0)
    rig.start(keep_port=True)
    node.do("submit", id="x", side="BUY", qty="1000")
    node.settle(2.0)
    secret = rig.keys["trade"].split("_", 2)[2]
    assert secret not in "".join(node.text)
    assert secret not in rig.log


def test_ticks_of_the_millisecond_in_which_the_server_died_are_told_once_each(rig, node):
    """A broker can have several ticks in one millisecond: the gap begins, and ends, in the middle of one."""
    at = time.time_ns()
    rig.broker("quote", symbol="EURUSD", bid="1.10001", ask="1.10003", utc_ns=at)
    node.wait("quote", bid="1.10001")
    rig.kill()
    for step, later in enumerate((0, 0, 5_000_000, 5_000_000), start=2):
        bid, ask = f"1.1000{step}", f"1.1000{step + 2}"
        rig.broker("quote", symbol="EURUSD", bid=bid, ask=ask, utc_ns=at + later)
    rig.start(keep_port=True)
    node.wait("quote", bid="1.10005")
    node.settle(1.0)
    bids = [heard["bid"] for heard in node.heard if heard["said"] == "quote" and heard["of"] == "EURUSD"]
    assert bids[-5:] == [f"1.1000{step}" for step in range(1, 6)]
