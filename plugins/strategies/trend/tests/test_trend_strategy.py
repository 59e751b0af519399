"""Trend following on a raw engine: crosses by hand, and what it does when orders do not go as asked.

A fast average of one close is the close; a slow one of three starts at the mean of the first three closes and
then moves half of the way to each new one. Ticks are quarters.

    closes     102    101    100    104      104      102      101       104
    slow                     101    102.5    103.25   102.625  101.8125  102.90625
    fast is                  below  above    above    below    below     above
"""

from __future__ import annotations

import random

import msgspec
import pytest
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import InstrumentId, OmsType

from framework import Holding

XYZ = InstrumentId.from_str("XYZ/USD.SIM")
UP = [102, 101, 100, 104]
DOWN = [*UP, 104, 102]
UP_AGAIN = [*DOWN, 101, 104]


def rows(closes, volume=4000):
    """Bars half a point around each close, opened at the close before."""
    before = [closes[0], *closes]
    return [
        (first, max(first, last) + 0.5, min(first, last) - 0.5, last, volume)
        for first, last in zip(before, closes, strict=False)
    ]


def walk(seed, length):
    rng = random.Random(seed)
    closes = [100.0]
    for _ in range(length - 1):
        closes.append(closes[-1] + rng.choice([-1.5, -1, -0.5, -0.25, 0.25, 0.5, 1, 1.5]))
    return rows(closes, volume=rng.randint(100, 4000))


def sides(bench):
    return [(number, orders[0][1], orders[0][4]) for number, orders in bench.sent]


def kinds(bench):
    return [type(event).__name__ for _, event in bench.events]


# crosses


def test_the_average_by_hand():
    average = ExponentialMovingAverage(3)
    values = []
    for close in UP_AGAIN:
        average.update_raw(close)
        values.append(average.value if average.initialized else None)
    assert values == [None, None, 101.0, 102.5, 103.25, 102.625, 101.8125, 102.90625]


def test_a_cross_upwards_is_bought_at_the_close(bench):
    bench.play(rows([*UP, 104]), close_on_stop=False)
    assert bench.sent == [(4, [("MARKET", "BUY", 100, "", False)])]
    assert bench.fills() == [(4, "BUY", 100, "104.00")]


def test_a_cross_downwards_turns_the_position_out_first_and_then_in(bench):
    bench.play(rows(DOWN), close_on_stop=False)
    assert sides(bench) == [(4, "BUY", False), (6, "SELL", True), (6, "SELL", False)]
    assert bench.fills()[1:] == [(6, "SELL", 100, "102.00")] * 2


def test_the_side_at_the_end_of_the_warm_up_is_not_a_cross(bench):
    bench.play(rows([100, 101, 103, 104, 105]))
    assert bench.sent == []


def test_equal_averages_are_on_the_side_they_were_on(bench):
    # slow: 101, 102.5, then 102.5 again when the close is 102.5, then 103.25
    bench.play(rows([*UP, 102.5, 104]), close_on_stop=False)
    assert sides(bench) == [(4, "BUY", False)]


def test_averages_that_were_equal_from_the_start_have_no_side_to_cross_from(bench):
    bench.play(rows([100, 100, 100, 104, 105]))
    assert bench.sent == []


def test_prices_that_do_not_move_are_not_traded(bench):
    bench.play(rows([100] * 20))
    assert bench.sent == []


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("long", [(4, "BUY", False), (6, "SELL", True), (8, "BUY", False)]),
        ("short", [(6, "SELL", False), (8, "BUY", True)]),
    ],
)
def test_only_the_configured_side_is_entered(bench, side, expected):
    bench.play(rows(UP_AGAIN), side=side, close_on_stop=False)
    assert sides(bench) == expected


# the hard stop


def test_the_hard_stop_travels_with_the_entry_on_the_outer_tick(bench):
    # true ranges 1, 2, 2, 5: ATR(3) = (5/3 x 2 + 5) / 3 = 2.7778; 104 - 2 x 2.7778 = 98.4444
    bench.play(rows([*UP, 104]), stop_atr=2.0, atr_period=3, close_on_stop=False)
    entry, stop = ("MARKET", "BUY", 100, "", False), ("STOP_MARKET", "SELL", 100, "98.25", True)
    assert bench.sent == [(4, [entry, stop])]


