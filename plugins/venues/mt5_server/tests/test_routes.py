"""What the routes answer, over HTTPS, with a server process and a broker process."""

import json
import time

import pytest


def test_the_five_and_what_reconciliation_needs(shared):
    shared.broker.quote("1.10010", "1.10012")
    status, terms = shared.ask("GET", "/symbol?name=EURUSD", key="read")
    assert status == 200
    assert {name: terms[name] for name in ("digits", "contract_size", "volume_step", "tick_size")} == {
        "digits": 5,
        "contract_size": "100000",
        "volume_step": "0.01",
        "tick_size": "0.00001",
    }
    assert terms["fillings"] == ["fok", "ioc", "boc"]
    assert "XAUUSD" in shared.ask("GET", "/symbol")[1]["symbols"]

    (tick,) = shared.ask("GET", "/ticks?symbol=EURUSD")[1]["ticks"]
    assert (tick["bid"], tick["ask"]) == ("1.10010", "1.10012")
    assert tick["at"].endswith("Z")
    since = tick["at"]
    shared.broker.quote("1.10020", "1.10022")
    later = shared.ask("GET", f"/ticks?symbol=EURUSD&since={since}")[1]
    assert [t["bid"] for t in later["ticks"]] == ["1.10020"]

    bars = shared.ask("GET", "/ohlcv?symbol=EURUSD&timeframe=M5&count=3")[1]["bars"]
    assert len(bars) == 3
    assert all(float(b["low"]) <= float(b["close"]) <= float(b["high"]) for b in bars)
    again = shared.ask("GET", f"/ohlcv?symbol=EURUSD&timeframe=M5&start={bars[0]['at']}&end={bars[1]['at']}")
    assert [b["at"] for b in again[1]["bars"]] == [bars[0]["at"], bars[1]["at"]]

    account = shared.ask("GET", "/account")[1]
    assert (account["balance"], account["currency"], account["margin_mode"]) == ("10000.00", "USD", "hedging")
    health = shared.ask("GET", "/health")[1]
    assert (health["connected"], health["clock_trouble"], health["halted"]) == (True, None, None)


def test_an_orders_life(rig):
    status, sent = rig.order("life-1", "buy", "0.50", sl="1.09000", magic=7)
    assert (status, sent["state"], sent["answer"]["retcode"]) == (200, "done", 10009)
    view = rig.ask("GET", "/order/life-1")[1]
    assert (view["order"]["state"], view["order"]["magic"], view["active"]) == ("filled", 7, False)
    assert [(d["price"], d["volume"]) for d in view["deals"]] == [("1.10002", "0.5")]
    (position,) = rig.ask("GET", "/account/positions")[1]["positions"]
    assert (position["ticket"], position["sl"], position["volume"]) == (sent["ticket"], "1.09000", "0.5")

    ticket = position["ticket"]
    assert rig.ask("PATCH", f"/account/positions/{ticket}", {"tp": "1.20000"})[1]["state"] == "done"
    assert rig.ask("PATCH", f"/account/positions/{ticket}", {"tp": "1.20000"})[1]["state"] == "done"
    (position,) = rig.ask("GET", "/account/positions?magic=7")[1]["positions"]
    assert (position["sl"], position["tp"]) == ("1.09000", "1.20000")
    assert rig.ask("PATCH", f"/account/positions/{ticket}", {"tp": "0"})[1]["state"] == "done"

    rig.broker.quote("1.10502", "1.10504")
    closed = rig.order("life-2", "sell", "0.50", position=ticket, magic=7)[1]
    assert closed["state"] == "done"
    assert rig.ask("GET", "/account")[1]["balance"] == "10250.00"
    deals = rig.ask("GET", "/account/deals")[1]["deals"]
    assert [(d["client_id"], d["entry"], d["profit"]) for d in deals] == [
        ("life-1", "in", "0"),
        ("life-2", "out", "250"),
    ]


