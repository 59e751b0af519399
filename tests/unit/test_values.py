import datetime as dt
from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model import (
    BarType,
    Currency,
    InstrumentId,
    Money,
    OrderSide,
    Price,
    Quantity,
    Venue,
)

from framework import PluginConfig
from framework.config import decode, values
from framework.config.document import dump, parse
from framework.config.values import dec_hook, enc_hook, readings, schema_hook, to_decimal, to_nanos, to_plain
from framework.errors import PluginBroken

GOOD = [
    (InstrumentId, "EUR/USD.SIM"),
    (InstrumentId, "BRK.B.XNYS"),
    (InstrumentId, "AAPL  230217P00155000.SMART"),
    (InstrumentId, "币安人生USDT-PERP.BINANCE"),
    (BarType, "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"),
    (BarType, "BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-INTERNAL@1-MINUTE-EXTERNAL"),
    (Venue, "SIM"),
    (Currency, "USD"),
    (Currency, "USDT"),
    (Money, "100000.00 USD"),
    (Money, "-1.50 EUR"),
    (Money, "0.00000001 BTC"),
    (Price, "1.10050"),
    (Price, "-37.63"),
    (Quantity, "1000"),
    (Quantity, "0.001"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_a_value_is_read_from_text_and_written_back_as_the_same_text(kind, text):
    value = dec_hook(kind, text)
    assert isinstance(value, kind)
    assert enc_hook(value) == text
    assert dec_hook(kind, value) is value


def test_precision_is_what_was_written():
    assert dec_hook(Price, "1.10").precision == 2
    assert dec_hook(Quantity, "1.000").precision == 3
    assert dec_hook(Price, 5).precision == 0


def test_digits_may_be_grouped_inside_quotes():
    assert dec_hook(Quantity, "1_000_000") == Quantity.from_str("1000000")
    assert dec_hook(Money, "1_000_000 USD") == Money.from_str("1000000.00 USD")


def test_whole_numbers_need_no_quotes_for_prices_and_quantities():
    assert dec_hook(Quantity, 1000) == Quantity.from_str("1000")
    assert dec_hook(Price, -5) == Price.from_str("-5")


@pytest.mark.parametrize("kind", [Price, Quantity, Money])
def test_a_float_is_refused_with_the_text_to_write(kind):
    with pytest.raises(ValueError, match=r'write it as text: "0\.1"'):
        dec_hook(kind, 0.1)
    with pytest.raises(ValueError, match=r'write it as text: "0\.0000001"'):
        dec_hook(kind, 1e-7)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (InstrumentId, "EURUSD", "missing '.' separator"),
        (InstrumentId, " EUR/USD.SIM", "spaces around it"),
        (InstrumentId, "EUR/USD.SIM\n", "spaces around it"),
        (InstrumentId, "EUR\x00USD.SIM", "empty, too long"),
        (InstrumentId, "A" * 100_000 + ".SIM", "too long"),
        (InstrumentId, 7, "an instrument as text"),
        (InstrumentId, None, "an instrument as text"),
        (BarType, "EUR/USD.SIM-1-HOURS-LAST-EXTERNAL", "HOURS"),
        (BarType, "EUR/USD.SIM-1-HOUR-LAST", "bar type"),
        (BarType, "EUR/USD.SIM-7-HOUR-LAST-EXTERNAL", "'7'"),
        (Venue, "", "empty"),
        (Venue, "A.B", "after the last dot"),
        (Venue, "é", "non-ASCII"),
        (Currency, "usd", 'did you mean "USD"'),
        (Currency, "XYZ", "knows no currency"),
        (Money, "100", "a space and a currency"),
        (Money, "100 ", "spaces around it"),
        (Money, "1.555 USD", "USD has 2 decimals"),
        (Money, "0.5 JPY", "JPY has 0 decimals"),
        (Money, "1e3 USD", "not digits and a point"),
        (Money, "nan USD", "not digits and a point"),
        (Money, "1 usd", 'did you mean "USD"'),
        (Money, "99999999999999999999 USD", "exceeded bounds"),
        (Money, 5, "an amount of money as text"),
        (Price, "", "empty"),
        (Price, "1,5", "not digits and a point"),
        (Price, "1__0", "not digits and a point"),
        (Price, "_1", "not digits and a point"),
        (Price, "1e5", "not digits and a point"),
        (Price, "١", "not digits and a point"),  # noqa: RUF001 - an Arabic digit is the point
        (Price, "1.12345678901234567890", "precision"),
        (Price, True, "a price as text"),
        (Quantity, "-1", "negative"),
        (Quantity, -1, "negative"),
        (Quantity, [1], "a quantity as text"),
    ],
)
def test_what_is_no_such_value_is_refused_with_the_reason_and_an_example(kind, value, why):
    with pytest.raises(ValueError, match="write it like") as caught:
        dec_hook(kind, value)
    assert why in str(caught.value)
    assert readings()[kind].example in str(caught.value)
    assert len(str(caught.value)) < 400


