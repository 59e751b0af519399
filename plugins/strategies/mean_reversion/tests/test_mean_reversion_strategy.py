"""Mean reversion on a raw engine: its z-scores by hand, and what it does when orders do not go as asked.

With a lookback of four and closes 100, 102, 100, 98 the mean is 100 and the deviation sqrt(8 / 4) = 1.414214,
so the z-score of 98 is -1.414214: beyond an entry of 1.2 and short of a stop of 1.6. Ticks are quarters.
"""

from __future__ import annotations

import random
from math import sqrt
from statistics import fmean, pstdev

import msgspec
import pytest
from nautilus_trader.indicators import ZScore
from nautilus_trader.model import InstrumentId, OmsType

from framework import Holding

XYZ = InstrumentId.from_str("XYZ/USD.SIM")
DIP = [100, 102, 100, 98]
RISE = [100, 98, 100, 102]


def rows(closes, volume=4000):
    """Bars half a point around each close, opened at the close before."""
    before = [closes[0], *closes]
    return [
        (first, max(first, last) + 0.5, min(first, last) - 0.5, last, volume)
        for first, last in zip(before, closes, strict=False)
    ]


def sides(bench):
    return [(number, orders[0][1], orders[0][4]) for number, orders in bench.sent]


def kinds(bench):
    return [type(event).__name__ for _, event in bench.events]


# the z-score


def test_the_z_score_of_seven_closes_by_hand():
    zscore, seen = ZScore(4), []
    for close in (1, 2, 4, 7, 11, 3, 8):
        zscore.update_raw(close)
        seen.append(zscore.value if zscore.initialized else None)
    # means 3.5, 6, 6.25 and 7.25; variances 21 / 4, 46 / 4, 38.75 / 4 and 32.75 / 4
    expected = [3.5 / sqrt(5.25), 5 / sqrt(11.5), -3.25 / sqrt(9.6875), 0.75 / sqrt(8.1875)]
    assert seen[:3] == [None, None, None]
    assert seen[3:] == pytest.approx(expected)


@pytest.mark.parametrize("level", [1.1, 60_000.0, 1e9])
def test_the_engines_z_score_keeps_its_digits_after_a_jump_and_a_long_run(level):
    rng = random.Random(2)
    closes = [level * 1000] * 5 + [level + rng.randint(-64, 64) / 128 for _ in range(20_000)]
    zscore = ZScore(50)
    for close in closes:
        zscore.update_raw(close)
    window = closes[-50:]
    assert zscore.std == pytest.approx(pstdev(window), rel=1e-6)
    assert zscore.value == pytest.approx((closes[-1] - fmean(window)) / pstdev(window), rel=1e-6, abs=1e-6)


# entries


def test_a_close_far_below_the_mean_is_bought_at_that_close(bench):
    bench.play(rows([*DIP, 98]), close_on_stop=False)
    assert bench.sent == [(4, [("MARKET", "BUY", 100, "", False)])]
    assert bench.fills() == [(4, "BUY", 100, "98.00")]


def test_a_close_far_above_the_mean_is_sold(bench):
    bench.play(rows([*RISE, 102]), close_on_stop=False)
    assert bench.sent == [(4, [("MARKET", "SELL", 100, "", False)])]


@pytest.mark.parametrize(("entry", "entries"), [(1.414, 1), (1.415, 0)])
def test_the_entry_threshold_is_where_it_says(bench, entry, entries):
    bench.play(rows(DIP), entry=entry, close_on_stop=False)
    assert len(bench.sent) == entries


def test_a_price_already_beyond_the_stop_is_not_entered(bench):
    bench.play(rows(DIP), entry=1.2, stop=1.4)
    assert bench.sent == []


def test_nothing_is_entered_before_the_window_is_full(bench):
    bench.play(rows([100, 102, 90]))
    assert bench.sent == []


@pytest.mark.parametrize(("side", "entries"), [("long", 1), ("short", 0), ("both", 1)])
def test_only_the_configured_side_is_entered(bench, side, entries):
    bench.play(rows(DIP), side=side, close_on_stop=False)
    assert len(bench.sent) == entries


@pytest.mark.parametrize(
    ("limits", "entries"),
    [
        ({"min_volatility": 0.0141}, 1),  # the deviation is 0.01414214 of the mean
        ({"min_volatility": 0.0142}, 0),
        ({"max_volatility": 0.0142}, 1),
        ({"max_volatility": 0.0141}, 0),
    ],
)
def test_only_volatility_between_the_limits_is_traded(bench, limits, entries):
    bench.play(rows(DIP), close_on_stop=False, **limits)
    assert len(bench.sent) == entries


def test_prices_that_do_not_move_are_not_traded(bench):
    bench.play(rows([100] * 20))
    assert bench.sent == []


# exits


