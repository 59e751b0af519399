"""The VWAP strategy on a raw engine: its orders by hand, and what it does when they do not go as asked.

The first four bars, each of volume 4,000, are worked out by hand:

bar  high low close  typical   true range
 1   101  99  100    100        2
 2   102 100  101    101        2
 3   101  99  100    100        2      ATR(3) = 2
 4   101  95   96     97.3333   6      ATR(3) = (2 x 2 + 6) / 3 = 3.3333

After bar 4 the VWAP is 398.3333 / 4 = 99.5833 and the deviation sqrt(7.416667 / 4) = 1.361678, so the lower
band at two deviations is 96.86 and the close of 96 has crossed it. Ticks are quarters.
"""

from __future__ import annotations

import random

import msgspec
import pytest
from nautilus_trader.model import InstrumentId, OmsType

from framework import Holding

DIP = [(100, 101, 99, 100), (100, 102, 100, 101), (101, 101, 99, 100), (100, 101, 95, 96)]
RISE = [
    (100, 101, 99, 100),
    (100, 100, 98, 99),
    (99, 101, 99, 100),
    (100, 105, 99, 104),
]  # DIP, mirrored
CALM = (96, 96.5, 95.5, 96)
XYZ = InstrumentId.from_str("XYZ/USD.SIM")

LONG_BRACKET = [
    ("MARKET", "BUY", 100, "", False),
    ("STOP_MARKET", "SELL", 100, "89.25", True),  # 96 - 2 x 3.3333 = 89.3333, the tick below
    ("LIMIT", "SELL", 100, "104.50", True),  # 96 + 2.5 x 3.3333 = 104.3333, the tick above
]


def kinds(bench):
    return [type(event).__name__ for _, event in bench.events]


# entries


def test_a_close_below_the_lower_band_is_bought_with_a_stop_and_a_target_on_the_outer_ticks(bench):
    bench.play([*DIP, CALM], close_on_stop=False)
    assert bench.sent == [(4, LONG_BRACKET)]
    assert bench.fills() == [(4, "BUY", 100, "96.00")]


def test_a_close_above_the_upper_band_is_sold_with_the_prices_mirrored(bench):
    bench.play([*RISE, (104, 104.5, 103.5, 104)], close_on_stop=False)
    assert bench.sent == [
        (
            4,
            [
                ("MARKET", "SELL", 100, "", False),
                ("STOP_MARKET", "BUY", 100, "110.75", True),
                ("LIMIT", "BUY", 100, "95.50", True),
            ],
        )
    ]


def test_a_breakout_follows_the_crossing_instead(bench):
    bench.play([*DIP, CALM], mode="breakout", close_on_stop=False)
    assert bench.sent == [
        (
            4,
            [
                ("MARKET", "SELL", 100, "", False),
                ("STOP_MARKET", "BUY", 100, "102.75", True),  # 96 + 6.6667
                ("LIMIT", "BUY", 100, "87.50", True),  # 96 - 8.3333
            ],
        )
    ]


def test_a_distance_that_is_exact_in_decimals_costs_no_extra_tick(bench):
    bench.play([*DIP, CALM], target_atr=3.0, close_on_stop=False)
    assert bench.sent[0][1][2][3] == "106.00"  # 96 + 3 x 3.3333... = 106, although 3 x (10 / 3) may not be


@pytest.mark.parametrize(("side", "entries"), [("long", 1), ("short", 0), ("both", 1)])
def test_only_the_configured_side_is_entered(bench, side, entries):
    bench.play(DIP, side=side, close_on_stop=False)
    assert len(bench.sent) == entries


def test_a_close_that_stays_beyond_the_band_is_one_crossing(bench):
    bench.deny = lambda orders: "no"
    bench.play([*DIP, (96, 96, 90, 90), (90, 90, 85, 85)])
    assert [number for number, _ in bench.sent] == [4]


def test_a_crossing_during_the_warm_up_is_not_made_up_for_after_it(bench):
    bench.play([*DIP, (96, 96, 88, 88), (88, 88, 80, 80)], warmup_bars=5)
    assert bench.sent == []


def test_nothing_is_entered_before_the_true_range_is_known(bench):
    bench.play([*DIP, CALM], atr_period=5)
    assert bench.sent == []


