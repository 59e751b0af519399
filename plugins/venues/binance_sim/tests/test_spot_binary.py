"""Spot's binary answers, against bytes laid out by hand from Binance's schema 3:5.

Orders, the account and its events are judged by the engine's own decoder,
in the tests of the plugin `binance`.
"""

import json
import struct

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

BTC = {"symbol": "BTCUSDT"}
NOTHING = -(2**63)
WANTED = {"Accept": "application/sbe", "X-MBX-SBE": "3:5"}


def header(block, template):
    return struct.pack("<HHHH", block, template, 3, 5)


def text(value):
    return struct.pack("<B", len(value)) + value.encode()


def price(number):
    """With eight decimals."""
    return struct.pack("<q", round(float(number) * 100_000_000))


def error(code, told):
    block = struct.pack("<hqq", code, NOTHING, NOTHING)
    return header(18, 100) + block + struct.pack("<H", len(told)) + told.encode() + struct.pack("<I", 0)


def test_a_price_in_binary(shared_spot):
    status, body, headers = shared_spot.raw("/api/v3/ticker/price?symbol=BTCUSDT", WANTED)
    assert (status, headers["Content-Type"]) == (200, "application/sbe")
    assert body == header(9, 209) + struct.pack("<b", -8) + price("60000.00") + text("BTCUSDT")


def test_the_book_in_binary(shared_spot):
    body = shared_spot.raw("/api/v3/depth?symbol=BTCUSDT&limit=2", WANTED)[1]
    update = shared_spot.public("/api/v3/depth", **BTC)["lastUpdateId"]
    rows = struct.pack("<HI", 16, 2)
    bids = price("60000.00") + price("10") + price("59999.99") + price("10")
    asks = price("60000.10") + price("10") + price("60000.11") + price("10")
    assert body == header(10, 200) + struct.pack("<qbb", update, -8, -8) + rows + bids + rows + asks


def test_a_refusal_in_binary(shared_spot):
    status, body, _ = shared_spot.raw("/api/v3/ticker/price?symbol=NONE", WANTED)
    assert (status, body) == (400, error(-1121, "Invalid symbol."))


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        (
            {"Accept": "application/sbe"},
            400,
            error(-1152, "Invalid `X-MBX-SBE` header; expected `<SCHEMA_ID>:<VERSION>`."),
        ),
        (
            {**WANTED, "X-MBX-SBE": "three"},
            400,
            error(-1152, "Invalid `X-MBX-SBE` header; expected `<SCHEMA_ID>:<VERSION>`."),
        ),
        (
            {**WANTED, "X-MBX-SBE": "2:1"},
            400,
            error(-1153, "Unsupported SBE schema ID or version specified in the `X-MBX-SBE` header."),
        ),
        ({"Accept": "application/sbe, application/json"}, 200, b"{}"),
        ({"Accept": "application/json", "X-MBX-SBE": "3:5"}, 200, b"{}"),
        ({**WANTED, "X-MBX-SBE": "3:1"}, 200, header(0, 101)),
    ],
)
def test_binary_is_what_is_asked_for_in_a_schema_that_is_known(shared_spot, headers, status, body):
    assert shared_spot.raw("/api/v3/ping", headers)[:2] == (status, body)


def test_the_websocket_api_in_binary(shared_spot):
    query = "?responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=5&returnRateLimits=false"
    with connect(f"{shared_spot.ws}/ws-api/v3{query}") as socket:

        def ask(number, method, **params):
            socket.send(json.dumps({"id": number, "method": method, "params": params}))
            return socket.recv(timeout=10)

        def reply(status, number, result):
            none = struct.pack("<HH", 19, 0)  # no limits
            head = header(3, 50) + struct.pack("<BH", 0, status) + none
            return head + text(number) + struct.pack("<I", len(result)) + result

        last = header(9, 209) + struct.pack("<b", -8) + price("60000.00") + text("BTCUSDT")
        assert ask(7, "ticker.price", **BTC) == reply(200, "7", last)
        assert ask("a", "order.steal") == reply(400, "a", error(-1020, "This operation is not supported."))


@pytest.mark.parametrize(
    "query", ["responseFormat=sbe", "responseFormat=sbe&sbeSchemaId=9&sbeSchemaVersion=0"]
)
def test_a_websocket_in_a_schema_that_is_none_is_refused(shared_spot, query):
    with pytest.raises(InvalidStatus, match="400"), connect(f"{shared_spot.ws}/ws-api/v3?{query}"):
        pass
