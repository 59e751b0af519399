"""`ccxt` on the simulator, as anybody would use it."""

from decimal import Decimal

import ccxt
import pytest

BTC = "BTC/USDT:USDT"


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
