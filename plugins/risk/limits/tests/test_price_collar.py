"""How far from the market an order's prices may stand."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from framework_limits.price_collar import PriceCollar, PriceCollarConfig
from hypothesis import given
from hypothesis import strategies as st

from framework import APPROVE, Deny


def collar(**settings):
    settings.setdefault("max_mark_age", "1m")
    return PriceCollar(
        msgspec.convert(settings, PriceCollarConfig, dec_hook=lambda kind, value: kind.from_str(value))
    )


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("name", ["limit", "trigger"])
@pytest.mark.parametrize(
    ("at", "beyond"),
    [("1.10550", "1.10551"), ("1.09450", "1.09449")],  # half a percent of 1.10000 is 0.00550
)
def test_half_a_percent_away_passes_and_a_tick_more_does_not(propose, side, name, at, beyond):
    rule = collar(percent="0.5")
    assert rule.check(propose("fx", 1000, "1.10000", side=side, **{name: at})) is APPROVE
    verdict = rule.check(propose("fx", 1000, "1.10000", side=side, **{name: beyond}))
    assert verdict == Deny(f"{name} price {beyond} is more than 0.5 % from the mark 1.10000")


def test_ticks_are_the_instruments_price_increments(propose):
    rule = collar(ticks=8)  # 8 x 0.25 = 2 points
    assert rule.check(propose("future", 1, "5000.00", limit="5002.00")) is APPROVE
    assert rule.check(propose("future", 1, "5000.00", limit="4998.00")) is APPROVE
    verdict = rule.check(propose("future", 1, "5000.00", limit="5002.25"))
    assert verdict == Deny("limit price 5002.25 is more than 8 ticks from the mark 5000.00")


def test_of_percent_and_ticks_the_tighter_one_holds(propose):
    rule = collar(percent="1", ticks=8)
    assert isinstance(rule.check(propose("future", 1, "5000.00", limit="5010.00")), Deny)
    assert isinstance(rule.check(propose("future", 1, "100.00", limit="101.50")), Deny)


def test_both_prices_of_a_stop_limit_are_judged(propose):
    rule = collar(ticks=8)
    assert rule.check(propose("future", 1, "5000.00", limit="5002.00", trigger="5001.00")) is APPROVE
    verdict = rule.check(propose("future", 1, "5000.00", limit="5001.00", trigger="5003.00"))
    assert verdict == Deny("trigger price 5003.00 is more than 8 ticks from the mark 5000.00")


def test_an_order_without_a_price_passes_on_a_fresh_mark_only(propose):
    rule = collar(percent="0.5", max_mark_age="1m")
    assert rule.check(propose("fx", 1000, "1.10000", age=60_000_000_000)) is APPROVE
    assert "60 s old" in rule.check(propose("fx", 1000, "1.10000", age=60_000_000_001)).reason
    assert rule.check(propose("fx", 1000)) == Deny("no price of EUR/USD.SIM is known yet")


def test_a_limit_order_is_not_judged_by_a_stale_mark(propose):
    verdict = collar(percent="5").check(propose("fx", 1000, "1.10000", limit="1.10000", age=10**12))
    assert isinstance(verdict, Deny)


def test_a_negative_price_is_compared_by_its_distance(propose):
    rule = collar(percent="10")  # of 12.50: 1.25 either way
    assert rule.check(propose("spread", 1, "-12.50", limit="-11.25")) is APPROVE
    assert isinstance(rule.check(propose("spread", 1, "-12.50", limit="-11.20")), Deny)
    assert isinstance(rule.check(propose("spread", 1, "-12.50", limit="12.50")), Deny)


def test_an_instrument_may_have_a_collar_of_its_own(propose):
    rule = collar(percent="0.1", instruments=[{"id": "ESZ4.CME", "ticks": 400}])
    assert rule.check(propose("future", 1, "5000.00", limit="5100.00")) is APPROVE
    assert isinstance(rule.check(propose("fx", 1000, "1.10000", limit="1.10111")), Deny)


@given(mark=st.integers(1, 10**7), price=st.integers(1, 10**7), percent=st.integers(1, 10_000))
def test_nothing_beyond_the_collar_is_ever_approved(propose, mark, price, percent):
    def decimal(raw):
        return Decimal(raw).scaleb(-5)

    allowed = Decimal(percent).scaleb(-2)
    rule = collar(percent=str(allowed))
    verdict = rule.check(propose("fx", 1000, f"{decimal(mark):.5f}", limit=f"{decimal(price):.5f}"))
    assert (verdict is APPROVE) == (abs(price - mark) * 100 <= allowed * mark)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "there is no collar"),
        ({"percent": "0"}, "above 0"),
        ({"percent": "NaN"}, "above 0"),
        ({"ticks": 0}, "ticks"),
        ({"ticks": 5, "max_mark_age": "soon"}, "max_mark_age"),
        ({"ticks": 5, "instruments": [{"id": "ESZ4.CME"}]}, "there is no collar"),
        ({"ticks": 5, "instruments": [{"id": "A.B", "ticks": 1}] * 2}, "names A.B twice"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        collar(**settings)
