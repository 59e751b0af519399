"""Spot's market streams and WebSocket API, heard with a client that shares no code with the simulator."""

import base64
import hashlib
import hmac
import json
import socket
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ORDER = "/api/v3/order"
BTC = {"symbol": "BTCUSDT"}


class Api:
    """The WebSocket API: answers by request, events apart."""

    def __init__(self, sim, query=""):
        self.sim = sim
        self.events = []
        self.number = 0
        self._connecting = connect(f"{sim.ws}/ws-api/v3{query}", max_size=2**22)

    def __enter__(self):
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, *error):
        self._connecting.__exit__(*error)

    def ask(self, method, **params):
        """The answer to a request."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = self.recv()
            if message.get("id") == self.number:
                return message
            self.events.append(message)

    def recv(self):
        return json.loads(self.socket.recv(timeout=10))

    def heard(self, count):
        """The first events, waited for."""
        while len(self.events) < count:
            self.events.append(self.recv())
        return [message["event"] for message in self.events[:count]]

    def hmac(self, **params):
        """Parameters signed with the simulator's HMAC key."""
        return self.signed(
            self.sim.key,
            params,
            lambda text: hmac.new(self.sim.secret.encode(), text, hashlib.sha256).hexdigest(),
        )

    @staticmethod
    def signed(name, params, sign):
        full = {**params, "apiKey": name, "timestamp": int(time.time() * 1_000)}
        payload = "&".join(f"{key}={full[key]}" for key in sorted(full))
        return {**full, "signature": sign(payload.encode())}


def market(sim, side="BUY", quantity="0.01", **more):
    return sim.ask("POST", ORDER, **BTC, side=side, type="MARKET", quantity=quantity, **more)


@pytest.fixture
def keyed(sim_with, tmp_path):
    """Spot with an Ed25519 key called `mine`, and what signs with it."""
    private = ed25519.Ed25519PrivateKey.generate()
    public = tmp_path / "public.pem"
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    sim = sim_with("--product=spot", f"--public-key=mine={public}", "--balance=10000 USDT", "--balance=1 BTC")
    sim.quote("60000.00", "60000.10", last="60000.00")
    return sim, lambda text: base64.b64encode(private.sign(text)).decode()


def test_the_spot_market_is_heard_in_spots_own_words(spot):
    streams = [
        "btcusdt@bookTicker",
        "btcusdt@depth5",
        "btcusdt@depth@100ms",
        "btcusdt@trade",
        "btcusdt@aggTrade",
        "btcusdt@kline_1d",
    ]
    with connect(f"{spot.ws}/stream?streams={'/'.join(streams)}") as stream:
        spot.wait(lambda truth: truth["streams"] == 1)
        spot.quote("60001.00", "60001.10", bid_size="3", last="60001.10", last_size="0.5")
        heard = {}
        while len(heard) < len(streams):
            message = json.loads(stream.recv(timeout=10))
            heard[message["stream"]] = message["data"]
    best = heard["btcusdt@bookTicker"]
    assert (best["b"], best["B"], "e" in best) == ("60001.00000000", "3.00000000", False)
    assert heard["btcusdt@depth5"]["bids"][0] == ["60001.00000000", "3.00000000"]
    assert sorted(heard["btcusdt@depth5"]) == ["asks", "bids", "lastUpdateId"]
    assert heard["btcusdt@depth@100ms"]["b"][0][1] == "0.00000000"  # 60000.00 is gone
    assert (heard["btcusdt@trade"]["p"], heard["btcusdt@trade"]["q"]) == ("60001.10000000", "0.50000000")
    assert heard["btcusdt@aggTrade"]["m"] is False
    kline = heard["btcusdt@kline_1d"]["k"]
    assert (kline["o"], kline["c"], kline["v"]) == ("60000.00000000", "60001.10000000", "1.50000000")


def test_differences_of_a_spot_book_follow_each_other_and_lead_to_the_snapshot(sim_with):
    sim = sim_with("--product=spot", "--walk=5")
    with connect(f"{sim.ws}/ws/btcusdt@depth") as stream:
        sim.wait(lambda truth: truth["streams"] == 1)
        sim.control("/market", do="step", count=60)
        rows = [json.loads(stream.recv(timeout=10)) for _ in range(20)]  # every third is of BTCUSDT
    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(rows))
    book = {"b": {}, "a": {}}
    for row in rows:
        for side in "ba":
            for price, size in row[side]:
                book[side][price] = size
                if not float(size):
                    del book[side][price]
    snapshot = sim.public("/api/v3/depth", **BTC)
    assert snapshot["lastUpdateId"] == rows[-1]["u"]
    assert sorted(book["a"].items()) == sorted(map(tuple, snapshot["asks"]))
    assert sorted(book["b"].items()) == sorted(map(tuple, snapshot["bids"]))