def test_bars_without_volume_count_neither_for_the_vwap_nor_for_the_warm_up(bench):
    silent = (100, 140, 60, 100, 0)
    bench.play([DIP[0], silent, *DIP[1:], CALM], warmup_bars=5)
    assert bench.sent == []


def test_a_new_session_starts_without_the_old_prices(bench):
    night = bench.bars(DIP[:3], first=bench.start - 2 * bench.minute)  # stamped 23:58, 23:59 and 00:00
    day = bench.bars(DIP[3:], first=bench.start + bench.minute)
    bench.play(None, bars=night + day, warmup_bars=1)
    assert bench.sent == []


# exits


def test_the_target_closes_the_trade_at_its_price_and_cancels_the_stop(bench):
    bench.play([*DIP, (96, 105, 96, 104)], side="long")
    assert bench.fills()[1:] == [(4, "SELL", 100, "104.50")]
    assert kinds(bench)[-1] == "OrderCanceled"
    assert len(bench.sent) == 1


def test_the_stop_closes_the_trade_at_its_trigger_and_cancels_the_target(bench):
    bench.play([*DIP, (96, 96, 88, 90)])
    assert bench.fills()[1:] == [(4, "SELL", 100, "89.25")]
    assert kinds(bench)[-1] == "OrderCanceled"


def test_a_fade_is_left_when_the_price_is_back_at_the_vwap(bench):
    # typical of bar 5 is (100 + 96 + 99.5) / 3 = 98.5: VWAP (398.3333 + 98.5) / 5 = 99.3667 <= 99.5
    bench.play([*DIP, (96, 100, 96, 99.5)])
    assert bench.sent[1:] == [(5, [("MARKET", "SELL", 100, "", True)])]
    assert bench.fills()[1:] == [(5, "SELL", 100, "99.50")]


def test_a_breakout_is_left_when_the_price_is_back_at_the_vwap(bench):
    bench.play([*DIP, (96, 100, 96, 99.5)], mode="breakout")
    assert bench.sent[1:] == [(5, [("MARKET", "BUY", 100, "", True)])]


def test_the_window_closes_the_trade_at_the_first_bar_outside_it(bench):
    window = [{"days": ["mon"], "from": "00:00", "to": "00:06"}]
    bench.play([*DIP, CALM, CALM, CALM], schedule=window)
    assert bench.sent[1:] == [(6, [("MARKET", "SELL", 100, "", True)])]
    assert kinds(bench).count("OrderCanceled") == 2


def test_a_trade_may_outlive_its_window_when_asked_to(bench):
    window = [{"days": ["mon"], "from": "00:00", "to": "00:06"}]
    bench.play([*DIP, CALM, CALM], schedule=window, flat_at_window_end=False, close_on_stop=False)
    assert len(bench.sent) == 1


def test_nothing_is_entered_outside_the_windows(bench):
    bench.play(DIP, schedule=[{"days": ["mon"], "from": "00:05", "to": "00:00"}])
    assert bench.sent == []


@pytest.mark.parametrize(("close", "open_positions"), [(True, 0), (False, 1)])
def test_stopping_closes_what_is_open_unless_told_to_leave_it_with_its_bracket(bench, close, open_positions):
    engine = bench.play([*DIP, CALM], close_on_stop=close)
    assert engine.cache.positions_open_count() == open_positions
    assert engine.cache.orders_open_count() == 2 * open_positions


# how often


@pytest.mark.parametrize(("cooldown", "entries"), [(0, [3, 8]), (4, [3, 8]), (5, [3, 10])])
def test_the_cooldown_counts_the_bars_that_close_after_a_trade(bench, cooldown, entries):
    # Bought at the close of bar 3 and stopped out inside bar 4, which is the first bar to close after the
    # trade; bars 8 and 10 cross the lower band again, bar 8 as the fifth.
    swings = [(90, 90, 88, 88), (88, 99, 88, 99), (99, 99, 85, 85), (85, 101, 85, 101), (101, 101, 82, 82)]
    rows = [*DIP, (96, 96, 88, 94), *swings]
    bench.play(rows, entry_band=0.5, side="long", exit_at_vwap=False, cooldown_bars=cooldown)
    assert [number for number, orders in bench.sent if len(orders) == 3] == entries


