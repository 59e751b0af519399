"""The matching engine against cases worked out by hand; EUR/USD: maker 0.00001, taker 0.00003, margin 3%."""

from decimal import Decimal

import pytest
from framework_simexchange.server.matching import Book, Exchange
from framework_simexchange.server.records import STANDARD, Refused
from hypothesis import given, settings
from hypothesis import strategies as st

SECOND = 10**9


def make(*, oms="netting", balance="1000000", leverage="1"):
    exchange = Exchange(STANDARD, {"USD": Decimal(balance)}, oms=oms, leverage=Decimal(leverage))
    quote(exchange, "1.10000", "1.10002")
    return exchange


def quote(exchange, bid, ask, bid_size="1000", ask_size="1000", at=SECOND):
    return exchange.quote(
        "EUR/USD", Book(Decimal(bid), Decimal(ask), Decimal(bid_size), Decimal(ask_size)), at
    )


def send(exchange, name, side="BUY", quantity="100", kind=None, at=SECOND, **more):
    kind = kind or ("LIMIT" if "price" in more else "MARKET")
    body = {"client_order_id": name, "symbol": "EUR/USD", "side": side, "quantity": quantity, "type": kind}
    events = exchange.submit({**body, **more}, at)
    return exchange.by_client[name], events


def fills(exchange, name):
    return [(str(f.quantity), str(f.price), f.maker) for f in exchange.fills if f.client_order_id == name]


def test_a_market_order_takes_what_is_shown_and_the_rest_a_tick_worse():
    exchange = make()
    order, _ = send(exchange, "A", quantity="1500")
    assert fills(exchange, "A") == [("1000", "1.10002", False), ("500", "1.10003", False)]
    assert order.status == "FILLED"
    sell, _ = send(exchange, "B", "SELL", quantity="1200")
    assert fills(exchange, "B") == [("1000", "1.10000", False), ("200", "1.09999", False)]
    assert sell.status == "FILLED"


def test_shown_size_is_given_away_once():
    exchange = make()
    send(exchange, "A", quantity="700")
    send(exchange, "B", quantity="700")
    assert fills(exchange, "B") == [("300", "1.10002", False), ("400", "1.10003", False)]


def test_profit_and_fees_to_the_cent():
    exchange = make()
    send(exchange, "A", quantity="100000")
    # 1000 at 1.10002 and 99000 at 1.10003; fees 0.0330006 -> 0.03 and 3.2670891 -> 3.27
    quote(exchange, "1.10100", "1.10102", bid_size="100000")
    send(exchange, "B", "SELL", quantity="100000")
    # sold for 110100.00; cost 1100.02 + 108902.97 = 110002.99; profit 97.01; fee 3.303 -> 3.30
    assert exchange.balances["USD"] == Decimal(1000000) + Decimal("97.01") - Decimal("0.03") - Decimal(
        "3.27"
    ) - Decimal("3.30")
    assert exchange.positions["EUR/USD"].quantity == 0


def test_a_reversal_realizes_only_what_it_closes():
    exchange = make()
    send(exchange, "A", quantity="100", price="1.10002")
    quote(exchange, "1.10100", "1.10102")
    send(exchange, "B", "SELL", quantity="300")
    position = exchange.positions["EUR/USD"]
    assert (position.quantity, position.average) == (Decimal(-200), Decimal("1.10100"))
    assert position.realized == Decimal("0.10")  # 100 x 0.00098 = 0.098


def test_a_limit_rests_and_fills_at_its_price_for_the_makers_fee():
    exchange = make()
    order, _ = send(exchange, "A", quantity="1000", price="1.09990")
    assert (order.status, fills(exchange, "A")) == ("OPEN", [])
    quote(exchange, "1.09970", "1.09980", ask_size="400")
    assert fills(exchange, "A") == [("400", "1.09990", True)]
    assert (order.status, order.left) == ("OPEN", 600)
    quote(exchange, "1.09980", "1.09990")
    assert order.status == "FILLED"
    assert [f.fee for f in exchange.fills] == [Decimal("0.00"), Decimal("0.01")]  # 0.0043996 and 0.0065994


def test_better_prices_fill_first_and_then_earlier_ones():
    exchange = make()
    for name, price in (("late", "1.09990"), ("best", "1.09995"), ("later", "1.09990")):
        send(exchange, name, quantity="500", price=price)
    quote(exchange, "1.09980", "1.09985", ask_size="800")
    assert [f.client_order_id for f in exchange.fills] == ["best", "late"]
    assert exchange.by_client["late"].left == 200


def test_a_changed_price_loses_its_place_and_a_smaller_size_does_not():
    exchange = make()
    for name in ("first", "second"):
        send(exchange, name, quantity="500", price="1.09990")
    exchange.modify("first", {"quantity": "400"}, SECOND)
    exchange.modify("second", {"price": "1.09991"}, SECOND)
    exchange.modify("second", {"price": "1.09990"}, SECOND)
    quote(exchange, "1.09980", "1.09985", ask_size="450")
    assert [(f.client_order_id, f.quantity) for f in exchange.fills] == [("first", 400), ("second", 50)]


