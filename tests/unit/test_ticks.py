"""Prices on ticks and sizes in an instrument's decimals; expected values are worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Price, Quantity

import framework
from framework import exact_size, tick_beyond


def instrument(tick="0.25", size_precision=0):
    price = Price.from_str(tick)
    return SimpleNamespace(
        id="XYZ.SIM", price_increment=price, price_precision=price.precision, size_precision=size_precision
    )


@pytest.mark.parametrize(
    ("start", "distance", "price"),
    [
        ("100", 0.25, "100.25"),  # exactly a tick away
        ("100", 0.26, "100.50"),
        ("100", -0.25, "99.75"),
        ("100", -0.26, "99.50"),
        ("100", 0.0001, "100.25"),  # never on the start
        ("100", -0.0001, "99.75"),
        ("100.10", 0.10, "100.25"),  # a start between two ticks
        ("100", 0.1 + 0.15, "100.25"),  # binary dust costs no tick
        ("100", 3 * 0.25 + 1e-13, "100.75"),
    ],
)
def test_the_first_tick_at_least_the_distance_away(start, distance, price):
    assert tick_beyond(Decimal(start), distance, instrument()) == Price.from_str(price)


@given(ticks=st.integers(1, 10**7), steps=st.integers(1, 10**9), up=st.booleans())
def test_it_is_on_a_tick_at_least_as_far_and_less_than_a_tick_farther(ticks, steps, up):
    start, tick, away = Fraction(ticks, 4), Fraction(1, 4), Fraction(steps, 1000)
    distance = float(away) if up else -float(away)
    found = Fraction(tick_beyond(Decimal(ticks) / 4, distance, instrument()).as_decimal())
    assert found % tick == 0
    assert away <= abs(found - start) < away + tick
    assert (found > start) == up


def test_a_size_is_given_the_instruments_decimals():
    size = exact_size(Quantity.from_str("5"), instrument(size_precision=3))
    assert (size, size.precision) == (Quantity.from_str("5.000"), 3)
    assert exact_size(Quantity.from_str("5.00"), instrument()).precision == 0


def test_a_size_with_more_decimals_is_refused_and_never_rounded():
    with pytest.raises(ValueError, match=r"^quantity 5\.5 has more decimals than XYZ\.SIM trades in; write"):
        exact_size(Quantity.from_str("5.5"), instrument())


def test_every_public_name_is_there_in_order_and_none_loads_the_engine_by_being_listed():
    assert [name for name in framework.__all__ if getattr(framework, name, None) is None] == []
    assert framework.__all__ == sorted(framework.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = framework.nothing
    code = "import sys, framework; sys.exit('nautilus_trader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