def test_no_more_trades_are_opened_in_a_session_than_allowed(bench):
    rng = random.Random(3)
    rows, price = [], 100.0
    for _ in range(400):
        move = rng.choice([-2, -1, -0.5, 0.5, 1, 2])
        rows.append((price, max(price, price + move) + 0.25, min(price, price + move) - 0.25, price + move))
        price += move
    bench.play(rows, entry_band=1.0)
    many = len([orders for _, orders in bench.sent if len(orders) == 3])
    bench.sent.clear()
    bench.bars_seen = 0
    bench.play(rows, entry_band=1.0, max_trades_per_session=2)
    assert many > 4
    assert len([orders for _, orders in bench.sent if len(orders) == 3]) == 2


# the filter


class Refuse:
    def __init__(self):
        self.asked = []

    def accepts(self, signal):
        self.asked.append(signal)
        return False


def test_the_filter_sees_the_signal_and_may_refuse_it(bench):
    strategy = bench.strategy()
    strategy.signal_filter = Refuse()
    bench.engine(strategy, bench.bars([*DIP, CALM])).run()
    assert bench.sent == []
    (signal,) = strategy.signal_filter.asked
    assert (signal.bar_type.instrument_id, signal.direction, signal.price) == (XYZ, 1, 96.0)
    assert signal.ts_event == bench.start + 4 * bench.minute
    assert signal.seen == {
        "vwap": pytest.approx(99.583333, abs=1e-6),
        "deviation": pytest.approx(1.361678, abs=1e-6),
        "atr": pytest.approx(3.333333, abs=1e-6),
        "session_bars": 4.0,
    }


@pytest.mark.parametrize(("mode", "direction"), [("fade", -1), ("breakout", 1)])
def test_the_filter_sees_the_direction_of_the_trade_and_not_of_the_crossing(bench, mode, direction):
    strategy = bench.strategy(mode=mode)
    strategy.signal_filter = Refuse()
    bench.engine(strategy, bench.bars([*RISE, (104, 104, 104, 104)])).run()
    assert [signal.direction for signal in strategy.signal_filter.asked] == [direction]


def test_the_filter_is_not_asked_about_entries_that_would_not_be_made(bench):
    strategy = bench.strategy(side="short")
    strategy.signal_filter = Refuse()
    bench.engine(strategy, bench.bars([*DIP, CALM])).run()
    assert strategy.signal_filter.asked == []


# when orders do not go as asked


def test_a_denied_bracket_leaves_the_strategy_ready_for_the_next_signal(bench):
    answers = iter(["too big"])
    bench.deny = lambda orders: next(answers, None)
    bench.play([*DIP, (96, 100, 96, 99), (99, 99, 90, 91)])
    assert [number for number, _ in bench.sent[:2]] == [4, 6]
    assert kinds(bench).count("OrderDenied") == 3
    assert bench.fills()[0] == (6, "BUY", 100, "91.00")


def test_when_every_order_is_denied_nothing_is_held_and_nothing_fails(bench):
    bench.deny = lambda orders: "closed"
    engine = bench.play([*DIP, (96, 100, 96, 99), (99, 99, 90, 91), (91, 101, 91, 101)], entry_band=1.0)
    assert bench.fills() == []
    assert len(bench.sent) >= 2
    assert engine.cache.positions_total_count() == 0


def resized(quantity):
    def change(orders):
        if len(orders) == 1:
            return orders
        return [type(order).from_dict(order.to_dict() | {"quantity": str(quantity)}) for order in orders]

    return change


def test_a_resized_bracket_is_left_with_the_size_it_really_had(bench):
    bench.change = resized(37)
    bench.play([*DIP, (96, 100, 96, 99.5)])
    assert bench.fills() == [(4, "BUY", 37, "96.00"), (5, "SELL", 37, "99.50")]


