"""Spot over REST: what is refused and how, what orders do, and what becomes of the balances."""

import json
import time
from decimal import Decimal
from http.client import RemoteDisconnected

import pytest

ORDER = "/api/v3/order"
OCO = "/api/v3/orderList/oco"
REPLACE = "/api/v3/order/cancelReplace"
BTC = {"symbol": "BTCUSDT"}


def limit(side, quantity, price, tif="GTC", **more):
    fields = {"side": side, "type": "LIMIT", "quantity": quantity, "price": price, "timeInForce": tif}
    return {**BTC, **fields, **more}


def market(side, quantity=None, **more):
    amount = {} if quantity is None else {"quantity": quantity}
    return {**BTC, "side": side, "type": "MARKET", **amount, **more}


def stop(kind, side, quantity, at, **more):
    return {**BTC, "side": side, "type": kind, "quantity": quantity, "stopPrice": at, **more}


def oco(side, above, below, quantity="0.01", **more):
    """An OCO of (type, price, stop price) above and below."""
    fields = {"side": side, "quantity": quantity}
    for where, (kind, price, at) in (("above", above), ("below", below)):
        fields[f"{where}Type"] = kind
        if price:
            fields[f"{where}Price"] = price
        if at:
            fields[f"{where}StopPrice"] = at
        if kind.endswith("_LIMIT"):
            fields[f"{where}TimeInForce"] = "GTC"
    return {**BTC, **fields, **more}