@given(
    st.sampled_from([kind for kind, _ in GOOD]),
    st.text(max_size=40) | st.text("0123456789.-_+eE USDIMTRL@", max_size=40),
)
def test_any_text_is_read_or_refused_and_never_panics(kind, text):
    try:
        value = dec_hook(kind, text)
    except ValueError:
        return
    assert dec_hook(kind, enc_hook(value)) == value


class Panic(BaseException):
    """What PyO3 raises when the engine's code panics is, like this, no Exception."""


@pytest.mark.parametrize("problem", [Panic("index out of range"), RuntimeError("odd"), OverflowError("big")])
def test_whatever_the_engine_raises_on_text_is_a_refusal(problem):
    def read(text):
        raise problem

    with pytest.raises(ValueError, match=f'"x" is not a thing: {problem}; write it like "y"'):
        values._read(values.Reading("a thing", "y", read), "x")


def test_an_interrupt_while_reading_is_still_an_interrupt():
    def read(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        values._read(values.Reading("a thing", "y", read), "x")


@given(st.decimals(-(10**9), 10**9, places=5))
def test_a_price_is_the_decimal_that_was_written(number):
    assert dec_hook(Price, f"{number:f}").as_decimal() == number


@pytest.mark.parametrize(
    "bad", [0.1, True, None, [], "x", "", "1e3", "NaN", "Infinity", "-", "1.", " 1", "9" * 1000]
)
def test_a_decimal_is_a_plain_number_in_text(bad):
    with pytest.raises(ValueError, match="write"):
        to_decimal(bad)


@pytest.mark.parametrize(
    ("written", "number"), [("0.1", "0.1"), ("-2.50", "-2.50"), (3, "3"), ("1_000.5", "1000.5")]
)
def test_a_decimal_keeps_its_digits(written, number):
    assert str(to_decimal(written)) == number


SECONDS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        # Seconds since the epoch from `date -u -d TEXT +%s` of GNU coreutils.
        ("1970-01-01", 0),
        ("2017-01-02", 1_483_315_200 * SECONDS),
        ("2017-01-02T09:30", 1_483_349_400 * SECONDS),
        ("2017-01-02 09:30:15", 1_483_349_415 * SECONDS),
        ("2017-01-02T09:30:15Z", 1_483_349_415 * SECONDS),
        ("2017-01-02T09:30:15-05:00", 1_483_367_415 * SECONDS),
        ("2017-01-02T09:30:15+0530", 1_483_329_615 * SECONDS),
        ("2017-01-02T09:30:15.000000001", 1_483_349_415 * SECONDS + 1),
        ("2017-01-02T09:30:15.5", 1_483_349_415 * SECONDS + 500_000_000),
        ("2024-02-29T23:59:59.999999999", 1_709_251_199 * SECONDS + 999_999_999),
    ],
)
def test_a_time_is_its_nanoseconds_utc(text, nanos):
    assert to_nanos(text) == nanos