def test_an_entry_filled_in_parts_is_left_whole(bench):
    thin = [*DIP[:3], (*DIP[3], 120)]  # 30 units at the close, the rest a tick worse
    bench.play([*thin, (96, 100, 96, 99.5)], schedule=[{"days": ["mon"], "from": "00:00", "to": "00:05"}])
    assert bench.fills() == [
        (4, "BUY", 30, "96.00"),
        (4, "BUY", 70, "96.25"),
        (5, "SELL", 100, "99.50"),
    ]


def test_what_a_target_filled_in_part_leaves_behind_is_closed_at_the_windows_end(bench):
    window = [{"days": ["mon"], "from": "00:00", "to": "00:06"}]
    touch = (96, 104.5, 96, 96, 80)  # 20 units trade at the high
    bench.play([*DIP, touch, CALM], schedule=window, exit_at_vwap=False)
    assert bench.fills()[1:] == [(4, "SELL", 20, "104.50"), (6, "SELL", 80, "96.00")]


def test_a_position_whose_stop_was_rejected_is_closed_at_the_next_bar(bench):
    def stop_on_the_wrong_side(orders):
        if len(orders) == 1:
            return orders
        entry, stop, target = orders
        return [entry, type(stop).from_dict(stop.to_dict() | {"trigger_price": "99.00"}), target]

    bench.change = stop_on_the_wrong_side
    engine = bench.play([*DIP, CALM, CALM])
    assert "OrderRejected" in kinds(bench)
    assert bench.sent[1:] == [(5, [("MARKET", "SELL", 100, "", True)])]
    assert engine.cache.positions_open_count() == 0


def test_a_denied_exit_is_asked_for_again_at_every_bar_until_it_is_done(bench):
    answers = iter(["busy", "busy"])
    bench.deny = lambda orders: next(answers, None) if len(orders) == 1 else None
    window = [{"days": ["mon"], "from": "00:00", "to": "00:05"}]
    bench.play([*DIP, CALM, CALM, CALM, CALM], schedule=window)
    assert [number for number, orders in bench.sent if len(orders) == 1] == [5, 6, 7]
    assert bench.fills()[-1] == (7, "SELL", 100, "96.00")


def test_a_bracket_left_over_from_a_position_someone_else_closed_is_cancelled(bench):
    bench.each_bar = lambda strategy, number: strategy.close_all_positions(XYZ) if number == 5 else None
    engine = bench.play([*DIP, CALM, CALM, CALM], close_on_stop=False)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.orders_open_count() == 0


def test_an_entry_the_venue_refuses_is_survived(bench):
    engine = bench.play([*DIP, CALM, (96, 100, 96, 99), (99, 99, 90, 91)], balance="1 USD")
    assert bench.fills() == []
    assert engine.cache.orders_open_count() == 0


def test_with_latency_the_trade_is_still_opened_once_and_left_once(bench):
    engine = bench.play([*DIP, CALM, (96, 100, 96, 99.5), CALM, CALM, CALM], latency=5_000_000)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.orders_open_count() == 0
    assert [side for _, side, *_ in bench.fills()] == ["BUY", "SELL"]


# An order sent on bar n arrives between n + 2 and n + 3 and fills at the close of the bar after its arrival.
TWO_AND_A_HALF_BARS = 150 * 10**9


def test_an_entry_on_its_way_is_waited_for_and_not_cancelled(bench):
    bench.play([*DIP, CALM, CALM, CALM, CALM], latency=TWO_AND_A_HALF_BARS, close_on_stop=False)
    assert [number for number, _ in bench.sent] == [4]
    assert bench.fills() == [(7, "BUY", 100, "96.00")]
    assert "OrderPendingCancel" not in kinds(bench)
    assert "OrderCanceled" not in kinds(bench)


def test_an_exit_on_its_way_is_not_sent_again(bench):
    window = [{"days": ["mon"], "from": "00:00", "to": "00:07"}]
    bench.play([*DIP, *[CALM] * 9], latency=TWO_AND_A_HALF_BARS, schedule=window)
    assert [number for number, orders in bench.sent if len(orders) == 1] == [8]
    assert [(number, side) for number, side, *_ in bench.fills()] == [(7, "BUY"), (11, "SELL")]


