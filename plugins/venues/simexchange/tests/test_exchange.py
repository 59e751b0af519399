"""The exchange as a process: its door, its faults, its memory; requests are made by hand in conftest.py."""

import json
import sqlite3
import subprocess
import sys
import time

import pytest
from aiohttp import ClientSession


def test_the_signature_is_the_documented_one():
    from framework_simexchange.signing import signature

    # openssl dgst -sha256 -hmac s3cret, of: 1700000000000 5000 POST /v1/orders\n{"a":1}
    assert (
        signature(
            "s3cret",
            timestamp_ms="1700000000000",
            window_ms="5000",
            method="post",
            path="/v1/orders",
            body=b'{"a":1}',
        )
        == "2e563dca7bfb85724d022dc8d849e9a47d19ab1253943cd75bd0e5fb846d3920"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sign": "wrong"}, "BAD_SIGNATURE"),
        ({"key": "wrong"}, "BAD_SIGNATURE"),
        ({"at_ms": -10_000}, "OUTSIDE_WINDOW"),
        ({"at_ms": 60_000}, "OUTSIDE_WINDOW"),
        ({"window": "0"}, "BAD_TIME"),
        ({"window": "60001"}, "BAD_TIME"),
        ({"window": "x"}, "BAD_TIME"),
    ],
)
def test_requests_that_prove_nothing_are_refused(shared, changes, code):
    if "at_ms" in changes:
        changes = {"at_ms": int(time.time() * 1_000) + changes["at_ms"]}
    status, answer = shared.ask("GET", "/v1/account", **changes)
    assert (status, answer["code"]) == (401, code)


def test_a_repeated_id_is_one_order_however_it_is_sent(exchange):
    first = exchange.submit("A")
    again = exchange.submit("A", "SELL", "900")
    assert (first["number"], first["status"]) == (again["number"], "FILLED")
    assert exchange.truth()["ids"]["A"] == {"orders": 1, "arrivals": 2, "repeats": 1}


def test_without_the_accounts_token_nothing_is_traded(exchange):
    token, exchange.session = exchange.session, 999
    assert exchange.submit("A")["code"] == "FENCED"
    assert exchange.take("another") == 409
    exchange.session = token
    assert exchange.submit("A")["status"] == "FILLED"


def test_a_lease_that_ran_out_can_be_taken_and_the_old_token_is_void(exchange_with):
    exchange = exchange_with()
    assert exchange.take("first") == 200
    assert exchange.take("second") == 409
    assert exchange.take("first", seconds=0.3) == 200
    old = exchange.session
    deadline = time.monotonic() + 20
    while exchange.take("second") != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    exchange.session = old
    assert exchange.submit("A", price="1.0")["code"] == "FENCED"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "timeout", "seconds": 0.3}, 0),
        ({"kind": "drop"}, 0),
        ({"kind": "garbage"}, 0),
        ({"kind": "status", "code": 504}, 504),
        ({"kind": "rate_limit", "seconds": 7}, 429),
        ({"kind": "ban", "seconds": 7}, 418),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_each_fault_strikes_before_or_after_the_order_is_taken(shared, fault, status, when):
    name = f"{fault['kind']}-{when}"
    shared.quote("1.10000", "1.10002")
    shared.fault(**fault, on="submit", when=when)
    body = {"client_order_id": name, "symbol": "EUR/USD", "side": "BUY", "type": "MARKET", "quantity": "1"}
    got, answer = shared.ask("POST", "/v1/orders", body)
    assert got == status
    if status in {418, 429}:
        assert answer["Retry-After"] == "7"
    assert shared.truth()["ids"][name] == {"orders": int(when == "after"), "arrivals": 1, "repeats": 0}
    assert shared.submit(f"{name}-next")["status"] == "FILLED"
    faults = shared.control("GET", "/faults")
    assert faults["armed"] == []
    assert faults["struck"][-1] == {"kind": fault["kind"], "on": "submit", "when": when}


