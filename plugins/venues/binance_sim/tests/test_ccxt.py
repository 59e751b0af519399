"""`ccxt` on the simulator, as anybody would use it: futures, then spot."""

import asyncio
from decimal import Decimal

import ccxt
import ccxt.pro
import pytest

BTC = "BTC/USDT:USDT"
SPOT = "BTC/USDT"


@pytest.fixture
def client(sim):
    exchange = ccxt.binanceusdm(
        {
            "apiKey": sim.key,
            "secret": sim.secret,
            "options": {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False},
        }
    )
    exchange.urls["api"] = {
        name: url.replace("https://fapi.binance.com", sim.url) for name, url in exchange.urls["api"].items()
    }
    yield exchange
    exchange.close()


def test_ccxt_reads_the_markets_and_their_filters(client):
    market = client.load_markets()[BTC]
    assert market["linear"]
    assert market["contractSize"] == 1
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    assert market["limits"]["cost"]["min"] == 100
    assert market["limits"]["market"]["max"] == 120
    assert set(client.symbols) == {BTC, "ETH/USDT:USDT", "SOL/USDT:USDT"}


def test_ccxt_trades_and_every_amount_agrees_to_the_last_digit(client, sim):
    client.load_markets()
    bought = client.create_order(BTC, "market", "buy", 0.012)
    sim.quote("60500.3", "60500.4", last="60500.3")
    sold = client.create_order(BTC, "market", "sell", 0.005, None, {"reduceOnly": True})
    assert {client.fetch_order(o["id"], BTC)["status"] for o in (bought, sold)} == {"closed"}

    first, second = client.fetch_my_trades(BTC)
    assert [t["info"]["price"] for t in (first, second)] == ["60000.10", "60500.30"]
    # 0.012 x 60000.1 x 0.05 %, and 0.005 x 60500.3 x 0.05 %
    assert [t["info"]["commission"] for t in (first, second)] == ["0.36000060", "0.15125075"]
    assert second["info"]["realizedPnl"] == "2.50100000"  # 0.005 x (60500.3 - 60000.1)

    wallet = Decimal(10000) - Decimal("0.36000060") - Decimal("0.15125075") + Decimal("2.501")
    balance = client.fetch_balance()
    assert balance["info"]["totalWalletBalance"] == f"{wallet:.8f}"
    assert sim.truth()["wallet"]["USDT"] == f"{wallet:.8f}"
    (position,) = client.fetch_positions([BTC])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 0.007, 60000.1)
    # what is left at the middle of the book
    assert (
        position["info"]["unRealizedProfit"]
        == f"{Decimal('0.007') * (Decimal('60500.35') - Decimal('60000.1')):.8f}"
    )


def test_ccxt_lists_changes_and_cancels_orders(client, sim):
    client.load_markets()
    resting = client.create_order(BTC, "limit", "buy", 0.01, 59000, {"timeInForce": "GTC"})
    assert resting["status"] == "open"
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(29.5)  # 590 at leverage 20

    client.edit_order(resting["id"], BTC, "limit", "buy", 0.02, 59500)
    (order,) = client.fetch_open_orders(BTC)
    assert (order["price"], order["amount"], order["id"]) == (59500, 0.02, resting["id"])
    assert client.cancel_order(order["id"], BTC)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(order["id"], BTC)
    assert client.fetch_open_orders(BTC) == []
    assert [o["status"] for o in client.fetch_orders(BTC)] == ["canceled"]


def test_ccxt_places_a_stop_that_becomes_a_trade(client, sim):
    client.load_markets()
    client.create_order(BTC, "market", "buy", 0.01)
    stop = client.create_order(
        BTC, "STOP_MARKET", "sell", 0.01, None, {"stopPrice": 59800, "reduceOnly": True}
    )
    assert [o["id"] for o in client.fetch_open_orders(BTC, params={"trigger": True})] == [stop["id"]]
    sim.quote("59799.9", "59800.0", last="59800.0")
    assert client.fetch_open_orders(BTC, params={"trigger": True}) == []
    assert client.fetch_positions([BTC]) == []
    assert client.fetch_my_trades(BTC)[-1]["price"] == 59799.9


