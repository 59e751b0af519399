"""Streams and the WebSocket API, heard with a client that shares no code with the simulator."""

import hashlib
import hmac
import json
import socket as plain
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

LISTEN = "/fapi/v1/listenKey"


def key_of(sim):
    return sim.answered("POST", LISTEN, {}, sim.key)[1]["listenKey"]


@contextmanager
def opened(url, **more):
    with connect(url, max_size=2**22, **more) as socket:
        yield socket


def until(socket, wanted, seconds=10):
    """The first message that is wanted, and all before it."""
    heard = []
    ends = time.monotonic() + seconds
    while not heard or not wanted(heard[-1]):
        heard.append(json.loads(socket.recv(timeout=max(0.01, ends - time.monotonic()))))
    return heard


def subscribed(socket, *names):
    socket.send(json.dumps({"method": "SUBSCRIBE", "params": list(names), "id": 1}))
    assert json.loads(socket.recv(timeout=5)) == {"result": None, "id": 1}


def order(sim, **more):
    fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010", **more}
    return sim.ask("POST", "/fapi/v1/order", **fields)


def test_the_market_is_heard_by_subscription(sim):
    with opened(f"{sim.ws}/ws") as socket:
        names = [
            "btcusdt@bookTicker",
            "btcusdt@aggTrade",
            "btcusdt@depth@100ms",
            "btcusdt@depth5",
            "btcusdt@kline_1m",
        ]
        subscribed(socket, *names)
        sim.quote("60001.00", "60001.10", bid_size="3", last="60001.10", last_size="0.5")
        heard = {}
        while len(heard) < 5:
            message = json.loads(socket.recv(timeout=5))
            heard[message["e"] + str(len(message.get("b", "")) == 5)] = message
        assert heard["bookTickerFalse"]["b"] == "60001.00"
        assert (heard["aggTradeFalse"]["p"], heard["aggTradeFalse"]["m"]) == ("60001.10", False)
        assert heard["depthUpdateTrue"]["b"][0] == ["60001.00", "3.000"]
        assert heard["klineFalse"]["k"]["c"] == "60001.10"
        socket.send(json.dumps({"method": "UNSUBSCRIBE", "params": names[1:], "id": 2}))
        socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 3}))
        answers = until(socket, lambda m: m.get("id") == 3)
        assert answers[-1]["result"] == ["btcusdt@bookTicker"]


def test_differences_of_the_book_follow_each_other_and_lead_to_the_snapshot(sim_with):
    sim = sim_with("--walk=5")
    with opened(f"{sim.ws}/stream?streams=btcusdt@depth@0ms") as socket:
        sim.control("/market", do="step", count=60)
        rows = [json.loads(socket.recv(timeout=5))["data"] for _ in range(20)]  # every third is of BTCUSDT
    assert all(after["pu"] == before["u"] for before, after in pairwise(rows))
    book = {"b": {}, "a": {}}
    for row in rows:
        for side in "ba":
            for price, size in row[side]:
                if float(size):
                    book[side][price] = size
                else:
                    book[side].pop(price)
    snapshot = sim.public("/fapi/v1/depth", symbol="BTCUSDT", limit=20)
    assert snapshot["lastUpdateId"] == rows[-1]["u"]
    assert sorted(book["a"].items()) == sorted(map(tuple, snapshot["asks"]))
    assert sorted(book["b"].items()) == sorted(map(tuple, snapshot["bids"]))


def test_the_same_seed_gives_the_same_market(sim_with):
    books = []
    for _ in range(2):
        sim = sim_with("--walk=11")
        sim.control("/market", do="step", count=300)
        books.append([sim.public("/fapi/v1/depth", symbol=s)["bids"] for s in ("BTCUSDT", "ETHUSDT")])
    assert books[0] == books[1]


def test_replayed_bars_are_told_as_klines_with_their_own_numbers(sim_with, tmp_path):
    bars = tmp_path / "bars.csv"
    bars.write_text(
        "timestamp,open,high,low,close,volume\n"
        "2024-01-01 00:00:00,100.0,110.0,90.0,105.0,4.002\n"
        "2024-01-01 00:01:00,105.0,106.0,104.0,104.5,0\n"
        "2024-01-01 00:02:00,104.5,104.6,104.0,104.1,9\n"
    )
    rules = tmp_path / "symbols.json"
    rules.write_text('[{"symbol": "BTCUSDT", "min_price": "0.1"}]')
    sim = sim_with(f"--symbols={rules}", f"--bars=BTCUSDT={bars}")
    with opened(f"{sim.ws}/ws/btcusdt@kline_1m") as socket:
        assert sim.control("/market", do="step", count=100) == {"done": 12, "ended": True}
        closed = []
        while len(closed) < 3:
            row = json.loads(socket.recv(timeout=5))["k"]
            closed += [row] if row["x"] else []
    assert [(k["t"], k["o"], k["h"], k["l"], k["c"]) for k in closed] == [
        (1704067200000, "100.00", "110.00", "90.00", "105.00"),
        (1704067260000, "105.00", "106.00", "104.00", "104.50"),
        (1704067320000, "104.50", "104.60", "104.00", "104.10"),
    ]
    assert [float(k["v"]) for k in closed] == [4.002, 0, 9]
    assert len(sim.public("/fapi/v1/klines", symbol="BTCUSDT", interval="1m")) == 3


