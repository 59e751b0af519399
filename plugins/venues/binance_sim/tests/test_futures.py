"""Futures over REST: who may ask, what is refused and how, and what orders do."""

import json
import time
from decimal import Decimal

import pytest

ORDER = "/fapi/v1/order"
ALGO = "/fapi/v1/algoOrder"
BTC = {"symbol": "BTCUSDT"}


def limit(side, quantity, price, tif="GTC", **more):
    return {
        **BTC,
        "side": side,
        "type": "LIMIT",
        "quantity": quantity,
        "price": price,
        "timeInForce": tif,
        **more,
    }


def market(side, quantity, **more):
    return {**BTC, "side": side, "type": "MARKET", "quantity": quantity, **more}


def algo(kind, side, **more):
    return {**BTC, "algoType": "CONDITIONAL", "type": kind, "side": side, **more}


def test_a_request_is_let_in_by_key_signature_and_time(sim):
    path = "/fapi/v3/balance"
    now = int(time.time() * 1_000)
    cases = [
        (sim.signed({}), sim.key, 200, None),
        (sim.signed({}), None, 401, -2014),
        (sim.signed({}), "unknown", 401, -2015),
        (sim.signed({}, secret=sim.secret[::-1]), sim.key, 400, -1022),
        ("recvWindow=5000", sim.key, 400, -1102),
        (f"timestamp={now}", sim.key, 400, -1102),
        (sim.signed({}, at_ms=now - 6_000), sim.key, 400, -1021),
        (sim.signed({"recvWindow": 20_000}, at_ms=now - 6_000), sim.key, 200, None),
        (sim.signed({}, at_ms=now + 30_000), sim.key, 400, -1021),
        (sim.signed({"recvWindow": 60_001}), sim.key, 400, -1131),
        (sim.signed({"a": 1}) + "&a=2", sim.key, 400, -1101),
    ]
    for query, key, status, code in cases:
        got, body, _ = sim.answered("GET", path, query, key)
        assert (got, body["code"] if status != 200 else None) == (status, code), query
    # ahead by a little less than a second is still taken
    assert sim.answered("GET", path, sim.signed({}, at_ms=int(time.time() * 1_000) + 700), sim.key)[0] == 200


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (limit("BUY", "0.010", "59000", symbol="DOGEUSDT"), -1121),
        (limit("HOLD", "0.010", "59000"), -1117),
        (limit("BUY", "0.010", "59000", type="ICEBERG"), -1116),
        (limit("BUY", "0.010", "59000", tif="DAY"), -1115),
        (limit("BUY", "0.010", "59000", type="STOP_MARKET"), -4120),
        (limit("BUY", "", "59000"), -1102),
        (limit("BUY", "0.010", ""), -1102),
        (limit("BUY", "ten", "59000"), -1100),
        (limit("BUY", "0.0105", "59000"), -1111),
        (limit("BUY", "0", "59000"), -4003),
        (limit("BUY", "1001", "59000"), -4005),
        (market("BUY", "121"), -4005),
        (limit("BUY", "0.010", "59000.55"), -4014),
        (limit("BUY", "0.010", "59000.555"), -1111),
        (limit("BUY", "0.010", "5000000"), -4002),
        (limit("BUY", "0.010", "500"), -4013),
        (limit("BUY", "0.010", "63100"), -4016),
        (limit("SELL", "0.010", "56000"), -4024),
        (limit("BUY", "0.001", "59000"), -4164),
        (limit("BUY", "0.010", "59000", newClientOrderId="x" * 37), -4015),
        (limit("BUY", "0.010", "59000", newClientOrderId="a b"), -1100),
        (market("BUY", "0.010", timeInForce="GTC"), -1114),
        (market("BUY", "0.010", price="59000"), -1106),
        (limit("BUY", "0.010", "59000", reduceOnly="true"), -2022),
        (limit("BUY", "10", "59000"), -2019),
        (limit("BUY", "0.010", "60000.10", tif="GTX"), -5022),
        (limit("BUY", "0.010", "59000", tif="FOK"), -5021),
        (limit("BUY", "0.010", "59000", tif="GTD"), -1102),
        (limit("BUY", "0.010", "59000", tif="GTD", goodTillDate=1), -5040),
        (limit("BUY", "0.010", "59000", positionSide="LONG"), -4061),
        (limit("BUY", "0.010", "59000", priceMatch="QUEUE"), -1106),
    ],
)
def test_an_order_is_refused_with_the_code_of_what_is_wrong(shared, order, code):
    assert shared.refused("POST", ORDER, **order) == code
    assert shared.truth()["orders"] == []


