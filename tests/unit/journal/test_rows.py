"""What a row says is one text, and its hash is what anybody can compute from it."""

import enum
import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import Currency, Money, OrderSide, Price, Quantity

from framework.journal.rows import Row, canonical, chained, encode

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_money_and_prices_are_text():
    body = {
        "price": Price.from_str("1.10"),
        "quantity": Quantity.from_str("1000"),
        "commission": Money(Decimal("0.50"), Currency.from_str("USD")),
        "limit": Decimal("0.10"),
        "average": 1.5,
    }
    assert json.loads(canonical(body)) == {
        "price": "1.10",
        "quantity": "1000",
        "commission": "0.50 USD",
        "limit": "0.10",
        "average": "1.5",
    }


def test_floats_that_are_no_numbers_are_text_too():
    assert canonical({"a": float("nan"), "b": float("-inf")}) == '{"a":"nan","b":"-inf"}'


class Side(enum.Enum):
    BUY = 1


def test_enumerations_are_their_names():
    assert canonical({"ours": Side.BUY, "engines": OrderSide.SELL, Side.BUY: 1}) == (
        '{"BUY":1,"engines":"SELL","ours":"BUY"}'
    )


def test_bytes_sets_and_tuples_have_one_text():
    assert canonical({"state": b"\x00\xff", "ids": {"b", "a"}, "pair": (1, None)}) == (
        '{"ids":["a","b"],"pair":[1,null],"state":"base64:AP8="}'
    )


def test_the_order_of_keys_does_not_matter():
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == canonical({"a": {"c": 3, "d": 2}, "b": 1})


def test_a_mask_reaches_every_text():
    def mask(text):
        return text.replace("hunter2", "***")

    body = {"a": ["hunter2"], "hunter2": {"b": "x hunter2 y"}, "c": ValueError("hunter2")}
    assert "hunter2" not in canonical(body, mask)
    assert canonical(body, mask).count("***") == 4


def test_the_hash_is_a_sha256_over_the_hash_before_and_the_row():
    first = hashlib.sha256(b"framework journal 1").digest()
    text = b'[1, 5, "intent", "s", "vwap", "O-1"]\n{"a":1}'
    assert (
        chained(first, 1, 5, "intent", "s", "vwap", "O-1", '{"a":1}') == hashlib.sha256(first + text).digest()
    )


def test_where_one_name_ends_and_the_next_begins_matters():
    assert chained(b"", 1, 2, "mark", "s", "ab", "c", "{}") != chained(
        b"", 1, 2, "mark", "s", "a", "bc", "{}"
    )


@given(PLAIN)
def test_plain_values_survive_and_have_the_same_text_again(value):
    text = canonical({"value": value})
    assert text.isascii()
    assert encode(json.loads(text)) == text
    assert json.loads(text) == {"value": value}


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=3), st.integers(1, 10**18), st.text(max_size=5))
def test_a_row_survives_being_written_as_json(body, ts, order_id):
    text = canonical(body)
    row = Row(1, ts, "event", "s", "", order_id, text, chained(b"x", 1, ts, "event", "s", "", order_id, text))
    again = Row.from_dict(json.loads(json.dumps(row.to_dict())))
    assert again == row
    assert again.follows(b"x")
    assert not again.follows(b"y")


@pytest.mark.parametrize(
    "change", [{"seq": "1"}, {"ts": 1.5}, {"kind": None}, {"hash": "zz"}, {"strategy": 3}, {"seq": True}]
)
def test_json_of_another_shape_is_refused(change):
    good = Row(1, 2, "event", "s", "", "", "{}", b"\x00" * 32).to_dict()
    with pytest.raises(ValueError, match=r"type|hex"):
        Row.from_dict(good | change)