@pytest.mark.parametrize(
    ("order", "code", "text"),
    [
        (limit("BUY", "0.01", "59000", symbol="DOGEUSDT"), -1121, "Invalid symbol."),
        (limit("HOLD", "0.01", "59000"), -1117, "Invalid side."),
        (limit("BUY", "0.01", "59000", type="STOP"), -1116, "Invalid orderType."),
        (limit("BUY", "0.01", "59000", tif="GTX"), -1115, "Invalid timeInForce."),
        (
            limit("BUY", "", "59000"),
            -1102,
            "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.",
        ),
        (
            market("BUY"),
            -1102,
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        ),
        (
            stop("STOP_LOSS", "SELL", "0.01", ""),
            -1102,
            "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
        ),
        (market("BUY", "0.01", quoteOrderQty="100"), -1106, "Parameter 'quantity' sent when not required."),
        (market("BUY", "0.01", price="59000"), -1106, "Parameter 'price' sent when not required."),
        (
            limit("BUY", "0.01", "59000", stopPrice="59000"),
            -1106,
            "Parameter 'stopPrice' sent when not required.",
        ),
        (market("BUY", "0.01", timeInForce="GTC"), -1114, "TimeInForce parameter sent when not required."),
        (limit("BUY", "0.0100000001", "59000"), -1111, "Parameter 'quantity' has too much precision."),
        (limit("BUY", "0.01", "59000.000000001"), -1111, "Parameter 'price' has too much precision."),
        (limit("BUY", "0", "59000"), -1013, "Invalid quantity."),
        (limit("BUY", "0.01", "59000.005"), -1013, "Filter failure: PRICE_FILTER"),
        (limit("SELL", "0.01", "1000000.01"), -1013, "Filter failure: PRICE_FILTER"),
        (
            stop("STOP_LOSS_LIMIT", "SELL", "0.01", "59000.005", price="59000", timeInForce="GTC"),
            -1013,
            "Filter failure: PRICE_FILTER",
        ),
        (limit("BUY", "0.000001", "59000"), -1013, "Filter failure: LOT_SIZE"),
        (limit("BUY", "0.010001", "59000"), -1013, "Filter failure: LOT_SIZE"),
        (limit("BUY", "9000.1", "59000"), -1013, "Filter failure: LOT_SIZE"),
        (market("BUY", "100.1"), -1013, "Filter failure: MARKET_LOT_SIZE"),
        (limit("BUY", "0.00008", "59000"), -1013, "Filter failure: NOTIONAL"),  # 4.72
        (limit("SELL", "200", "59000"), -1013, "Filter failure: NOTIONAL"),  # 11.8 million
        (market("BUY", "0.00008"), -1013, "Filter failure: NOTIONAL"),
        (market("BUY", quoteOrderQty="4.99"), -1013, "Filter failure: NOTIONAL"),
        (limit("BUY", "0.01", "300000.01"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (limit("SELL", "0.01", "11999.99"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        (limit("BUY", "0.17", "59000"), -2010, "Account has insufficient balance for requested action."),
        (limit("SELL", "1.00001", "61000"), -2010, "Account has insufficient balance for requested action."),
        (market("BUY", "0.2"), -2010, "Account has insufficient balance for requested action."),
        (
            market("BUY", quoteOrderQty="10000.01"),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            {**BTC, "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "60000.10"},
            -2010,
            "Order would immediately match and take.",
        ),
        (stop("STOP_LOSS", "SELL", "0.01", "60000"), -2010, "Order would trigger immediately."),
        (stop("TAKE_PROFIT", "SELL", "0.01", "60000"), -2010, "Order would trigger immediately."),
        (stop("STOP_LOSS", "BUY", "0.01", "59999"), -2010, "Order would trigger immediately."),
        (stop("TAKE_PROFIT", "BUY", "0.01", "60001"), -2010, "Order would trigger immediately."),
        (
            limit("BUY", "0.01", "59000", icebergQty="0.001"),
            -2010,
            "Iceberg orders are not supported for this symbol.",
        ),
        (
            limit("BUY", "0.01", "59000", newClientOrderId="a b"),
            -1100,
            (
                "Illegal characters found in parameter 'newClientOrderId'; "
                "legal range is '^[a-zA-Z0-9-_]{1,36}$'."
            ),
        ),
        (
            limit("BUY", "0.01", "59000", newOrderRespType="ALL"),
            -1130,
            "Data sent for parameter 'newOrderRespType' is not valid.",
        ),
    ],
)
def test_an_order_is_refused_with_the_code_and_the_text_of_what_is_wrong(shared_spot, order, code, text):
    status, body = shared_spot.asked("POST", ORDER, **order)
    assert (status, body) == (400, {"code": code, "msg": text})
    assert shared_spot.truth()["orders"] == []


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (oco("SELL", ("LIMIT_MAKER", "61000", ""), ("LIMIT_MAKER", "59000", "")), -1168),
        (oco("SELL", ("LIMIT", "61000", ""), ("STOP_LOSS", "", "59000")), -1158),
        (oco("BUY", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "59000")), -1165),
        (oco("SELL", ("STOP_LOSS", "", "61000"), ("LIMIT_MAKER", "59000", "")), -1197),
        (oco("SELL", ("STOP_LOSS", "", "61000"), ("STOP_LOSS", "", "59000")), -1197),
        (oco("BUY", ("STOP_LOSS", "", "61000"), ("STOP_LOSS", "", "59000")), -1196),
        (oco("BUY", ("TAKE_PROFIT", "", "61000"), ("LIMIT_MAKER", "59000", "")), -1198),
        (oco("SELL", ("LIMIT_MAKER", "61000", ""), ("TAKE_PROFIT", "", "59000")), -1199),
        (oco("SELL", ("TAKE_PROFIT_LIMIT", "59500", "61000"), ("STOP_LOSS", "", "59000")), -2010),
        (oco("SELL", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "60000")), -2010),
        (oco("SELL", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "59000"), quantity="1.1"), -2010),
        (oco("SELL", ("LIMIT_MAKER", "61000.001", ""), ("STOP_LOSS", "", "59000")), -1013),
    ],
)
def test_an_oco_is_refused_whole(shared_spot, order, code):
    assert shared_spot.refused("POST", OCO, **order) == code
    assert (shared_spot.truth()["orders"], shared_spot.truth()["lists"]) == ([], [])
    assert shared_spot.owned()["BTC"] == ("1.00000000", "0.00000000")