def test_a_filter_of_zero_is_no_filter(sim_with, tmp_path):
    rules = tmp_path / "symbols.json"
    rules.write_text('[{"symbol": "BTCUSDT", "min_notional": "0", "multiplier_up": "0", "max_qty": "0"}]')
    sim = sim_with(f"--symbols={rules}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    sim.ask("POST", ORDER, **limit("BUY", "0.001", "100000"))
    assert sim.truth()["orders"][0]["status"] == "FILLED"


def test_times_in_force(sim):
    sim.quote("60000.00", "60000.10", ask_size="0.010", levels=1)
    ioc = sim.ask("POST", ORDER, **limit("BUY", "0.030", "60000.10", tif="IOC", newOrderRespType="RESULT"))
    assert (ioc["status"], ioc["executedQty"]) == ("EXPIRED", "0.010")
    sim.quote("60000.00", "60000.10", ask_size="0.010", levels=3)
    fok = sim.ask("POST", ORDER, **limit("BUY", "0.030", "60000.30", tif="FOK", newOrderRespType="RESULT"))
    assert (fok["status"], fok["cumQuote"]) == ("FILLED", "1800.00600")  # 0.010 at .1, .2 and .3
    gtx = sim.ask("POST", ORDER, **limit("BUY", "0.010", "60000.00", tif="GTX"))
    gtd = sim.ask(
        "POST",
        ORDER,
        **limit("SELL", "0.010", "60100", tif="GTD", goodTillDate=int(time.time() * 1_000) + 700_000),
    )
    assert [o["status"] for o in (gtx, gtd)] == ["NEW", "NEW"]
    assert gtd["goodTillDate"] % 1_000 == 0
    sim.control("/conditions", skew_ms=701_000)
    eventually(lambda: [o["status"] for o in sim.truth()["orders"][-2:]] == ["NEW", "EXPIRED"])


def test_a_limit_order_takes_what_it_may_and_rests_with_the_rest(sim):
    sim.quote("60000.00", "60000.10", ask_size="0.010", levels=1)
    placed = sim.ask("POST", ORDER, **limit("BUY", "0.025", "60000.10"))
    assert order(sim, placed["orderId"])["status"] == "PARTIALLY_FILLED"
    sim.quote("60000.00", "60000.10", ask_size="0.005", levels=1)
    assert order(sim, placed["orderId"])["executedQty"] == "0.015"
    sim.quote("59990.00", "59990.10")
    assert order(sim, placed["orderId"])["status"] == "FILLED"
    trades = sim.ask("GET", "/fapi/v1/userTrades", **BTC)
    assert [(t["price"], t["qty"], t["maker"]) for t in trades] == [
        ("60000.10", "0.010", False),
        ("60000.10", "0.005", True),
        ("60000.10", "0.010", True),  # a resting order fills at its own price
    ]


def test_a_trade_through_a_resting_order_fills_it_and_one_at_its_price_does_not(sim):
    placed = sim.ask("POST", ORDER, **limit("BUY", "0.020", "59990.00"))
    sim.quote("60000.00", "60000.10", last="59990.00", last_size="5")
    assert order(sim, placed["orderId"])["executedQty"] == "0.000"
    sim.quote("60000.00", "60000.10", last="59989.90", last_size="0.008")
    assert order(sim, placed["orderId"])["executedQty"] == "0.008"


def test_a_client_order_id_is_unique_among_open_orders_only(sim):
    first = limit("BUY", "0.010", "59000", newClientOrderId="twin")
    sim.ask("POST", ORDER, **first)
    assert sim.refused("POST", ORDER, **first) == -4116
    sim.ask("DELETE", ORDER, **BTC, origClientOrderId="twin")
    sim.ask("POST", ORDER, **market("BUY", "0.010", newClientOrderId="twin"))
    sim.ask("POST", ORDER, **market("BUY", "0.010", newClientOrderId="twin"))  # the trap: it fills twice
    truth = sim.truth()
    assert truth["arrivals"]["twin"] == 4
    assert truth["positions"][0]["pa"] == "0.020"


def test_an_order_is_changed_in_place(sim):
    placed = sim.ask("POST", ORDER, **limit("BUY", "0.010", "59000"))
    same = {**BTC, "orderId": placed["orderId"], "side": "BUY"}
    assert sim.refused("PUT", ORDER, **same, quantity="0.010", price="59000") == -5027
    assert sim.refused("PUT", ORDER, **same, quantity="0.010") == -1102
    assert sim.refused("PUT", ORDER, **same, quantity="0.010", price="59000.01") == -4014
    assert sim.refused("PUT", ORDER, **{**same, "orderId": 1}, quantity="0.010", price="59001") == -2013
    changed = sim.ask("PUT", ORDER, **same, quantity="0.020", price="60000.10")
    assert (changed["orderId"], changed["status"], changed["avgPrice"]) == (
        placed["orderId"],
        "FILLED",
        "60000.10000",
    )


def test_what_is_gone_cannot_be_cancelled_or_found(sim):
    assert sim.refused("DELETE", ORDER, **BTC, orderId=1) == -2011
    assert sim.refused("GET", ORDER, **BTC, origClientOrderId="none") == -2013
    assert sim.refused("GET", ORDER, **BTC) == -1102
    placed = sim.ask("POST", ORDER, **limit("BUY", "0.010", "59000"))
    sim.ask("POST", ORDER, **limit("SELL", "0.010", "61000"))
    assert sim.ask("DELETE", "/fapi/v1/allOpenOrders", **BTC)["code"] == 200
    assert order(sim, placed["orderId"])["status"] == "CANCELED"
    assert sim.ask("GET", "/fapi/v1/openOrders") == []


def test_a_batch_answers_for_each_order(sim):
    good, bad = limit("BUY", "0.010", "59000"), limit("BUY", "0.010", "500")
    rows = sim.ask("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps([good, bad]))
    assert [row.get("status", row.get("code")) for row in rows] == ["NEW", -4013]
    ids = json.dumps([rows[0]["orderId"], 7])
    rows = sim.ask("DELETE", "/fapi/v1/batchOrders", **BTC, orderIdList=ids)
    assert [row.get("status", row.get("code")) for row in rows] == ["CANCELED", -2011]


def test_profit_fees_and_funding_add_up_to_the_wallet(sim):
    sim.ask("POST", ORDER, **market("BUY", "0.010"))  # at 60000.1
    sim.quote("60100.00", "60100.10", last="60100.00")
    sim.ask("POST", ORDER, **market("BUY", "0.030"))  # at 60100.1: mean 60075.1
    sim.quote("60200.00", "60200.10", last="60200.00")
    sim.control("/mark", symbol="BTCUSDT", price="60200.00")
    sim.control("/funding", symbol="BTCUSDT", rate="0.0001")  # longs pay 0.040 x 60200 x 0.0001
    sim.ask("POST", ORDER, **market("SELL", "0.060"))  # at 60200.0: closes 0.040, opens 0.020 short
    kinds = {}
    for row in sim.ask("GET", "/fapi/v1/income", limit=1_000):
        kinds[row["incomeType"]] = kinds.get(row["incomeType"], 0) + Decimal(row["income"])
    assert kinds["REALIZED_PNL"] == Decimal("0.040") * (Decimal("60200.00") - Decimal("60075.10"))
    assert kinds["FUNDING_FEE"] == Decimal("-0.2408")
    assert kinds["COMMISSION"] == -Decimal("0.0005") * (
        Decimal("600.001") + Decimal("1803.003") + Decimal(3612)
    )
    assert Decimal(sim.truth()["wallet"]["USDT"]) == Decimal(10_000) + sum(kinds.values())
    (held,) = sim.ask("GET", "/fapi/v3/positionRisk")
    assert (held["positionAmt"], Decimal(held["entryPrice"])) == ("-0.020", Decimal("60200.00"))


def test_a_reduce_only_order_never_turns_the_position(sim):
    sim.ask("POST", ORDER, **market("BUY", "0.010"))
    done = sim.ask("POST", ORDER, **market("SELL", "0.050", reduceOnly="true", newOrderRespType="RESULT"))
    assert (done["status"], done["executedQty"]) == ("EXPIRED", "0.010")
    assert sim.truth()["positions"] == []


def test_hedge_mode_holds_both_sides(sim):
    mode = "/fapi/v1/positionSide/dual"
    assert sim.refused("POST", mode, dualSidePosition="false") == -4059
    sim.ask("POST", mode, dualSidePosition="true")
    assert sim.refused("POST", ORDER, **market("BUY", "0.010")) == -4061
    sim.ask("POST", ORDER, **market("BUY", "0.010", positionSide="LONG"))
    sim.ask("POST", ORDER, **market("SELL", "0.020", positionSide="SHORT"))
    assert sim.refused("POST", mode, dualSidePosition="false") == -4068
    assert {p["ps"]: p["pa"] for p in sim.truth()["positions"]} == {"LONG": "0.010", "SHORT": "-0.020"}
    sim.ask("POST", ORDER, **market("SELL", "0.010", positionSide="LONG"))
    assert sim.refused("POST", ORDER, **market("SELL", "0.010", positionSide="LONG")) == -2022


def test_leverage_and_margin_type_are_set_and_refused(sim):
    assert sim.ask("POST", "/fapi/v1/leverage", **BTC, leverage=50)["leverage"] == 50
    assert sim.refused("POST", "/fapi/v1/leverage", **BTC, leverage=126) == -4028
    assert sim.refused("POST", "/fapi/v1/marginType", **BTC, marginType="CROSSED") == -4046
    sim.ask("POST", "/fapi/v1/marginType", **BTC, marginType="ISOLATED")
    sim.ask("POST", ORDER, **limit("BUY", "0.010", "59000"))
    assert sim.refused("POST", "/fapi/v1/marginType", **BTC, marginType="CROSSED") == -4047
    (asset,) = sim.ask("GET", "/fapi/v3/account")["assets"]
    assert asset["openOrderInitialMargin"] == "11.80000000"  # 590 / 50
    assert asset["availableBalance"] == "9988.20000000"


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "quotes", "status"),
    [
        ("STOP_MARKET", "SELL", "59900", ["59950", "59899.90"], "FILLED"),
        ("STOP_MARKET", "BUY", "60100", ["60050", "60100"], "FILLED"),
        ("TAKE_PROFIT_MARKET", "SELL", "60100", ["60050", "60100"], "FILLED"),
        ("TAKE_PROFIT_MARKET", "BUY", "59900", ["59950", "59900"], "FILLED"),
        ("STOP", "SELL", "59900", ["59950", "59900"], "NEW"),
        ("TAKE_PROFIT", "BUY", "59900", ["59950", "59900"], "FILLED"),
    ],
)
def test_a_conditional_order_becomes_an_order_at_its_price(sim, kind, side, trigger, quotes, status):
    price = {"STOP": {"price": "60000"}, "TAKE_PROFIT": {"price": "60000"}}.get(kind, {})
    placed = sim.ask(
        "POST", ALGO, **algo(kind, side, quantity="0.010", triggerPrice=trigger, clientAlgoId="mine", **price)
    )
    assert placed["algoStatus"] == "NEW"
    for last in quotes:
        assert sim.truth()["orders"] == []
        bid = Decimal(last)
        sim.quote(str(bid), str(bid + Decimal("0.1")), last=last)
    (made,) = sim.truth()["orders"]
    assert (made["clientOrderId"], made["origType"], made["status"]) == ("mine", kind, status)
    done = sim.ask("GET", ALGO, clientAlgoId="mine")
    assert done["algoStatus"] == ("FINISHED" if status == "FILLED" else "TRIGGERED")
    assert done["actualOrderId"] == str(made["orderId"])


