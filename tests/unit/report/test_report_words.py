"""How numbers, times and amounts read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from framework.report import words


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (1234567.891, {}, "1,234,567.89"),
        (-2.5, {}, "\N{MINUS SIGN}2.50"),
        (2.5, {"sign": True}, "+2.50"),
        (-0.001, {}, "0.00"),
        (0.0, {"sign": True}, "0.00"),
        (Decimal("1.005"), {"digits": 3}, "1.005"),
        (None, {}, words.NOTHING),
        (float("nan"), {}, words.NOTHING),
        (float("inf"), {}, words.NOTHING),
    ],
)
def test_numbers(value, options, text):
    assert words.number(value, **options) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0717945, "0.07179"),
        (-0.00001234, "\N{MINUS SIGN}0.00001234"),
        (15.18233, "15.18"),
        (12345.678, "12,345.68"),
        (0, "0.00"),
    ],
)
def test_figures_of_unknown_scale_keep_four_significant_digits(value, text):
    assert words.figure(value) == text


def test_percentages():
    assert words.percent(0.12345) == "12.35%"
    assert words.percent(-0.5, 0, sign=True) == "\N{MINUS SIGN}50%"
    assert words.percent(None) == words.NOTHING


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (12.3, "USD", "12.30 USD"),
        (12.3, "BTC", "12.30000000 BTC"),
        (1234, "JPY", "1,234 JPY"),
        (None, "USD", words.NOTHING),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(amount, currency, text):
    assert words.money(amount, currency) == text


def test_a_currency_that_cannot_be_one_has_two_decimals():
    assert words.precision("") == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (3_661, "1 h 1 min"), (190_800, "2 d 5 h"), (86_400, "1 d")],
)
def test_a_length_of_time_has_its_two_largest_units(seconds, text):
    assert words.duration(seconds * 10**9) == text


def test_a_time_shows_seconds_only_when_they_say_something():
    assert words.moment(1_704_189_600 * 10**9) == "2024-01-02 10:00"
    assert words.moment(1_704_189_601 * 10**9, zone=True) == "2024-01-02 10:00:01 UTC"


def test_counts_agree_with_their_noun():
    assert words.count(1, "order") == "1 order"
    assert words.count(2000, "order") == "2,000 orders"
    assert words.count(2, "strategy", "strategies") == "2 strategies"
