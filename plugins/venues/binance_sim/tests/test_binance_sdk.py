"""Binance's own SDKs on the simulator, with each kind of key: futures, then spot."""

import asyncio
from decimal import Decimal

import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures,
)
from binance_sdk_spot.spot import Spot
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


def client_of(sim, **credentials):
    configuration = ConfigurationRestAPI(base_path=sim.url, timeout=10_000, retries=0, **credentials)
    return DerivativesTradingUsdsFutures(config_rest_api=configuration).rest_api


def files_of(private, folder):
    """The private key as a client has it, and the public one as the exchange has it."""
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = folder / "public.pem"
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return pem.decode(), public


def lifecycle(rest, sim):
    symbols = rest.exchange_information().data().symbols
    assert [s.symbol for s in symbols] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    placed = rest.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=59999.9
    ).data()
    assert (placed.status, placed.orig_qty, placed.price) == ("NEW", "0.010", "59999.90")
    changed = rest.modify_order(
        symbol="BTCUSDT", side="BUY", quantity=0.02, price=59999.8, order_id=placed.order_id
    ).data()
    assert (changed.orig_qty, changed.price) == ("0.020", "59999.80")
    assert [o.order_id for o in rest.current_all_open_orders(symbol="BTCUSDT").data()] == [placed.order_id]
    sim.quote("59999.70", "59999.80")
    filled = rest.query_order(symbol="BTCUSDT", order_id=placed.order_id).data()
    assert (filled.status, filled.executed_qty, filled.cum_quote) == ("FILLED", "0.020", "1199.99600")
    (trade,) = rest.account_trade_list(symbol="BTCUSDT").data()
    assert trade.commission == "0.23999920"
    (balance,) = rest.futures_account_balance_v3().data()
    assert Decimal(balance.balance) == Decimal(10000) - Decimal("0.23999920")
    (held,) = rest.position_information_v3(symbol="BTCUSDT").data()
    assert held.position_amt == "0.020"
    with pytest.raises(BadRequestError, match=r"Unknown order sent"):
        rest.cancel_order(symbol="BTCUSDT", order_id=placed.order_id)