def test_a_date_as_an_end_is_its_last_nanosecond_and_a_time_is_itself():
    assert to_nanos("2017-01-02", end_of_day=True) == to_nanos("2017-01-03") - 1
    assert to_nanos("2017-01-02T00:00", end_of_day=True) == to_nanos("2017-01-02")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2017",
        "2017-1-2",
        "02.01.2017",
        "2017-02-30",
        "2017-13-01",
        "2017-01-02T24:00",
        "2017-01-02T23:59:60",
        "2017-01-02T9:30",
        "2017-01-02T09:30:15.1234567890",
        "2017-01-02T09:30+25:00",
        "2017-01-02Z",
        "1969-12-31T23:59",
        "1970-01-01T00:00+01:00",
        "2262-01-01",
        "0000-01-01",
        "9999-12-31T23:59-23:59",
        "2017-01-02\n",
        "now",
        "1483315200",
    ],
)
def test_what_is_no_time_is_refused_with_how_to_write_one(text):
    with pytest.raises(ValueError, match="write"):
        to_nanos(text)


FIRST, LAST = (dt.datetime(*day) for day in ((1970, 1, 2), (2261, 12, 30)))  # noqa: DTZ001 - drawn with a zone


@given(st.datetimes(FIRST, LAST, timezones=st.timezones()))
def test_any_time_with_an_offset_is_the_instant_that_the_standard_library_says(moment):
    offset = moment.utcoffset()
    if offset % dt.timedelta(minutes=1):
        return
    micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    assert to_nanos(moment.isoformat()) == micros * 1000


class Inner(PluginConfig, frozen=True, kw_only=True, tag_field="kind", tag="inner"):
    size: Quantity | None = None


class Full(PluginConfig, frozen=True, kw_only=True):
    instrument: InstrumentId
    bars: list[BarType]
    price: Price
    amounts: tuple[Money, ...]
    rate: Decimal
    limits: dict[InstrumentId, Decimal]
    venues: frozenset[Venue]
    currency: Currency | None
    inner: Inner
    day: dt.date
    text: str
    flag: bool
    ratio: float
    small: Decimal = Decimal("1E-7")


FULL = Full(
    instrument=InstrumentId.from_str("EUR/USD.SIM"),
    bars=[BarType.from_str("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL")],
    price=Price.from_str("1.10"),
    amounts=(Money.from_str("1.50 USD"), Money.from_str("2 JPY")),
    rate=Decimal("1E+3"),
    limits={InstrumentId.from_str("EUR/USD.SIM"): Decimal("0.5")},
    venues=frozenset({Venue("SIM")}),
    currency=None,
    inner=Inner(size=Quantity.from_str("10")),
    day=dt.date(2017, 1, 2),
    text="no",
    flag=True,
    ratio=0.1,
)


def test_a_config_is_plain_values_with_text_for_everything_of_the_engine():
    assert to_plain(FULL) == {
        "instrument": "EUR/USD.SIM",
        "bars": ["EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"],
        "price": "1.10",
        "amounts": ["1.50 USD", "2 JPY"],
        "rate": "1000",
        "limits": {"EUR/USD.SIM": "0.5"},
        "venues": ["SIM"],
        "currency": None,
        "inner": {"kind": "inner", "size": "10"},
        "day": "2017-01-02",
        "text": "no",
        "flag": True,
        "ratio": 0.1,
        "small": "0.0000001",
    }


def test_plain_values_written_to_yaml_and_read_back_are_an_equal_config():
    again = decode(parse(dump(to_plain(FULL))), (), Full)
    assert again == FULL
    assert [type(key) for key in again.limits] == [InstrumentId]


def test_plain_values_are_a_copy():
    plain = to_plain(FULL)
    plain["bars"].append("x")
    assert len(FULL.bars) == 1


def test_a_type_with_no_reading_is_the_fault_of_the_plugin():
    with pytest.raises(PluginBroken, match="OrderSide"):
        dec_hook(OrderSide, "BUY")
    with pytest.raises(NotImplementedError):
        enc_hook(object())
    with pytest.raises(NotImplementedError):
        schema_hook(OrderSide)


def test_the_schema_of_a_plugin_shows_how_a_value_is_written():
    class Config(PluginConfig, frozen=True, kw_only=True):
        size: Annotated[Quantity, msgspec.Meta(description="How much.")]

    schema = msgspec.json.schema(Config, schema_hook=schema_hook)
    (definition,) = schema["$defs"].values()
    assert definition["properties"]["size"]["type"] == "string"
    assert definition["properties"]["size"]["examples"] == ["1000"]