def test_after_a_hard_stop_the_next_cross_is_waited_for(bench):
    # 104 - 0.5 x 2.7778 = 102.6111, on the tick 102.50; the bar of 103 goes down to 102.50
    bench.play(rows([*UP, 103, 104, 105]), stop_atr=0.5, atr_period=3)
    assert [fill[1:] for fill in bench.fills()] == [("BUY", 100, "104.00"), ("SELL", 100, "102.50")]
    assert len(bench.sent) == 1


def test_a_cross_cancels_the_hard_stop_and_enters_the_other_way_with_its_own(bench):
    engine = bench.play(rows(DOWN), stop_atr=5.0, atr_period=3, close_on_stop=False)
    assert [(number, len(orders), orders[0][1]) for number, orders in bench.sent] == [
        (4, 2, "BUY"),
        (6, 1, "SELL"),
        (6, 2, "SELL"),
    ]
    assert kinds(bench).count("OrderCanceled") == 1
    assert engine.cache.orders_open_count() == 1


def test_a_position_whose_hard_stop_was_rejected_is_closed_at_the_next_bar(bench):
    def stop_on_the_wrong_side(orders):
        return [
            type(order).from_dict(order.to_dict() | {"trigger_price": "105.00"})
            if order.order_type.name == "STOP_MARKET"
            else order
            for order in orders
        ]

    bench.change = stop_on_the_wrong_side
    bench.play(rows([*UP, 104]), stop_atr=2.0, atr_period=3, close_on_stop=False)
    assert "OrderRejected" in kinds(bench)
    assert sides(bench)[1:] == [(5, "SELL", True)]


# when orders do not go as asked


def test_a_denied_entry_waits_for_the_next_cross(bench):
    answers = iter(["too big"])
    bench.deny = lambda orders: next(answers, None)
    bench.play(rows(DOWN), close_on_stop=False)
    assert sides(bench) == [(4, "BUY", False), (6, "SELL", False)]


@pytest.mark.parametrize("stop_atr", [None, 2.0])
def test_when_every_order_is_denied_nothing_is_held_and_nothing_fails(bench, stop_atr):
    bench.deny = lambda orders: "closed"
    engine = bench.play(walk(1, 300), stop_atr=stop_atr, atr_period=3)
    assert len(bench.sent) > 10
    assert engine.cache.positions_total_count() == 0


def test_a_denied_exit_is_asked_for_again_and_the_turn_follows_it(bench):
    answers = iter(["busy", "busy"])
    bench.deny = lambda orders: next(answers, None) if orders[0].is_reduce_only else None
    bench.play(rows([*DOWN, 101, 100.5]), close_on_stop=False)
    assert sides(bench)[1:] == [(6, "SELL", True), (7, "SELL", True), (8, "SELL", True), (8, "SELL", False)]


def test_a_resized_entry_is_left_with_the_size_it_really_had(bench):
    bench.change = lambda orders: [
        order if order.is_reduce_only else type(order).from_dict(order.to_dict() | {"quantity": "37"})
        for order in orders
    ]
    bench.play(rows(DOWN), side="long")
    assert bench.fills() == [(4, "BUY", 37, "104.00"), (6, "SELL", 37, "102.00")]


def test_entries_and_exits_filled_in_parts_come_out_even(bench):
    bench.play(rows(DOWN, volume=120), close_on_stop=False)  # 30 units at the close, the rest a tick worse
    assert [fill[1:] for fill in bench.fills()] == [
        ("BUY", 30, "104.00"),
        ("BUY", 70, "104.25"),
        *[("SELL", 30, "102.00"), ("SELL", 70, "101.75")] * 2,
    ]


# An order sent on bar n arrives between n + 2 and n + 3 and fills at the close of the bar after its arrival.
TWO_AND_A_HALF_BARS = 150 * 10**9


@pytest.mark.parametrize("stop_atr", [None, 9.0])
def test_with_latency_one_position_at_a_time_is_held(bench, stop_atr):
    engine = bench.play(walk(4, 400), latency=TWO_AND_A_HALF_BARS, stop_atr=stop_atr, atr_period=3)
    assert len(bench.sent) > 20
    assert max(abs(int(size)) for size in engine.generate_positions_report()["peak_qty"].astype(float)) == 100