def test_a_listen_key_is_no_longer_to_be_had(shared_spot):
    assert shared_spot.answered("POST", "/api/v3/userDataStream", {}, shared_spot.key)[0] == 404


def test_a_filter_of_zero_is_no_filter(sim_with, tmp_path):
    rules = tmp_path / "symbols.json"
    zero = dict.fromkeys(["min_notional", "max_notional", "multiplier_up", "max_qty", "market_max_qty"], "0")
    rules.write_text(json.dumps([{"symbol": "BTCUSDT", **zero}]))
    sim = sim_with("--product=spot", f"--symbols={rules}")
    sim.quote("60000.00", "60000.10", last="60000.00")
    order = sim.ask("POST", ORDER, **limit("BUY", "0.00001", "900000"))
    assert order["status"] == "FILLED"


def test_filters_that_count_orders_and_what_is_held(sim_with, tmp_path):
    rules = tmp_path / "symbols.json"
    rules.write_text(
        '[{"symbol": "BTCUSDT", "max_orders": "3", "max_algo_orders": "1", "max_position": "1.05"}]'
    )
    sim = sim_with("--product=spot", f"--symbols={rules}", "--balance=10000 USDT", "--balance=1 BTC")
    sim.quote("60000.00", "60000.10", last="60000.00")

    def failure(**order):
        return sim.asked("POST", ORDER, **order)[1]["msg"]

    sim.ask("POST", ORDER, **limit("BUY", "0.03", "59000"))
    assert failure(**limit("BUY", "0.03", "59000")) == "Filter failure: MAX_POSITION"
    assert failure(**market("BUY", "0.03")) == "Filter failure: MAX_POSITION"
    sim.ask("POST", ORDER, **stop("STOP_LOSS", "SELL", "0.01", "59000"))
    assert failure(**stop("STOP_LOSS", "SELL", "0.01", "59000")) == "Filter failure: MAX_NUM_ALGO_ORDERS"
    assert (
        sim.asked("POST", OCO, **oco("SELL", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "59000")))[1][
            "msg"
        ]
        == "Filter failure: MAX_NUM_ORDERS"
    )
    sim.ask("POST", ORDER, **limit("SELL", "0.01", "61000"))
    assert failure(**limit("SELL", "0.01", "61000")) == "Filter failure: MAX_NUM_ORDERS"


def test_the_answer_is_as_short_or_long_as_it_is_asked_for(spot):
    ack = spot.ask("POST", ORDER, **market("BUY", "0.01", newOrderRespType="ACK", newClientOrderId="mine"))
    assert sorted(ack) == ["clientOrderId", "orderId", "orderListId", "symbol", "transactTime"]
    result = spot.ask("POST", ORDER, **market("BUY", "0.01", newOrderRespType="RESULT"))
    assert (result["status"], "fills" in result) == ("FILLED", False)
    full = spot.ask("POST", ORDER, **market("BUY", "0.01"))
    assert [f["commission"] for f in full["fills"]] == ["0.00001000"]
    assert spot.ask("POST", f"{ORDER}/test", **market("BUY", "0.01")) == {}
    assert len(spot.truth()["orders"]) == 3
    asked = spot.ask("GET", ORDER, **BTC, origClientOrderId="mine")
    assert asked["orderId"] == ack["orderId"]
    assert spot.refused("GET", ORDER, **BTC, orderId=asked["orderId"], origClientOrderId="other") == -2039


