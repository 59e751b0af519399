"""The engine's doors the gate stands in: deny, resize, route, and the ones it cannot stand in."""

from __future__ import annotations

import pytest
from nautilus_trader.core import UUID4
from nautilus_trader.model import OrderModifyRejected, OrderSide, OrderStatus, Price, Quantity
from nautilus_trader.trading import Strategy

DOOR = "framework/engine/desk.py Door; "
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def routed(order, spawn=True):
    fields = {**order.to_dict(), "exec_algorithm_id": "GATE"}
    if spawn:
        fields["exec_spawn_id"] = str(order.client_order_id)
    return type(order).from_dict(fields)


def make_bracket(strategy, size=10_000):
    return strategy.order_factory.bracket(
        strategy.bar_type.instrument_id,
        BUY,
        Quantity(size, 0),
        sl_trigger_price=Price.from_str("1.05000"),
        tp_price=Price.from_str("1.20000"),
    )


@pytest.mark.contract(
    "C-401",
    says="algorithm.deny_order(order, reason) called from outside gives a real OrderDenied, "
    "and DENIED in the cache.",
    leans=DOOR + "a denied order is an event with a reason, not an exception.",
)
def test_an_order_can_be_denied_from_outside_the_algorithm(lab):
    door = lab.Door()

    def step(strategy, bar):
        order = strategy.order_factory.market(lab.id, BUY, Quantity(1000, 0))
        door.deny_order(order, "too big")
        strategy.notes["at once"] = strategy.cache.order(order.client_order_id).status

    probe, engine = lab.run({2: step}, algorithms=[door])
    assert probe.events() == ["OrderInitialized", "OrderDenied"]
    assert probe.seen[-1][2].reason == "too big"
    assert probe.notes["at once"] == OrderStatus.DENIED, "deny_order is synchronous"
    assert engine.cache.orders()[0].status == OrderStatus.DENIED
    assert door.calls == []


@pytest.mark.contract(
    "C-402",
    says="deny_order works for each leg of a bracket whose list the cache has never seen.",
    leans="framework/engine/desk.py admit_list denies a whole list.",
)
def test_every_leg_of_an_unsubmitted_bracket_can_be_denied(lab):
    door = lab.Door()

    def step(strategy, bar):
        for order in make_bracket(strategy):
            door.deny_order(order, "no list")

    probe, engine = lab.run({2: step}, algorithms=[door])
    assert probe.events() == ["OrderInitialized", "OrderDenied"] * 3
    assert [order.status for order in engine.cache.orders()] == [OrderStatus.DENIED] * 3
    assert engine.cache.order_lists() == []


@pytest.mark.contract(
    "C-403",
    says="modify_order_in_place inside on_order gives a real OrderUpdated; the object handed "
    "in stays as it was.",
    leans=DOOR + "on_order submits cache.order(id), not the object it got.",
)
def test_an_order_is_resized_inside_the_algorithm(lab):
    class Resizing(lab.Door):
        def on_order(self, order):
            super().on_order(order)
            self.calls.append(str(order.quantity))

    door = Resizing(size=400)
    plan = {2: lambda s, bar: s.submit_order(routed(s.order_factory.market(lab.id, BUY, Quantity(1000, 0))))}
    probe, engine = lab.run(plan, algorithms=[door])
    assert probe.events() == ["OrderInitialized", "OrderUpdated", "OrderSubmitted", "OrderFilled"]
    assert door.calls == [("on_order", "MarketOrder"), "1000"]
    (order,) = engine.cache.orders()
    assert (str(order.quantity), str(order.filled_qty)) == ("400", "400")


@pytest.mark.contract(
    "C-404",
    says="modify_order_in_place of an order that was not submitted fails: it must be in the cache.",
    leans=DOOR + "resizes inside on_order only.",
)
def test_an_order_outside_the_cache_cannot_be_resized(lab):
    door = lab.Door()

    def step(strategy, bar):
        order = strategy.order_factory.market(lab.id, BUY, Quantity(1000, 0))
        with pytest.raises(RuntimeError) as caught:
            door.modify_order_in_place(order, quantity=Quantity(400, 0))
        strategy.notes["error"] = str(caught.value)

    probe, _ = lab.run({2: step}, algorithms=[door])
    assert "not found" in probe.notes["error"]


@pytest.mark.contract(
    "C-405",
    says="An order with an exec_algorithm_id goes to that algorithm's on_order, others pass it by.",
    leans=DOOR + "only resized orders make the detour.",
)
def test_only_routed_orders_reach_the_algorithm(lab):
    door = lab.Door()

    def step(strategy, bar):
        strategy.market(BUY, 1000)
        strategy.submit_order(routed(strategy.order_factory.market(lab.id, BUY, Quantity(2000, 0))))

    _probe, engine = lab.run({2: step}, algorithms=[door])
    assert door.calls == [("on_order", "MarketOrder")]
    assert sorted(str(order.filled_qty) for order in engine.cache.orders()) == ["1000", "2000"]


@pytest.mark.contract(
    "C-406",
    says="exec_algorithm_id without exec_spawn_id: from_dict makes no usable order and nothing is submitted.",
    leans="framework/engine/desk.py _routed sets both.",
)
def test_a_routed_order_needs_its_spawn_id(lab):
    door = lab.Door()
    failed = []

    def step(strategy, bar):
        try:
            strategy.submit_order(
                routed(strategy.order_factory.market(lab.id, BUY, Quantity(1, 0)), spawn=False)
            )
        except BaseException as error:  # noqa: BLE001 - whatever the engine raises is the subject
            failed.append(type(error).__name__)

    _, engine = lab.run({2: step}, algorithms=[door])
    assert failed
    assert door.calls == []
    assert engine.cache.orders() == []