def test_a_pending_order_is_changed_and_removed_by_client_id_or_ticket(rig):
    body = {"type": "limit", "price": "1.09000", "filling": "return"}
    sent = rig.order("p-1", **body)[1]
    assert [o["client_id"] for o in rig.ask("GET", "/account/orders")[1]["orders"]] == ["p-1"]
    assert rig.ask("PATCH", "/order/p-1", {"price": "1.08000", "sl": "1.07000"})[1]["state"] == "done"
    order = rig.ask("GET", f"/order/ticket:{sent['ticket']}")[1]
    assert (order["client_id"], order["order"]["price"], order["order"]["sl"]) == (
        "p-1",
        "1.08000",
        "1.07000",
    )
    assert rig.ask("PATCH", "/order/p-1", {"price": "1.20000"})[1]["answer"]["retcode"] == 10015
    assert rig.ask("DELETE", "/order/p-1")[1]["state"] == "done"
    status, gone = rig.ask("DELETE", "/order/p-1")
    assert (status, gone["code"]) == (409, "NOT_ACTIVE")
    past = rig.ask("GET", "/account/orders?active=false")[1]["orders"]
    assert [(o["client_id"], o["state"]) for o in past] == [("p-1", "canceled")]
    assert rig.ask("GET", "/order/never")[0] == 404


@pytest.mark.parametrize(
    "sizes",
    [
        (1,) * 20,
        (3, 1, 4, 1, 5, 9, 2, 6),  # ticks of one millisecond on both sides of every page's border
        (1, 230, 1),
    ],
)
def test_ticks_come_in_pages_and_each_comes_once(shared, sizes):
    """So many ticks of each of the milliseconds that follow one another."""
    now = time.time_ns() // 1_000_000 * 1_000_000
    shared.broker("quote", symbol="XAUUSD", bid="2000.00", ask="2000.20", utc_ns=now)
    since = shared.ask("GET", "/ticks?symbol=XAUUSD")[1]["ticks"][0]["at"]
    quoted = []
    for number, size in enumerate(sizes, 1):
        for _ in range(size):
            quoted.append(f"{2001 + len(quoted) / 100:.2f}")
            ask, at = f"{float(quoted[-1]) + 0.2:.2f}", now + number * 1_000_000
            shared.broker("quote", symbol="XAUUSD", bid=quoted[-1], ask=ask, utc_ns=at)
    told, more, pages = [], True, 0
    while more:
        page = shared.ask("GET", f"/ticks?symbol=XAUUSD&since={since}&limit=4")[1]
        told += [tick["bid"] for tick in page["ticks"]]
        since, more, pages = page["ticks"][-1]["at"], page["more"], pages + 1
    assert told == quoted
    assert pages > 1


@pytest.mark.slow
def test_an_expiration_is_given_in_utc_and_kept_by_the_brokers_clock(rig):
    body = {"type": "limit", "price": "1.09000", "filling": "return", "time": "specified"}
    sent = rig.order("t-1", **body, expiration="2031-07-01T12:00:00+02:00")[1]
    assert sent["state"] == "done"
    assert rig.ask("GET", "/order/t-1")[1]["order"]["expiration"] == "2031-07-01T10:00:00.000Z"
    # in July Athens is three hours ahead
    (order,) = rig.broker("truth")["orders"]
    assert order["expiration"] == 1_940_677_200