def test_a_denied_exit_is_still_wanted_when_its_reason_has_passed(bench):
    answers = iter(["busy"])
    bench.deny = lambda orders: next(answers, None) if len(orders) == 1 else None
    bench.play([*DIP, (96, 100, 96, 99.5), (99.5, 99.5, 96, 97)])  # at the VWAP, then away from it
    assert [number for number, orders in bench.sent if len(orders) == 1] == [5, 6]
    assert bench.fills()[-1] == (6, "SELL", 100, "97.00")


def test_with_hedging_the_position_that_was_opened_is_the_one_closed(bench):
    engine = bench.play([*DIP, (96, 100, 96, 99.5), CALM], oms=OmsType.HEDGING)
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.positions_total_count() == 1


# exits that follow the fill


def test_after_fill_the_same_stop_and_target_are_sent_when_the_entry_has_filled(bench):
    bench.play([*DIP, CALM], exits="after_fill", close_on_stop=False)
    assert [orders for _, orders in bench.sent] == [[order] for order in LONG_BRACKET]
    assert bench.fills() == [(4, "BUY", 100, "96.00")]


@pytest.mark.parametrize(
    ("bar", "price"), [((96, 97, 89, 90), "89.25"), ((96, 105, 96, 104), "104.50")], ids=["stop", "target"]
)
def test_after_fill_one_exit_that_fills_cancels_the_other(bench, bar, price):
    alone = {"exits": "after_fill", "exit_at_vwap": False, "close_on_stop": False, "side": "long"}
    engine = bench.play([*DIP, bar], **alone)
    assert bench.fills()[1][3] == price
    assert engine.cache.positions_open_count() == 0
    assert engine.cache.orders_open() == []


def test_after_fill_a_denied_entry_has_no_exits(bench):
    bench.deny = lambda orders: "no"
    bench.play([*DIP, CALM], exits="after_fill")
    assert [orders for _, orders in bench.sent] == [[LONG_BRACKET[0]]]


def test_after_fill_a_position_whose_stop_is_denied_is_closed_at_the_next_bar(bench):
    bench.deny = lambda orders: "no" if orders[0].order_type.name == "STOP_MARKET" else None
    bench.play([*DIP, CALM, CALM], exits="after_fill", close_on_stop=False)
    assert [(number, side) for number, side, *_ in bench.fills()] == [(4, "BUY"), (5, "SELL")]


# runs


def walk(seed, length):
    rng = random.Random(seed)
    rows, price = [], 100.0
    for _ in range(length):
        close = price + rng.choice([-1.5, -1, -0.5, -0.25, 0.25, 0.5, 1, 1.5])
        rows.append((price, max(price, close) + 0.25, min(price, close) - 0.25, close, rng.randint(40, 4000)))
        price = close
    return rows


def test_no_data_is_no_trades(bench):
    bench.engine(bench.strategy(), []).run()
    assert bench.sent == []
    assert not bench.failures


def test_a_reset_strategy_runs_again_as_if_it_were_new(bench):
    strategy = bench.strategy(entry_band=1.2)
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
    rows = walk(2, 500)
    bench.play(rows, entry_band=1.2, close_on_stop=False)
    another_bench.play(rows[:cut], entry_band=1.2, close_on_stop=False)
    assert another_bench.sent == [sent for sent in bench.sent if sent[0] <= cut]
    assert len(another_bench.sent) > 3


def test_instruments_are_traded_side_by_side_without_touching_each_other(bench, another_bench):
    both = ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL", "ABC/USD.SIM-1-MINUTE-LAST-EXTERNAL"]
    bars = bench.bars([*DIP, CALM]) + bench.bars([*RISE, (104, 104, 104, 104)], symbol="ABC/USD")
    strategy = bench.strategy(bar_types=both, close_on_stop=False)
    engine = bench.engine(strategy, bars, symbols=("XYZ/USD", "ABC/USD"))
    engine.run()
    assert not bench.failures
    assert sorted(orders[0][1] for _, orders in bench.sent) == ["BUY", "SELL"]
    assert {str(p.instrument_id): p.side.name for p in engine.cache.positions_open()} == {
        "XYZ/USD.SIM": "LONG",
        "ABC/USD.SIM": "SHORT",
    }


