"""The drawdown from peak equity."""

from __future__ import annotations

import json
from functools import partial

import msgspec
import pytest
from framework_drawdown.equity import IDLE
from framework_drawdown.max_drawdown import MaxDrawdown, MaxDrawdownConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework import APPROVE, CompositionError, Deny, Halt


@pytest.fixture
def breaker(driver):
    return partial(driver, MaxDrawdown, MaxDrawdownConfig)


def test_a_loss_of_a_cent_less_than_allowed_passes_and_the_amount_itself_halts(breaker):
    rule = breaker(amount="10000 USD")
    assert rule.mark("100000") is None
    assert rule.mark("112000") is None
    assert rule.mark("102000.01") is None
    assert rule.mark("102000") == Halt(
        "the drawdown of 10000.00 USD reached the 10000.00 USD allowed: "
        "equity 102000.00 USD, at its peak 112000.00 USD"
    )


def test_a_fraction_is_of_the_peak_and_not_of_the_start(breaker):
    rule = breaker(fraction="0.10", currency="USD")
    for equity in ("100000", "120000", "108000.01"):
        assert rule.mark(equity) is None
    assert isinstance(rule.mark("108000"), Halt)


def test_entries_are_denied_once_it_has_tripped_whatever_equity_does(breaker):
    rule = breaker(amount="1000 USD")
    rule.mark("100000")
    assert rule.entry() is APPROVE
    assert isinstance(rule.mark("99000"), Halt)
    assert rule.mark("150000") is None
    assert rule.entry() == Deny("the drawdown was reached; entries are over")


def test_an_entry_is_judged_by_equity_as_it_is_now_and_changes_nothing(breaker, account):
    rule = breaker(amount="1000 USD")
    rule.mark("100000")
    account.hold("99000 USD")
    first, second = rule.entry(), rule.entry()
    assert first == second
    assert "reached the 1000.00 USD allowed" in first.reason
    account.hold("99000.01 USD")
    assert rule.entry() is APPROVE


def test_one_bad_tick_is_not_enough_when_more_must_confirm(breaker):
    rule = breaker(amount="1000 USD", confirm=3)
    answers = [rule.mark(equity) for equity in ("100000", "50000", "50000", "100000", "99000", "99000")]
    assert answers == [None] * 6
    assert isinstance(rule.mark("99000"), Halt)


def test_the_marks_of_other_instruments_do_not_confirm(breaker):
    rule = breaker(amount="1000 USD", confirm=2)
    rule.mark("100000")
    assert rule.mark("50000", name="A.SIM") is None
    assert [rule.mark("50000", name="B.SIM") for _ in range(5)] == [None] * 5
    assert isinstance(rule.mark("50000", name="A.SIM"), Halt)


def test_an_instrument_that_falls_silent_after_the_fall_does_not_hide_it(breaker):
    rule = breaker(amount="1000 USD", confirm=2)
    rule.mark("100000")
    rule.mark("50000", name="A.SIM")
    answers = [rule.mark("50000", name="B.SIM") for _ in range(20)]
    assert answers[:19] == [None] * 19
    assert isinstance(answers[19], Halt)


def test_a_bad_tick_upward_makes_no_peak_when_more_must_confirm(breaker):
    rule = breaker(amount="1000 USD", confirm=2)
    for equity in ("100000", "900000", "100000", "100000", "100000"):
        assert rule.mark(equity) is None


def test_a_confirmed_peak_is_the_lowest_of_the_marks_that_confirm_it(breaker):
    rule = breaker(amount="1000 USD", confirm=2)
    for equity in ("100000", "103000", "102000", "101000.01", "101000.01"):
        assert rule.mark(equity) is None
    assert rule.mark("101000") is None  # 102,000 - 1,000, for the first time
    assert isinstance(rule.mark("101000"), Halt)


def test_a_loss_that_was_closed_needs_no_confirmation(breaker):
    rule = breaker(amount="1000 USD", confirm=5)
    rule.mark("100000")
    rule.trade(flat=True)
    assert isinstance(rule.mark("99000"), Halt)


def test_nothing_is_read_while_nothing_is_held(breaker, account):
    rule = breaker(amount="1000 USD")
    rule.trade(flat=True)
    rule.mark("100000")
    before = account.readings
    for _ in range(IDLE - 1):
        rule.mark()
    assert account.readings == before
    rule.mark()
    assert account.readings == before + 1
    rule.trade(flat=False)
    rule.mark()
    rule.mark()
    assert account.readings == before + 3


def test_an_account_that_is_not_there_yet_denies_entries_and_trips_nothing(breaker, account):
    rule = breaker(amount="1000 USD")
    account.sums = {}
    assert rule.mark() is None
    assert rule.entry() == Deny("equity in USD at SIM is not known: the account holds nothing yet")