def test_events_of_an_order_come_to_whoever_signed_for_them(spot):
    with Api(spot) as api:
        assert api.ask("userDataStream.subscribe.signature", **api.hmac())["result"] == {"subscriptionId": 0}
        assert api.ask("session.subscriptions")["result"] == [{"subscriptionId": 0}]
        assert api.ask("session.status")["result"]["userDataStream"] is True
        again = api.ask("userDataStream.subscribe.signature", **api.hmac())
        assert (again["status"], again["error"]["code"]) == (400, -2035)

        order = api.ask(
            "order.place",
            **api.hmac(**BTC, side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.5", price="61000"),
        )
        new, position = api.heard(2)
        assert (new["x"], new["X"], new["w"], new["i"]) == ("NEW", "NEW", True, order["result"]["orderId"])
        assert position["e"] == "outboundAccountPosition"
        assert position["B"] == [{"a": "BTC", "f": "0.50000000", "l": "0.50000000"}]

        spot.quote("61000.00", "61000.10", bid_size="0.2", levels=1)
        trade, position = api.heard(4)[2:]
        assert (trade["x"], trade["X"], trade["l"], trade["L"], trade["m"]) == (
            "TRADE",
            "PARTIALLY_FILLED",
            "0.20000000",
            "61000.00000000",
            True,
        )
        assert (trade["n"], trade["N"], trade["Y"]) == ("12.20000000", "USDT", "12200.00000000")
        told = {row["a"]: (row["f"], row["l"]) for row in position["B"]}
        assert told == {"BTC": ("0.50000000", "0.30000000"), "USDT": ("22187.80000000", "0.00000000")}

        api.ask("order.cancel", **api.hmac(**BTC, orderId=new["i"], newClientOrderId="bye"))
        ended = api.heard(5)[4]
        assert (ended["x"], ended["c"], ended["C"]) == ("CANCELED", "bye", new["c"])


def test_a_stop_and_an_oco_tell_their_story(spot):
    with Api(spot) as api:
        api.ask("userDataStream.subscribe.signature", **api.hmac())
        api.ask(
            "orderList.place.oco",
            **api.hmac(
                **BTC,
                side="SELL",
                quantity="0.01",
                aboveType="LIMIT_MAKER",
                abovePrice="61000",
                belowType="STOP_LOSS",
                belowStopPrice="59500",
                listClientOrderId="pair",
            ),
        )
        spot.quote("59500.00", "59500.10", last="59500.00")
        events = api.heard(9)
    told = [(e["e"], e.get("o"), e.get("x") or e.get("l"), e.get("eR")) for e in events]
    assert told == [
        ("executionReport", "STOP_LOSS", "NEW", None),
        ("executionReport", "LIMIT_MAKER", "NEW", None),
        ("listStatus", None, "EXEC_STARTED", None),
        ("outboundAccountPosition", None, None, None),
        ("executionReport", "LIMIT_MAKER", "EXPIRED", "OCO_TRIGGER"),
        ("executionReport", "STOP_LOSS", "NEW", None),
        ("executionReport", "STOP_LOSS", "TRADE", None),
        ("listStatus", None, "ALL_DONE", None),
        ("outboundAccountPosition", None, None, None),
    ]
    assert [e["w"] for e in events[:2]] == [False, True]  # the stop is not on the book before its price
    assert (events[2]["C"], len(events[2]["O"])) == ("pair", 2)


def test_an_ed25519_key_logs_on_once_for_all(keyed):
    sim, sign = keyed
    with Api(sim) as api:
        assert api.ask("userDataStream.subscribe")["error"]["code"] == -2015
        refused = api.ask("session.logon", **api.hmac())
        assert (refused["status"], refused["error"]["code"]) == (400, -4056)
        assert api.ask("session.logon", **api.signed("mine", {}, sign))["result"]["apiKey"] == "mine"
        assert api.ask("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
        order = {**BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        assert api.ask("order.place", **order)["error"]["code"] == -1102  # a timestamp is still needed
        placed = api.ask("order.place", **order, timestamp=int(time.time() * 1_000))
        assert placed["result"]["status"] == "FILLED"
        assert [e["e"] for e in api.heard(3)] == [
            "executionReport",
            "executionReport",
            "outboundAccountPosition",
        ]
        assert api.ask("session.logout")["result"]["userDataStream"] is False
        assert api.heard(4)[3]["e"] == "eventStreamTerminated"
        assert api.ask("account.status", timestamp=int(time.time() * 1_000))["error"]["code"] == -2014


def test_a_subscription_ends_when_it_is_asked_to_and_on_request(spot):
    with Api(spot) as api:
        assert api.ask("userDataStream.unsubscribe")["error"]["code"] == -2036
        api.ask("userDataStream.subscribe.signature", **api.hmac())
        assert api.ask("userDataStream.unsubscribe", subscriptionId=0)["result"] == {}
        number = api.ask("userDataStream.subscribe.signature", **api.hmac())["result"]["subscriptionId"]
        assert number == 1
        spot.control("/expire")
        assert [e["e"] for e in api.heard(2)] == ["eventStreamTerminated"] * 2
        market(spot)
        assert api.ask("ping")["result"] == {}
        assert len(api.events) == 2


@pytest.mark.parametrize(
    ("kind", "seen"),
    [("lose", ["FILLED"]), ("duplicate", ["NEW", "NEW", "FILLED"]), ("reorder", ["FILLED", "NEW"])],
)
def test_events_are_lost_doubled_and_reordered_on_request(shared_spot, kind, seen):
    with Api(shared_spot) as api:
        api.ask("userDataStream.subscribe.signature", **api.hmac())
        shared_spot.fault(kind, on="executionReport")
        market(shared_spot, quantity="0.0001")
        events = api.heard(len(seen) + 1)
    assert [event.get("X") for event in events] == [*seen, None]


def test_connections_are_cut_on_request(spot):
    with Api(spot) as listens, Api(spot) as trades, connect(f"{spot.ws}/ws/btcusdt@trade") as stream:
        listens.ask("userDataStream.subscribe.signature", **listens.hmac())
        spot.wait(lambda truth: (truth["streams"], truth["sockets"], truth["users"]) == (1, 2, 1))
        assert spot.control("/cut", which="user") == {"cut": 1}
        with pytest.raises(ConnectionClosed):
            listens.recv()
        assert trades.ask("ping")["status"] == 200
        assert spot.control("/cut", which="day") == {"cut": 2}
        assert trades.recv()["event"]["e"] == "serverShutdown"
        assert json.loads(stream.recv(timeout=10))["e"] == "serverShutdown"
        with pytest.raises(ConnectionClosed):
            trades.recv()


def test_a_silent_listener_to_the_websocket_api_is_cut(sim_with):
    sim = sim_with("--product=spot", "--ping=0.05", "--pong-within=2")
    host, port = sim.url.removeprefix("http://").split(":")
    key = base64.b64encode(bytes(16)).decode()
    head = ["GET /ws-api/v3 HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    asked = [*head, f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    with socket.create_connection((host, int(port)), timeout=20) as silent:
        silent.sendall("\r\n".join(asked).encode())
        said = b""
        with suppress(ConnectionResetError):
            while part := silent.recv(4_096):
                said += part
    assert said.startswith(b"HTTP/1.1 101")
    assert b"\x89" in said  # it was pinged


def test_more_messages_than_five_in_a_second_end_a_stream(spot):
    asked = json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1})
    with connect(f"{spot.ws}/ws") as stream:
        for _ in range(5):
            stream.send(asked)
        assert [json.loads(stream.recv(timeout=10))["result"] for _ in range(5)] == [[]] * 5
        with suppress(ConnectionClosed):
            for _ in range(50):
                stream.send(asked)
        spot.wait(lambda truth: not truth["streams"])


def test_limits_are_told_unless_they_are_not_wanted(spot):
    with Api(spot) as api:
        told = {row["rateLimitType"] + row["interval"]: row for row in api.ask("time")["rateLimits"]}
        assert (told["REQUEST_WEIGHTMINUTE"]["limit"], told["ORDERSSECOND"]["limit"]) == (6_000, 100)
    with Api(spot, "?returnRateLimits=false") as api:
        assert sorted(api.ask("time")) == ["id", "result", "status"]


def test_streams_and_events_tell_microseconds_when_they_are_asked_to(spot):
    with (
        Api(spot, "?timeUnit=MICROSECOND") as api,
        connect(f"{spot.ws}/stream?streams=btcusdt@kline_1m&timeUnit=microsecond") as stream,
    ):
        api.ask("userDataStream.subscribe.signature", **api.hmac())
        spot.wait(lambda truth: truth["streams"] == 1)
        spot.quote("60000.00", "60000.10", last="60000.10")
        sent = market(spot)
        told = json.loads(stream.recv(timeout=10))["data"]
        new, trade, position = api.heard(3)
    opened = told["k"]["t"]
    assert opened % 60_000_000 == 0
    assert told["k"]["T"] == opened + 59_999_000
    assert trade["T"] == sent["transactTime"] * 1_000
    assert 0 <= trade["T"] - new["O"] < 10_000_000
    assert (trade["t"], trade["i"]) == (sent["fills"][0]["tradeId"], sent["orderId"])
    assert position["u"] == position["E"] > 10**15


def test_the_methods_of_the_websocket_api_answer_as_rest_does(spot):
    sent = market(spot)
    with Api(spot) as api:

        def same(method, path, **params):
            return api.ask(method, **api.hmac(**params))["result"] == spot.ask("GET", path, **params)

        assert same("order.status", ORDER, **BTC, orderId=sent["orderId"])
        assert same("allOrders", "/api/v3/allOrders", **BTC)
        assert same("myTrades", "/api/v3/myTrades", **BTC)
        assert same("openOrders.status", "/api/v3/openOrders")
        assert same("account.commission", "/api/v3/account/commission", **BTC)
        assert api.ask("depth", **BTC)["result"] == spot.public("/api/v3/depth", **BTC)
        assert api.ask("ticker.book", **BTC)["result"] == spot.public("/api/v3/ticker/bookTicker", **BTC)
        refused = api.ask("order.place", **api.hmac(**BTC, side="BUY", type="MARKET", quantity="0.2"))
        assert (refused["status"], refused["error"]["code"]) == (400, -2010)
        assert api.ask("order.steal")["error"]["code"] == -1020
        api.socket.send("{")
        assert api.recv()["error"]["code"] == -1135
