"""The engine's own acceptance cases for adapters; the table is docs/explanation/mt5-acceptance.md."""

import re
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "explanation" / "mt5-acceptance.md"
FOLDER = Path(__file__).parent


@pytest.mark.slow
def test_market_orders_open_and_close_both_ways(rig, node):
    """TC-E01, E02, E03, E04, E06, E80, E82."""
    for name, side, tif in (
        ("E01", "BUY", "GTC"),
        ("E02", "SELL", "GTC"),
        ("E03", "BUY", "IOC"),
        ("E04", "BUY", "FOK"),
    ):
        node.do("submit", id=name, side=side, qty="1000", tif=tif)
        node.wait("OrderFilled", id=name)
    assert len(rig.broker("truth")["positions"]) == 4
    node.do("close_all")
    node.until(lambda: node.state()["positions"] == {})
    assert rig.broker("truth")["positions"] == []


@pytest.mark.slow
def test_limits_rest_live_until_their_time_and_are_changed_or_cancelled(rig, node):
    """TC-E10, E11, E12, E17, E18, E19, E30, E31, E32, E33, E36, E40, E42, E43, E44."""
    soon = time.time_ns() + 12_000_000_000
    orders = {
        "E10": {"side": "BUY", "price": "1.05000"},
        "E11": {"side": "SELL", "price": "1.15000"},
        "E17": {
            "side": "BUY",
            "price": "1.05000",
            "tif": "GTD",
            "expire": time.time_ns() + 3_600_000_000_000,
        },
        "E18": {"side": "BUY", "price": "1.05000", "tif": "GTD", "expire": soon},
        "E19": {"side": "BUY", "price": "1.05000", "tif": "DAY"},
    }
    for name, fields in orders.items():
        node.do("submit", id=name, qty="1000", **fields)
    for name in orders:
        node.wait("OrderAccepted", id=name)
    for name, price in (("E10", "1.04000"), ("E11", "1.16000")):
        node.do("modify", id=name, price=price)
        assert node.wait("OrderUpdated", id=name)["price"] == price
    node.do("modify", id="E19", qty="2000")
    node.wait("OrderModifyRejected", id="E19")
    node.do("cancel", id="E10")
    node.wait("OrderCanceled", id="E10")
    node.do("submit", id="E32", side="BUY", qty="1000", price="1.03000")
    node.wait("OrderAccepted", id="E32")
    node.wait("OrderExpired", id="E18")
    before = len(node.events("E10"))
    node.do("cancel", id="E10")  # it is cancelled already: nothing happens, and nothing breaks
    node.do("batch_cancel", names=["E32", "E11"])
    for name in ("E32", "E11"):
        node.wait("OrderCanceled", id=name)
    for name in ("E17", "E19"):
        node.do("cancel", id=name)
        node.wait("OrderCanceled", id=name)
    assert len(node.events("E10")) == before
    assert rig.broker("truth")["orders"] == []


@pytest.mark.slow
def test_stops_and_stop_limits_both_ways_are_accepted_and_changed(rig, node):
    """TC-E20, E21, E22, E23, E34, E35, E41, E81."""
    orders = {
        "E20": {"side": "BUY", "trigger": "1.15000"},
        "E21": {"side": "SELL", "trigger": "1.05000"},
        "E22": {"side": "BUY", "trigger": "1.15000", "price": "1.14500"},
        "E23": {"side": "SELL", "trigger": "1.05000", "price": "1.05500"},
    }
    for name, fields in orders.items():
        node.do("submit", id=name, qty="1000", **fields)
    for name in orders:
        node.wait("OrderAccepted", id=name)
    node.do("modify", id="E20", trigger="1.16000")
    node.wait("OrderUpdated", id="E20")
    assert "1.16" in {o["price"] for o in rig.broker("truth")["orders"]}
    node.do("cancel", id="E21")
    node.wait("OrderCanceled", id="E21")
    node.do("submit", id="E35", side="SELL", qty="1000", trigger="1.04000")
    node.wait("OrderAccepted", id="E35")
    node.do("cancel_all")
    for name in ("E20", "E22", "E23", "E35"):
        node.wait("OrderCanceled", id=name)
    assert rig.broker("truth")["orders"] == []


def test_what_the_broker_has_not_is_denied_before_it_is_sent(rig, node):
    """TC-E72, E73; and so E05, E13 to E16, E24 to E27, E50 to E53, E62 do not apply."""
    node.do("touched", id="E24")
    node.do("submit", id="E13", side="BUY", qty="1000", price="1.20000", tif="IOC")
    node.do("submit", id="E15", side="BUY", qty="1000", price="1.20000", tif="FOK")
    node.do("submit", id="E05", side="BUY", qty="2000", quote_quantity=True)
    node.do("submit", id="E62", side="BUY", qty="2000", price="1.05000", display="1000")
    for name in ("E24", "E13", "E15", "E05", "E62"):
        assert "UNSUPPORTED" in node.wait("OrderDenied", id=name)["reason"]
    node.do("bracket")
    for name in node.wait("bracket")["ids"]:
        assert "UNSUPPORTED" in node.wait("OrderDenied", id=name)["reason"]
    assert [s for s in rig.broker("truth")["sent"] if s["action"] in {1, 5}] == []