@pytest.mark.slow
def test_a_client_id_is_one_order_however_often_it_arrives(rig):
    first, again = rig.order("once")[1], rig.order("once")[1]
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert first["ticket"] == again["ticket"]
    status, other = rig.order("once", volume="0.20")
    assert (status, other["code"]) == (409, "CLIENT_ID_TAKEN")
    assert len(rig.broker("truth")["sent"]) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"volume": 0.1}, 422),  # a JSON number is no amount
        ({"volume": "0"}, 422),
        ({"volume": "-1"}, 422),
        ({"volume": "1e3"}, 422),
        ({"volume": "NaN"}, 422),
        ({"type": "limit"}, 422),
        ({"type": "stop_limit", "price": "1.2"}, 422),
        ({"type": "close_by"}, 422),
        ({"time": "specified"}, 422),
        ({"time": "specified", "expiration": "2031-01-01T00:00:00"}, 422),  # no zone
        ({"client_id": "../x"}, 422),
        ({"client_id": ""}, 422),
        ({"comment": "x" * 17}, 422),
        ({"surprise": 1}, 422),
        ({"symbol": "NOSUCH"}, 404),
        ({"volume": "2"}, 422),  # more than max_lots
    ],
)
def test_nonsense_is_refused_before_the_terminal_is_asked(shared, change, status):
    before = len(shared.broker("truth")["sent"])
    body = {"client_id": "n", "symbol": "EURUSD", "type": "market", "side": "buy", "volume": "0.1"}
    assert shared.ask("POST", "/order", {**body, **change})[0] == status
    assert len(shared.broker("truth")["sent"]) == before


def test_bodies_that_are_no_json_or_too_large_are_refused(shared):
    assert shared.ask("POST", "/order", raw=b"{")[0] == 400
    assert shared.ask("POST", "/order", raw=b"[" * 50_000)[0] == 400
    assert shared.ask("POST", "/order", raw=b"x" * 70_000)[0] == 413


def test_the_stream_tells_ticks_orders_deals_positions_and_money_in_order(rig, websocket):
    stream = websocket(rig)
    heard = [json.loads(stream.recv(5))]
    rig.broker.quote("1.10100", "1.10102")
    rig.order("s-1", volume="0.10")
    while not any(m["type"] == "account" for m in heard):
        heard.append(json.loads(stream.recv(5)))
    told = [m for m in heard if "seq" in m and m["type"] != "heartbeat"]
    assert [m["seq"] for m in told] == list(
        range(stream.welcome["seq"] + 1, stream.welcome["seq"] + 1 + len(told))
    )
    assert [m["deal"]["client_id"] for m in told if m["type"] == "deal"] == ["s-1"]
    assert {m["type"] for m in told} >= {"deal", "position", "account"}
    assert [m["tick"]["bid"] for m in heard if m["type"] == "tick"][-1] == "1.10100"


@pytest.mark.slow
def test_a_slow_history_is_waited_for_and_every_deal_told_once(rig, websocket):
    rig.broker("conditions", history_lag=0.8)
    stream = websocket(rig)
    rig.order("lag-1")
    rig.order("lag-2", type="limit", price="1.09000", filling="return")
    rig.broker.quote("1.08900", "1.08902")
    deals = []
    for _ in range(40):
        message = json.loads(stream.recv(5))
        deals += [message["deal"]["client_id"]] if message["type"] == "deal" else []
        if message["type"] == "heartbeat" and len(deals) >= 2:
            break
    assert deals == ["lag-1", "lag-2"]


def drain(stream):
    """Take messages until the stream closes; heartbeats do not go on for ever."""
    for _ in range(40):
        stream.recv(5)


@pytest.mark.slow
def test_nonsense_on_the_stream_closes_it(rig, websocket):
    from websockets.exceptions import ConnectionClosedError as ConnectionClosed

    for nonsense in ("{", '{"op": "buy", "symbols": []}', '{"symbols": 7}'):
        stream = websocket(rig)
        stream.send(nonsense)
        with pytest.raises(ConnectionClosed):
            drain(stream)
    assert rig.ask("GET", "/health")[0] == 200


@pytest.mark.slow
def test_one_call_at_a_time_reaches_the_terminal(rig):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: rig.order(f"c-{n}", volume="0.01")[1]["state"], range(24)))
        assert list(pool.map(lambda _: rig.ask("GET", "/account")[0], range(24))) == [200] * 24
    assert answers == ["done"] * 24
    truth = rig.broker("truth")
    assert truth["overlaps"] == 0
    assert len(truth["positions"]) == 24