def test_an_account_in_another_currency_denies_and_says_what_it_holds(breaker):
    rule = breaker(amount="1000 EUR")
    assert rule.entry() == Deny("equity in EUR at SIM is not known: the account holds 100000.00 USD")


def test_coins_bought_with_cash_are_not_a_loss_when_they_are_valued(breaker, account):
    unvalued = breaker(amount="5000 USDT")
    unvalued.mark("100000 USDT")
    assert isinstance(unvalued.mark("80000 USDT", "2 BTC"), Halt)

    rule = breaker(amount="5000 USDT", valued_by=["BTCUSDT.X"])
    account.prices["BTCUSDT.X"] = "10000.00000"
    assert rule.mark("100000 USDT") is None
    assert rule.mark("80000 USDT", "2 BTC") is None
    account.prices["BTCUSDT.X"] = "7500.00001"  # 2 BTC x 2,500 = 5,000 lost, less two hundred-thousandths
    assert rule.mark() is None
    account.prices["BTCUSDT.X"] = "7500.00000"
    assert isinstance(rule.mark(), Halt)


def test_a_pair_quoted_the_other_way_round_values_by_division(breaker, account):
    rule = breaker(amount="1000 USD", valued_by=["USD/JPY.SIM"])
    account.prices["USD/JPY.SIM"] = "150.000"
    assert rule.mark("100000 USD", "150000 JPY") is None  # 1,000 USD more
    assert rule.mark("100000 USD", "1 JPY") is None  # 999.993 lost
    assert isinstance(rule.mark("100000 USD", "0 JPY"), Halt)


def test_holdings_without_a_price_leave_equity_unknown(breaker):
    rule = breaker(amount="5000 USDT", valued_by=["BTCUSDT.X"])
    assert rule.mark("80000 USDT", "2 BTC") is None
    assert "80000.00000000 USDT, 2.00000000 BTC" in rule.entry().reason


def test_an_instrument_that_values_nothing_is_refused_at_the_start(breaker):
    with pytest.raises(CompositionError, match="turns no currency into USDT"):
        breaker(amount="5000 USDT", valued_by=["EUR/USD.SIM"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cents=st.lists(st.integers(1, 10**7), min_size=1, max_size=60), allowed=st.integers(1, 10**6))
def test_it_trips_at_the_first_mark_as_far_below_the_highest_before_it(breaker, cents, allowed):
    rule = breaker(amount=f"{allowed / 100:.2f} USD")
    expected = next((at for at, value in enumerate(cents) if max(cents[: at + 1]) - value >= allowed), None)
    answers = [rule.mark(f"{value / 100:.2f}") for value in cents]
    tripped = [at for at, answer in enumerate(answers) if answer is not None]
    assert tripped == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("given_settings", "says"),
    [
        ({}, "write one of amount"),
        ({"amount": "1 USD", "fraction": "0.1"}, "not both"),
        ({"amount": "0 USD"}, "above 0"),
        ({"amount": "-5 USD"}, "above 0"),
        ({"amount": "5 USD", "currency": "EUR"}, "drop one"),
        ({"fraction": "0.1"}, "needs currency"),
        ({"fraction": "10", "currency": "USD"}, "between 0 and 1"),
        ({"fraction": "NaN", "currency": "USD"}, "between 0 and 1"),
        ({"amount": "5 USD", "confirm": 0}, "confirm"),
        ({"amount": "5 USD", "valued_by": ["A.B", "A.B"]}, "`valued_by` names A.B twice"),
        ({"amount": "5 USD", "venue": None}, "venue"),
    ],
)
def test_settings_that_make_no_sense_are_refused(breaker, given_settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        breaker(**given_settings)


# a restart


def restarted(breaker, rule, **settings):
    """Another rule that was given what the first one wanted kept."""
    fresh = breaker(**settings)
    kept = json.loads(json.dumps(rule.rule.remember()))
    if kept:
        fresh.rule.recall(kept)
    return fresh


def test_the_peak_outlives_a_restart(breaker):
    rule = breaker(amount="10000 USD")
    rule.mark("100000")
    rule.mark("105000")
    again = restarted(breaker, rule, amount="10000 USD")
    assert again.mark("95000.01") is None
    assert isinstance(again.mark("95000"), Halt)


def test_after_a_halt_the_next_start_begins_anew(breaker):
    rule = breaker(amount="10000 USD")
    rule.mark("100000")
    assert isinstance(rule.mark("90000"), Halt)
    again = restarted(breaker, rule, amount="10000 USD")
    assert again.mark("90000") is None
    assert again.entry() is APPROVE
    assert again.mark("80000.01") is None
    assert isinstance(again.mark("80000"), Halt)


def test_another_account_is_not_recalled(breaker):
    rule = breaker(amount="10000 USD")
    rule.mark("100000")
    with pytest.raises(ValueError, match="USD at SIM, and this is of USD at OTHER"):
        restarted(breaker, rule, amount="10000 USD", venue="OTHER")