def test_a_trailing_stop_follows_the_price(sim):
    stop = algo("TRAILING_STOP_MARKET", "SELL", quantity="0.010", callbackRate="1", clientAlgoId="trail")
    sim.ask("POST", ALGO, **stop)
    for last in ("61000.00", "60800.00", "62000.00", "61390.00"):
        sim.quote(last, str(Decimal(last) + Decimal("0.1")), last=last)
    assert sim.truth()["orders"] == []
    sim.quote("61380.00", "61380.10", last="61380.00")  # 1 % below 62000
    assert sim.truth()["orders"][0]["status"] == "FILLED"


def test_a_conditional_order_that_would_trigger_at_once_is_refused(sim):
    assert (
        sim.refused("POST", ALGO, **algo("STOP_MARKET", "SELL", quantity="0.010", triggerPrice="60000"))
        == -2021
    )
    assert (
        sim.refused("POST", ALGO, **algo("STOP_MARKET", "SELL", quantity="0.010", triggerPrice="0")) == -4006
    )
    assert (
        sim.refused("POST", ALGO, **algo("STOP_MARKET", "SELL", quantity="0.010", triggerPrice="59900.01"))
        == -4014
    )
    trail = algo("TRAILING_STOP_MARKET", "SELL", quantity="0.010", callbackRate="11")
    assert sim.refused("POST", ALGO, **trail) == -2007
    assert sim.refused("DELETE", ALGO, algoId=5) == -2011
    for n in range(10):
        sim.ask("POST", ALGO, **algo("STOP_MARKET", "SELL", quantity="0.010", triggerPrice=str(59_000 + n)))
    assert (
        sim.refused("POST", ALGO, **algo("STOP_MARKET", "SELL", quantity="0.010", triggerPrice="59500"))
        == -4045
    )