@pytest.mark.contract(
    "C-407",
    says="A list with a routed leg is one on_order_list call with every leg; the default hands "
    "each to on_order.",
    leans=DOOR + "on_order_list resizes all legs before submitting any.",
)
def test_a_routed_list_arrives_whole(lab):
    class Listing(lab.Door):
        def on_order_list(self, order_list, orders):
            self.calls.append(("on_order_list", len(order_list), [type(order).__name__ for order in orders]))

    listing, plain = Listing(), lab.Door()
    plan = {2: lambda s, bar: s.submit_order_list([routed(order) for order in make_bracket(s)])}
    lab.run(plan, algorithms=[listing])
    lab.run(plan, algorithms=[plain])
    assert listing.calls == [("on_order_list", 3, ["MarketOrder", "StopMarketOrder", "LimitOrder"])]
    assert [name for _, name in plain.calls] == ["MarketOrder", "StopMarketOrder", "LimitOrder"]


@pytest.mark.contract(
    "C-408",
    says="A bracket resized leg by leg in the algorithm keeps its contingencies: children "
    "wait, then are accepted.",
    leans=DOOR + "this is how a resized bracket keeps its stop.",
)
def test_a_resized_bracket_still_works(lab):
    door = lab.Door(size=2000)
    plan = {2: lambda s, bar: s.submit_order_list([routed(order) for order in make_bracket(s)])}
    probe, engine = lab.run(plan, algorithms=[door], bars=lab.bars(*[1.1] * 6))
    entry, stop, target = engine.cache.orders()
    assert [str(order.quantity) for order in (entry, stop, target)] == ["2000"] * 3
    assert [order.status for order in (entry, stop, target)] == [
        OrderStatus.FILLED,
        OrderStatus.ACCEPTED,
        OrderStatus.ACCEPTED,
    ]
    names = probe.events()
    assert names.count("OrderUpdated") == 3
    assert names.index("OrderFilled") < names.index("OrderAccepted")


@pytest.mark.contract(
    "C-409",
    says="Denying only the stop of a bracket leaves a naked position: the entry fills, the "
    "target is rejected.",
    leans="framework/engine/desk.py admit_list: one denied leg denies the list.",
)
def test_denying_one_child_leaves_a_naked_position(lab):
    class DenyStop(lab.Door):
        def on_order_list(self, order_list, orders):
            entry, stop, target = orders
            self.deny_order(stop, "no stop")
            for order in (entry, target):
                self.submit_order(self.cache.order(order.client_order_id))

    plan = {2: lambda s, bar: s.submit_order_list([routed(order) for order in make_bracket(s)])}
    _, engine = lab.run(plan, algorithms=[DenyStop()])
    assert [order.status for order in engine.cache.orders()] == [
        OrderStatus.FILLED,
        OrderStatus.DENIED,
        OrderStatus.REJECTED,
    ]
    assert len(engine.cache.positions_open()) == 1


class Counting(Strategy):
    def submit_order(self, order, *args, **kwargs):
        self.notes["submitted"] = self.notes.get("submitted", 0) + 1
        super().submit_order(order, *args, **kwargs)


@pytest.mark.contract(
    "C-410",
    says="close_position, close_all_positions and market_exit send from inside the engine, "
    "past Python's submit_order.",
    leans="framework/engine/guard.py overrides all three with versions that pass the gate.",
)
@pytest.mark.parametrize("road", ["close_position", "close_all_positions", "market_exit"])
def test_the_engines_own_exits_do_not_pass_submit_order(lab, road):
    def leave(strategy, bar):
        if road == "close_position":
            strategy.close_position(strategy.cache.positions_open()[0])
        elif road == "close_all_positions":
            strategy.close_all_positions(lab.id)
        else:
            strategy.market_exit()

    counted = type("Counted", (Counting, lab.Probe), {})
    probe = counted(plan={2: lambda s, bar: s.market(BUY, 1000), 4: leave})
    _, engine = lab.run(strategy=probe)
    assert probe.notes["submitted"] == 1, "the entry only"
    _entry, leaving = engine.cache.orders()
    assert leaving.is_reduce_only
    assert leaving.status == OrderStatus.FILLED
    assert engine.cache.positions_open() == []


@pytest.mark.contract(
    "C-411",
    says="Python cannot put an OrderModifyRejected into the engine: not by publishing it, not "
    "by order.apply.",
    leans="framework/engine/guard.py calls the strategy's handlers itself when the gate refuses a change.",
)
def test_a_modify_rejection_made_in_python_reaches_nobody(lab):
    def refuse(strategy, bar):
        order = strategy.cache.order(strategy.notes["order"].client_order_id)
        now = strategy.clock.timestamp_ns()
        event = OrderModifyRejected(
            order.trader_id,
            order.strategy_id,
            order.instrument_id,
            order.client_order_id,
            "no",
            UUID4(),
            now,
            now,
            reconciliation=False,
        )
        strategy.publish_message(f"events.order.{order.strategy_id}", event)
        order.apply(event)
        held = strategy.cache.order(order.client_order_id)
        strategy.notes["counts"] = (order.event_count, held.event_count)

    probe, _ = lab.run({2: lambda s, bar: s.notes.update(order=s.limit(BUY, 1000, "1.05000")), 3: refuse})
    assert "OrderModifyRejected" not in probe.events()
    assert probe.notes["counts"] == (4, 3)