def test_an_entry_the_venue_refuses_is_survived(bench):
    bench.play(walk(1, 300), balance="1 USD")
    assert bench.fills() == []
    assert len(bench.sent) > 10


def test_with_hedging_every_position_that_was_opened_is_closed(bench):
    engine = bench.play(walk(4, 400), oms=OmsType.HEDGING)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.positions_total_count() > 10


# runs


def test_no_data_is_no_trades(bench):
    bench.engine(bench.strategy(), []).run()
    assert bench.sent == []
    assert not bench.failures


@pytest.mark.parametrize("cut", [60, 211, 350])
def test_cutting_the_data_changes_no_decision_before_the_cut(bench, another_bench, cut):
    every = walk(2, 500)
    bench.play(every, close_on_stop=False, stop_atr=1.5)
    another_bench.play(every[:cut], close_on_stop=False, stop_atr=1.5)
    assert another_bench.sent == [sent for sent in bench.sent if sent[0] <= cut]
    assert len(another_bench.sent) > 3


@pytest.mark.parametrize(("close", "open_positions"), [(True, 0), (False, 1)])
def test_stopping_closes_what_is_open_and_enters_nothing(bench, close, open_positions):
    engine = bench.play(rows([*UP, 104]), close_on_stop=close)
    assert engine.cache.positions_open_count() == open_positions
    assert len(bench.sent) == (2 if close else 1)


def test_a_position_and_its_stop_from_before_the_start_are_taken_over(bench):
    engine = bench.play(rows([*UP, 104]), stop_atr=3.0, atr_period=3, close_on_stop=False)
    holding = Holding()
    holding.adopt(engine.cache.positions_open(), engine.cache.orders_open())
    assert (int(holding.size), holding.protected, holding.idle) == (100, True, False)


def test_an_instrument_that_is_not_there_stops_the_run_with_its_name(bench):
    strategy = bench.strategy(bar_types=["NOPE/USD.SIM-1-MINUTE-LAST-EXTERNAL"])
    with pytest.raises(RuntimeError, match=r"no instrument NOPE/USD\.SIM; put it in the catalog"):
        bench.engine(strategy, bench.bars(rows(UP))).run()


def test_a_quantity_the_instrument_cannot_trade_stops_the_run(bench):
    with pytest.raises(RuntimeError, match=r"quantity 1\.5 has more decimals than XYZ/USD\.SIM trades in"):
        bench.engine(bench.strategy(quantity="1.5"), bench.bars(rows(UP))).run()


# settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bar_types": []}, "length >= 1"),
        ({"bar_types": [f"XYZ/USD.SIM-{n}-MINUTE-LAST-EXTERNAL" for n in (1, 5)]}, "twice"),
        ({"quantity": "0"}, "buys nothing"),
        ({"fast": 0}, ">= 1"),
        ({"fast": 3}, "`fast` 3 is not below `slow` 3"),
        ({"side": "flat"}, "Invalid enum value 'flat'"),
        ({"stop_atr": 0.0}, "> 0.0"),
        ({"atr_period": 0}, ">= 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(bench, changes, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        bench.settings(**changes)


# new settings while it runs


def test_new_settings_count_from_the_next_order_on(bench):
    def smaller(strategy, number):
        if number == 5:
            strategy.reconfigure(bench.settings(quantity="40", side="long"))

    bench.each_bar = smaller
    bench.play(rows(UP_AGAIN), close_on_stop=False)
    # 100 are held when 40 are asked for, and left whole; the short side is entered no more.
    assert [fill[1:3] for fill in bench.fills()] == [("BUY", 100), ("SELL", 100), ("BUY", 40)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fast": 2}, "`fast`"),
        ({"slow": 4}, "`slow`"),
        ({"stop_atr": 2.0}, "`stop_atr`"),
        ({"quantity": "0.5"}, "0.5"),
    ],
)
def test_what_it_cannot_take_changes_nothing(bench, change, said):
    def ask(strategy, number):
        if number == 3:
            with pytest.raises(ValueError, match=said):
                strategy.reconfigure(bench.settings(side="short", **change))

    bench.each_bar = ask
    bench.play(rows([*UP, 104]), close_on_stop=False)
    assert bench.sent == [(4, [("MARKET", "BUY", 100, "", False)])]