def test_times_in_force(spot):
    spot.quote("60000.00", "60000.10", ask_size="0.01", levels=2)
    fok = spot.ask("POST", ORDER, **limit("BUY", "0.021", "60000.11", tif="FOK"))
    assert (fok["status"], fok["executedQty"], fok["expiryReason"]) == (
        "EXPIRED",
        "0.00000000",
        "UNFILLED_FOK_ORDER_EXPIRED",
    )
    ioc = spot.ask("POST", ORDER, **limit("BUY", "0.015", "60000.10", tif="IOC"))
    assert (ioc["status"], ioc["executedQty"]) == ("EXPIRED", "0.01000000")
    fok = spot.ask("POST", ORDER, **limit("BUY", "0.01", "60000.11", tif="FOK"))
    assert (fok["status"], fok["cummulativeQuoteQty"]) == ("FILLED", "600.00110000")
    nothing = spot.ask("POST", ORDER, **market("BUY", "0.01"))
    assert (nothing["status"], nothing["expiryReason"]) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY")
    # 0.01 at 60000.10 and 0.01 at 60000.11 were paid for, and nothing stays locked
    assert spot.owned()["USDT"] == ("8799.99790000", "0.00000000")
    assert spot.refused("POST", ORDER, **market("BUY", quoteOrderQty="100")) == -2010


def test_a_limit_order_that_takes_at_a_better_price_pays_the_better_price(spot):
    spot.quote("60000.00", "60000.10", ask_size="0.01", levels=1)
    spot.ask("POST", ORDER, **limit("BUY", "0.03", "60010"))
    # 0.01 at 60000.10, and 0.02 wait at 60010
    assert spot.owned()["USDT"] == ("8199.79900000", "1200.20000000")
    assert spot.owned()["BTC"] == ("1.00999000", "0.00000000")
    spot.quote("60009.00", "60010.00")
    assert spot.owned()["USDT"] == ("8199.79900000", "0.00000000")
    assert spot.owned()["BTC"] == ("1.02997000", "0.00000000")


def test_a_market_order_sells_for_an_amount_of_the_quote(spot):
    order = spot.ask("POST", ORDER, **market("SELL", quoteOrderQty="100"))
    # 0.00166 at 60000 is 99.60; one step more would be 100.20
    assert (order["origQty"], order["cummulativeQuoteQty"]) == ("0.00166000", "99.60000000")
    assert spot.owned()["USDT"][0] == "10099.50040000"  # less a tenth of a percent


@pytest.mark.parametrize(
    ("kind", "side", "at", "moved", "paid"),
    [
        ("STOP_LOSS", "SELL", "59900", ("59899.00", "59900.00"), "59899.00000000"),
        ("TAKE_PROFIT", "SELL", "60100", ("60100.00", "60101.00"), "60100.00000000"),
        ("STOP_LOSS", "BUY", "60100", ("60100.00", "60101.00"), "60101.00000000"),
        ("TAKE_PROFIT", "BUY", "59900", ("59899.00", "59900.00"), "59900.00000000"),
    ],
)
def test_a_stop_waits_for_the_last_price_and_then_takes(spot, kind, side, at, moved, paid):
    order = spot.ask("POST", ORDER, **stop(kind, side, "0.01", at, newOrderRespType="RESULT"))
    assert (order["status"], order["workingTime"], order["stopPrice"]) == ("NEW", -1, f"{at}.00000000")
    spot.quote(*moved)  # quotes alone trigger nothing
    assert not spot.ask("GET", ORDER, **BTC, orderId=order["orderId"])["isWorking"]
    spot.quote(*moved, last=at)
    done = spot.ask("GET", ORDER, **BTC, orderId=order["orderId"])
    assert (done["status"], done["isWorking"]) == ("FILLED", True)
    (fill,) = spot.ask("GET", "/api/v3/myTrades", **BTC)
    assert (fill["price"], fill["isMaker"]) == (paid, False)
    assert {locked for _, locked in spot.owned().values()} == {"0.00000000"}


def test_a_stop_limit_rests_when_the_market_has_gone_past_it(spot):
    spot.ask(
        "POST", ORDER, **stop("STOP_LOSS_LIMIT", "SELL", "0.5", "59900", price="59890", timeInForce="GTC")
    )
    assert spot.owned()["BTC"] == ("0.50000000", "0.50000000")
    spot.quote("59800.00", "59801.00", last="59900.00")
    (order,) = spot.ask("GET", "/api/v3/openOrders", **BTC)
    assert (order["status"], order["isWorking"]) == ("NEW", True)
    spot.quote("59890.00", "59891.00")
    assert spot.owned()["BTC"] == ("0.50000000", "0.00000000")
    assert spot.owned()["USDT"][0] == "39915.05500000"  # 10000 + 29945 less a tenth of a percent