def test_a_stop_may_close_whatever_is_held(sim):
    sim.ask("POST", ORDER, **market("BUY", "0.030"))
    close = algo("STOP_MARKET", "SELL", triggerPrice="59900", closePosition="true", workingType="MARK_PRICE")
    sim.ask("POST", ALGO, **close)
    assert sim.refused("POST", ALGO, **close) == -4130
    sim.ask("POST", ORDER, **market("SELL", "0.010"))
    sim.quote("59800.00", "59800.10")  # no trade: the mark price moves
    assert sim.truth()["positions"] == []
    assert sim.truth()["orders"][-1]["origQty"] == "0.020"


def test_weight_is_counted_then_429_then_418(sim_with):
    sim = sim_with("--weight=45")
    sim.start_a_minute()
    status, _, headers = sim.answered("GET", "/fapi/v1/ping", {})
    assert (status, headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1")
    assert sim.answered("GET", "/fapi/v1/ticker/24hr", {})[2]["X-MBX-USED-WEIGHT"] == "41"
    statuses = [sim.answered("GET", "/fapi/v1/trades", {**BTC}) for _ in range(12)]
    assert [s for s, *_ in statuses] == [429] * 10 + [418] * 2
    assert statuses[0][1]["code"] == statuses[-1][1]["code"] == -1003
    assert 0 < int(statuses[0][2]["Retry-After"]) <= 60
    assert int(statuses[-1][2]["Retry-After"]) > 60
    sim.calm()
    assert sim.answered("GET", "/fapi/v1/ping", {})[0] == 200


def test_new_orders_are_counted(sim):
    _, _, headers = sim.answered("POST", ORDER, sim.signed(limit("BUY", "0.010", "59000")), sim.key)
    assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1M"]) == ("1", "1")


def test_a_timeout_after_the_order_was_taken_leaves_the_order(sim):
    sim.fault("status", on="order.place", when="after", status=504)
    status, body = sim.asked("POST", ORDER, **limit("BUY", "0.010", "59000", newClientOrderId="lost"))
    assert (status, body["code"]) == (504, -1007)
    assert sim.ask("GET", ORDER, **BTC, origClientOrderId="lost")["status"] == "NEW"
    sim.fault("status", on="order.place", when="before", status=503)
    assert sim.asked("POST", ORDER, **limit("BUY", "0.010", "59000", newClientOrderId="never"))[0] == 503
    assert sim.refused("GET", ORDER, **BTC, origClientOrderId="never") == -2013


def test_unknown_paths_and_nonsense_do_no_harm(sim):
    assert sim.answered("GET", "/fapi/v1/nothing", {})[1]["code"] == -5000
    for path in ("/quote", "/faults", "/conditions", "/market"):
        with pytest.raises(AssertionError, match="error"):
            sim.control(path, nonsense=1)
    assert sim.answered("GET", "/fapi/v1/ping", {})[0] == 200


def order(sim, number):
    return sim.ask("GET", ORDER, **BTC, orderId=number)


def eventually(true, seconds=10):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)