def test_a_position_and_its_stop_from_before_the_start_are_taken_over(bench):
    engine = bench.play([*DIP, CALM], close_on_stop=False)
    holding = Holding()
    holding.adopt(engine.cache.positions_open(), engine.cache.orders_open())
    assert (int(holding.size), holding.protected, holding.idle) == (100, True, False)


def test_an_instrument_that_is_not_there_stops_the_run_with_its_name(bench):
    strategy = bench.strategy(bar_types=["NOPE/USD.SIM-1-MINUTE-LAST-EXTERNAL"])
    with pytest.raises(RuntimeError, match=r"no instrument NOPE/USD\.SIM; put it in the catalog"):
        bench.engine(strategy, bench.bars(DIP)).run()


def test_a_quantity_the_instrument_cannot_trade_stops_the_run(bench):
    with pytest.raises(RuntimeError, match=r"quantity 1\.5 has more decimals than XYZ/USD\.SIM trades in"):
        bench.engine(bench.strategy(quantity="1.5"), bench.bars(DIP)).run()


# settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bar_types": []}, "length >= 1"),
        (
            {"bar_types": ["XYZ/USD.SIM-1-MINUTE-LAST-EXTERNAL", "XYZ/USD.SIM-5-MINUTE-LAST-EXTERNAL"]},
            "twice",
        ),
        ({"quantity": "0"}, "buys nothing"),
        ({"mode": "trend"}, "Invalid enum value 'trend'"),
        ({"entry_band": 0.0}, "> 0.0"),
        ({"warmup_bars": 0}, ">= 1"),
        ({"max_trades_per_session": 0}, ">= 1"),
        ({"time_zone": "New York"}, "write an IANA name"),
        ({"time_zone": "../UTC"}, "write an IANA name"),
        ({"session_start": "9:30"}, "matching regex"),
        ({"schedule": [{"days": [], "from": "09:30", "to": "16:00"}]}, "length >= 1"),
        ({"schedule": [{"days": ["monday"], "from": "09:30", "to": "16:00"}]}, "Invalid enum value 'monday'"),
        ({"schedule": [{"days": ["mon", "mon"], "from": "09:30", "to": "16:00"}]}, "name each once"),
        ({"schedule": [{"days": ["mon"], "from": "09:30"}]}, "missing required field `to`"),
        ({"schedule": [{"days": ["mon"], "from": "09:30", "to": "24:00"}]}, "matching regex"),
        ({"colour": "blue"}, "unknown field `colour`"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_to_write(bench, changes, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        bench.settings(**changes)


# new settings while it runs


def test_new_settings_count_from_the_next_decision_on(bench):
    def changed(strategy, number):
        if number == 4:
            strategy.reconfigure(bench.settings(quantity="40", stop_atr=1.0, close_on_stop=False))

    bench.each_bar = changed
    bench.play([*DIP, CALM], close_on_stop=False)
    entry, _, target = LONG_BRACKET
    # 96 - 3.3333 = 92.6667, the tick below
    expected = [(*entry[:2], 40, *entry[3:]), ("STOP_MARKET", "SELL", 40, "92.50", True)]
    assert bench.sent == [(4, [*expected, (*target[:2], 40, *target[3:])])]


def test_a_narrower_band_makes_no_crossing_of_a_close_that_was_beyond_it_already(bench):
    # The close of 96, 2.63 deviations away, is within a band of four, and stood beyond one of two already.
    def narrower(strategy, number):
        if number == 5:
            strategy.reconfigure(bench.settings(entry_band=2.0))

    bench.each_bar = narrower
    bench.play([*DIP, CALM], entry_band=4.0)
    assert bench.sent == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mode": "breakout"}, "`mode`"),
        ({"atr_period": 9}, "`atr_period`"),
        ({"time_zone": "Europe/Berlin"}, "`time_zone`"),
        ({"exits": "after_fill"}, "`exits`"),
        ({"quantity": "0.5"}, "0.5"),
    ],
)
def test_what_it_cannot_take_changes_nothing(bench, change, said):
    def ask(strategy, number):
        if number == 3:
            with pytest.raises(ValueError, match=said):
                strategy.reconfigure(bench.settings(side="short", **change))

    bench.each_bar = ask
    bench.play([*DIP, CALM], close_on_stop=False)
    assert bench.sent == [(4, LONG_BRACKET)]