def test_ccxt_recognises_what_is_refused(client, sim):
    client.load_markets()
    with pytest.raises(ccxt.ExchangeError, match="-2019.*Margin is insufficient"):
        client.create_order(BTC, "limit", "buy", 20, 59000)
    with pytest.raises(ccxt.InvalidOrder, match="-5022"):
        client.create_order(BTC, "limit", "buy", 0.01, 61000, {"timeInForce": "GTX"})
    with pytest.raises(ccxt.ExchangeError, match="-5021"):
        client.create_order(BTC, "limit", "buy", 0.01, 59000, {"timeInForce": "FOK"})
    sim.control("/conditions", skew_ms=-5_000)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        client.fetch_balance()
    sim.calm()
    client.secret = client.secret[::-1]
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.fetch_balance()


def test_ccxt_sets_leverage_margin_type_and_position_mode(client, sim):
    client.load_markets()
    client.set_leverage(7, BTC)
    client.set_margin_mode("isolated", BTC)
    client.set_position_mode(True)
    truth = sim.truth()
    assert (truth["leverage"], truth["isolated"], truth["hedge"]) == ({"BTCUSDT": 7}, ["BTCUSDT"], True)
    client.create_order(BTC, "market", "buy", 0.01, None, {"positionSide": "LONG"})
    client.create_order(BTC, "market", "sell", 0.004, None, {"positionSide": "SHORT"})
    held = {p["side"]: p["contracts"] for p in client.fetch_positions([BTC])}
    assert held == {"long": 0.01, "short": 0.004}


def test_ccxt_reads_prices_books_trades_and_klines(client, sim):
    client.load_markets()
    sim.quote("60010.0", "60010.1", last="60010.1", last_size="0.250")
    book = client.fetch_order_book(BTC, 5)
    assert book["bids"][0] == [60010.0, 10]
    assert book["asks"][0] == [60010.1, 10]
    assert client.fetch_ticker(BTC)["last"] == 60010.1
    assert client.fetch_trades(BTC)[-1]["amount"] == 0.25
    opened, high, low, closed, volume = client.fetch_ohlcv(BTC, "1h")[-1][1:]
    assert (opened, high, low, closed) == (60000.0, 60010.1, 60000.0, 60010.1)
    assert volume == 1.25
    assert client.fetch_funding_rate(BTC)["markPrice"] == 60010.05


def on_spot(kind, sim):
    exchange = kind(
        {
            "apiKey": sim.key,
            "secret": sim.secret,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        }
    )
    urls = exchange.urls["api"]
    for name in ("public", "private"):
        urls[name] = f"{sim.url}/api/v3"
    if "ws" in urls:
        urls["ws"] = {**urls["ws"], "spot": f"{sim.ws}/ws", "ws-api": {"spot": f"{sim.ws}/ws-api/v3"}}
    return exchange


@pytest.fixture
def spot_client(spot):
    exchange = on_spot(ccxt.binance, spot)
    yield exchange
    exchange.close()


def test_ccxt_reads_spot_markets_and_their_filters(spot_client):
    market = spot_client.load_markets()[SPOT]
    assert market["spot"]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert (market["limits"]["cost"]["min"], market["limits"]["market"]["max"]) == (5, 100)
    assert (market["limits"]["amount"]["max"], market["limits"]["price"]["min"]) == (9000, 0.01)
    assert set(spot_client.symbols) == {SPOT, "ETH/USDT", "ETH/BTC"}