def test_a_listen_key_lives_an_hour_from_its_last_sign(sim):
    key = key_of(sim)
    assert key_of(sim) == key
    assert sim.answered("PUT", LISTEN, {}, sim.key)[0] == 200
    with opened(f"{sim.ws}/ws?listenKey={key}") as socket:
        sim.control("/conditions", skew_ms=3_590_000)
        assert sim.answered("PUT", LISTEN, {}, sim.key)[0] == 200
        sim.control("/conditions", skew_ms=7_191_000)
        assert until(socket, lambda m: m["e"] == "listenKeyExpired")[-1]["listenKey"] == key
        assert sim.answered("PUT", LISTEN, {}, sim.key)[1]["code"] == -1125
        sim.control("/conditions", skew_ms=0)
        order(sim)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)
    with pytest.raises(InvalidStatus), opened(f"{sim.ws}/ws?listenKey={key}"):
        pass
    assert key_of(sim) != key


def test_the_account_is_told_of_every_change(sim):
    with opened(f"{sim.ws}/private/ws?listenKey={key_of(sim)}") as socket:
        placed = order(sim, type="LIMIT", price="59990.00", timeInForce="GTC", newClientOrderId="one")
        sim.ask(
            "PUT",
            "/fapi/v1/order",
            symbol="BTCUSDT",
            side="BUY",
            orderId=placed["orderId"],
            price="59991.00",
            quantity="0.020",
        )
        sim.quote("59990.80", "59990.90", ask_size="0.005", levels=1)
        sim.ask("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="one")
        heard = until(socket, lambda m: m["e"] == "ORDER_TRADE_UPDATE" and m["o"]["X"] == "CANCELED")
        updates = [m["o"] for m in heard if m["e"] == "ORDER_TRADE_UPDATE"]
        assert [(o["x"], o["X"], o["z"]) for o in updates] == [
            ("NEW", "NEW", "0.000"),
            ("AMENDMENT", "NEW", "0.000"),
            ("TRADE", "PARTIALLY_FILLED", "0.005"),
            ("CANCELED", "CANCELED", "0.005"),
        ]
        trade = updates[2]
        assert (trade["L"], trade["l"], trade["m"], trade["n"]) == ("59991.00", "0.005", True, "0.05999100")
        (account,) = [m["a"] for m in heard if m["e"] == "ACCOUNT_UPDATE"]
        assert account["B"][0]["wb"] == "9999.94000900"
        stop = {
            "symbol": "BTCUSDT",
            "algoType": "CONDITIONAL",
            "type": "STOP_MARKET",
            "side": "SELL",
            "quantity": "0.005",
        }
        sim.ask("POST", "/fapi/v1/algoOrder", **stop, triggerPrice="59900", clientAlgoId="stop")
        sim.quote("59899.90", "59900.00", last="59900.00")
        heard = until(socket, lambda m: m["e"] == "ALGO_UPDATE" and m["o"]["X"] == "FINISHED")
        assert [m["o"]["X"] for m in heard if m["e"] == "ALGO_UPDATE"] == [
            "NEW",
            "TRIGGERING",
            "TRIGGERED",
            "FINISHED",
        ]
        sim.control("/funding", symbol="BTCUSDT", rate="0.001")
        sim.ask("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=3)
        assert until(socket, lambda m: m["e"] == "ACCOUNT_CONFIG_UPDATE")[-1]["ac"] == {
            "s": "BTCUSDT",
            "l": 3,
        }


def test_private_events_are_lost_doubled_late_and_turned_round_on_request(sim):
    with opened(f"{sim.ws}/ws/{key_of(sim)}") as socket:
        sim.fault("lose", on="TRADE_LITE")
        sim.fault("duplicate", on="ACCOUNT_UPDATE")
        order(sim)
        heard = [json.loads(socket.recv(timeout=5)) for _ in range(4)]
        assert [m["e"] for m in heard] == [
            "ORDER_TRADE_UPDATE",
            "ACCOUNT_UPDATE",
            "ACCOUNT_UPDATE",
            "ORDER_TRADE_UPDATE",
        ]
        sim.fault("reorder", on="ORDER_TRADE_UPDATE")
        order(sim)
        heard = [json.loads(socket.recv(timeout=5))["e"] for _ in range(4)]
        assert heard == ["TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]


def test_streams_are_pinged_and_cut_when_they_do_not_answer(sim_with):
    sim = sim_with("--ping=0.3", "--pong-within=4")
    port = int(sim.url.rsplit(":", 1)[1])
    with (
        opened(f"{sim.ws}/ws", ping_interval=None) as socket,  # this client answers pings by itself
        plain.create_connection(("127.0.0.1", port)) as deaf,
    ):
        deaf.sendall(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        deaf.settimeout(30)
        try:
            while deaf.recv(4096):
                pass
        except ConnectionResetError:
            pass  # cut
        subscribed(socket, "btcusdt@aggTrade")


def test_a_stream_ends_after_its_life_with_a_warning(sim_with):
    sim = sim_with("--stream-life=2", "--warning=1.5")
    with opened(f"{sim.ws}/ws") as socket:
        assert until(socket, lambda m: m.get("e") == "serverShutdown")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)


def test_a_client_that_talks_too_much_is_closed(sim_with):
    sim = sim_with("--messages=5")
    with opened(f"{sim.ws}/ws") as socket:

        def talk():
            for n in range(20):
                socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": n}))
            until(socket, lambda _: False)

        with pytest.raises(ConnectionClosed):
            talk()
        assert socket.close_code == 1008


@pytest.mark.parametrize(
    "message",
    ["{", "[]", '{"method": "SHOUT", "id": 1}', '{"method": "SUBSCRIBE", "params": "x", "id": 1}', "null"],
)
def test_nonsense_on_a_stream_is_answered_with_an_error(shared, message):
    with opened(f"{shared.ws}/ws") as socket:
        socket.send(message)
        assert "error" in json.loads(socket.recv(timeout=5))


def test_streams_are_cut_and_refused_on_request(sim):
    with opened(f"{sim.ws}/ws/{key_of(sim)}") as user, opened(f"{sim.ws}/ws") as market:
        assert sim.control("/cut", which="user") == {"cut": 1}
        with pytest.raises(ConnectionClosed):
            user.recv(timeout=5)
        subscribed(market, "btcusdt@aggTrade")
    sim.control("/conditions", refuse_streams=True)
    with pytest.raises(InvalidStatus), opened(f"{sim.ws}/ws"):
        pass


# the WebSocket API


def call(sim, socket, method, **params):
    """A request signed as the WebSocket API wants it: the parameters by name."""
    fields = {**params, "apiKey": sim.key, "timestamp": int(time.time() * 1_000)}
    payload = "&".join(
        f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in sorted(fields.items())
    )
    signature = hmac.new(sim.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    socket.send(json.dumps({"id": "a", "method": method, "params": {**fields, "signature": signature}}))
    return json.loads(socket.recv(timeout=5))


def test_orders_go_over_the_websocket_api(sim):
    with opened(f"{sim.ws}/ws-fapi/v1") as socket:
        fields = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "quantity": "0.010",
            "price": "59000",
            "timeInForce": "GTC",
        }
        placed = call(sim, socket, "order.place", **fields, reduceOnly=False)
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        assert {row["rateLimitType"] for row in placed["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS"}
        number = placed["result"]["orderId"]
        changed = call(
            sim,
            socket,
            "order.modify",
            symbol="BTCUSDT",
            side="BUY",
            orderId=number,
            quantity="0.020",
            price="59001",
        )
        assert changed["result"]["price"] == "59001.00"
        assert (
            call(sim, socket, "order.cancel", symbol="BTCUSDT", orderId=number)["result"]["status"]
            == "CANCELED"
        )
        again = call(sim, socket, "order.cancel", symbol="BTCUSDT", orderId=number)
        assert (again["status"], again["error"]["code"]) == (400, -2011)
        refused = call(sim, socket, "order.place", **{**fields, "timeInForce": "GTX", "price": "60500"})
        assert refused["error"]["code"] == -5022
        assert call(sim, socket, "order.shout")["error"]["code"] == -1020
        assert call(sim, socket, "session.logon")["error"]["code"] == -4056  # Ed25519 only
        sim.fault("status", on="order.place", when="after", status=504)
        lost = call(sim, socket, "order.place", **fields, newClientOrderId="lost")
        assert (lost["status"], lost["error"]["code"]) == (504, -1007)
        assert sim.truth()["orders"][-1]["clientOrderId"] == "lost"
        socket.send("nonsense")
        assert json.loads(socket.recv(timeout=5))["status"] == 400


def test_the_simulator_stops_when_it_is_told_to(sim_with):
    sim = sim_with()
    with opened(f"{sim.ws}/ws") as socket:
        assert sim.stop() == 0
        with pytest.raises(ConnectionClosed):
            until(socket, lambda _: False)