def test_binance_sdk_lives_through_an_order_with_an_hmac_key(sim):
    lifecycle(client_of(sim, api_key=sim.key, api_secret=sim.secret), sim)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_binance_sdk_lives_through_an_order_with_a_private_key(kind, sim_with, tmp_path):
    private = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )
    pem, public = files_of(private, tmp_path)
    sim = sim_with(f"--public-key=mine={public}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    lifecycle(client_of(sim, api_key="mine", private_key=pem), sim)

    stranger, _ = files_of(ed25519.Ed25519PrivateKey.generate(), tmp_path)
    with pytest.raises(BadRequestError, match="Signature for this request is not valid"):
        client_of(sim, api_key="mine", private_key=stranger).futures_account_balance_v3()


def spot_rest(sim, **credentials):
    return Spot(
        config_rest_api=ConfigurationRestAPI(base_path=sim.url, timeout=10_000, retries=0, **credentials)
    ).rest_api


def spot_lifecycle(rest, sim):
    symbols = rest.exchange_info().data().symbols
    assert [s.symbol for s in symbols] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    placed = rest.new_order(
        symbol="BTCUSDT", side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=59999.9
    ).data()
    assert (placed.status, placed.orig_qty, placed.price) == ("NEW", "0.01000000", "59999.90000000")
    replaced = rest.order_cancel_replace(
        symbol="BTCUSDT",
        side="BUY",
        type="LIMIT",
        cancel_replace_mode="STOP_ON_FAILURE",
        time_in_force="GTC",
        quantity=0.02,
        price=59999.8,
        cancel_order_id=placed.order_id,
    ).data()
    assert (replaced.cancel_result, replaced.new_order_result) == ("SUCCESS", "SUCCESS")
    assert replaced.cancel_response.status == "CANCELED"
    order_id = replaced.new_order_response.order_id
    assert [o.order_id for o in rest.get_open_orders(symbol="BTCUSDT").data()] == [order_id]
    balances = {b.asset: (b.free, b.locked) for b in rest.get_account().data().balances}
    assert balances["USDT"] == ("8800.00400000", "1199.99600000")  # 0.02 x 59999.8
    sim.quote("59999.70", "59999.80")
    filled = rest.get_order(symbol="BTCUSDT", order_id=order_id).data()
    assert (filled.status, filled.executed_qty, filled.cummulative_quote_qty) == (
        "FILLED",
        "0.02000000",
        "1199.99600000",
    )
    (trade,) = rest.my_trades(symbol="BTCUSDT").data()
    assert (trade.commission, trade.commission_asset, trade.is_maker) == ("0.00002000", "BTC", True)
    balances = {b.asset: (b.free, b.locked) for b in rest.get_account().data().balances}
    assert balances["USDT"] == ("8800.00400000", "0.00000000")
    assert balances["BTC"] == ("1.01998000", "0.00000000")
    with pytest.raises(BadRequestError, match=r"Unknown order sent"):
        rest.delete_order(symbol="BTCUSDT", order_id=order_id)


def test_binance_sdk_lives_through_a_spot_order_with_an_hmac_key(spot):
    spot_lifecycle(spot_rest(spot, api_key=spot.key, api_secret=spot.secret), spot)


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_binance_sdk_lives_through_a_spot_order_with_a_private_key(kind, sim_with, tmp_path):
    private = (
        ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    )
    pem, public = files_of(private, tmp_path)
    sim = sim_with("--product=spot", "--balance=10000 USDT", "--balance=1 BTC", f"--public-key=mine={public}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    spot_lifecycle(spot_rest(sim, api_key="mine", private_key=pem), sim)


def test_binance_sdk_places_an_oco_and_cancels_it(spot):
    rest = spot_rest(spot, api_key=spot.key, api_secret=spot.secret)
    made = rest.order_list_oco(
        symbol="BTCUSDT",
        side="BUY",
        quantity=0.01,
        above_type="STOP_LOSS",
        above_stop_price=60500,
        below_type="LIMIT_MAKER",
        below_price=59000,
    ).data()
    assert (made.contingency_type, made.list_order_status) == ("OCO", "EXECUTING")
    locked = {b.asset: b.locked for b in rest.get_account().data().balances}
    assert locked["USDT"] == "605.00000000"  # the dearer of the two
    done = rest.delete_order_list(symbol="BTCUSDT", order_list_id=made.order_list_id).data()
    assert done.list_status_type == "ALL_DONE"
    assert {report.status for report in done.order_reports} == {"CANCELED"}
    assert spot.owned()["USDT"] == ("10000.00000000", "0.00000000")


@pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning")  # its own business
def test_binance_sdk_logs_on_once_and_hears_its_orders(sim_with, tmp_path):
    pem, public = files_of(ed25519.Ed25519PrivateKey.generate(), tmp_path)
    sim = sim_with("--product=spot", f"--public-key=mine={public}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    heard, three = [], asyncio.Event()

    def hear(message):
        heard.append(message)
        if len(heard) == 3:
            three.set()

    async def trade():
        configuration = ConfigurationWebSocketAPI(
            api_key="mine", private_key=pem, stream_url=f"{sim.ws}/ws-api/v3"
        )
        client = Spot(config_ws_api=configuration)
        connection = await client.websocket_api.create_connection()
        try:
            logon = (await connection.session_logon()).data().result
            subscribed = await connection.user_data_stream_subscribe()
            subscribed.stream.on("message", hear)
            placed = await connection.order_place(
                symbol="BTCUSDT", side="BUY", type="MARKET", quote_order_qty=600
            )
            await three.wait()
            return logon, placed.data().result
        finally:
            await connection.close_connection(close_session=True)

    logon, placed = asyncio.run(asyncio.wait_for(trade(), 30))
    assert logon.api_key == "mine"
    # 600 buys 0.00999 in steps of 0.00001 at 60000.1: 599.400999
    assert (placed.status, placed.executed_qty, placed.cummulative_quote_qty) == (
        "FILLED",
        "0.00999000",
        "599.40099900",
    )
    assert [type(message.actual_instance).__name__ for message in heard] == [
        "ExecutionReport",
        "ExecutionReport",
        "OutboundAccountPosition",
    ]
    assert heard[1].actual_instance.n == "0.00000999"


@pytest.mark.filterwarnings("ignore:parameter 'timeout':DeprecationWarning")  # its own business
def test_binance_sdk_hears_the_spot_market(spot):
    heard = []

    async def listen():
        client = Spot(config_ws_streams=ConfigurationWebSocketStreams(stream_url=spot.ws))
        connection = await client.websocket_streams.create_connection()
        try:
            trades = await connection.trade(symbol="btcusdt")
            trades.on("message", heard.append)
            while not heard:
                spot.quote("60001.00", "60001.10", last="60001.10", last_size="0.5")
                await asyncio.sleep(0.05)
        finally:
            await connection.close_connection(close_session=True)

    asyncio.run(asyncio.wait_for(listen(), 30))
    assert (heard[0].p, heard[0].q, heard[0].m) == ("60001.10000000", "0.50000000", False)


def test_binance_sdk_reads_times_in_microseconds(spot):
    rest = spot_rest(spot, api_key=spot.key, api_secret=spot.secret, time_unit="MICROSECOND")
    assert rest.time().data().server_time > 10**15
    order = rest.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01).data()
    assert order.transact_time > 10**15