def test_a_trade_is_left_at_the_close_that_is_back_within_the_exit(bench):
    # 102 100 98 99.75: mean 99.9375, deviation 1.4179, z -0.13
    bench.play(rows([*DIP, 99.75]))
    assert sides(bench) == [(4, "BUY", False), (5, "SELL", True)]
    assert bench.fills()[-1] == (5, "SELL", 100, "99.75")


def test_a_trade_is_kept_while_the_price_is_between_exit_and_stop(bench):
    # 102 100 98 98: mean 99.5, deviation 1.6583, z -0.90
    bench.play(rows([*DIP, 98]), close_on_stop=False)
    assert len(bench.sent) == 1


def test_a_trade_is_given_up_at_the_stop_and_its_side_waits_for_the_price_to_come_back(bench):
    closes = [
        *DIP,
        90,  # 102 100 98 90: mean 97.5, deviation 4.5552, z -1.6465: the stop
        88,  # 100 98 90 88: mean 94, deviation 5.0990, z -1.1767
        84,  # 98 90 88 84: mean 90, deviation 5.0990, z -1.1767
        79,  # 90 88 84 79: mean 85.25, deviation 4.2056, z -1.4861: an entry, were the side not waiting
        84,  # 88 84 79 84: mean 83.75, deviation 3.1918, z +0.08: back
        80,  # 84 79 84 80: mean 81.75, deviation 2.2776, z -0.77
        79,  # 79 84 80 79: mean 80.5, deviation 2.0616, z -0.73
        77,  # 84 80 79 77: mean 80, deviation 2.5495, z -1.1767
        74.5,  # 80 79 77 74.5: mean 77.625, deviation 2.1029, z -1.4860: bought again
    ]
    bench.play(rows(closes), close_on_stop=False)
    assert sides(bench) == [(4, "BUY", False), (5, "SELL", True), (13, "BUY", False)]


def test_a_trade_is_left_when_its_time_is_up(bench):
    bench.play(rows([*DIP, 98, 98.5, 98]), max_bars=2, exit=0.0, stop=None)
    assert sides(bench) == [(4, "BUY", False), (6, "SELL", True)]


# the hard stop


def test_the_hard_stop_travels_with_the_entry_below_a_long_on_the_outer_tick(bench):
    # true ranges 1, 3, 3, 3: ATR(3) = (7/3 x 2 + 3) / 3 = 2.5556; 98 - 2 x 2.5556 = 92.8889
    bench.play(rows([*DIP, 98]), stop_atr=2.0, atr_period=3, close_on_stop=False)
    entry, stop = ("MARKET", "BUY", 100, "", False), ("STOP_MARKET", "SELL", 100, "92.75", True)
    assert bench.sent == [(4, [entry, stop])]


def test_the_hard_stop_fills_inside_the_bar_and_gives_the_side_up(bench):
    bench.play(rows([*DIP, 97]), stop_atr=0.5, atr_period=3)  # 98 - 1.2778 = 96.7222; the low is 96.5
    assert bench.fills() == [(4, "BUY", 100, "98.00"), (4, "SELL", 100, "96.50")]
    assert len(bench.sent) == 1


def test_leaving_cancels_the_hard_stop(bench):
    engine = bench.play(rows([*DIP, 99.75, 100]), stop_atr=3.0, atr_period=3, close_on_stop=False)
    assert engine.cache.orders_open_count() == 0
    assert engine.cache.positions_open_count() == 0
    assert kinds(bench).count("OrderCanceled") == 1


# when orders do not go as asked


def test_a_denied_entry_leaves_the_strategy_ready_for_the_next_bar(bench):
    answers = iter(["too big"])
    bench.deny = lambda orders: next(answers, None)
    bench.play(rows([*DIP, 96]), close_on_stop=False)  # 102 100 98 96: z -1.3416
    assert [number for number, _ in bench.sent] == [4, 5]
    assert bench.fills() == [(5, "BUY", 100, "96.00")]


@pytest.mark.parametrize("stop_atr", [None, 2.0])
def test_when_every_order_is_denied_nothing_is_held_and_nothing_fails(bench, stop_atr):
    bench.deny = lambda orders: "closed"
    engine = bench.play(walk(1, 300), stop_atr=stop_atr, atr_period=3)
    assert len(bench.sent) > 10
    assert bench.fills() == []
    assert engine.cache.positions_total_count() == 0


def test_a_resized_entry_is_left_with_the_size_it_really_had(bench):
    bench.change = lambda orders: [
        order if order.is_reduce_only else type(order).from_dict(order.to_dict() | {"quantity": "37"})
        for order in orders
    ]
    bench.play(rows([*DIP, 99.75]))
    assert bench.fills() == [(4, "BUY", 37, "98.00"), (5, "SELL", 37, "99.75")]