def test_the_profit_of_an_oco_ends_the_stop(spot):
    made = spot.ask(
        "POST", OCO, **oco("BUY", ("STOP_LOSS_LIMIT", "60600", "60500"), ("LIMIT_MAKER", "59000", ""))
    )
    assert spot.owned()["USDT"] == ("9394.00000000", "606.00000000")  # the dearer of the two, once
    assert spot.ask("GET", "/api/v3/openOrderList")[0]["orderListId"] == made["orderListId"]
    spot.quote("58999.90", "59000.00", ask_size="0.004", levels=1)
    assert spot.owned()["USDT"] == ("9410.00000000", "354.00000000")  # 0.004 x 59000 paid, 0.006 x 59000 held
    done = {o["type"]: o["status"] for o in spot.ask("GET", "/api/v3/allOrders", **BTC)}
    assert done == {"STOP_LOSS_LIMIT": "EXPIRED", "LIMIT_MAKER": "PARTIALLY_FILLED"}
    spot.quote("58999.90", "59000.00")
    assert spot.owned()["USDT"] == ("9410.00000000", "0.00000000")
    listed = spot.ask("GET", "/api/v3/orderList", orderListId=made["orderListId"])
    assert (listed["listStatusType"], listed["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert spot.ask("GET", "/api/v3/openOrderList") == []


def test_cancelling_one_of_an_oco_cancels_both(spot):
    made = spot.ask("POST", OCO, **oco("SELL", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "59000")))
    answer = spot.ask("DELETE", ORDER, **BTC, orderId=made["orders"][1]["orderId"])
    assert [report["status"] for report in answer["orderReports"]] == ["CANCELED", "CANCELED"]
    assert spot.owned()["BTC"] == ("1.00000000", "0.00000000")
    assert spot.refused("DELETE", "/api/v3/orderList", **BTC, orderListId=made["orderListId"]) == -2011


def test_a_cancel_replace_says_how_far_it_came(spot):
    def replace(number, mode, **order):
        return spot.asked("POST", REPLACE, **order, cancelReplaceMode=mode, cancelOrderId=number)

    def results(body):
        data = body.get("data", body)
        return data["cancelResult"], data["newOrderResult"]

    maker = {**BTC, "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "60001"}
    first = spot.ask("POST", ORDER, **limit("BUY", "0.01", "59000"))["orderId"]
    status, body = replace(first, "STOP_ON_FAILURE", **limit("BUY", "0.01", "59000.001"))
    assert (status, body["code"]) == (400, -1013)  # filters come first, and nothing is done

    status, body = replace(first, "STOP_ON_FAILURE", **limit("BUY", "0.02", "59100"))
    assert (status, results(body)) == (200, ("SUCCESS", "SUCCESS"))
    second = body["newOrderResponse"]["orderId"]
    status, body = replace(first, "STOP_ON_FAILURE", **limit("BUY", "0.02", "59100"))
    assert (status, body["code"], results(body)) == (400, -2022, ("FAILURE", "NOT_ATTEMPTED"))
    assert body["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}
    assert body["data"]["newOrderResponse"] is None
    status, body = replace(first, "ALLOW_FAILURE", **maker)
    assert (status, body["code"], results(body)) == (400, -2022, ("FAILURE", "FAILURE"))
    status, body = replace(first, "ALLOW_FAILURE", **limit("BUY", "0.01", "59200"))
    assert (status, body["code"], results(body)) == (409, -2021, ("FAILURE", "SUCCESS"))
    status, body = replace(second, "STOP_ON_FAILURE", **maker)
    assert (status, body["code"], results(body)) == (409, -2021, ("SUCCESS", "FAILURE"))
    assert body["data"]["newOrderResponse"]["msg"] == "Order would immediately match and take."
    assert spot.owned()["USDT"] == ("9408.00000000", "592.00000000")


def test_a_cancellation_may_be_restricted(spot):
    number = spot.ask("POST", ORDER, **limit("BUY", "0.01", "59000", newClientOrderId="mine"))["orderId"]
    only = {**BTC, "orderId": number}
    assert spot.refused("DELETE", ORDER, **only, cancelRestrictions="ONLY_PARTIALLY_FILLED") == -2011
    assert spot.refused("DELETE", ORDER, **only, cancelRestrictions="NEVER") == -1145
    done = spot.ask("DELETE", ORDER, **only, cancelRestrictions="ONLY_NEW", newClientOrderId="bye")
    assert (done["origClientOrderId"], done["clientOrderId"], done["status"]) == ("mine", "bye", "CANCELED")
    assert spot.refused("DELETE", "/api/v3/openOrders", **BTC) == -2011


def test_a_client_order_id_is_unique_among_open_orders_only(spot):
    resting = limit("BUY", "0.01", "59000", newClientOrderId="mine")
    spot.ask("POST", ORDER, **resting)
    assert spot.asked("POST", ORDER, **resting)[1] == {"code": -2010, "msg": "Duplicate order sent."}
    spot.ask("DELETE", "/api/v3/openOrders", **BTC)
    for _ in range(2):
        spot.ask("POST", ORDER, **market("BUY", "0.01", newClientOrderId="mine"))
    assert spot.truth()["arrivals"]["mine"] == 4
    assert len(spot.truth()["fills"]) == 2


def test_used_weight_is_told_and_too_much_is_answered_with_429_and_then_418(sim_with):
    sim = sim_with("--product=spot", "--weight=60")
    ahead = sim.start_a_minute()
    told = []
    for path in ("/api/v3/time", "/api/v3/account", "/api/v3/myTrades"):
        at_ms = int(time.time() * 1_000) + ahead
        asked = sim.signed({**BTC}, at_ms=at_ms) if path != "/api/v3/time" else {}
        told.append(int(sim.answered("GET", path, asked, sim.key)[2]["X-MBX-USED-WEIGHT-1M"]))
    assert told == [1, 21, 41]
    status, body, headers = sim.answered("GET", "/api/v3/trades", BTC)
    assert (status, body["code"]) == (429, -1003)
    assert body["msg"] == (
        "Too much request weight used; current limit is 60 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    assert 0 < int(headers["Retry-After"]) <= 61
    last = [sim.answered("GET", "/api/v3/time", {}) for _ in range(12)][-1]
    assert last[0] == 418
    assert last[1]["msg"].startswith("Way too much request weight used; IP banned until ")
    sim.calm()
    assert sim.answered("GET", "/api/v3/time", {})[0] == 200


def test_too_many_orders_in_ten_seconds_are_answered_with_429(spot):
    spot.control("/ban", seconds=0)
    for _ in range(205):  # whatever the second it starts in, 101 of them are in one interval
        status, body, headers = spot.answered("POST", ORDER, spot.signed(market("SELL", "0.0001")), spot.key)
        if status != 200:
            break
    assert (status, body["code"]) == (429, -1015)
    assert body["msg"] == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert headers["X-MBX-ORDER-COUNT-10S"] == "101"


def test_an_order_that_times_out_after_it_was_taken_is_there(spot):
    spot.fault("status", on="order.place", when="after", status=504)
    order = market("BUY", "0.01", newClientOrderId="mine")
    status, body = spot.asked("POST", ORDER, **order)
    assert (status, body["code"]) == (504, -1007)
    assert spot.ask("GET", ORDER, **BTC, origClientOrderId="mine")["status"] == "FILLED"
    spot.fault("drop", on="orderList.place.oco", when="before")
    with pytest.raises(RemoteDisconnected):
        spot.ask("POST", OCO, **oco("SELL", ("LIMIT_MAKER", "61000", ""), ("STOP_LOSS", "", "59000")))
    assert spot.truth()["lists"] == []


def test_another_client_of_the_account_trades_and_cancels(spot):
    spot.control("/trade", side="BUY", quantity="0.01", **BTC)
    resting = spot.control("/trade", **limit("BUY", "0.01", "59000"))
    assert spot.owned()["BTC"][0] == "1.00999000"
    assert spot.control("/cancel", **BTC, orderId=resting["orderId"])["status"] == "CANCELED"


def test_only_futures_have_marks_and_hedge_mode(spot, sim_with):
    with pytest.raises(AssertionError, match="Not Found"):
        spot.control("/mark", symbol="BTCUSDT", price="1")
    with pytest.raises(AssertionError, match="--hedge is of futures"):
        sim_with("--product=spot", "--hedge")


def test_public_prices(spot):
    spot.quote("60010.00", "60010.10", last="60010.10", last_size="0.25")
    public = spot.public
    assert public("/api/v3/ticker/price", **BTC) == {"symbol": "BTCUSDT", "price": "60010.10000000"}
    assert public("/api/v3/ticker/bookTicker", **BTC)["askPrice"] == "60010.10000000"
    depth = public("/api/v3/depth", **BTC, limit=2)
    assert depth["bids"] == [["60010.00000000", "10.00000000"], ["60009.99000000", "10.00000000"]]
    # one at 60000.00 and a quarter at 60010.10
    mean = (Decimal(60000) + Decimal("0.25") * Decimal("60010.1")) / Decimal("1.25")
    assert public("/api/v3/avgPrice", **BTC)["price"] == f"{mean:.8f}"
    first, last = public("/api/v3/trades", **BTC)
    assert (first["isBuyerMaker"], last["quoteQty"], last["isBestMatch"]) == (True, "15002.52500000", True)
    assert public("/api/v3/aggTrades", **BTC)[-1]["q"] == "0.25000000"
    (row,) = public("/api/v3/klines", **BTC, interval="1d")
    assert row[1:6] == ["60000.00000000", "60010.10000000", "60000.00000000", "60010.10000000", "1.25000000"]
    day = public("/api/v3/ticker/24hr", **BTC)
    assert (day["priceChange"], day["volume"]) == ("10.10000000", "1.25000000")
    names = [s["symbol"] for s in public("/api/v3/exchangeInfo", symbols='["ETHBTC","BTCUSDT"]')["symbols"]]
    assert names == ["ETHBTC", "BTCUSDT"]
    status, body, _ = spot.answered("GET", "/api/v3/exchangeInfo", {"symbol": "NONE"})
    assert (status, body["code"]) == (400, -1121)


def test_a_trade_older_than_five_minutes_is_not_in_the_mean_price(spot):
    spot.control("/conditions", skew_ms=301_000)
    spot.quote("50000.00", "50000.10", last="50000.00")
    assert spot.public("/api/v3/avgPrice", **BTC)["price"] == "50000.00000000"
    assert time.time() * 1_000 + 300_000 < spot.public("/api/v3/time")["serverTime"]


def test_times_come_in_microseconds_when_they_are_asked_for(shared_spot):
    def asked(path, unit):
        status, body, _ = shared_spot.raw(path, {"X-MBX-TIME-UNIT": unit})
        return status, json.loads(body)

    now = time.time() * 1_000_000
    assert abs(asked("/api/v3/time", "MICROSECOND")[1]["serverTime"] - now) < 60_000_000
    assert asked("/api/v3/time", "millisecond")[1]["serverTime"] < now / 100
    (fine,) = asked("/api/v3/klines?symbol=BTCUSDT&interval=1m", "microsecond")[1]
    (coarse,) = shared_spot.public("/api/v3/klines", **BTC, interval="1m")
    assert (fine[0], fine[6]) == (coarse[0] * 1_000, coarse[6] * 1_000)
    assert fine[1:6] + fine[7:] == coarse[1:6] + coarse[7:]
    assert asked("/api/v3/time", "SECOND") == (
        400,
        {"code": -1194, "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."},
    )
