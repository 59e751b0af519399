"""A guarded strategy in a real engine: nothing vanishes, nothing bypasses, a verdict is an engine event."""

from __future__ import annotations

import datetime as dt

import pytest
from nautilus_trader.model import (
    BarType,
    ExecAlgorithmId,
    OrderSide,
    OrderStatus,
    Price,
    Quantity,
    TriggerType,
)
from nautilus_trader.trading import Strategy

from framework import (
    APPROVE,
    Deny,
    Halt,
    PluginBroken,
    PluginConfig,
    Resize,
    RiskRule,
    RiskSpec,
    RunError,
    StrategySpec,
)
from framework.engine import backtest
from framework.testkit.market import simulate
from framework.testkit.nodes import plan_strategy


class OneBarType(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("guard") / "catalog", length=60, step="1-HOUR")


class Scripted(Strategy):
    """Calls `step_N` on bar N, when there is one, and keeps the events it gets."""

    def __init__(self, config):
        super().__init__(config)
        self.bars = 0
        self.events = []

    def on_start(self):
        self.instrument_id = self.config.bar_type.instrument_id
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.bars += 1
        self.close = bar.close
        step = getattr(self, f"step_{self.bars}", None)
        if step is not None:
            step()

    def on_order_event(self, event):
        self.events.append((type(event).__name__, str(event.client_order_id), getattr(event, "reason", None)))

    def names(self):
        return [name for name, _, _ in self.events]

    def market(self, side=OrderSide.BUY, size=10_000, **options):
        return self.order_factory.market(self.instrument_id, side, quantity(size), **options)

    def away(self, ticks):
        return Price.from_decimal_dp(
            self.close.as_decimal() + ticks * Price.from_str("0.00001").as_decimal(), 5
        )

    def bracket(self, size=10_000):
        return self.order_factory.bracket(
            self.instrument_id,
            OrderSide.BUY,
            quantity(size),
            sl_trigger_price=self.away(-5_000),
            tp_price=self.away(5_000),
        )


def quantity(size):
    return Quantity.from_str(str(size))


def run(market, strategy, *rules, config=None, data=None):
    """The strategy, the engine's orders by number, and the gate's decisions, after a whole run."""
    spec = StrategySpec(name="scripted", strategy=strategy, config=OneBarType)
    rule_specs = [
        (RiskSpec(name=f"rule_{number}", rule=rule, config=NoConfig), NoConfig())
        for number, rule in enumerate(rules)
    ]
    config = config or OneBarType(bar_type=market.bar_types[0])
    plan = plan_strategy(spec, config, catalog=market.catalog, rules=rule_specs, data=data)
    node = backtest.build(plan)
    try:
        backtest.replay(node)
        orders = sorted(
            node.engine.get_engine_cache(backtest.RUN).orders(),
            key=lambda order: int(str(order.client_order_id).rsplit("-", 1)[1]),
        )
        return node.strategies["subject"], orders, node.gate.decisions
    finally:
        node.engine.dispose()


class Denies(RiskRule):
    def check(self, proposal):
        return Deny("test says no")


class LeavesTwo(Scripted):
    """Two orders away from the market."""

    def step_5(self):
        self.orders = [
            self.order_factory.limit(self.instrument_id, OrderSide.BUY, quantity(2_000), self.away(-5_000))
            for _ in range(2)
        ]
        for order in self.orders:
            self.submit_order(order)


class Halves(RiskRule):
    def check(self, proposal):
        if proposal.quantity.as_decimal() > 5_000:
            return Resize(quantity(5_000), "half of it")
        return APPROVE


def test_an_order_without_rules_reaches_the_engine_untouched(market):
    class Buys(Scripted):
        def step_5(self):
            self.submit_order(self.market())

    strategy, (order,), decisions = run(market, Buys)
    assert strategy.names() == ["OrderInitialized", "OrderSubmitted", "OrderFilled"]
    assert order.filled_qty == quantity(10_000)
    assert decisions == []