def test_ccxt_trades_spot_and_every_amount_agrees_to_the_last_digit(spot_client, spot):
    client = spot_client
    client.load_markets()
    bought = client.create_order(SPOT, "market", "buy", 0.012)
    resting = client.create_order(SPOT, "limit", "sell", 0.005, 60500.3)
    assert (bought["status"], resting["status"]) == ("closed", "open")
    held = client.fetch_balance()["BTC"]
    assert (held["free"], held["used"]) == (1.006988, 0.005)  # 1 + 0.012 - 0.000012 of fee, less 0.005
    spot.quote("60500.30", "60500.40", last="60500.30")
    assert client.fetch_order(resting["id"], SPOT)["status"] == "closed"

    first, second = client.fetch_my_trades(SPOT)
    assert [t["price"] for t in (first, second)] == [60000.1, 60500.3]
    assert [t["takerOrMaker"] for t in (first, second)] == ["taker", "maker"]
    # a tenth of a percent of what is received: 0.012 BTC; 0.005 x 60500.3 = 302.5015 USDT
    assert [t["info"]["commission"] for t in (first, second)] == ["0.00001200", "0.30250150"]
    assert [t["fee"]["currency"] for t in (first, second)] == ["BTC", "USDT"]

    usdt = Decimal(10000) - Decimal("0.012") * Decimal("60000.1") + Decimal("302.5015") - Decimal("0.3025015")
    btc = Decimal(1) + Decimal("0.012") - Decimal("0.000012") - Decimal("0.005")
    rows = {row["asset"]: row for row in client.fetch_balance()["info"]["balances"]}
    assert (rows["USDT"]["free"], rows["USDT"]["locked"]) == (f"{usdt:.8f}", "0.00000000")
    assert (rows["BTC"]["free"], rows["BTC"]["locked"]) == (f"{btc:.8f}", "0.00000000")
    assert spot.owned()["USDT"] == (f"{usdt:.8f}", "0.00000000")


def test_ccxt_lists_replaces_and_cancels_spot_orders(spot_client):
    client = spot_client
    client.load_markets()
    resting = client.create_order(SPOT, "limit", "buy", 0.01, 59000)
    assert client.fetch_balance()["USDT"]["used"] == 590
    replaced = client.edit_order(resting["id"], SPOT, "limit", "buy", 0.02, 59500)
    (order,) = client.fetch_open_orders(SPOT)
    assert (order["id"], order["price"], order["amount"]) == (replaced["id"], 59500, 0.02)
    assert client.fetch_balance()["USDT"]["used"] == 1190
    assert client.cancel_order(order["id"], SPOT)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order(order["id"], SPOT)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order("1", SPOT)
    assert [o["status"] for o in client.fetch_orders(SPOT)] == ["canceled", "canceled"]
    assert client.fetch_balance()["USDT"]["free"] == 10000


def test_ccxt_places_a_spot_stop_that_becomes_a_trade(spot_client, spot):
    client = spot_client
    client.load_markets()
    stop = client.create_order(SPOT, "limit", "sell", 0.01, 59700, {"stopPrice": 59800})
    assert [o["id"] for o in client.fetch_open_orders(SPOT)] == [stop["id"]]
    spot.quote("59799.90", "59800.00", last="59800.00")
    order = client.fetch_order(stop["id"], SPOT)
    assert (order["status"], order["average"]) == ("closed", 59799.9)
    assert client.fetch_balance()["USDT"]["free"] == 10597.401001  # 597.999 less a tenth of a percent


def test_ccxt_recognises_what_spot_refuses(spot_client, spot):
    client = spot_client
    client.load_markets()
    with pytest.raises(ccxt.InsufficientFunds, match="insufficient balance"):
        client.create_order(SPOT, "limit", "buy", 1, 59000)
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="immediately match and take"):
        client.create_order(SPOT, "limit", "buy", 0.01, 61000, {"postOnly": True})
    with pytest.raises(ccxt.BadRequest, match="Filter failure: NOTIONAL"):
        client.create_order(SPOT, "limit", "buy", 0.00001, 59000)
    spot.control("/conditions", skew_ms=-5_000)
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        client.fetch_balance()
    spot.calm()
    client.secret = client.secret[::-1]
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        client.fetch_balance()


def test_ccxt_watches_the_spot_market_and_the_account(spot):
    async def watched():
        client = on_spot(ccxt.pro.binance, spot)
        try:
            await client.load_markets()
            orders = asyncio.ensure_future(client.watch_orders(SPOT))
            best = asyncio.ensure_future(client.watch_bids_asks([SPOT]))
            await asyncio.to_thread(spot.wait, lambda truth: truth["users"] + truth["streams"] == 2)
            while not best.done():
                spot.quote("60001.00", "60001.10")
                await asyncio.sleep(0.05)
            await client.create_order(SPOT, "market", "buy", 0.01)
            free = (await client.fetch_balance())["BTC"]["free"]
            return [order["status"] for order in await orders], (await best)[SPOT]["bid"], free
        finally:
            await client.close()

    statuses, bid, free = asyncio.run(asyncio.wait_for(watched(), 30))
    assert statuses[-1] in {"open", "closed"}
    assert (bid, free) == (60001.0, 1.00999)