def test_a_slow_request_is_refused_when_its_window_is_over(exchange):
    exchange.fault("slow", on="submit", seconds=0.5)
    body = {"client_order_id": "A", "symbol": "EUR/USD", "side": "BUY", "type": "MARKET", "quantity": "1"}
    assert exchange.ask("POST", "/v1/orders", body, window="200")[1]["code"] == "OUTSIDE_WINDOW"
    assert exchange.truth()["orders"] == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "earthquake"},
        {"kind": "drop", "on": "fill"},
        {"kind": "lose", "on": "submit"},
        {"kind": "drop", "count": 0},
        {"kind": "drop", "seconds": -1},
        {"kind": "drop", "colour": "red"},
        {"kind": "status", "code": 200},
    ],
    ids=str,
)
def test_a_fault_that_would_never_strike_is_refused(shared, wanted):
    with pytest.raises(AssertionError, match="error"):
        shared.control("POST", "/faults", wanted)


def test_too_many_requests_are_told_to_wait(exchange_with):
    exchange = exchange_with("--rate=1", "--burst=5")
    answers = [exchange.ask("GET", "/v1/account") for _ in range(20)]
    assert [status for status, _ in answers].count(429) >= 2
    assert all(body["Retry-After"] == "1" for status, body in answers if status == 429)


def test_latency_and_skew_last_until_they_are_changed(exchange):
    exchange.control("POST", "/conditions", {"latency_ms": 300, "skew_ms": -60_000})
    began = time.monotonic()
    _, answer = exchange.ask("GET", "/v1/time")
    assert time.monotonic() - began >= 0.3
    assert 55 < time.time() - answer["ns"] / 1e9 < 65
    assert exchange.ask("GET", "/v1/account")[1]["code"] == "OUTSIDE_WINDOW"


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b'{"a"', b"\xff", b"[" * 50_000, b"{}" * 40_000])
def test_bodies_that_make_no_sense_are_refused_with_a_reason(shared, text):
    before = len(shared.truth()["orders"])
    status, answer = shared.ask("POST", "/v1/orders", raw=text)
    assert status in {400, 413}
    assert len(shared.truth()["orders"]) == before
    assert status == 413 or answer["code"] == "BAD_REQUEST"


def test_what_was_answered_survives_kill_9(exchange_with, tmp_path):
    exchange = exchange_with(f"--state={tmp_path / 'truth.db'}")
    exchange.quote("1.10000", "1.10002")
    exchange.take()
    exchange.submit("A", quantity="100")
    exchange.submit("B", price="1.05000")
    before = exchange.truth()
    exchange.kill()
    exchange.start()
    after = exchange.truth()
    for part in ("orders", "fills", "positions", "balances", "session", "seq"):
        assert after[part] == before[part]
    assert exchange.submit("A", quantity="5")["number"] == 1
    assert exchange.ask("DELETE", "/v1/orders/B")[1]["order"]["status"] == "CANCELED"


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing_that_was_answered(exchange_with, tmp_path):
    import random
    import threading

    draw = random.Random(7)
    exchange = exchange_with(f"--state={tmp_path / 'truth.db'}", "--rate=100000", "--burst=100000")
    answered, number, lives = {}, 0, 0
    while lives < 20 or (len(answered) <= 50 and lives < 100):
        lives += 1
        exchange.quote("1.10000", "1.10002")
        exchange.take(seconds=60)
        killer = threading.Timer(draw.uniform(0.02, 0.3), exchange.process.kill)
        killer.start()
        while exchange.process.poll() is None:
            number += 1
            order = exchange.submit(f"K{number}", quantity="1")
            if isinstance(order, dict) and "number" in order:
                answered[f"K{number}"] = (order["number"], order["status"], order["filled"])
        killer.join()
        exchange.kill()
        exchange.start()
    kept = {o["client_order_id"]: (o["number"], o["status"], o["filled"]) for o in exchange.truth()["orders"]}
    assert len(answered) > 50
    assert {name: kept.get(name) for name in answered} == answered


