"""`python-binance` on the simulator: futures, then spot."""

import asyncio
from decimal import Decimal

import pytest
from binance import AsyncClient, BinanceSocketManager
from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance.ws.constants import WSListenerState


async def closed(stream):
    """Close one of the client's WebSockets without the ten seconds it waits for one more message."""
    stream.ws_state = WSListenerState.EXITING
    if stream.ws is not None:
        await stream.ws.close()
    await stream.close()


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
                await closed(stream)
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


@pytest.fixture
def spot_client(spot):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    made = Client(spot.key, spot.secret, ping=False)
    made.API_URL = f"{spot.url}/api"
    made.ws_api._url = f"{spot.ws}/ws-api/v3"
    yield made
    loop.run_until_complete(closed(made.ws_api))
    made.close_connection()
    asyncio.set_event_loop(None)
    loop.close()


def test_python_binance_lives_through_a_spot_order(spot_client, spot):
    client = spot_client
    order = client.order_limit_sell(symbol="BTCUSDT", quantity="0.02000", price="60050.50")
    assert order["status"] == "NEW"
    assert client.get_asset_balance("BTC") == {"asset": "BTC", "free": "0.98000000", "locked": "0.02000000"}
    spot.quote("60050.50", "60050.60", bid_size="0.015", levels=1)
    (part,) = client.get_open_orders(symbol="BTCUSDT")
    assert (part["status"], part["executedQty"]) == ("PARTIALLY_FILLED", "0.01500000")
    spot.quote("60050.50", "60050.60")
    filled = client.get_order(symbol="BTCUSDT", orderId=order["orderId"])
    assert (filled["status"], filled["cummulativeQuoteQty"]) == ("FILLED", "1201.01000000")
    # a tenth of a percent of 900.7575 and of 300.2525
    assert [t["commission"] for t in client.get_my_trades(symbol="BTCUSDT")] == ["0.90075750", "0.30025250"]
    assert client.get_asset_balance("USDT")["free"] == "11199.80899000"  # 10000 + 1201.01 - 1.20101


def test_python_binance_buys_for_an_amount_of_the_quote(spot_client, spot):
    spot.quote("60000.00", "60000.10", ask_size="0.001", levels=3)
    order = spot_client.order_market_buy(symbol="BTCUSDT", quoteOrderQty="100")
    # 0.001 at 60000.1 is 60.0001; of the 39.9999 left, 0.00066 at 60000.11 is 39.6000726
    assert [(f["price"], f["qty"]) for f in order["fills"]] == [
        ("60000.10000000", "0.00100000"),
        ("60000.11000000", "0.00066000"),
    ]
    assert (order["status"], order["cummulativeQuoteQty"]) == ("FILLED", "99.60017260")
    assert [f["commission"] for f in order["fills"]] == ["0.00000100", "0.00000066"]
    assert spot_client.get_asset_balance("USDT") == {
        "asset": "USDT",
        "free": "9900.39982740",
        "locked": "0.00000000",
    }
    assert spot_client.get_asset_balance("BTC")["free"] == "1.00165834"


def test_python_binance_places_an_oco_whose_stop_cancels_the_profit(spot_client, spot):
    client = spot_client
    made = client.order_oco_sell(
        symbol="BTCUSDT",
        quantity="0.01",
        aboveType="LIMIT_MAKER",
        abovePrice="61000",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice="59500",
        belowPrice="59400",
        belowTimeInForce="GTC",
    )
    stop, profit = made["orderReports"]
    assert (stop["type"], profit["type"]) == ("STOP_LOSS_LIMIT", "LIMIT_MAKER")
    assert client.get_asset_balance("BTC")["locked"] == "0.01000000"  # once for both
    spot.quote("59500.00", "59500.10", last="59500.00")
    orders = {o["type"]: o for o in client.get_all_orders(symbol="BTCUSDT")}
    assert (orders["STOP_LOSS_LIMIT"]["status"], orders["LIMIT_MAKER"]["status"]) == ("FILLED", "EXPIRED")
    assert orders["STOP_LOSS_LIMIT"]["cummulativeQuoteQty"] == "595.00000000"
    assert client.get_asset_balance("BTC") == {"asset": "BTC", "free": "0.99000000", "locked": "0.00000000"}


def test_python_binance_sees_the_codes_of_spot(spot_client):
    cases = [
        ({"quantity": "0.000001", "price": "59000"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.010", "price": "59000.005"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.00001", "price": "59000"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "0.010", "price": "400000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (
            {"quantity": "0.0100000001", "price": "59000"},
            -1111,
            "Parameter 'quantity' has too much precision.",
        ),
        (
            {"quantity": "1", "price": "59000"},
            -2010,
            "Account has insufficient balance for requested action.",
        ),
    ]
    for fields, code, text in cases:
        with pytest.raises(BinanceAPIException) as caught:
            spot_client.order_limit_buy(symbol="BTCUSDT", **fields)
        assert (caught.value.code, caught.value.message) == (code, text), fields
        assert caught.value.status_code == 400


def test_python_binance_trades_over_the_websocket_api(spot_client, spot):
    client = spot_client
    placed = client.ws_create_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price="59000"
    )
    assert client.ws_get_open_orders(symbol="BTCUSDT")[0]["orderId"] == placed["orderId"]
    cancelled = client.ws_cancel_order(symbol="BTCUSDT", orderId=placed["orderId"])
    assert cancelled["status"] == "CANCELED"
    free = {row["asset"]: row["free"] for row in client.ws_get_account()["balances"]}
    assert free == {"USDT": "10000.00000000", "BTC": "1.00000000", "ETH": "0.00000000"}
    assert spot.truth()["requests"]["order.place"] == 1


def test_python_binance_hears_its_spot_orders(spot):
    async def listen():
        client = AsyncClient(spot.key, spot.secret)
        client.API_URL = f"{spot.url}/api"
        client.ws_api._url = f"{spot.ws}/ws-api/v3"
        heard = []
        try:
            async with BinanceSocketManager(client).user_socket() as stream:
                await asyncio.to_thread(spot.wait, lambda truth: truth["users"])
                await client.order_market_buy(symbol="BTCUSDT", quantity="0.01", newClientOrderId="mine")
                while len(heard) < 3:
                    heard.append(await asyncio.wait_for(stream.recv(), 10))
        finally:
            await closed(client.ws_api)
            await client.close_connection()
        return heard

    heard = [message.get("event", message) for message in asyncio.run(listen())]
    assert [m["e"] for m in heard] == ["executionReport", "executionReport", "outboundAccountPosition"]
    assert [m["X"] for m in heard[:2]] == ["NEW", "FILLED"]
    assert (heard[1]["c"], heard[1]["n"], heard[1]["N"]) == ("mine", "0.00001000", "BTC")
    told = {row["a"]: (row["f"], row["l"]) for row in heard[2]["B"]}
    assert told == {"USDT": ("9399.99900000", "0.00000000"), "BTC": ("1.00999000", "0.00000000")}
