"""Decimal text to fixed point, exactly or refused. Expected values: Python's decimal."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework import DataError
from framework.catalog.exact import decimals


def parse(*texts, precision=5, round_=False):
    column = pa.chunked_array([pa.array(texts, pa.string())])
    lines = pa.chunked_array([pa.array(range(2, 2 + len(texts)), pa.int64())])
    values, rounded = decimals(column, lines, precision, name="open", path="f.csv", round_=round_)
    return values.to_pylist(), rounded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.10345", "1.10345"),
        ("1.1", "1.1"),
        ("42", "42"),
        ("-1.5", "-1.5"),
        ("+1.5", "1.5"),
        (" 1.5 ", "1.5"),
        ("1e-5", "0.00001"),
        (".5", "0.5"),
        ("1.500000000000000000000", "1.5"),
        ("9999999999999.99999", "9999999999999.99999"),
    ],
)
def test_a_number_is_taken_exactly(text, expected):
    assert parse(text) == ([Decimal(expected)], 0)


@given(st.lists(st.decimals(-(10**12), 10**12, places=5), min_size=1, max_size=50))
def test_every_number_of_the_instruments_precision_comes_back(numbers):
    assert parse(*(f"{number:f}" for number in numbers)) == (numbers, 0)


@given(st.lists(st.decimals(0, 10**9, places=9), min_size=1, max_size=50))
def test_rounding_is_half_to_even_and_counted(numbers):
    step = Decimal("0.00001")
    expected = [number.quantize(step, rounding=ROUND_HALF_EVEN) for number in numbers]
    changed = sum(rounded != number for rounded, number in zip(expected, numbers, strict=True))
    assert parse(*(f"{number:f}" for number in numbers), round_=True) == (expected, changed)


def test_more_digits_than_any_machine_number_round_too():
    assert parse("1.234565000000000000000000000001", "0.1", round_=True) == (
        [Decimal("1.23457"), Decimal("0.1")],
        1,
    )


@pytest.mark.parametrize("text", ["1.123456", "1.1000000000000001", "0.00000000000000000001"])
def test_a_finer_number_is_refused_with_file_and_line(text):
    with pytest.raises(DataError, match="finer than the instrument") as caught:
        parse("1.1", text)
    assert caught.value.where == "f.csv:3"
    assert "--round" in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["nan", "NaN", "inf", "-Infinity", "", " ", None, "1,5", "1_000", "0x1", "abc", "1.1.1"]
)
@pytest.mark.parametrize("round_", [True, False])
def test_what_is_not_a_number_is_refused_with_file_and_line(text, round_):
    with pytest.raises(DataError, match="not a number") as caught:
        parse("1.1", text, round_=round_)
    assert caught.value.where == "f.csv:3"


@pytest.mark.parametrize("text", ["10000000000000", "-1e13", "1e21", "1e400", "9" * 40])
def test_a_number_the_engine_cannot_hold_is_refused(text):
    with pytest.raises(DataError, match="larger than the engine can hold"):
        parse(text, round_=True)
