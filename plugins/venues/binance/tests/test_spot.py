"""Spot end to end over real sockets: the engine's adapter, which speaks Binance's binary encoding."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from framework_binance.account import prepare
from framework_binance.clients import clients
from framework_binance.config import BinanceConfig
from nautilus_trader.model import InstrumentId, Money

from framework import CompositionError, RunError

LIMIT = {"kind": "limit", "price": "59000.00", "qty": "0.01000"}


def test_a_market_order_fills_and_the_balances_agree_to_the_last_digit(spot, until):
    node = spot.node()
    try:
        node.submit("A-1", qty="0.01200")
        filled = node.wait("OrderFilled", id="A-1")
        assert (filled["last_px"], filled["last_qty"], filled["commission"]) == (
            "60000.10",
            "0.01200",
            "0.00001200 BTC",
        )
        assert node.events("A-1") == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]
        # 10,000 less 0.012 x 60000.1; 1 and 0.012 less a tenth of a percent of it
        usdt, btc = Decimal(10_000) - Decimal("0.012") * Decimal("60000.1"), Decimal("1.011988")
        assert spot.owned() == {
            "USDT": (f"{usdt:.8f}", "0.00000000"),
            "BTC": (f"{btc:.8f}", "0.00000000"),
            "ETH": ("0.00000000", "0.00000000"),
        }
        owned = {f"{usdt:.8f} USDT", f"{btc:.8f} BTC"}
        until(lambda: owned < set(node.state()["balances"]), node.state)
    finally:
        node.close()


@pytest.mark.parametrize(
    ("order", "events"),
    [
        ({**LIMIT}, ["OrderAccepted"]),
        ({**LIMIT, "price": "60000.10"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "price": "60000.10", "time_in_force": "IOC"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "time_in_force": "IOC"}, ["OrderAccepted", "OrderExpired"]),
        ({**LIMIT, "price": "60000.10", "time_in_force": "FOK"}, ["OrderAccepted", "OrderFilled"]),
        ({**LIMIT, "time_in_force": "FOK"}, ["OrderAccepted", "OrderExpired"]),
        ({**LIMIT, "post_only": True}, ["OrderAccepted"]),
        ({**LIMIT, "price": "60050.00", "post_only": True}, ["OrderRejected"]),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_limit_orders_of_every_time_in_force(shared_spot, order, events):
    sim, node = shared_spot
    name = f"T-{len(sim.truth()['arrivals'])}"
    node.submit(name, **order)
    node.wait(events[-1], id=name)
    assert node.events(name) == ["OrderInitialized", "OrderSubmitted", *events]
    if events == ["OrderAccepted"]:
        sent = sim.orders()[name]
        assert (sent["status"], sent["type"]) == ("NEW", "LIMIT_MAKER" if "post_only" in order else "LIMIT")
        node.do("cancel", name=name)
        node.wait("OrderCanceled", id=name)
        assert sim.orders()[name]["status"] == "CANCELED"
    if events == ["OrderRejected"]:
        reason = node.find("OrderRejected", id=name)[0]["reason"]
        assert reason == "code=-2010: Order would immediately match and take."


@pytest.mark.parametrize(
    ("kind", "theirs", "prices", "moved", "paid"),
    [
        ("stop_market", "STOP_LOSS", {"trigger_price": "59900.00"}, "59899.90", "59899.90"),
        (
            "stop_limit",
            "STOP_LOSS_LIMIT",
            {"trigger_price": "59900.00", "price": "59800.00"},
            "59899.90",
            "59899.90",
        ),
        ("market_if_touched", "TAKE_PROFIT", {"trigger_price": "60100.00"}, "60100.00", "60100.00"),
        (
            "limit_if_touched",
            "TAKE_PROFIT_LIMIT",
            {"trigger_price": "60100.00", "price": "60050.00"},
            "60100.00",
            "60100.00",
        ),
    ],
)
def test_stops_of_every_kind_wait_at_the_exchange_and_become_trades(
    shared_spot, kind, theirs, prices, moved, paid
):
    sim, node = shared_spot
    sim.quote("60000.00", "60000.10")
    node.submit(kind, side="SELL", kind=kind, qty="0.01000", trigger_type="LAST_PRICE", **prices)
    node.wait("OrderAccepted", id=kind)
    waiting = sim.orders()[kind]
    assert (waiting["type"], waiting["status"], waiting["isWorking"]) == (theirs, "NEW", False)
    sim.quote(moved, str(Decimal(moved) + Decimal("0.10")))
    filled = node.wait("OrderFilled", id=kind)
    assert (filled["last_px"], filled["commission"]) == (paid, f"{Decimal(paid) / 100_000:.8f} USDT")


def test_a_limit_order_is_replaced_by_another_price_and_quantity(shared_spot):
    sim, node = shared_spot
    sim.quote("60000.00", "60000.10")
    node.submit("M-1", **LIMIT)
    node.wait("OrderAccepted", id="M-1")
    node.do("modify", name="M-1", qty="0.02000", price="59100.00")
    changed = node.wait("OrderUpdated", id="M-1")
    assert (changed["quantity"], changed["price"]) == ("0.02000", "59100.00")
    both = [(o["status"], o["price"]) for o in sim.truth()["orders"][-2:]]
    assert both == [("CANCELED", "59000.00000000"), ("NEW", "59100.00000000")]
    node.do("cancel", name="M-1")
    node.wait("OrderCanceled", id="M-1")


def test_an_oco_is_one_order_list_at_the_exchange(shared_spot):
    sim, node = shared_spot
    sim.quote("60000.00", "60000.10")
    node.do("oco", profit="O-1", price="61000.00", stop="O-2", trigger="59500.00", qty="0.01000")
    for name in ("O-1", "O-2"):
        node.wait("OrderAccepted", id=name)
    (listed,) = sim.truth()["lists"]
    assert (listed["contingencyType"], listed["listOrderStatus"]) == ("OCO", "EXECUTING")
    assert {sim.orders()[name]["type"] for name in ("O-1", "O-2")} == {"LIMIT_MAKER", "STOP_LOSS"}
    sim.quote("59500.00", "59500.10")
    node.wait("OrderExpired", id="O-1")
    assert node.wait("OrderFilled", id="O-2")["last_px"] == "59500.00"
    assert sim.truth()["lists"][0]["listOrderStatus"] == "ALL_DONE"
    sim.quote("60000.00", "60000.10")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "limit", "price": "59000.00", "time_in_force": "DAY"}, "UNSUPPORTED_TIME_IN_FORCE"),
        (
            {"kind": "trailing_stop_market", "trailing_offset": "50", "trigger_type": "LAST_PRICE"},
            "UNSUPPORTED_ORDER_TYPE",
        ),
        ({"side": "SELL", "reduce_only": True}, "UNSUPPORTED_REDUCE_ONLY"),
    ],
)
def test_what_the_adapter_does_not_know_on_spot_is_denied_before_it_leaves(shared_spot, order, said):
    sim, node = shared_spot
    before, name = len(sim.truth()["orders"]), f"D-{said}"
    node.submit(name, qty="0.01000", **order)
    assert said in node.wait("OrderDenied", id=name)["reason"]
    assert len(sim.truth()["orders"]) == before


def test_an_answer_of_504_after_the_order_was_taken_makes_no_second_order(shared_spot):
    sim, node = shared_spot
    sim.quote("60000.00", "60000.10")
    sim.fault("status", on="order.place", when="after", status=504)
    node.submit("F-1", qty="0.01000")
    node.wait("OrderFilled", id="F-1")
    assert sim.truth()["arrivals"]["x-TD67BGP9-RF-1"] == 1


def test_a_cut_connection_is_made_again_and_the_account_heard_again(shared_spot, until):
    sim, node = shared_spot
    sim.quote("60000.00", "60000.10")
    assert sim.control("/cut", which="user") == {"cut": 1}
    until(lambda: sim.truth()["users"] == 1, "the adapter subscribes again")
    names = iter(f"C-{number}" for number in range(200))

    def trades():
        name = next(names)
        node.submit(name, qty="0.00100")
        until(lambda: {"OrderDenied", "OrderFilled"} & set(node.events(name)), name)
        return "OrderFilled" in node.events(name)

    until(trades, "orders are taken again")


def test_a_node_that_starts_finds_its_open_orders(spot):
    node = spot.node()
    try:
        node.submit("A-1", **LIMIT)
        node.wait("OrderAccepted", id="A-1")
    finally:
        node.close()
    again = spot.node()
    try:
        assert again.state()["orders"]["A-1"] == ["ACCEPTED", "0.00000"]
    finally:
        again.close()


@pytest.fixture
def settings(spot, monkeypatch):
    for name, value in spot.credentials.items():
        monkeypatch.setenv(name, value)

    def make(**changes):
        fields = {
            "balances": [Money.from_str("10000 USDT")],
            "instruments": [InstrumentId.from_str("BTCUSDT.BINANCE")],
            "maker": Decimal("0.001"),
            "taker": Decimal("0.001"),
            "product": "spot",
            "key_type": "ed25519",
            "url": spot.url,
        }
        return BinanceConfig(**(fields | changes))

    return make


def test_the_account_and_the_clock_are_looked_at_before_anything_trades(settings, spot):
    prepare(settings())
    spot.control("/conditions", skew_ms=-20_000)
    with pytest.raises(RunError, match=r"clock is (19|20)\d\d\d ms ahead"):
        prepare(settings())


def test_what_spot_cannot_do_is_refused_with_the_remedy(settings):
    with pytest.raises(CompositionError, match="Ed25519 keys only"):
        prepare(settings(key_type="hmac"))
    with pytest.raises(CompositionError, match="no spot pair"):
        clients("BINANCE", settings(instruments=[InstrumentId.from_str("BTCUSDT-PERP.BINANCE")]))
    with pytest.raises(ValueError, match="`leverage`, `position_mode` is for futures"):
        settings(leverage=5, position_mode="hedge")
    assert clients("BINANCE", settings()).statement is None


def framework(spot, folder):
    """Runs `framework` in a folder with the strategy as a plugin and a `node.yaml` on spot."""
    info = folder / "plugin" / "bought-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("bought.py"), folder / "plugin")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bought\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\nbought = bought\n")
    venue = {
        "product": "spot",
        "key_type": "ed25519",
        "url": spot.url,
        "instruments": ["BTCUSDT.BINANCE"],
        "balances": ["10000 USDT"],
        "maker": "0.001",
        "taker": "0.001",
    }
    said = {
        "mode": "live",
        "catalog": "catalog",
        "venues": [{"name": "BINANCE", "use": "binance", "config": venue}],
        "data": [{"quotes": "BTCUSDT.BINANCE"}],
        "strategies": [{"id": "buy", "use": "bought", "config": {}}],
        "report": {"html": False},
    }
    (folder / "node.yaml").write_text(json.dumps(said))
    environ = os.environ | spot.credentials | {"PYTHONPATH": str(folder / "plugin")}

    def start(*arguments, **more):
        command = [sys.executable, "-m", "framework", "node", arguments[0], "node.yaml", *arguments[1:]]
        return subprocess.Popen(command, cwd=folder, env=environ, text=True, **more)

    return start


@pytest.mark.slow  # 40 s: flatten asks Binance for half a minute before it says that nobody answers
@pytest.mark.waits
def test_a_live_node_on_spot_buys_and_is_closed_without_an_answer_of_what_is_held(spot, tmp_path, until):
    start = framework(spot, tmp_path)
    log = (tmp_path / "log.txt").open("w+")
    node = start("run", "--mode", "live", "--unproven", "a test", stdout=log, stderr=log)
    try:

        def bought():
            spot.quote("60000.00", "60000.10")
            return len(spot.truth()["orders"]) == 2

        until(bought, lambda: Path(log.name).read_text()[-3000:])
        until(lambda: spot.owned()["BTC"] == ("1.00499000", "0.00500000"), spot.owned)
        closing = start("flatten", "--why", "a test", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = closing.communicate(timeout=120)[0]
        assert closing.returncode == 6
        assert "BINANCE does not say what it holds" in said
        # 0.01 less the fee of a tenth of a percent was held; all of it is sold
        assert spot.owned()["BTC"] == ("1.00000000", "0.00000000")
        last = spot.truth()["orders"][-1]
        assert (last["side"], last["type"], last["executedQty"]) == ("SELL", "MARKET", "0.00999000")
        node.send_signal(signal.SIGTERM)
        assert node.wait(60) == 0
    finally:
        node.kill()
        node.wait()
        log.close()


def test_an_exit_that_only_reduces_leaves_without_the_flag_and_is_held_to_the_position(spot, tmp_path, until):
    start = framework(spot, tmp_path)
    log = (tmp_path / "log.txt").open("w+")
    node = start("run", "--mode", "live", "--unproven", "a test", stdout=log, stderr=log)

    def moved(bid, ask, orders):
        def there():
            spot.quote(bid, ask)
            return len(spot.truth()["orders"]) == orders

        until(there, lambda: Path(log.name).read_text()[-3000:])

    try:
        moved("60000.00", "60000.10", 2)
        until(lambda: spot.owned()["BTC"] == ("1.00499000", "0.00500000"), spot.owned)
        moved("59000.00", "59000.10", 3)
        last = spot.truth()["orders"][-1]
        # 5 are refused by the gate; 0.00999 were held.
        assert (last["side"], last["type"], last["origQty"]) == ("SELL", "MARKET", "0.00999000")
        until(lambda: spot.owned()["BTC"] == ("0.99500000", "0.00500000"), spot.owned)
    finally:
        node.kill()
        node.wait()
        log.close()


@pytest.mark.slow
def test_a_node_that_is_back_has_what_it_bought_less_the_fee_and_trades_on(spot, tmp_path, until):
    """A fee is taken from what was bought, so trades and position differ, and nobody else is to blame."""
    start = framework(spot, tmp_path)
    log = (tmp_path / "log.txt").open("w+")

    def run():
        return start("run", "--mode", "live", "--unproven", "a test", stdout=log, stderr=log)

    def status():
        return json.loads(start("status", "--json", stdout=subprocess.PIPE).communicate(timeout=60)[0])

    def holds(orders, size):
        def there():
            spot.quote("60000.00", "60000.10")
            found = status()
            held = found["heartbeat"].get("positions", {}).get("buy")
            return len(spot.truth()["orders"]) == orders and held == {"BTCUSDT.BINANCE": size} and found

        return until(there, lambda: f"{status()} {Path(log.name).read_text()[-3000:]}")

    node = run()
    try:
        holds(2, "0.00999")
        node.kill()
        node.wait()
        node = run()
        holds(4, "0.01998")  # once more: the strategy keeps nothing in mind
        time.sleep(3)  # the books are looked at every second
        found = holds(4, "0.01998")
        assert found["latches"] == []
        assert "by the engine" not in Path(log.name).read_text()
    finally:
        node.kill()
        node.wait()
        log.close()