def test_a_denied_order_is_the_engines_own_event_and_status(market):
    class Buys(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def on_order_denied(self, event):
            self.denied_as = str(self.strategy_id)  # raises in an unguarded strategy: the engine holds it

    strategy, (order,), (decision,) = run(market, Buys, Denies)
    assert strategy.names() == ["OrderInitialized", "OrderDenied"]
    assert strategy.events[1][2] == "test says no"
    assert order.status == OrderStatus.DENIED
    assert decision.client_order_id == str(order.client_order_id)
    assert strategy.denied_as.startswith("subject-")


def test_a_resized_order_is_updated_before_it_is_submitted(market):
    class Buys(Scripted):
        def step_5(self):
            self.submit_order(self.market())

    strategy, (order,), (decision,) = run(market, Buys, Halves)
    assert strategy.names() == ["OrderInitialized", "OrderUpdated", "OrderSubmitted", "OrderFilled"]
    assert (order.quantity, order.filled_qty) == (quantity(5_000), quantity(5_000))
    assert (decision.quantity, decision.resized_to) == ("10000", "5000")


def test_an_emulated_order_is_resized_when_it_is_released(market, tmp_path):
    quotes = simulate(tmp_path / "catalog", kind="quotes", length=60, step="1-HOUR")

    class Buys(Strategy):
        def on_start(self):
            self.names = []
            self.instrument_id = self.config.bar_type.instrument_id
            self.subscribe_quotes(self.instrument_id)

        def on_quote(self, quote):
            if not self.names:
                above = Price.from_decimal_dp(quote.ask_price.as_decimal() * 2, 5)
                self.submit_order(
                    self.order_factory.limit(
                        self.instrument_id,
                        OrderSide.BUY,
                        quantity(10_000),
                        above,
                        emulation_trigger=TriggerType.BID_ASK,
                    )
                )

        def on_order_event(self, event):
            self.names.append(type(event).__name__)

    # The bars are named to carry the instrument, and built by the engine from the quotes.
    config = OneBarType(bar_type=BarType.from_str(f"{market.instrument_ids[0]}-1-DAY-MID-INTERNAL"))
    strategy, orders, _ = run(quotes, Buys, Halves, config=config, data=quotes.streams())
    assert "OrderReleased" in strategy.names
    assert "OrderUpdated" in strategy.names
    assert sum(order.filled_qty.as_decimal() for order in orders) == 5_000


def test_a_denied_bracket_is_denied_leg_by_leg(market):
    class Brackets(Scripted):
        def step_5(self):
            self.submit_order_list(self.bracket())

    strategy, orders, decisions = run(market, Brackets, Denies)
    assert [order.status for order in orders] == [OrderStatus.DENIED] * 3
    assert strategy.names() == ["OrderInitialized", "OrderDenied"] * 3
    assert len(decisions) == 1


def test_the_children_of_a_resized_bracket_follow_their_parent(market):
    class Brackets(Scripted):
        def step_5(self):
            self.submit_order_list(self.bracket())

    strategy, orders, _ = run(market, Brackets, Halves)
    assert [str(order.quantity) for order in orders] == ["5000", "5000", "5000"]
    assert orders[0].filled_qty == quantity(5_000)
    assert strategy.names().count("OrderUpdated") == 3
    assert strategy.names().count("OrderAccepted") == 2


def test_the_protective_stop_of_a_bracket_is_shown_to_the_rules(market):
    seen = []

    class Looks(RiskRule):
        judges_exits = True

        def check(self, proposal):
            seen.append((proposal.order.order_type.name, proposal.stop_price, proposal.reduces))
            return APPROVE

    class Brackets(Scripted):
        def step_5(self):
            orders = self.bracket()
            self.stop = orders[1].trigger_price
            self.submit_order_list(orders)

    strategy, _, _ = run(market, Brackets, Looks)
    assert seen == [("MARKET", strategy.stop, False), ("STOP_MARKET", None, True), ("LIMIT", None, True)]


def test_close_position_and_close_all_positions_pass_the_gate(market):
    judged = []

    class Looks(RiskRule):
        judges_exits = True

        def check(self, proposal):
            judged.append((proposal.side.name, str(proposal.quantity), proposal.reduces, proposal.position))
            return APPROVE

    class RoundTrips(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def step_6(self):
            (position,) = self.cache.positions_open(strategy_id=self.strategy_id)
            self.close_position(position)

        def step_7(self):
            self.submit_order(self.market(OrderSide.SELL))

        def step_8(self):
            self.close_all_positions(self.instrument_id)
            self.close_all_positions(self.instrument_id)

    _, orders, _ = run(market, RoundTrips, Looks)
    assert judged[:4] == [
        ("BUY", "10000", False, 0),
        ("SELL", "10000", True, 10_000),
        ("SELL", "10000", False, 0),
        ("BUY", "10000", True, -10_000),
    ]
    # The second close in one handler overlaps the first: the venue holds reduce-only orders to the position.
    assert sum(order.filled_qty.as_decimal() for order in orders if order.side == OrderSide.BUY) == 20_000


def test_closing_a_closed_position_sends_nothing(market):
    class Late(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def step_6(self):
            (self.position,) = self.cache.positions_open(strategy_id=self.strategy_id)
            self.close_position(self.position)

        def step_9(self):
            self.close_position(self.position)

    _, orders, _ = run(market, Late)
    assert len(orders) == 2


def test_market_exit_cancels_and_closes_through_the_gate(market):
    class Leaves(Scripted):
        hooks = ()

        def step_5(self):
            self.submit_order_list(self.bracket())

        def step_7(self):
            self.market_exit()

        def on_market_exit(self):
            self.hooks = (*self.hooks, "on")

        def post_market_exit(self):
            self.hooks = (*self.hooks, "post")

    strategy, orders, _ = run(market, Leaves)
    assert strategy.hooks == ("on", "post")
    assert [order.status for order in orders] == [
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.CANCELED,
        OrderStatus.FILLED,
    ]


def test_a_refused_change_is_rejected_with_the_rules_reason_and_the_order_stays(market):
    class NoGrowth(RiskRule):
        def check(self, proposal):
            return Deny("no growth") if proposal.action == "modify" else APPROVE

    class Grows(Scripted):
        def step_5(self):
            self.order = self.order_factory.limit(
                self.instrument_id, OrderSide.BUY, quantity(10_000), self.away(-5_000)
            )
            self.submit_order(self.order)

        def step_6(self):
            self.modify_order(self.order.client_order_id, quantity=quantity(20_000))
            self.modify_orders([(self.order.client_order_id, quantity(30_000), None, None)])

        def on_order_modify_rejected(self, event):
            self.rejected = event.reason

    strategy, (order,), decisions = run(market, Grows, NoGrowth)
    assert strategy.rejected == "no growth"
    assert strategy.names()[-2:] == ["OrderModifyRejected", "OrderModifyRejected"]
    assert order.quantity == quantity(10_000)
    assert [decision.action for decision in decisions] == ["modify", "modify"]


def test_a_change_is_resized_to_what_the_rules_allow(market):
    class Grows(Scripted):
        def step_5(self):
            self.order = self.order_factory.limit(
                self.instrument_id, OrderSide.BUY, quantity(2_000), self.away(-5_000)
            )
            self.submit_order(self.order)

        def step_6(self):
            self.modify_order(self.order.client_order_id, quantity=quantity(20_000))

        def step_7(self):
            self.modify_order(self.order.client_order_id, quantity=quantity(30_000))

    strategy, (order,), _ = run(market, Grows, Halves)
    assert order.quantity == quantity(5_000)
    assert strategy.events[-1][2] == "half of it: it has that size already"


def test_approved_changes_reach_the_engine_one_by_one_and_together(market):
    class Moves(LeavesTwo):
        def step_6(self):
            self.modify_order(self.orders[0].client_order_id, price=self.away(-6_000))
            self.modify_orders(
                [(order.client_order_id, quantity(3_000), None, None) for order in self.orders]
            )

    _, orders, _ = run(market, Moves, Halves)
    assert [str(order.quantity) for order in orders] == ["3000", "3000"]
    assert orders[0].price < orders[1].price


def test_changes_that_are_sent_together_count_together(market):
    class Cap(RiskRule):
        def check(self, proposal):
            others = [
                int(order.leaves_qty)
                for order in self.market.pending_entries()
                if order.client_order_id != proposal.order.client_order_id
            ]
            return APPROVE if sum(others) + int(proposal.quantity) <= 6_000 else Deny("too much")

    class Grows(LeavesTwo):
        def step_6(self):
            self.modify_orders(
                [(order.client_order_id, quantity(3_500), None, None) for order in self.orders]
            )

    strategy, orders, _ = run(market, Grows, Cap)
    assert sorted(str(order.quantity) for order in orders) == ["2000", "3500"]
    assert strategy.names().count("OrderModifyRejected") == 1


def test_a_list_for_another_execution_algorithm_is_denied(market):
    class Routes(Scripted):
        def step_5(self):
            entry, *children = self.bracket()
            routed = {"exec_algorithm_id": "TWAP", "exec_spawn_id": str(entry.client_order_id)}
            self.submit_order_list([type(entry).from_dict(entry.to_dict() | routed), *children])

    _, orders, _ = run(market, Routes)
    assert [order.status for order in orders] == [OrderStatus.DENIED] * 3


def test_an_order_for_another_execution_algorithm_is_denied(market):
    class Routes(Scripted):
        def step_5(self):
            self.submit_order(self.market(exec_algorithm_id=ExecAlgorithmId("TWAP")))

    _, (order,), _ = run(market, Routes)
    assert order.status == OrderStatus.DENIED


def test_reduce_only_orders_need_something_to_reduce_and_no_more_than_that(market):
    class Overshoots(Scripted):
        def step_5(self):
            self.submit_order(self.market(OrderSide.SELL, reduce_only=True))

        def step_6(self):
            self.submit_order(self.market())

        def step_7(self):
            self.submit_order(self.market(OrderSide.SELL, 1_000_000, reduce_only=True))
            self.submit_order(self.market(OrderSide.BUY, 1_000, reduce_only=True))
            self.submit_order(self.market(OrderSide.SELL, 4_000, reduce_only=True))

    _, orders, decisions = run(market, Overshoots)
    assert [order.status.name for order in orders] == ["DENIED", "FILLED", "DENIED", "DENIED", "FILLED"]
    assert {decision.rule for decision in decisions} == {"gate"}


def test_a_reduce_only_stop_beside_its_entry_is_covered_by_the_entry(market):
    class Both(Scripted):
        def step_5(self):
            self.submit_order(self.market())
            self.submit_order(
                self.order_factory.stop_market(
                    self.instrument_id, OrderSide.SELL, quantity(10_000), self.away(-5_000), reduce_only=True
                )
            )

    _, orders, _ = run(market, Both)
    assert orders[1].status != OrderStatus.DENIED


def test_exits_without_the_flag_count_as_exits_only_as_far_as_the_position_reaches(market):
    judged = []

    class Looks(RiskRule):
        def check(self, proposal):
            judged.append((proposal.side.name, str(proposal.quantity)))
            return APPROVE

    class Twice(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def step_6(self):
            self.submit_order(self.market(OrderSide.SELL, 6_000))
            self.submit_order(self.market(OrderSide.SELL, 6_000))

    run(market, Twice, Looks)
    assert judged == [("BUY", "10000"), ("SELL", "6000")], "the second exit would turn the position around"


def test_an_exit_beside_the_order_that_closes_the_position_is_none(market):
    """Found by the kill drill: both would fill, the second one opens a position on the other side."""
    judged = []

    class Looks(RiskRule):
        def check(self, proposal):
            judged.append((proposal.side.name, str(proposal.quantity)))
            return APPROVE

    class Twice(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def step_6(self):
            self.close_all_positions(self.instrument_id)
            self.submit_order(self.market(OrderSide.SELL, 6_000))

    run(market, Twice, Looks)
    assert judged == [("BUY", "10000"), ("SELL", "6000")]


HANDLERS = {
    "on_start": {},
    "on_bar": {},
    "on_order_initialized": {},
    "on_order_event": {},
    "on_order_submitted": {},
    "on_order_filled": {},
    "on_position_opened": {},
    "on_position_event": {},
    "on_stop": {},
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_an_exception_in_a_handler_fails_the_run_with_its_traceback(market, handler):
    def breaks(self, *args):
        raise LookupError(f"lost in {handler}")

    class Buys(Scripted):
        def step_5(self):
            self.submit_order(self.market())

    broken = type("Broken", (Buys,), {handler: breaks})
    with pytest.raises(RunError, match=f"strategy subject, {handler}: LookupError: lost in") as caught:
        run(market, broken)
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__cause__.__traceback__ is not None


@pytest.mark.parametrize("how", ["alert", "timer", "alert_ns", "default"])
def test_an_exception_in_a_timer_fails_the_run(market, how):
    class Ticks(Scripted):
        def step_5(self):
            now = self.clock.timestamp_ns()
            if how == "alert":
                self.clock.set_time_alert("t", self.clock.utc_now() + dt.timedelta(hours=2), self.boom)
            elif how == "timer":
                self.clock.set_timer("t", dt.timedelta(hours=1), callback=self.boom)
            elif how == "alert_ns":
                self.clock.set_time_alert_ns("t", now + 7_200_000_000_000, callback=self.boom)
            else:
                self.clock.register_default_handler(self.boom)
                self.clock.set_time_alert_ns("t", now + 7_200_000_000_000)

        def boom(self, event):
            raise ZeroDivisionError("tick")

    with pytest.raises(RunError, match="strategy subject, timer: ZeroDivisionError: tick"):
        run(market, Ticks)


def test_a_misspelt_attribute_is_an_error_not_a_run_without_trades(market):
    class Misspells(Scripted):
        def step_5(self):
            self.submit_ordr(self.market())

    with pytest.raises(RunError, match="submit_ordr"):
        run(market, Misspells)


def test_the_run_stops_at_the_first_exception(market):
    class Counts(Scripted):
        def step_5(self):
            raise ValueError("first")

        def step_6(self):
            raise ValueError("second")

    with pytest.raises(RunError, match="first"):
        run(market, Counts)


def test_ctrl_c_inside_a_handler_is_not_swallowed(market):
    class Interrupted(Scripted):
        def step_5(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(market, Interrupted)


def test_submitting_one_order_twice_fails_the_run(market):
    class Repeats(Scripted):
        def step_5(self):
            order = self.market()
            self.submit_order(order)
            self.submit_order(order)

    with pytest.raises(RunError, match="submitted order .* twice"):
        run(market, Repeats)


def test_an_order_that_goes_around_the_gate_fails_the_run(market):
    class Sneaks(Scripted):
        def step_5(self):
            Strategy.submit_order(self, self.market())

    with pytest.raises(RunError, match="sent order .* past the gate"):
        run(market, Sneaks, Denies)


@pytest.mark.parametrize("method", ["submit_order", "modify_orders", "close_position", "market_exit"])
def test_a_strategy_that_replaces_a_method_of_the_gate_does_not_load(market, method):
    opts_out = type("OptsOut", (Scripted,), {method: lambda self, *args: None})
    with pytest.raises(PluginBroken, match=f"overrides {method}, which the gate owns"):
        run(market, opts_out)


def test_a_halt_closes_the_position_cancels_what_rests_and_denies_what_follows(market):
    class AfterTenMarks(RiskRule):
        marks = 0

        def on_mark(self, mark):
            self.marks += 1
            return Halt("ten is enough") if self.marks == 10 else None

    class Trades(Scripted):
        def step_5(self):
            self.submit_order(self.market())
            self.submit_order(
                self.order_factory.limit(
                    self.instrument_id, OrderSide.BUY, quantity(1_000), self.away(-9_000)
                )
            )

        def step_12(self):
            self.submit_order(self.market())

    _, orders, decisions = run(market, Trades, AfterTenMarks)
    assert [order.status.name for order in orders] == ["FILLED", "CANCELED", "FILLED", "DENIED"]
    assert orders[2].is_reduce_only
    assert [decision.verdict for decision in decisions] == ["halt", "deny"]


def test_a_halt_in_the_middle_of_a_fill_leaves_no_position_behind(market):
    class OnFirstFill(RiskRule):
        def on_fill(self, fill):
            return Halt("never hold anything")

    class Trades(Scripted):
        def step_5(self):
            self.submit_order_list(self.bracket())

        def step_20(self):
            assert self.portfolio.is_net_flat(self.instrument_id)
            assert not self.cache.orders_open(strategy_id=self.strategy_id)

    strategy, orders, _ = run(market, Trades, OnFirstFill)
    assert strategy.bars == 60
    assert sum(order.signed_decimal_qty() for order in orders if order.status == OrderStatus.FILLED) == 0


def test_a_halt_also_recalls_the_order_that_was_submitted_a_moment_ago(market):
    class OnFirstFill(RiskRule):
        def on_fill(self, fill):
            return Halt("first fill")

    class Chases(Scripted):
        def step_5(self):
            self.submit_order(self.market())

        def on_order_filled(self, event):
            if not hasattr(self, "chased"):
                self.chased = self.order_factory.limit(
                    self.instrument_id, OrderSide.BUY, quantity(1_000), self.away(-9_000)
                )
                self.submit_order(self.chased)

    _, orders, _ = run(market, Chases, OnFirstFill)
    assert orders[1].status == OrderStatus.CANCELED
    assert orders[2].status == OrderStatus.FILLED
    assert orders[2].side == OrderSide.SELL


def test_a_change_that_changes_nothing_is_not_sent(market):
    class Trails(Scripted):
        def step_5(self):
            self.order = self.order_factory.stop_market(
                self.instrument_id, OrderSide.BUY, quantity(1_000), self.away(5_000)
            )
            self.submit_order(self.order)

        def step_6(self):
            self.modify_order(self.order.client_order_id, trigger_price=self.order.trigger_price)
            self.modify_order(self.order.client_order_id, quantity=quantity(1_000))

    strategy, _, _ = run(market, Trails)
    assert strategy.names() == ["OrderInitialized", "OrderSubmitted", "OrderAccepted"]


def test_a_change_to_an_unknown_order_is_the_strategys_error(market):
    class Wrong(Scripted):
        def step_5(self):
            self.modify_order(self.market().client_order_id, quantity=quantity(1_000))

    with pytest.raises(RunError, match="not found in cache"):
        run(market, Wrong)


def test_an_exception_where_no_guard_stands_fails_the_run(market):
    class Broken:
        name, initialized, has_inputs = "broken", True, True

        def handle_bar(self, bar):
            raise FloatingPointError("no value")

    class Indicates(Scripted):
        def on_start(self):
            super().on_start()
            self.register_indicator_for_bars(self.config.bar_type, Broken())

    with pytest.raises(RunError, match="met an error and stopped after"):
        run(market, Indicates)


def test_the_orders_of_a_list_count_for_each_other(market):
    class OneOrder(RiskRule):
        sent = 0

        def check(self, proposal):
            return Deny("one is enough") if self.sent else APPROVE

        def on_sent(self, proposal):
            self.sent += 1

    class OneEntry(RiskRule):
        def check(self, proposal):
            return Deny("one entry is enough") if self.market.pending_entries() else APPROVE

    class Pairs(Scripted):
        def step_5(self):
            orders = [
                self.order_factory.limit(self.instrument_id, OrderSide.BUY, quantity(1_000), self.away(ticks))
                for ticks in (-5_000, -6_000)
            ]
            list_id = str(self.order_factory.generate_order_list_id())
            self.submit_order_list(
                [type(order).from_dict(order.to_dict() | {"order_list_id": list_id}) for order in orders]
            )

    for rule in (OneOrder, OneEntry):
        _, orders, _ = run(market, Pairs, rule)
        assert [order.status for order in orders] == [OrderStatus.DENIED, OrderStatus.DENIED]


class Exits(RiskRule):
    def check(self, proposal):
        raise SystemExit(0)


class ExitsAtStart(RiskRule):
    def start(self, market):
        raise SystemExit(0)


class ExitsAtBirth(RiskRule):
    def __init__(self, config):
        raise SystemExit(0)


@pytest.mark.parametrize("place", ["__init__", "on_start", "step_5", "on_order_filled", "on_stop"])
def test_a_strategy_that_asks_python_to_exit_fails_the_run(market, place):
    def leave(self, *args):
        raise SystemExit(0)

    class Buys(Scripted):
        def step_4(self):
            self.submit_order(self.market())

    with pytest.raises(RunError, match="asked Python to exit"):
        run(market, type("Leaves", (Buys,), {place: leave}))


@pytest.mark.parametrize("rule", [Exits, ExitsAtStart, ExitsAtBirth])
def test_a_rule_that_asks_python_to_exit_fails_the_run(market, rule):
    class Buys(Scripted):
        def step_4(self):
            self.submit_order(self.market())

    with pytest.raises(RunError, match="asked Python to exit"):
        run(market, Buys, rule)
