"""The broker's clock goes to summer or winter time while a node trades."""

import struct
import time
from itertools import pairwise

import pytest

NEAR = 300.0
"""Seconds; a clock that is read wrong is off by 3600."""


@pytest.fixture
def change_in(tmp_path, monkeypatch):
    """Makes the zone Test/Broker, whose offset in hours changes so many seconds from now; gives when."""

    def make(seconds, before, after):
        at = int(time.time() + seconds)
        kinds = struct.pack(">lbB", before * 3600, 0, 0) + struct.pack(">lbB", after * 3600, 0, 4)
        header = b"TZif" + b"\0" * 16 + struct.pack(">6l", 0, 0, 0, 1, 2, 8)
        path = tmp_path / "zones" / "Test" / "Broker"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(header + struct.pack(">l", at) + b"\1" + kinds + b"ONE\0TWO\0")
        monkeypatch.setenv("PYTHONTZPATH", str(tmp_path / "zones"))
        return at

    return make


def quotes_are_of_their_time(node, since=0.0):
    """Every quote is stamped with when it came, and none went back; the times in seconds."""
    heard = [h for h in node.heard if h["said"] == "quote" and h["of"] == "EURUSD" and h["at"] / 1e9 > since]
    times = [h["ts"] / 1e9 for h in heard]
    assert times == sorted(times)
    assert max(abs(h["ts"] - h["at"]) / 1e9 for h in heard) < NEAR
    return times


def sent_once(truth):
    """The comments of everything that was sent, one for each client id."""
    tags = [s["comment"].split()[0] for s in truth["sent"] if s["action"] in {1, 5}]
    assert len(set(tags)) == len(tags)
    return tags


@pytest.mark.slow
@pytest.mark.waits
@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 3)], ids=["autumn", "spring"])
def test_a_node_trades_through_the_change(rig_with, node_on, change_in, before, after):
    change = change_in(45, before, after)
    rig = rig_with(
        broker=("--zone=Test/Broker", "--rate=20"),
        terminal__clock="Test/Broker",
        limits__settle_seconds=10.0,
    )
    node = node_on(rig)
    node.do("submit", id="first", side="BUY", qty="1000")
    node.wait("OrderFilled", id="first")
    node.do("submit", id="rest", side="BUY", qty="1000", price="1.00000")
    node.wait("OrderAccepted", id="rest")
    assert time.time() < change - 4, "the machine was too slow for this test"
    node.settle(change - 4 - time.time())

    # The answer to the first of them is lost, and the books show it only when the clock has changed.
    rig.broker("conditions", history_lag=6)
    rig.broker("fault", kind="lost", when="after")
    asked = {}
    while time.time() < change + 2.5:
        name = f"t{len(asked)}"
        asked[name] = time.time()
        node.do("submit", id=name, side="BUY", qty="1000")
        node.settle(0.25)
    assert min(asked.values()) < change - 1
    rig.broker("conditions", history_lag=0.0)

    done = {}
    for name, at in asked.items():
        end = node.wait(("OrderFilled", "OrderRejected"), id=name)
        done[name] = end["said"]
        if end["said"] == "OrderRejected":
            assert "CLOCK_UNKNOWN" in end["reason"]
        else:
            assert abs(end["ts"] / 1e9 - at) < NEAR
    assert done["t0"] == "OrderFilled"
    filled = ["first", *(name for name, said in done.items() if said == "OrderFilled")]
    assert all(node.events(name).count("OrderFilled") == 1 for name in filled)
    assert len(filled) > len(asked) / 2
    last = list(asked)[-1]
    assert done[last] == "OrderFilled"

    node.do("cancel", id="rest")
    node.wait("OrderCanceled", id="rest")
    node.settle(1.0)
    state, truth = node.state(), rig.broker("truth")
    assert len(sent_once(truth)) == len(filled) + 1
    assert state["trades"] == sorted(str(d["ticket"]) for d in truth["deals"])
    assert set(state["positions"]) == {str(p["ticket"]) for p in truth["positions"]}
    walls = [d["wall_ms"] for d in truth["deals"] if d["symbol"]]
    steps = [b - a for a, b in pairwise(walls)]
    assert (min(steps) < -3_000_000) if after < before else (max(steps) > 3_000_000)
    times = quotes_are_of_their_time(node)
    assert times[0] < change < times[-1]
    assert max(b - a for a, b in pairwise(times)) < NEAR


@pytest.mark.slow
@pytest.mark.waits
@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 3)], ids=["autumn", "spring"])
def test_a_clock_that_is_set_wrong_after_the_change_stops_the_node_until_it_is_corrected(
    rig_with, node_on, change_in, before, after
):
    change = change_in(40, before, after)
    rig = rig_with(broker=("--zone=Test/Broker", "--rate=20"), terminal__clock=f"+{before}")
    node = node_on(rig)
    node.do("submit", id="first", side="BUY", qty="1000")
    node.wait("OrderFilled", id="first")
    assert time.time() < change - 1, "the machine was too slow for this test"
    node.settle(change + 3 - time.time())
    node.do("submit", id="blind", side="BUY", qty="1000")
    assert "CLOCK_UNKNOWN" in node.wait("OrderRejected", id="blind")["reason"]
    # no quote of a time that nobody knows
    assert quotes_are_of_their_time(node)[-1] < change + 1
    assert len(sent_once(rig.broker("truth"))) == 1

    rig.kill()
    rig.settings.write_text(rig.settings.read_text().replace(f'"+{before}"', f'"+{after}"'))
    rig.start(keep_port=True)
    corrected = time.time()
    names = [f"again{n}" for n in range(100)]
    for name in names:  # until the node has found the server again
        node.do("submit", id=name, side="BUY", qty="1000")
        end = node.wait(("OrderFilled", "OrderRejected", "OrderDenied"), id=name)
        if end["said"] == "OrderFilled":
            break
        assert end["reason"].startswith(("VENUE_DOWN", "NOT_SENT", "CLOCK_UNKNOWN"))
        node.settle(0.5)
    assert end["said"] == "OrderFilled"
    assert abs(end["ts"] / 1e9 - time.time()) < NEAR
    assert len(sent_once(rig.broker("truth"))) == 2
    node.until(lambda: sum(h["said"] == "quote" and h["at"] / 1e9 > corrected for h in node.heard) > 5)
    assert len(quotes_are_of_their_time(node, since=corrected)) > 5


@pytest.mark.slow
@pytest.mark.waits
@pytest.mark.parametrize(("before", "after"), [(3, 2), (2, 3)], ids=["autumn", "spring"])
def test_in_a_quiet_market_nothing_is_sent_until_a_tick_has_proven_the_new_time(
    rig_with, node_on, change_in, before, after
):
    change = change_in(40, before, after)
    rig = rig_with(broker=("--zone=Test/Broker",), terminal__clock="Test/Broker")
    node = node_on(rig)
    assert time.time() < change - 1, "the machine was too slow for this test"
    node.settle(change + 1.5 - time.time())
    node.do("submit", id="blind", side="BUY", qty="1000")
    said = node.wait("OrderRejected", id="blind")["reason"]
    assert "CLOCK_UNKNOWN" in said
    assert "no tick has proven it since" in said
    rig.broker.quote("1.10010", "1.10012")
    node.wait("quote", bid="1.10010")
    node.do("submit", id="seen", side="BUY", qty="1000")
    assert node.wait("OrderFilled", id="seen")["last_px"] == "1.10012"
    assert len(sent_once(rig.broker("truth"))) == 1
    quotes_are_of_their_time(node)
