"""Orders as the strategy sees them: what is synchronous, what is a copy, what order events come in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model import (
    ClientOrderId,
    ContingencyType,
    OrderSide,
    OrderStatus,
    Price,
    Quantity,
    TrailingOffsetType,
    TriggerType,
)

DESK = "framework/engine/desk.py "
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def q(size):
    return Quantity(size, 0)


def p(text):
    return Price.from_str(text)


def rebuilt(order, **changes):
    return type(order).from_dict({**order.to_dict(), **changes})


@pytest.mark.contract(
    "C-301",
    says="submit_order publishes OrderInitialized at once; everything else waits until the handler returns.",
    leans=DESK + "counts approved entries itself (Entries): the position does not show them yet.",
)
def test_a_submitted_order_is_executed_after_the_handler_returns(lab):
    def step(strategy, bar):
        order = strategy.market(BUY, 1000)
        strategy.notes["events"] = strategy.events()
        strategy.notes["status"] = strategy.cache.order(order.client_order_id).status
        strategy.notes["positions"] = strategy.cache.positions_open()

    probe, _ = lab.run({2: step})
    assert probe.notes == {"events": ["OrderInitialized"], "status": OrderStatus.INITIALIZED, "positions": []}
    assert probe.events() == ["OrderInitialized", "OrderSubmitted", "OrderFilled"]
    assert {n for n, _, _ in probe.seen} == {2}, "all of it belongs to the same bar"


@pytest.mark.contract(
    "C-302",
    says="A fill calls on_order_filled, on_order_event, on_position_opened, on_position_event; "
    "the cache knows already.",
    leans="framework/engine/guard.py tells the gate in on_order_filled, when the position must "
    "be up to date.",
)
def test_the_order_of_the_handlers_of_a_fill(lab):
    calls = []

    class Recorder(lab.Probe):
        def on_order_filled(self, event):
            calls.append("on_order_filled")
            self.notes["status"] = self.cache.order(event.client_order_id).status
            self.notes["open"] = len(self.cache.positions_open())

        def on_order_event(self, event):
            if type(event).__name__ == "OrderFilled":
                calls.append("on_order_event")

        def on_position_opened(self, event):
            calls.append("on_position_opened")

        def on_position_event(self, event):
            calls.append("on_position_event")

    probe, _ = lab.run(strategy=Recorder(plan={2: lambda s, bar: s.market(BUY, 1000)}))
    assert calls == ["on_order_filled", "on_order_event", "on_position_opened", "on_position_event"]
    assert probe.notes == {"status": OrderStatus.FILLED, "open": 1}


@pytest.mark.contract(
    "C-303",
    says="An order object in Python is a copy: it never changes, and only cache.order(id) shows the state.",
    leans=DESK + "and framework/engine/books.py re-read every order from the cache before judging it.",
)
def test_a_python_order_is_a_copy_that_never_changes(lab):
    probe, engine = lab.run({2: lambda s, bar: s.notes.update(order=s.market(BUY, 1000))})
    order = probe.notes["order"]
    held = engine.cache.order(order.client_order_id)
    assert (order.status, order.filled_qty) == (OrderStatus.INITIALIZED, q(0))
    assert (held.status, held.filled_qty) == (OrderStatus.FILLED, q(1000))
    with pytest.raises(AttributeError):
        order.quantity = q(5)


@pytest.mark.contract(
    "C-304",
    says="The same order object submitted twice is accepted twice, under one id, over the first one's state.",
    leans=DESK + "refuses an order it has approved before, or it would reach the venue twice.",
)
def test_the_same_order_can_be_submitted_twice(lab):
    def cancel(strategy, bar):
        strategy.cancel_order(strategy.notes["order"].client_order_id)

    probe, engine = lab.run(
        {
            2: lambda s, bar: s.notes.update(order=s.limit(BUY, 1000, "1.05000")),
            3: cancel,
            4: lambda s, bar: s.submit_order(s.notes["order"]),
        }
    )
    assert probe.events().count("OrderAccepted") == 2
    assert [order.status for order in engine.cache.orders()] == [OrderStatus.ACCEPTED]


@pytest.mark.contract(
    "C-305",
    says="modify_order with nothing to change or of an unknown order raises RuntimeError; of a "
    "closed one, nothing.",
    leans="framework/engine/guard.py: such an error comes out of the strategy's own call and fails the run.",
)
def test_a_pointless_modify_raises_or_does_nothing(lab):
    def place(strategy, bar):
        strategy.notes["open"] = strategy.limit(BUY, 1000, "1.05000").client_order_id
        strategy.notes["closed"] = strategy.market(BUY, 1000).client_order_id

    def pointless(strategy, bar):
        before = len(strategy.seen)
        with pytest.raises(RuntimeError, match="the same as existing values"):
            strategy.modify_order(strategy.notes["open"], quantity=q(1000))
        with pytest.raises(RuntimeError, match="not found in cache"):
            strategy.modify_order(ClientOrderId("O-UNKNOWN"), quantity=q(2000))
        strategy.modify_order(strategy.notes["closed"], quantity=q(2000))
        strategy.notes["new"] = len(strategy.seen) - before

    probe, _ = lab.run({2: place, 4: pointless})
    assert probe.notes["new"] == 0
    assert "OrderModifyRejected" not in probe.events()


@pytest.mark.contract(
    "C-306",
    says="A real modify gives OrderPendingUpdate at once, then OrderUpdated; an impossible one "
    "OrderModifyRejected.",
    leans="framework/engine/guard.py imitates the second for a change the gate refuses.",
)
def test_a_modify_is_updated_or_rejected(lab):
    def too_precise(strategy, bar):
        strategy.modify_order(strategy.notes["order"].client_order_id, price=Price(1.0512345, 7))

    probe, engine = lab.run(
        {
            2: lambda s, bar: s.notes.update(order=s.limit(BUY, 1000, "1.05000")),
            3: lambda s, bar: s.modify_order(s.notes["order"].client_order_id, quantity=q(2000)),
            4: too_precise,
        }
    )
    assert probe.events()[3:] == [
        "OrderPendingUpdate",
        "OrderUpdated",
        "OrderPendingUpdate",
        "OrderModifyRejected",
    ]
    assert engine.cache.orders()[0].quantity == q(2000)
    assert engine.cache.orders()[0].status == OrderStatus.ACCEPTED


@pytest.mark.contract(
    "C-307",
    says="bracket() returns a list of three orders: entry, stop, target; OTO parent, OUO "
    "children, reduce-only.",
    leans=DESK + "admit_list and the bracket of plugins/strategies.",
)
def test_a_bracket_is_a_list_of_entry_stop_and_target(lab):
    def step(strategy, bar):
        strategy.notes["bracket"] = strategy.order_factory.bracket(
            lab.id, BUY, q(1000), sl_trigger_price=p("1.05000"), tp_price=p("1.20000")
        )

    probe, _ = lab.run({2: step})
    bracket = probe.notes["bracket"]
    entry, stop, target = bracket
    assert type(bracket) is list
    assert [type(o).__name__ for o in bracket] == ["MarketOrder", "StopMarketOrder", "LimitOrder"]
    assert [o.contingency_type for o in bracket] == [
        ContingencyType.OTO,
        ContingencyType.OUO,
        ContingencyType.OUO,
    ]
    assert [o.is_reduce_only for o in bracket] == [False, True, True]
    assert stop.parent_order_id == target.parent_order_id == entry.client_order_id
    assert len({str(o.order_list_id) for o in bracket}) == 1


def bracket_and_submit(lab, change=lambda orders: orders):
    def step(strategy, bar):
        orders = strategy.order_factory.bracket(
            lab.id, BUY, q(10_000), sl_trigger_price=p("1.05000"), tp_price=p("1.10300")
        )
        strategy.notes["orders"] = orders
        strategy.submit_order_list(change(orders))

    return step


@pytest.mark.contract(
    "C-308",
    says="The children of a bracket wait for the parent's fill, and the target's fill cancels the stop.",
    leans="plugins/strategies place stops this way; framework/engine/desk.py counts children as covered.",
)
def test_a_bracket_enters_then_leaves_by_one_side(lab):
    bars = lab.bars(1.1, 1.1, 1.1, 1.1, (1.1, 1.104, 1.1, 1.104), 1.104)
    probe, engine = lab.run({2: bracket_and_submit(lab)}, bars=bars)
    entry, stop, target = probe.notes["orders"]
    assert probe.events(entry)[-1] == "OrderFilled"
    assert probe.events(stop)[-2:] == ["OrderAccepted", "OrderCanceled"]
    assert probe.events(target)[-2:] == ["OrderAccepted", "OrderFilled"]
    assert engine.cache.positions_open() == []
    assert engine.cache.order(target.client_order_id).avg_px == Decimal("1.103")


@pytest.mark.contract(
    "C-309",
    says="A list whose entry alone was made smaller: the venue shrinks stop and target to what was filled.",
    leans=DESK + "resizes the children too; if it ever missed one, the venue still keeps them to the "
    "position.",
)
def test_children_follow_a_smaller_parent(lab):
    def smaller(orders):
        return [rebuilt(orders[0], quantity="2000"), *orders[1:]]

    bars = lab.bars(*[1.1] * 6)
    _probe, engine = lab.run({2: bracket_and_submit(lab, smaller)}, bars=bars)
    assert [str(order.quantity) for order in engine.cache.orders()] == ["2000", "2000", "2000"]


ORDERS = {
    "market": lambda f, i: f.market(i, BUY, q(9000), tags=["a", "b"]),
    "limit": lambda f, i: f.limit(i, BUY, q(9000), p("1.05000"), post_only=True, display_qty=q(1000)),
    "emulated": lambda f, i: f.limit(i, BUY, q(9000), p("1.05000"), emulation_trigger=TriggerType.BID_ASK),
    "stop": lambda f, i: f.stop_market(i, BUY, q(9000), p("1.20000"), trigger_type=TriggerType.LAST_PRICE),
    "stop_limit": lambda f, i: f.stop_limit(i, BUY, q(9000), p("1.21000"), p("1.20000")),
    "if_touched": lambda f, i: f.market_if_touched(i, BUY, q(9000), p("1.05000")),
    "limit_if_touched": lambda f, i: f.limit_if_touched(i, BUY, q(9000), p("1.06000"), p("1.05000")),
    "to_limit": lambda f, i: f.market_to_limit(i, BUY, q(9000)),
    "trailing": lambda f, i: f.trailing_stop_market(
        i, SELL, q(9000), trailing_offset=Decimal("0.001"), trailing_offset_type=TrailingOffsetType.PRICE
    ),
}


@pytest.mark.contract(
    "C-310",
    says="to_dict and from_dict of an order are inverse for every order type, also with one field changed.",
    leans=DESK + "_routed rebuilds an order this way to send it through the door.",
)
@pytest.mark.parametrize("kind", ORDERS)
def test_an_order_survives_being_taken_apart_and_put_together(lab, kind):
    probe, _ = lab.run({2: lambda s, bar: s.notes.update(order=ORDERS[kind](s.order_factory, lab.id))})
    order = probe.notes["order"]
    assert rebuilt(order).to_dict() == order.to_dict()
    changed = rebuilt(
        order, exec_algorithm_id="GATE", exec_spawn_id=str(order.client_order_id), quantity="4000"
    )
    different = {key for key, value in order.to_dict().items() if changed.to_dict()[key] != value}
    assert different == {"exec_algorithm_id", "exec_spawn_id", "quantity"}
    assert changed.leaves_qty == q(4000)


def trailing(lab, **kwargs):
    def step(strategy, bar):
        order = strategy.order_factory.trailing_stop_market(
            lab.id,
            SELL,
            q(1000),
            trailing_offset=Decimal("0.00100"),
            trailing_offset_type=TrailingOffsetType.PRICE,
            reduce_only=True,
            **kwargs,
        )
        strategy.notes["order"] = order
        strategy.submit_order(order)

    return {2: lambda s, bar: s.market(BUY, 1000), 3: step}


@pytest.mark.contract(
    "C-311",
    says="A trailing stop follows the price up by its offset and fills when the price falls back to it.",
    leans="framework/engine/desk.py STOPS counts it as a stop; plugins may use it.",
)
def test_a_trailing_stop_follows_the_price(lab):
    bars = lab.bars(1.1, 1.1, 1.1, 1.102, 1.104, (1.104, 1.104, 1.102, 1.102), 1.102)
    probe, engine = lab.run(trailing(lab, trigger_price=p("1.09900")), bars=bars)
    held = engine.cache.order(probe.notes["order"].client_order_id)
    assert held.status == OrderStatus.FILLED
    assert held.avg_px == Decimal("1.103"), "high 1.104 less the offset of 0.001"


@pytest.mark.contract(
    "C-312",
    says="On bars only, a trailing stop without a trigger_price is denied: MARKET_PRICE_UNAVAILABLE.",
    leans="Strategies on bars must set trigger_price; framework/engine/desk.py passes the order on as it is.",
)
def test_a_trailing_stop_on_bars_needs_a_trigger_price(lab):
    probe, _ = lab.run(trailing(lab))
    _, name, event = probe.seen[-1]
    assert name == "OrderDenied"
    assert event.reason.startswith("MARKET_PRICE_UNAVAILABLE")


@pytest.mark.contract(
    "C-315",
    says="A stop-limit rests at its limit once the trigger is touched; the venue sends no OrderTriggered.",
    leans="framework/engine/desk.py STOPS counts it as a stop; nothing may wait for OrderTriggered.",
)
def test_a_stop_limit_fills_at_its_limit_after_the_trigger(lab):
    def step(strategy, bar):
        order = strategy.order_factory.stop_limit(lab.id, BUY, q(1000), p("1.10150"), p("1.10200"))
        strategy.notes["order"] = order
        strategy.submit_order(order)

    below_trigger = lab.bars(1.1, 1.1, 1.1, (1.1, 1.1015, 1.1, 1.1))
    probe, _ = lab.run({2: step}, bars=below_trigger)
    assert probe.events()[-1] == "OrderAccepted", "the limit was touched but the trigger was not"

    bars = lab.bars(1.1, 1.1, 1.103, 1.103, (1.103, 1.103, 1.101, 1.101))
    probe, engine = lab.run({2: step}, bars=bars)
    assert probe.events() == ["OrderInitialized", "OrderSubmitted", "OrderAccepted", "OrderFilled"]
    assert engine.cache.order(probe.notes["order"].client_order_id).avg_px == Decimal("1.1015")


@pytest.mark.contract(
    "C-313",
    says="Two limit orders linked as OCO by hand: the fill of one cancels the other.",
    leans="framework/engine/desk.py admit_list takes lists a strategy linked itself.",
)
def test_one_cancels_other_by_hand(lab):
    def step(strategy, bar):
        one = strategy.order_factory.limit(lab.id, SELL, q(1000), p("1.10200"))
        two = strategy.order_factory.stop_market(lab.id, SELL, q(1000), p("1.09000"))
        list_id = str(strategy.order_factory.generate_order_list_id())
        common = {"contingency_type": "OCO", "order_list_id": list_id}
        linked = [
            rebuilt(one, linked_order_ids=[str(two.client_order_id)], **common),
            rebuilt(two, linked_order_ids=[str(one.client_order_id)], **common),
        ]
        strategy.notes["orders"] = linked
        strategy.submit_order_list(linked)

    bars = lab.bars(1.1, 1.1, 1.1, (1.1, 1.103, 1.1, 1.103), 1.103)
    probe, _ = lab.run({2: step}, bars=bars)
    one, two = probe.notes["orders"]
    assert probe.events(one)[-1] == "OrderFilled"
    assert probe.events(two)[-1] == "OrderCanceled"


@pytest.mark.contract(
    "C-314",
    says="An emulated order stays in the engine (OrderEmulated), is released at its trigger "
    "and only then submitted.",
    leans=DESK + "flatten() cancels orders_emulated too; a latch must stop them before release.",
)
def test_an_emulated_order_is_submitted_when_it_is_released(lab):
    def place(strategy):
        strategy.subscribe_quotes(lab.id)

    class OnQuotes(lab.Probe):
        def on_quote(self, quote):
            self.n += 1
            if self.n == 2:
                order = self.order_factory.limit(
                    lab.id, BUY, q(1000), p("1.09900"), emulation_trigger=TriggerType.BID_ASK
                )
                self.submit_order(order)
                self.notes["emulated"] = len(self.cache.orders_emulated())

    quotes = [
        lab.quote(n, price, price + 0.0001) for n, price in enumerate([1.1, 1.1, 1.1, 1.0985, 1.0985], 1)
    ]
    probe, engine = lab.run(strategy=OnQuotes(started=place, subscribe=False), bars=quotes)
    names = [name for _, name, _ in probe.seen]
    assert names == [
        "OrderInitialized",
        "OrderEmulated",
        "OrderInitialized",
        "OrderReleased",
        "OrderSubmitted",
        "OrderFilled",
    ]
    assert probe.notes["emulated"] == 1
    assert len({event.client_order_id for _, _, event in probe.seen}) == 1, "one order, initialised twice"
    assert [n for n, name, _ in probe.seen if name == "OrderFilled"] == [4], (
        "at the quote that reaches the limit"
    )
    assert engine.cache.orders()[0].status == OrderStatus.FILLED