@pytest.mark.parametrize(
    ("tif", "quantity", "filled", "status"),
    [
        ("IOC", "1500", "1000", "CANCELED"),
        ("IOC", "800", "800", "FILLED"),
        ("FOK", "1500", "0", "CANCELED"),
        ("FOK", "1000", "1000", "FILLED"),
        ("GTC", "1500", "1000", "OPEN"),
    ],
)
def test_time_in_force_of_a_limit_that_takes(tif, quantity, filled, status):
    exchange = make()
    order, _ = send(exchange, "A", quantity=quantity, price="1.10002", tif=tif)
    assert (order.filled, order.status) == (Decimal(filled), status)


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_what_cannot_rest_and_does_not_cross_is_cancelled(tif):
    order, _ = send(make(), "A", price="1.09000", tif=tif)
    assert order.status == "CANCELED"


def test_good_till_date_expires_at_its_time():
    exchange = make()
    order, _ = send(exchange, "A", price="1.09000", tif="GTD", expire_ns=5 * SECOND)
    exchange.tick(5 * SECOND - 1)
    assert order.status == "OPEN"
    exchange.tick(5 * SECOND)
    assert order.status == "EXPIRED"


@pytest.mark.parametrize(
    ("side", "trigger", "before", "reached", "price"),
    [
        ("BUY", "1.10010", ("1.10007", "1.10009"), ("1.10010", "1.10012"), "1.10012"),
        ("SELL", "1.09990", ("1.09991", "1.09993"), ("1.09989", "1.09991"), "1.09989"),
    ],
)
def test_a_stop_waits_for_its_trigger_and_then_takes(side, trigger, before, reached, price):
    exchange = make()
    order, _ = send(exchange, "A", side, kind="STOP_MARKET", trigger_price=trigger)
    quote(exchange, *before)
    assert not order.triggered
    quote(exchange, *reached)
    assert fills(exchange, "A") == [("100", price, False)]


def test_a_stop_limit_rests_when_the_market_has_left_its_limit():
    exchange = make()
    order, _ = send(exchange, "A", "BUY", kind="STOP_LIMIT", trigger_price="1.10010", price="1.10011")
    quote(exchange, "1.10018", "1.10020")
    assert (order.triggered, order.status) == (True, "OPEN")
    quote(exchange, "1.10008", "1.10010")
    assert fills(exchange, "A") == [("100", "1.10011", True)]


def test_post_only_never_takes():
    exchange = make()
    refused, _ = send(exchange, "A", price="1.10002", post_only=True)
    assert (refused.status, refused.reason.partition(":")[0]) == ("REJECTED", "POST_ONLY")
    rests, _ = send(exchange, "B", price="1.10001", post_only=True)
    assert rests.status == "OPEN"
    with pytest.raises(Refused, match="would take"):
        exchange.modify("B", {"price": "1.10002"}, SECOND)


def test_reduce_only_closes_and_never_opens():
    exchange = make()
    assert send(exchange, "flat", "SELL", reduce_only=True)[0].status == "REJECTED"
    send(exchange, "A", quantity="100")
    assert send(exchange, "over", "SELL", "101", reduce_only=True)[0].status == "REJECTED"
    assert send(exchange, "same", "BUY", "1", reduce_only=True)[0].status == "REJECTED"
    for name in ("one", "two"):
        send(exchange, name, "SELL", "80", price="1.10010", reduce_only=True)
    quote(exchange, "1.10010", "1.10012")
    assert [(f.client_order_id, f.quantity) for f in exchange.fills[1:]] == [("one", 80), ("two", 20)]
    assert exchange.positions["EUR/USD"].quantity == 0
    quote(exchange, "1.10011", "1.10013")
    assert exchange.by_client["two"].status == "CANCELED"


def test_a_hedging_account_keeps_a_position_for_each_opening_order():
    exchange = make(oms="hedging")
    send(exchange, "long", "BUY", "100")
    send(exchange, "short", "SELL", "40")
    assert {p.position_id: p.quantity for p in exchange.positions.values()} == {"P1": 100, "P2": -40}
    send(exchange, "close", "SELL", "100", position_id="P1")
    assert exchange.positions["P1"].quantity == 0
    again, _ = send(exchange, "again", "SELL", "1", position_id="P1")
    assert again.reason.startswith("UNKNOWN_POSITION")
    over, _ = send(exchange, "over", "BUY", "41", position_id="P2")
    assert over.reason.startswith("REDUCE_ONLY")