@pytest.mark.slow
def test_flags_are_kept_or_refused(rig, node):
    """TC-E60, E61, E63, E70, E71."""
    node.do("submit", id="E60", side="BUY", qty="1000", price="1.05000", post_only=True)
    node.wait("OrderAccepted", id="E60")
    node.do("submit", id="E70", side="BUY", qty="1000", price="1.20000", post_only=True)
    assert "10015" in node.wait("OrderRejected", id="E70")["reason"]
    node.do("submit", id="E71", side="SELL", qty="1000", reduce_only=True)
    assert "REDUCE_ONLY" in node.wait("OrderDenied", id="E71")["reason"]
    node.do("submit", id="E63", side="BUY", qty="1000", params={"sl": "1.09000"})
    node.wait("OrderFilled", id="E63")
    (position,) = rig.broker("truth")["positions"]
    assert position["sl"] == "1.09"
    node.do("submit", id="E61", side="SELL", qty="1000", reduce_only=True, position=str(position["ticket"]))
    node.wait("OrderFilled", id="E61")
    assert rig.broker("truth")["positions"] == []


@pytest.mark.slow
def test_cancels_and_changes_without_an_answer_are_settled_by_asking(rig, node):
    """TC-E75, E76; E74 is in test_live."""
    node.do("submit", id="E75", side="BUY", qty="1000", price="1.05000")
    node.wait("OrderAccepted", id="E75")
    rig.broker("fault", kind="lost", when="after")
    node.do("modify", id="E75", price="1.04000")
    assert node.wait("OrderUpdated", id="E75")["price"] == "1.04000"
    assert "OrderModifyRejected" not in node.events("E75")
    rig.broker("fault", kind="lost", when="after")
    node.do("cancel", id="E75")
    node.wait("OrderCanceled", id="E75")
    assert "OrderCancelRejected" not in node.events("E75")
    assert rig.broker("truth")["orders"] == []


@pytest.mark.slow
def test_a_prior_session_is_reconciled(rig, node_on):
    """TC-E84, E85, E86, E87."""
    node = node_on(rig)
    node.do("submit", id="E86", side="BUY", qty="2000")
    node.do("submit", id="E87", side="SELL", qty="3000")
    node.do("submit", id="E84", side="BUY", qty="1000", price="1.05000")
    for name in ("E86", "E87"):
        node.wait("OrderFilled", id=name)
    node.wait("OrderAccepted", id="E84")
    assert node.stop() == 0
    node = node_on(rig)
    node.until(lambda: sorted(size for _, size in node.state()["positions"].values()) == ["-3000", "2000"])
    state = node.state()
    assert state["orders"]["E84"] == ["ACCEPTED", "0"]
    assert {state["orders"][name][0] for name in ("E86", "E87")} == {"FILLED"}


@pytest.mark.slow
def test_data_is_listed_streamed_requested_and_given_up(rig_with, node_on):
    """TC-D01, D03, D20, D21, D41, D70, E83."""
    rig = rig_with(broker=("--rate=10",))
    node = node_on(rig)
    node.do("instruments")
    assert node.wait("instruments")["ids"] == ["EURUSD.MT5", "XAUUSD.MT5"]
    node.do("request", kind="quotes")
    node.do("request", kind="bars", bar_type="EURUSD.MT5-1-MINUTE-BID-EXTERNAL")
    assert node.wait("history", what="quotes")["count"] > 0
    assert node.wait("history", what="bars")["count"] >= 8

    def quiet():
        before = len(node.heard)
        node.settle(1.0)
        return all(h["said"] != "quote" for h in node.heard[before:])

    node.do("unsubscribe")
    node.until(quiet)


def test_every_case_has_a_row_and_every_row_that_passes_a_test_that_names_it():
    if not PAGE.exists():
        pytest.skip("the documentation comes with the checkout")
    rows = re.findall(
        r"^\| (TC-[ED]\d+) \| (.*?) \| (.*?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    known = dict.fromkeys([name for name, _, _ in rows])
    groups = {"E": [(1, 6), (10, 19), (20, 27), (30, 36), (40, 44), (50, 53), (60, 63), (70, 78), (80, 87)]}
    groups["D"] = [(1, 3), (10, 15), (20, 21), (30, 31), (40, 41), (50, 53), (60, 63), (70, 72)]
    wanted = [f"TC-{k}{n:02d}" for k, spans in groups.items() for a, b in spans for n in range(a, b + 1)]
    wanted += [f"TC-E{n}" for n in (90, 91, 92, 94, 96, 99, 100, 101)]
    assert sorted(known) == sorted(wanted)
    tests = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py"))
    for name, verdict, where in rows:
        assert verdict in {"passed", "does not apply"}, name
        if verdict == "passed":
            assert f"def {where.strip('`')}(" in tests, (name, where)
        else:
            assert len(where) > 10, name
