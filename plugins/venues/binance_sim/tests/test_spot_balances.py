"""Spot's balances under any sequence of orders and prices: what is locked, and what fills have changed."""

from contextlib import suppress
from decimal import Decimal

from framework_binance_sim.book import ladder
from framework_binance_sim.market import Clock, Market
from framework_binance_sim.params import Params
from framework_binance_sim.refusals import Refused
from framework_binance_sim.script import Tick
from framework_binance_sim.spot.exchange import Exchange
from framework_binance_sim.spot.lists import Lists
from framework_binance_sim.symbols import SPOT
from hypothesis import given, settings
from hypothesis import strategies as st

D = Decimal
BTC = SPOT[0]
START = {"USDT": D(1_000), "BTC": D("0.01")}

sides = st.sampled_from(["BUY", "SELL"])
sizes = st.integers(1, 20).map(lambda n: str(n * D("0.0005")))
prices = st.integers(-12, 12).map(lambda n: str(60_000 + n * 25))


def order(kind):
    fields = {"symbol": st.just("BTCUSDT"), "type": st.just(kind), "side": sides, "quantity": sizes}
    if kind in {"LIMIT", "STOP_LOSS_LIMIT"}:
        fields["timeInForce"] = st.sampled_from(["GTC", "IOC", "FOK"])
    if kind in {"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"}:
        fields["price"] = prices
    if kind.startswith(("STOP", "TAKE")):
        fields["stopPrice"] = prices
    return st.tuples(st.just("place"), st.fixed_dictionaries(fields))


@st.composite
def oco(draw):
    """Above and below where the market began."""
    away, near = ("above", "below") if (side := draw(sides)) == "SELL" else ("below", "above")
    sign = 1 if side == "SELL" else -1
    profit, loss = (
        60_000 + sign * 25 * draw(st.integers(1, 8)),
        60_000 - sign * 25 * draw(st.integers(1, 8)),
    )
    return "oco", {
        "symbol": "BTCUSDT",
        "side": side,
        "quantity": draw(sizes),
        f"{away}Type": "LIMIT_MAKER",
        f"{away}Price": str(profit),
        f"{near}Type": "STOP_LOSS",
        f"{near}StopPrice": str(loss),
    }


quote_order = st.tuples(
    st.just("place"),
    st.fixed_dictionaries(
        {
            "symbol": st.just("BTCUSDT"),
            "type": st.just("MARKET"),
            "side": sides,
            "quoteOrderQty": st.integers(5, 900).map(str),
        }
    ),
)
tick = st.tuples(st.just("quote"), st.integers(-12, 12), st.integers(1, 4), st.integers(0, 3))
ending = st.tuples(st.just("cancel"), st.integers(0, 9))
kinds = ["LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT"]
steps = st.lists(
    st.one_of(*map(order, kinds), oco(), oco(), quote_order, tick, tick, ending), min_size=5, max_size=40
)


def do(exchange, lists, market, what, *details):
    if what == "place":
        exchange.place(Params(details[0]))
    elif what == "oco":
        lists.place_oco(Params(details[0]))
    elif what == "quote":
        bid, size = D(60_000 + details[0] * 25), D(details[1]) * D("0.001")
        bids, asks = ladder(BTC, (bid, size), (bid + BTC.tick, size))
        book = (bids[: details[2]], asks[: details[2]])
        market.happen(Tick(symbol="BTCUSDT", book=book, trade=(bid, D("0.004"), True)))
    else:
        working = list(exchange.working.values())
        if working:
            chosen = working[details[0] % len(working)]
            if chosen.group is None:
                exchange.end(chosen, "CANCELED", cancel_id="x")
            else:
                lists.cancel(chosen.group, "x")


@settings(max_examples=200, deadline=None)
@given(steps)
def test_what_is_locked_is_what_open_orders_need_and_fills_alone_change_what_is_owned(sequence):
    market = Market({"BTCUSDT": BTC}, Clock())
    exchange = Exchange(market, Clock(), START)
    lists = Lists(exchange)
    market.listeners = [exchange]
    do(exchange, lists, market, "quote", 0, 2, 3)
    for step in sequence:
        with suppress(Refused):
            do(exchange, lists, market, *step)
        needed = {"USDT": D(0), "BTC": D(0)}
        for group in {id(o.group or o): (o.group or o) for o in exchange.working.values()}.values():
            orders = [o for o in getattr(group, "orders", [group]) if o.is_open]
            worth = max(o.left if o.side == "SELL" else o.left * (o.price or o.stop_price) for o in orders)
            needed["BTC" if orders[0].side == "SELL" else "USDT"] += worth
        owned = {asset: b.free + b.locked for asset, b in exchange.account.balances.items()}
        expected = dict(START)
        for fill in exchange.fills:
            sign = 1 if fill.order.side == "BUY" else -1
            expected["BTC"] += sign * fill.size
            expected["USDT"] -= sign * fill.size * fill.price
            expected[fill.commission_asset] -= fill.commission
        assert {asset: b.locked for asset, b in exchange.account.balances.items()} == needed
        assert owned == expected
        assert all(balance.free >= 0 for balance in exchange.account.balances.values())
        assert all(not o.reserved for o in exchange.orders.values() if not o.is_open)