def test_an_entry_and_an_exit_filled_in_parts_come_out_even(bench):
    bench.play(rows([*DIP, 99.75], volume=120))  # 30 units at the close, the rest a tick worse
    assert [(side, size, price) for _, side, size, price in bench.fills()] == [
        ("BUY", 30, "98.00"),
        ("BUY", 70, "98.25"),
        ("SELL", 30, "99.75"),
        ("SELL", 70, "99.50"),
    ]


def test_a_denied_exit_is_asked_for_again_at_every_bar_until_it_is_done(bench):
    answers = iter(["busy", "busy"])
    bench.deny = lambda orders: next(answers, None) if orders[0].is_reduce_only else None
    bench.play(rows([*DIP, 99.75, 98.5, 98]))
    assert [number for number, _, reduces in sides(bench) if reduces] == [5, 6, 7]
    assert bench.fills()[-1] == (7, "SELL", 100, "98.00")


def test_a_position_whose_hard_stop_was_rejected_is_closed_at_the_next_bar(bench):
    def stop_on_the_wrong_side(orders):
        return [
            type(order).from_dict(order.to_dict() | {"trigger_price": "99.00"})
            if order.order_type.name == "STOP_MARKET"
            else order
            for order in orders
        ]

    bench.change = stop_on_the_wrong_side
    bench.play(rows([*DIP, 98]), stop_atr=2.0, atr_period=3)
    assert "OrderRejected" in kinds(bench)
    assert sides(bench)[1:] == [(5, "SELL", True)]


def test_a_hard_stop_left_over_from_a_position_someone_else_closed_is_cancelled(bench):
    bench.each_bar = lambda strategy, number: strategy.close_all_positions(XYZ) if number == 5 else None
    engine = bench.play(rows([*DIP, 98, 98, 98.5]), stop_atr=9.0, atr_period=3, close_on_stop=False)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.orders_open_count() == 0


def test_an_entry_the_venue_refuses_is_survived(bench):
    bench.play(walk(1, 300), balance="1 USD")
    assert bench.fills() == []
    assert len(bench.sent) > 10


def test_with_latency_trades_are_still_opened_once_and_left_once(bench):
    engine = bench.play(walk(4, 400), latency=5_000_000)
    assert engine.cache.positions_open_count() == 0
    opening = [orders for _, orders in bench.sent if not orders[0][4]]
    assert len(opening) > 10
    assert engine.cache.orders_open_count() == 0
    assert max(abs(int(size)) for size in engine.generate_positions_report()["peak_qty"].astype(float)) == 100


# An order sent on bar n arrives between n + 2 and n + 3 and fills at the close of the bar after its arrival.
TWO_AND_A_HALF_BARS = 150 * 10**9


@pytest.mark.parametrize("stop_atr", [None, 4.0])
def test_orders_on_their_way_are_waited_for_and_neither_cancelled_nor_repeated(bench, stop_atr):
    # at bar 8, the first to find a position, 98 98.25 98.5 98.5 has its last close above its mean
    closes = [*DIP, 98, 98, 98.25, 98.5, 98.5, 98.5, 98.5, 98.5]
    bench.play(rows(closes), latency=TWO_AND_A_HALF_BARS, stop_atr=stop_atr, atr_period=3, stop=None)
    assert sides(bench) == [(4, "BUY", False), (8, "SELL", True)]
    assert [(number, side) for number, side, *_ in bench.fills()] == [(7, "BUY"), (11, "SELL")]
    assert kinds(bench).count("OrderCanceled") == (0 if stop_atr is None else 1)


def test_with_hedging_every_position_that_was_opened_is_closed(bench):
    engine = bench.play(walk(4, 400), oms=OmsType.HEDGING)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.positions_total_count() > 10


# runs


def walk(seed, length):
    rng = random.Random(seed)
    closes = [100.0]
    for _ in range(length - 1):
        closes.append(closes[-1] + rng.choice([-1.5, -1, -0.5, -0.25, 0.25, 0.5, 1, 1.5]))
    return rows(closes, volume=rng.randint(100, 4000))


def test_no_data_is_no_trades(bench):
    bench.engine(bench.strategy(), []).run()
    assert bench.sent == []
    assert not bench.failures


def test_a_reset_strategy_runs_again_as_if_it_were_new(bench):
    strategy = bench.strategy(stop_atr=1.0, atr_period=3)
    engine = bench.engine(strategy, bench.bars(walk(1, 500)))
    engine.run()
    first, bench.sent, bench.bars_seen = bench.sent, [], 0
    engine.reset()
    engine.run()
    assert len(first) > 10
    assert bench.sent == first
    assert not bench.failures