def test_the_log_refuses_to_be_rewritten(exchange_with, tmp_path):
    exchange = exchange_with(f"--state={tmp_path / 'truth.db'}")
    exchange.take()
    assert exchange.stop() == 0
    with sqlite3.connect(tmp_path / "truth.db") as db:
        for statement in ("UPDATE events SET ns = 0", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


def test_a_walk_is_the_same_for_the_same_seed(exchange_with):
    def steps(*options):
        exchange = exchange_with(*options)
        exchange.control("POST", "/market", {"do": "step", "count": 40})
        _, answer = exchange.ask("GET", "/v1/market?after=0&channels=quote:EUR/USD,trade:EUR/USD")
        return [{k: v for k, v in m.items() if k != "ns"} for m in answer["messages"]]

    assert steps("--walk=3") == steps("--walk=3") != steps("--walk=4")


def test_the_stream_says_what_happens_and_beats(exchange):
    import asyncio

    async def listen():
        heard = []
        async with ClientSession() as session, session.ws_connect(exchange.url + "/v1/stream") as socket:
            heard.append(await socket.receive_json(timeout=20))
            await socket.send_json({"op": "subscribe", "channels": ["quote:EUR/USD"]})
            await socket.send_str("no json")
            await socket.send_json({"op": "login", "X-SIM-KEY": "test-key"})
            while len(told(heard)) < 5 or heard[-1]["type"] != "heartbeat":
                heard.append(await socket.receive_json(timeout=20))
        return told(heard)

    def told(heard):
        return [message for message in heard if message["type"] != "heartbeat"]

    heard = asyncio.run(listen())
    assert [message["type"] for message in heard] == ["welcome", "quote", "done", "refused", "refused"]
    assert (heard[1]["bid"], heard[1]["ask"]) == ("1.10000", "1.10002")
    assert [message["code"] for message in heard[3:5]] == ["BAD_REQUEST", "BAD_SIGNATURE"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--data=/nowhere", "--stream=quotes:X.Y"], "no catalog at"),
        (["--data=."], "--data needs at least one --stream"),
        (["--balance=-5 USD"], "'-5' is not a positive number"),
        (["--leverage=x"], "'x' is not a positive number"),
        (["--taker=2"], "is not a fee rate"),
        (["--instruments=/nowhere.json"], "No such file"),
        (["--key-env=NOT_SET_ANYWHERE"], "set NOT_SET_ANYWHERE"),
    ],
)
def test_a_start_that_cannot_work_says_why(environment, options, says):
    command = [sys.executable, "-m", "framework_simexchange.server.command", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_log_is_not_touched(environment, tmp_path):
    state = tmp_path / "notes.txt"
    state.write_text("do not lose me " * 100)
    command = [sys.executable, "-m", "framework_simexchange.server.command", f"--state={state}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert "not a database" in done.stderr
    assert state.read_text() == "do not lose me " * 100


def test_one_state_file_is_one_exchanges(exchange_with, environment, tmp_path):
    exchange_with(f"--state={tmp_path / 'truth.db'}")
    command = [
        sys.executable,
        "-m",
        "framework_simexchange.server.command",
        f"--state={tmp_path / 'truth.db'}",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert "locked" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can take room from a running process")
def test_a_full_disk_stops_the_exchange_before_it_promises_anything(exchange_with, tmp_path):
    import resource

    exchange = exchange_with(f"--state={tmp_path / 'truth.db'}")
    exchange.quote("1.10000", "1.10002")
    exchange.take()
    resource.prlimit(exchange.process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    answered = []
    for number in range(200):
        order = exchange.submit(f"D{number}", quantity="1")
        if not isinstance(order, dict):
            break
        answered.append((order["client_order_id"], order["status"]))
    assert exchange.process.wait(5) == 1
    assert "the state cannot be written" in exchange.process.stderr.read()
    exchange.kill()
    exchange.start()
    kept = [(order["client_order_id"], order["status"]) for order in exchange.truth()["orders"]]
    assert kept[: len(answered)] == answered


def test_a_replay_publishes_the_catalogs_bars_and_fills_on_them(exchange_with, tmp_path):
    from framework.testkit import simulate

    simulate(tmp_path / "catalog", ["EURUSD"], step="1-HOUR", length=5, seed=1)
    from nautilus_trader.persistence import ParquetDataCatalog

    bar_type = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
    bars = ParquetDataCatalog(str(tmp_path / "catalog")).query_bars([bar_type])
    exchange = exchange_with(f"--data={tmp_path / 'catalog'}", f"--stream={bar_type}")
    exchange.take()
    assert exchange.control("POST", "/market", {"do": "step", "count": 99}) == {"done": 5, "ended": True}
    _, answer = exchange.ask("GET", "/v1/market?after=0&channels=bar:EUR/USD")
    got = [(m["open"], m["high"], m["low"], m["close"], m["volume"]) for m in answer["messages"]]
    assert got == [tuple(str(v) for v in (b.open, b.high, b.low, b.close, b.volume)) for b in bars]
    order = exchange.submit("A", quantity="1")
    assert order["paid"] == str(bars[-1].close)


def test_everything_it_prints_is_one_line_of_json(exchange_with):
    exchange = exchange_with()
    assert json.loads(json.dumps(exchange.ports)).keys() == {"port", "control_port", "pid"}
    assert exchange.process.pid == exchange.ports["pid"]
    exchange.process.terminate()
    out, err = exchange.process.communicate(timeout=10)
    assert (exchange.process.returncode, out, err) == (0, "", "")


def test_the_record_tells_what_happened_to_each_order(exchange):
    exchange.submit("A", quantity="1500")
    exchange.submit("A", quantity="1500")
    exchange.submit("B", price="1.05000")
    exchange.ask("PATCH", "/v1/orders/B", {"quantity": "70"})
    exchange.ask("DELETE", "/v1/orders/B")
    exchange.submit("C", quantity="999999999")
    exchange.control("POST", "/trade", {"symbol": "EUR/USD", "side": "SELL", "quantity": "7"})
    rows = exchange.control("GET", "/record")["rows"]
    told = [(row["what"], row["order"], row.get("quantity"), row.get("by_hand")) for row in rows]
    assert told == [
        ("order", "A", "1500", False),
        ("fill", "A", "1000", False),
        ("fill", "A", "500", False),
        ("again", "A", None, None),
        ("order", "B", "100", False),
        ("change", "B", "70", False),
        ("over", "B", None, False),
        ("refused", "C", "999999999", False),
        ("order", "manual-4", "7", True),
        ("fill", "manual-4", "7", True),
    ]
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)


def test_the_record_knows_of_a_submission_that_came_twice_although_the_first_was_lost(exchange):
    exchange.fault("status", on="submit", code=503)
    exchange.submit("A")
    exchange.submit("A")
    rows = exchange.control("GET", "/record")["rows"]
    assert [row["what"] for row in rows if row["order"] == "A"] == ["order", "fill", "again"]


def test_the_record_goes_by_the_machines_clock_whatever_the_exchanges_says(exchange):
    exchange.control("POST", "/conditions", {"skew_ms": 3_000})
    before = time.time_ns()
    exchange.control("POST", "/trade", {"symbol": "EUR/USD", "side": "SELL", "quantity": "7"})
    after = time.time_ns()
    for row in exchange.control("GET", "/record")["rows"]:
        assert before <= row["ns"] <= after
    assert before <= exchange.truth()["fills"][0]["ts_ns"] - 3_000_000_000 <= after
