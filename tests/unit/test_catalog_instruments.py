"""Presets against the published contract terms, and hostile definition files."""

from __future__ import annotations

from decimal import Decimal

import pytest

from framework import DataError
from framework.catalog.instruments import find_instrument
from framework.catalog.presets import PRESETS

PUBLISHED = [
    # name, id, tick, value of one tick of one contract or unit, currency
    ("ES", "ES.XCME", "0.25", "12.50", "USD"),
    ("6E", "6E.XCME", "0.00005", "6.25", "USD"),
    ("UB", "UB.XCBT", "0.03125", "31.25", "USD"),
    ("EURUSD", "EUR/USD.SIM", "0.00001", "0.00001", "USD"),
    ("XAUUSD", "XAU/USD.SIM", "0.001", "0.001", "USD"),
    ("BTCUSDT", "BTCUSDT.BINANCE", "0.01", "0.01", "USDT"),
    ("BTCUSDT-PERP", "BTCUSDT-PERP.BINANCE", "0.10", "0.10", "USDT"),
]


@pytest.mark.parametrize(("name", "identifier", "tick", "value", "currency"), PUBLISHED)
def test_a_preset_has_the_published_tick_and_tick_value(name, identifier, tick, value, currency):
    instrument = find_instrument(name)
    assert str(instrument.id) == identifier
    increment = instrument.price_increment.as_decimal()
    assert increment == Decimal(tick)
    assert increment * instrument.multiplier.as_decimal() == Decimal(value)
    assert str(instrument.quote_currency) == currency


def test_every_preset_is_checked_against_a_published_value():
    assert {name for name, *_ in PUBLISHED} == set(PRESETS)


@pytest.mark.parametrize("text", ["eurusd", "EUR/USD", "eur/usd"])
def test_a_preset_is_found_however_it_is_written(text):
    assert str(find_instrument(text).id) == "EUR/USD.SIM"


def test_a_venue_replaces_the_presets():
    assert str(find_instrument("EUR/USD", "OANDA").id) == "EUR/USD.OANDA"


def test_a_us_stock_needs_its_listing_venue():
    stock = find_instrument("equity:AAPL", "XNAS")
    assert (str(stock.id), stock.price_precision, str(stock.quote_currency)) == ("AAPL.XNAS", 2, "USD")
    with pytest.raises(DataError, match="needs a venue"):
        find_instrument("equity:AAPL")


def test_a_definition_file_may_start_from_a_preset(tmp_path):
    file = tmp_path / "6EH4.yaml"
    file.write_text("preset: 6E\nid: 6EH4.XCME\nexpiration: 2024-03-18T14:16:00Z\nmargin_init: 0.03\n")
    future = find_instrument(str(file))
    assert str(future.id) == "6EH4.XCME"
    assert future.expiration_ns == 1_710_771_360_000_000_000  # date -u -d 2024-03-18T14:16:00Z +%s
    assert future.margin_init == Decimal("0.03")
    assert future.price_increment.as_decimal() == Decimal("0.00005")


def test_trailing_zeros_of_a_tick_are_precision(tmp_path):
    file = tmp_path / "x.yml"
    file.write_text("preset: BTCUSDT\nprice_increment: 0.50\n")
    assert find_instrument(str(file)).price_precision == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "list of `field: value`"),
        ("- 1", "list of `field: value`"),
        ("preset: NOPE", 'no instrument preset "NOPE"'),
        ("preset: ES\ntick_size: 1", "tick_size"),
        ("preset: ES\nmultiplier: fifty", "multiplier"),
        ("preset: ES\nmultiplier: -50", "multiplier"),
        ("preset: ES\nprice_increment: 0", "more than zero"),
        ("preset: ES\nprice_increment: .nan", "price_increment"),
        ("preset: ES\nprice_increment: 1e-5", "price_increment"),
        ("preset: ES\nid: ES", "cannot be built"),
        ("preset: ES\nid: ''", "cannot be built"),
        ("preset: ES\nquote: XQZ9", "cannot be built"),
        ("preset: ES\nexpiration: 2024-03-18 09:30", "no offset"),
        ("preset: ES\nexpiration: soon", "cannot be built"),
        ("preset: EURUSD\nbase:\n", "cannot be built"),
        ("preset: ES\nid: A.B\nid: C.D", "given twice"),
        ("preset: [ES]", "not a single value"),
        ("a: &a x\nb: *a\n*a : {c: d}", "not a single value"),
        ("preset: 'ES", "not YAML"),
        ("id: A.B\ntype: option\nquote: USD\nprice_increment: 1", "type"),
        ("id: A.B\ntype: future\nquote: USD", "price_increment"),
        ("preset: ES\nprice_increment: 0.000000000000000000000000000001", "cannot be built"),
        ("preset: ES\nmultiplier: 99999999999999999999999999999", "cannot be built"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(tmp_path, text, message):
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        find_instrument(str(file))
    assert message in str(caught.value)


def test_a_misspelt_field_is_answered_with_the_nearest(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("preset: ES\nmultipler: 50")
    with pytest.raises(DataError) as caught:
        find_instrument(str(file))
    assert 'Did you mean "multiplier"' in caught.value.remedy


def test_a_misspelt_preset_is_answered_with_the_nearest():
    with pytest.raises(DataError) as caught:
        find_instrument("EURSD")
    assert 'Did you mean "EURUSD"' in caught.value.remedy


def test_a_missing_binary_or_huge_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        find_instrument(str(tmp_path / "none.yaml"))
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        find_instrument(str(tmp_path / "b.yaml"))
    (tmp_path / "h.yaml").write_text("#" * 70_000)
    with pytest.raises(DataError, match="smaller than"):
        find_instrument(str(tmp_path / "h.yaml"))
