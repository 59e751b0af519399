"""`python-binance` on the simulator."""

import asyncio
from decimal import Decimal

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.client import Client
from binance.exceptions import BinanceAPIException


@pytest.fixture
def client(sim):
    loop = asyncio.new_event_loop()  # the client asks for one that is current
    asyncio.set_event_loop(loop)
    made = Client(sim.key, sim.secret, ping=False)
    made.FUTURES_URL = f"{sim.url}/fapi"
    yield made
    made.close_connection()
    asyncio.set_event_loop(None)
    loop.close()


def test_python_binance_lives_through_an_order(client, sim):
    client.futures_change_leverage(symbol="BTCUSDT", leverage=10)
    order = client.futures_create_order(
        symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.020", price="60050.50"
    )
    assert order["status"] == "NEW"
    assert client.futures_get_order(symbol="BTCUSDT", orderId=order["orderId"])["origQty"] == "0.020"
    sim.quote("60050.50", "60050.60", bid_size="0.015", levels=1)
    assert client.futures_get_open_orders(symbol="BTCUSDT")[0]["executedQty"] == "0.015"
    sim.quote("60050.50", "60050.60")
    filled = client.futures_get_order(symbol="BTCUSDT", orderId=order["orderId"])
    assert (filled["status"], filled["avgPrice"], filled["cumQuote"]) == (
        "FILLED",
        "60050.50000",
        "1201.01000",
    )

    # maker fees: 0.02 % of 0.015 and 0.005 of it
    fees = [Decimal("0.015"), Decimal("0.005")]
    fees = [f"{q * Decimal('60050.5') * Decimal('0.0002'):.8f}" for q in fees]
    assert [t["commission"] for t in client.futures_account_trades(symbol="BTCUSDT")] == fees
    assert [t["maker"] for t in client.futures_account_trades(symbol="BTCUSDT")] == [True, True]
    (balance,) = client.futures_account_balance()
    assert Decimal(balance["balance"]) == Decimal(10_000) - sum(map(Decimal, fees))
    (risk,) = client.futures_position_information(symbol="BTCUSDT")
    assert (risk["positionAmt"], Decimal(risk["entryPrice"])) == ("-0.020", Decimal("60050.50"))
    assert Decimal(risk["unRealizedProfit"]) == Decimal("-0.001")  # the middle is half a tick above


def test_python_binance_sees_the_codes(client):
    cases = [
        ({"quantity": "0.0001", "price": "59000"}, -1111),
        ({"quantity": "0.010", "price": "59000.05"}, -4014),
        ({"quantity": "0.001", "price": "59000"}, -4164),
        ({"quantity": "0.010", "price": "100"}, -4013),
        ({"quantity": "0.010", "price": "70000"}, -4016),
        ({"quantity": "2000", "price": "59000"}, -4005),
    ]
    for fields, code in cases:
        with pytest.raises(BinanceAPIException) as caught:
            client.futures_create_order(
                symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", **fields
            )
        assert caught.value.code == code, fields
        assert caught.value.status_code == 400


def test_python_binance_places_and_cancels_a_trailing_stop(client, sim):
    client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    stop = client.futures_create_order(
        symbol="BTCUSDT",
        side="SELL",
        type="TRAILING_STOP_MARKET",
        quantity="0.01",
        callbackRate="1.0",
        reduceOnly="true",
    )
    (waiting,) = client.futures_get_open_orders(symbol="BTCUSDT", conditional=True)
    assert waiting["algoId"] == stop["algoId"]
    assert client.futures_cancel_algo_order(algoId=stop["algoId"])["msg"] == "success"
    assert sim.truth()["algos"][0]["algoStatus"] == "CANCELED"


def test_python_binance_hears_its_orders_on_the_user_stream(sim):
    async def listen():
        client = AsyncClient(sim.key, sim.secret)
        client.FUTURES_URL = f"{sim.url}/fapi"
        manager = BinanceSocketManager(client)
        heard = []
        try:
            key = (await client._request_futures_api("post", "listenKey"))["listenKey"]
            async with manager._get_socket(key, stream_url=f"{sim.ws}/", prefix="ws/") as stream:
                await client.futures_create_order(
                    symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01", newClientOrderId="mine"
                )
                while len(heard) < 4:
                    heard.append(await asyncio.wait_for(stream.recv(), 10))
        finally:
            await client.close_connection()
        return heard

    heard = asyncio.run(listen())
    assert [m["e"] for m in heard] == [
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ACCOUNT_UPDATE",
        "ORDER_TRADE_UPDATE",
    ]
    assert [m["o"]["X"] for m in (heard[0], heard[3])] == ["NEW", "FILLED"]
    assert heard[3]["o"]["c"] == "mine"
    assert heard[2]["a"]["P"][0]["pa"] == "0.010"