def test_margin_is_held_back_for_positions_and_open_orders():
    exchange = make(balance="100", leverage="2")
    # 100 x 1.1 x 3% / 2 = 1.65 for each 100
    order, _ = send(exchange, "A", quantity="3000", price="1.10000")
    assert (order.status, exchange.free("USD")) == ("OPEN", Decimal(100) - Decimal("49.50"))
    refused, _ = send(exchange, "B", quantity="3100", price="1.10000")
    assert refused.reason.startswith("INSUFFICIENT_MARGIN")  # 51.15 is needed, 50.50 is free
    exchange.cancel("A", SECOND)
    assert exchange.free("USD") == 100


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "0.5"}, "BAD_QUANTITY"),
        ({"quantity": "100000001"}, "BAD_QUANTITY"),
        ({"price": "1.100001"}, "BAD_PRICE"),
        ({"price": "1.1", "tif": "GTD", "expire_ns": 1}, "EXPIRED"),
        ({"kind": "MARKET", "symbol": "BTC/USDT", "quantity": "1"}, "NO_MARKET"),
    ],
)
def test_orders_against_the_rules_are_rejected_and_remembered(changes, code):
    exchange = make()
    order, _ = send(exchange, "A", **changes)
    assert (order.status, order.reason.partition(":")[0]) == ("REJECTED", code)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "1e400"},
        {"quantity": "-1"},
        {"quantity": "0"},
        {"quantity": 100},
        {"quantity": None},
        {"quantity": "NaN"},
        {"kind": "ICEBERG"},
        {"side": "HOLD"},
        {"tif": "DAY"},
        {"symbol": "GBP/USD"},
        {"price": "1.1", "kind": "MARKET"},
        {"kind": "LIMIT"},
        {"kind": "STOP_MARKET"},
        {"tif": "GTD"},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\nb"},
    ],
    ids=str,
)
def test_malformed_orders_leave_nothing_behind(changes):
    exchange = make()
    before = exchange.seq
    with pytest.raises(Refused):
        send(exchange, **{"name": "A", **changes})
    assert (exchange.seq, exchange.orders) == (before, {})


def test_a_repeated_id_gives_the_first_order_back():
    exchange = make()
    first, _ = send(exchange, "A", quantity="100")
    again, events = send(exchange, "A", "SELL", quantity="900")
    assert again is first
    assert [event["kind"] for event in events] == ["repeat"]
    assert (len(exchange.fills), exchange.repeats) == (1, {"A": 1})


def test_only_open_orders_can_be_cancelled_or_changed():
    exchange = make()
    send(exchange, "A")
    for name, code in (("A", "ORDER_NOT_OPEN"), ("B", "ORDER_NOT_FOUND")):
        for ask in (exchange.cancel, lambda n, at: exchange.modify(n, {"quantity": "5"}, at)):
            with pytest.raises(Refused) as caught:
                ask(name, SECOND)
            assert caught.value.code == code


def moves():
    price = st.integers(109_900, 110_100)
    order = st.tuples(
        st.just("order"),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 3_000),
        st.one_of(st.none(), price),
        st.sampled_from(["GTC", "IOC", "FOK"]),
        st.booleans(),
    )
    market = st.tuples(st.just("quote"), price, st.integers(1, 20), st.integers(1, 2_000))
    cancel = st.tuples(st.just("cancel"), st.integers(0, 30))
    return st.lists(st.one_of(order, market, cancel), max_size=30)


def play(exchange, script):
    log = []
    for number, move in enumerate(script):
        if move[0] == "quote":
            _, bid, width, size = move
            log += quote(exchange, Decimal(bid).scaleb(-5), Decimal(bid + width).scaleb(-5), size, size)
        elif move[0] == "cancel":
            if exchange.by_client.get(f"O{move[1]}") in list(exchange.open.values()):
                log += exchange.cancel(f"O{move[1]}", SECOND)
        else:
            _, side, size, price, tif, reduce = move
            more = {} if price is None else {"price": str(Decimal(price).scaleb(-5))}
            log += send(exchange, f"O{number}", side, str(size), tif=tif, reduce_only=reduce, **more)[1]
    return log


@settings(max_examples=60, deadline=None)
@given(moves())
def test_whatever_happens_the_books_agree(script):
    exchange = make()
    log = play(exchange, script)
    signed = {"BUY": 1, "SELL": -1}
    assert sum(signed[f.side] * f.quantity for f in exchange.fills) == sum(
        p.quantity for p in exchange.positions.values()
    )
    for order in exchange.orders.values():
        mine = [f for f in exchange.fills if f.number == order.number]
        assert sum(f.quantity for f in mine) == order.filled <= order.quantity
        assert (order.status == "FILLED") == (order.filled == order.quantity)
        if order.price is not None:
            assert all(signed[f.side] * (order.price - f.price) >= 0 for f in mine)
        if order.reduce_only:
            assert order.filled == 0 or order.status in {"FILLED", "CANCELED", "OPEN"}
    paid = sum(f.fee for f in exchange.fills)
    realized = sum(p.realized for p in exchange.positions.values())
    assert exchange.balances["USD"] == Decimal(1_000_000) + realized - paid
    again = Exchange(STANDARD, {"USD": Decimal(1_000_000)})
    for event in log:
        again.apply(event)
    assert (again.orders, again.fills, again.positions, again.balances) == (
        exchange.orders,
        exchange.fills,
        exchange.positions,
        exchange.balances,
    )
