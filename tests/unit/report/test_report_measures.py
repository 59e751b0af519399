"""What the report adds up itself, against sums made by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from framework.report import measures


def curve(*values, start="2024-01-01"):
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq="D", tz="UTC"), dtype=float)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-2.25 USD", (Decimal("-2.25"), "USD")),
        ("1_000.50 USDT", (Decimal("1000.50"), "USDT")),
        ("0.00000001 BTC", (Decimal("0.00000001"), "BTC")),
        ("None", None),
        (None, None),
        ("", None),
        ("12 monkeys ran", None),
    ],
)
def test_an_amount_is_a_number_and_a_currency(text, expected):
    assert measures.amount(text) == expected


def test_the_drawdown_is_the_deepest_fall_relative_to_its_own_peak():
    # 100 -> 80 is -20 %, 200 -> 170 is -15 % although it is more money
    found = measures.drawdown(curve(100, 80, 200, 170, 190))
    assert found.depth == pytest.approx(-0.20)
    assert found.amount == pytest.approx(-20)
    assert pd.Timestamp(found.peak) == pd.Timestamp("2024-01-01")
    assert pd.Timestamp(found.trough) == pd.Timestamp("2024-01-02")


def test_a_fall_begins_at_the_last_time_at_the_peak():
    found = measures.drawdown(curve(100, 100, 90))
    assert pd.Timestamp(found.peak) == pd.Timestamp("2024-01-02")


def test_points_with_the_same_time_are_points_of_their_own():
    doubled = pd.Series([100.0, 90.0, 120.0], index=pd.DatetimeIndex(["2024-01-01"] * 3, tz="UTC"))
    assert measures.drawdown(doubled).depth == pytest.approx(-0.10)


def test_a_rising_curve_has_no_fall_and_a_curve_without_money_no_drawdown():
    assert measures.drawdown(curve(1, 2, 3)).depth == 0
    assert measures.drawdown(curve(-3, -2, 0)) is None


def test_a_month_runs_from_the_end_of_the_one_before():
    days = ["2023-12-15", "2023-12-31", "2024-01-10", "2024-01-31", "2024-03-01"]
    series = pd.Series([100.0, 110.0, 90.0, 99.0, 198.0], index=pd.DatetimeIndex(days, tz="UTC"))
    changes = measures.monthly(series)
    assert changes == {
        (2023, 12): pytest.approx(0.10),  # 100 -> 110, from the first point
        (2024, 1): pytest.approx(-0.10),  # 110 -> 99
        (2024, 3): pytest.approx(1.00),  # 99 -> 198, February has no points
    }


def test_a_month_that_starts_from_nothing_has_no_return():
    stamps = pd.DatetimeIndex(["2024-01-31", "2024-02-01", "2024-03-01"], tz="UTC")
    assert measures.monthly(pd.Series([0.0, 5.0, 10.0], index=stamps)) == {(2024, 3): pytest.approx(1.0)}


def test_profit_is_attributed_to_the_strategy_that_made_it(a_run):
    shares = measures.attribution(a_run())
    assert list(shares) == ["fast", "slow"]
    assert shares["slow"].profit == {"USD": Decimal("6.00")}  # 10 - 4
    assert shares["fast"].profit == {"USD": Decimal("0.50")}  # 1 - 0.50
    assert (shares["slow"].closed, shares["slow"].winners, shares["slow"].denied) == (2, 1, 1)
    assert (shares["fast"].closed, shares["fast"].winners, shares["fast"].denied) == (1, 1, 0)


def test_a_strategy_that_was_only_denied_is_still_listed(a_run, a_decision):
    shares = measures.attribution(a_run(decisions=(a_decision(scope="shy"),)))
    assert (shares["shy"].closed, shares["shy"].denied) == (0, 1)


def test_open_positions_are_told_from_closed_ones(a_run, an_empty_run):
    assert measures.open_and_closed(a_run()) == (1, 3)
    assert measures.open_and_closed(an_empty_run) == (0, 0)


def test_commissions_are_summed_by_currency(a_run, an_empty_run):
    assert measures.commissions(a_run()) == {"USD": Decimal("0.60"), "BTC": Decimal("0.00000001")}
    assert measures.commissions(an_empty_run) == {}


def test_reasons_that_differ_only_in_numbers_are_one_group(a_decision):
    decisions = [
        a_decision(reason="quantity 50 exceeds 20"),
        a_decision(reason="price is stale", rule="collar"),
        a_decision(reason="quantity 7.5 exceeds 20"),
        a_decision(reason="quantity 50 exceeds 20", verdict="resize"),
    ]
    first, *others = measures.reason_groups(decisions)
    assert (first.rule, first.verdict, first.count, first.varies) == ("limits", "deny", 2, True)
    assert first.reason == "quantity 50 exceeds 20"
    assert [(group.rule, group.verdict, group.count, group.varies) for group in others] == [
        ("collar", "deny", 1, False),
        ("limits", "resize", 1, False),
    ]


def test_currencies_that_moved_come_first_and_empty_ones_not_at_all(a_run):
    equity = pd.DataFrame(
        {"AAA": [1.0, 1.0], "BBB": [1.0, 2.0], "CCC": [np.nan, np.nan]},
        index=pd.date_range("2024-01-01", periods=2, tz="UTC"),
    )
    assert measures.currencies(a_run(equity=equity)) == ["BBB", "AAA"]