@pytest.mark.parametrize("cut", [60, 211, 350])
def test_cutting_the_data_changes_no_decision_before_the_cut(bench, another_bench, cut):
    every = walk(2, 500)
    bench.play(every, close_on_stop=False, stop_atr=1.5, max_bars=7)
    another_bench.play(every[:cut], close_on_stop=False, stop_atr=1.5, max_bars=7)
    assert another_bench.sent == [sent for sent in bench.sent if sent[0] <= cut]
    assert len(another_bench.sent) > 3


def test_instruments_are_traded_side_by_side_without_touching_each_other(bench):
    both = ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL", "ABC/USD.SIM-1-MINUTE-LAST-EXTERNAL"]
    bars = bench.bars(rows([*DIP, 98])) + bench.bars(rows([*RISE, 102]), symbol="ABC/USD")
    engine = bench.engine(
        bench.strategy(bar_types=both, close_on_stop=False), bars, symbols=("XYZ/USD", "ABC/USD")
    )
    engine.run()
    assert not bench.failures
    assert {str(p.instrument_id): p.side.name for p in engine.cache.positions_open()} == {
        "XYZ/USD.SIM": "LONG",
        "ABC/USD.SIM": "SHORT",
    }


@pytest.mark.parametrize(("close", "open_positions"), [(True, 0), (False, 1)])
def test_stopping_closes_what_is_open_unless_told_not_to(bench, close, open_positions):
    engine = bench.play(rows([*DIP, 98]), close_on_stop=close)
    assert engine.cache.positions_open_count() == open_positions


def test_a_position_and_its_stop_from_before_the_start_are_taken_over(bench):
    engine = bench.play(rows([*DIP, 98]), stop_atr=3.0, atr_period=3, close_on_stop=False)
    holding = Holding()
    holding.adopt(engine.cache.positions_open(), engine.cache.orders_open())
    assert (int(holding.size), holding.protected, holding.idle) == (100, True, False)


def test_an_instrument_that_is_not_there_stops_the_run_with_its_name(bench):
    strategy = bench.strategy(bar_types=["NOPE/USD.SIM-1-MINUTE-LAST-EXTERNAL"])
    with pytest.raises(RuntimeError, match=r"no instrument NOPE/USD\.SIM; put it in the catalog"):
        bench.engine(strategy, bench.bars(rows(DIP))).run()


def test_a_quantity_the_instrument_cannot_trade_stops_the_run(bench):
    with pytest.raises(RuntimeError, match=r"quantity 1\.5 has more decimals than XYZ/USD\.SIM trades in"):
        bench.engine(bench.strategy(quantity="1.5"), bench.bars(rows(DIP))).run()


# settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bar_types": []}, "length >= 1"),
        ({"bar_types": [f"XYZ/USD.SIM-{n}-MINUTE-LAST-EXTERNAL" for n in (1, 5)]}, "twice"),
        ({"quantity": "0"}, "buys nothing"),
        ({"lookback": 1}, ">= 2"),
        ({"exit": 1.2}, "must rise in that order"),
        ({"stop": 1.2}, "must rise in that order"),
        ({"exit": -0.1}, ">= 0.0"),
        ({"entry": 1.75, "stop": None}, "`entry` 1.75 is out of reach"),  # sqrt(4 - 1) = 1.732
        ({"stop": 1.75}, "lower `stop` or raise `lookback`"),
        ({"side": "flat"}, "Invalid enum value 'flat'"),
        ({"min_volatility": 0.02, "max_volatility": 0.01}, "no bar can satisfy both"),
        ({"max_bars": 0}, ">= 1"),
        ({"stop_atr": 0.0}, "> 0.0"),
        ({"colour": "blue"}, "unknown field `colour`"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_to_write(bench, changes, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        bench.settings(**changes)


# new settings while it runs


def test_new_settings_count_from_the_next_decision_on(bench):
    def wider(strategy, number):
        if number == 4:
            strategy.reconfigure(bench.settings(entry=1.45, stop=1.6))

    bench.each_bar = wider
    bench.play(rows(DIP), close_on_stop=False)  # the fourth close is 1.414 deviations below
    assert bench.sent == []


def test_a_smaller_size_is_the_next_entrys(bench):
    def smaller(strategy, number):
        if number == 4:
            strategy.reconfigure(bench.settings(quantity="40"))

    bench.each_bar = smaller
    bench.play(rows([*DIP, 98]), close_on_stop=False)
    assert [fill[1:3] for fill in bench.fills()] == [("BUY", 40)]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"lookback": 5}, "`lookback`"), ({"stop_atr": 2.0}, "`stop_atr`"), ({"quantity": "0.5"}, "0.5")],
)
def test_what_it_cannot_take_changes_nothing(bench, change, said):
    def ask(strategy, number):
        if number == 3:
            with pytest.raises(ValueError, match=said):
                strategy.reconfigure(bench.settings(side="short", **change))

    bench.each_bar = ask
    bench.play(rows([*DIP, 98]), close_on_stop=False)
    assert sides(bench) == [(4, "BUY", False)]
