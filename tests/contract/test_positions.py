"""Positions: identifiers, reduce-only, and what the venue does when an exit is too big."""

from __future__ import annotations

import pytest
from nautilus_trader.model import OmsType, OrderSide, OrderStatus, StrategyId

BUY, SELL = OrderSide.BUY, OrderSide.SELL
DESK = "framework/engine/desk.py _reduces lets reduce-only orders pass; "


def statuses(engine):
    return [order.status for order in engine.cache.orders()]


@pytest.mark.contract(
    "C-601",
    says="NETTING: one position a strategy and instrument, `INSTRUMENT-STRATEGY`, reused after it was flat.",
    leans="The trades of a report are told apart by their times, because the id stays the same.",
)
def test_a_netting_position_keeps_its_id_through_flat(lab):
    plan = {
        2: lambda s, bar: s.market(BUY, 1000),
        4: lambda s, bar: s.market(SELL, 1000),
        6: lambda s, bar: s.market(BUY, 1000),
    }
    _, engine = lab.run(plan)
    (position,) = engine.cache.positions()
    assert str(position.id) == "EUR/USD.SIM-probe-001"
    assert len(engine.cache.position_snapshots()) == 1, "the first round trip is kept as a snapshot"
    assert engine.get_result().total_positions == 2


@pytest.mark.contract(
    "C-602",
    says="NETTING: an order bigger than the position closes it and opens the other side.",
    leans=DESK + "an order without the flag that exceeds the position counts as an entry.",
)
def test_a_netting_position_flips(lab):
    _, engine = lab.run({2: lambda s, bar: s.market(BUY, 1000), 4: lambda s, bar: s.market(SELL, 1500)})
    (position,) = engine.cache.positions_open()
    assert str(position.signed_qty) == "-500.0"


@pytest.mark.contract(
    "C-603",
    says="HEDGING: every order without a position id opens a position of its own.",
    leans="framework/engine/desk.py closes each position with its own id.",
)
def test_a_hedging_account_opens_one_position_an_order(lab):
    _, engine = lab.run(
        {2: lambda s, bar: s.market(BUY, 1000), 4: lambda s, bar: s.market(SELL, 1500)},
        venue={"oms_type": OmsType.HEDGING},
    )
    assert sorted(position.signed_qty for position in engine.cache.positions_open()) == [-1500.0, 1000.0]


@pytest.mark.contract(
    "C-604",
    says="Two strategies in one instrument have a position each, also on a NETTING venue.",
    leans="framework/engine/books.py asks for positions by strategy; the account's net is their sum.",
)
def test_two_strategies_have_a_position_each(lab):
    one = lab.Probe(lab.Settings(strategy_id=StrategyId("a-1")), plan={2: lambda s, b: s.market(BUY, 1000)})
    two = lab.Probe(lab.Settings(strategy_id=StrategyId("b-2")), plan={2: lambda s, b: s.market(SELL, 1000)})
    engine = lab.engine(data=lab.wavy(10), strategies=[one, two])
    engine.run()
    assert sorted(str(position.id) for position in engine.cache.positions_open()) == [
        "EUR/USD.SIM-a-1",
        "EUR/USD.SIM-b-2",
    ]
    assert engine.portfolio.net_position(lab.id) == 0


@pytest.mark.contract(
    "C-605",
    says="A reduce-only order when flat, or on the side of the position, is rejected by the venue.",
    leans=DESK + "the venue holds them to the position.",
)
def test_reduce_only_without_an_opposite_position_is_rejected(lab):
    plan = {
        2: lambda s, bar: s.market(SELL, 1000, reduce_only=True),
        3: lambda s, bar: s.market(BUY, 1000),
        4: lambda s, bar: s.market(BUY, 1000, reduce_only=True),
        5: lambda s, bar: s.limit(BUY, 1000, "1.05000", reduce_only=True),
    }
    probe, engine = lab.run(plan)
    rejected, filled = OrderStatus.REJECTED, OrderStatus.FILLED
    assert statuses(engine) == [rejected, filled, rejected, rejected]
    assert "would have increased position" in probe.seen[-1][2].reason


@pytest.mark.contract(
    "C-606",
    says="A reduce-only market order bigger than the position is cut to it (OrderUpdated) and filled.",
    leans=DESK + "an overshoot leaves the account flat, never reversed.",
)
def test_reduce_only_overshoot_is_cut_to_the_position(lab):
    plan = {2: lambda s, bar: s.market(BUY, 1000), 4: lambda s, bar: s.market(SELL, 1500, reduce_only=True)}
    probe, engine = lab.run(plan)
    assert probe.events()[-3:] == ["OrderSubmitted", "OrderUpdated", "OrderFilled"]
    assert engine.cache.positions_open() == []
    assert str(engine.cache.orders()[1].quantity) == "1000"


@pytest.mark.contract(
    "C-607",
    says="Resting reduce-only orders shrink with the position (OrderUpdated) and are cancelled "
    "when it is flat.",
    leans=DESK + "several exits may rest against one position.",
)
def test_resting_reduce_only_orders_follow_the_position(lab):
    def exits(strategy, bar):
        strategy.limit(SELL, 1000, "1.20000", reduce_only=True)
        strategy.limit(SELL, 1000, "1.30000", reduce_only=True)

    plan = {
        2: lambda s, bar: s.market(BUY, 1000),
        3: exits,
        4: lambda s, bar: s.market(SELL, 400),
        6: lambda s, bar: s.market(SELL, 600),
    }
    probe, engine = lab.run(plan)
    assert [str(order.quantity) for order in engine.cache.orders()[1:3]] == ["600", "600"]
    assert statuses(engine)[1:3] == [OrderStatus.CANCELED] * 2
    assert probe.events().count("OrderUpdated") == 2


@pytest.mark.contract(
    "C-608",
    says="An exit sent in the same handler as its entry works: the entry is executed first.",
    leans=DESK + "counts entries on their way as cover.",
)
def test_an_exit_may_be_sent_with_its_entry(lab):
    def both(strategy, bar):
        strategy.market(BUY, 1000)
        strategy.market(SELL, 1000, reduce_only=True)

    _, engine = lab.run({2: both})
    assert statuses(engine) == [OrderStatus.FILLED] * 2
    assert engine.cache.positions_open() == []


@pytest.mark.contract(
    "C-609",
    says="close_all_positions called twice before the first fill sends two orders; the second is rejected.",
    leans="framework/engine/desk.py flatten() remembers what is being closed.",
)
def test_closing_twice_sends_two_orders(lab):
    def twice(strategy, bar):
        strategy.close_all_positions(lab.id)
        strategy.close_all_positions(lab.id)

    _, engine = lab.run({2: lambda s, bar: s.market(BUY, 1000), 4: twice})
    assert statuses(engine) == [OrderStatus.FILLED, OrderStatus.FILLED, OrderStatus.REJECTED]


@pytest.mark.contract(
    "C-610",
    says="reduce-only looks at the strategy's own position: another strategy's does not count.",
    leans=DESK + "positions are asked for by strategy.",
)
def test_reduce_only_ignores_the_position_of_another_strategy(lab):
    one = lab.Probe(lab.Settings(strategy_id=StrategyId("a-1")), plan={2: lambda s, b: s.market(BUY, 1000)})
    two = lab.Probe(
        lab.Settings(strategy_id=StrategyId("b-2")),
        plan={4: lambda s, b: s.market(SELL, 1000, reduce_only=True)},
    )
    engine = lab.engine(data=lab.wavy(10), strategies=[one, two])
    engine.run()
    assert statuses(engine) == [OrderStatus.FILLED, OrderStatus.REJECTED]
