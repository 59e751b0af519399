import datetime as dt
import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from framework.config import scalars
from framework.config.scalars import Unclear, meaning

DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775807", -(2**63) + 1),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("2.5E-3", 0.0025),
        ("0.0", 0.0),
        ("2017-01-02", "2017-01-02"),
        ("2017-01-02T09:30:00", "2017-01-02T09:30:00"),
        ("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL", "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"),
        ("nano", "nano"),
        ("notional", "notional"),
        ("1d", "1d"),
        ("v1_000", "v1_000"),
        ("1_a", "1_a"),
        ("-", "-"),
        (".", "."),
        ("+", "+"),
        ("e3", "e3"),
        ("NOk", "NOk"),
    ],
)
def test_a_word_with_one_reading_is_read(word, value):
    assert meaning(word) == value
    assert type(meaning(word)) is type(value)


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("no", 'Write false, or "no" when the text is meant.'),
        ("On", 'Write true, or "On" when the text is meant.'),
        ("Y", 'Write true, or "Y" when the text is meant.'),
        ("12:30", 'Write "12:30" in quotes.'),
        ("12:30:00", 'Write "12:30:00" in quotes.'),
        ("09:30", 'Write "09:30" in quotes.'),
        ("-1:30.5", 'Write "-1:30.5" in quotes.'),
        ("010", 'Write 10, or "010" when the text is meant.'),
        ("-007", 'Write -7, or "-007" when the text is meant.'),
        ("00", 'Write 0, or "00" when the text is meant.'),
        ("0o17", 'Write the number in decimal, or "0o17" when the text is meant.'),
        ("0b11", 'Write the number in decimal, or "0b11" when the text is meant.'),
        ("1_000", 'Write 1000, or "1_000" when the text is meant.'),
        ("1_000.5", 'Write 1000.5, or "1_000.5" when the text is meant.'),
        (".nan", 'Write a finite number, or ".nan" when the text is meant.'),
        ("-.INF", 'Write a finite number, or "-.INF" when the text is meant.'),
        ("NaN", 'Write a finite number, or "NaN" when the text is meant.'),
        ("Infinity", 'Write a finite number, or "Infinity" when the text is meant.'),
        ("9223372036854775808", "Write it in quotes when the setting takes text."),
        ("1e999", "Write a number that a 64-bit float can hold."),
        ("1e-999", "Write a number that a 64-bit float can hold."),
    ],
)
def test_a_word_with_two_readings_or_none_is_refused_with_what_to_write(word, remedy):
    with pytest.raises(Unclear) as caught:
        meaning(word)
    assert caught.value.remedy == remedy


def test_a_million_digits_are_refused_without_being_converted():
    with pytest.raises(Unclear, match="1000000 characters"):
        meaning("9" * 1_000_000)


WORDS = st.one_of(
    st.from_regex(r"[-+]?[0-9._:xobeE+-]{1,12}", fullmatch=True),
    st.from_regex(r"[-+]?[0-9]{1,6}(\.[0-9]{0,6})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from([*scalars.OLD_BOOLEANS, *scalars.BOOLEANS, *scalars.NULLS, "=", "NULL", "nan", ".Inf"]),
    st.text("aeflnorstuyNOYT", min_size=1, max_size=5),
)


def reading(version, word):
    """What another reader of that YAML version makes of a plain word; None when it is no plain word."""
    if version == (1, 1):
        try:
            value = yaml.safe_load(f"[{word}]")
        except (yaml.YAMLError, ValueError):
            return None
    else:
        ruamel = pytest.importorskip("ruamel.yaml", reason="the YAML 1.2 reader to compare with")
        try:
            value = ruamel.YAML(typ="safe", pure=True).load(f"[{word}]")
        except (ruamel.error.YAMLError, ValueError):
            return None
    one_word = isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict | list)
    return value if one_word else None


@given(WORDS)
@example("1:30")
@example("0o17")
@example("0777")
@example("1_0.5_0")
@example("+0x1F")
@example("1__0")
@example("_1")
@example("-_0")
@example("0:")
def test_what_is_read_is_what_readers_of_both_versions_read(word):
    old, new = reading((1, 1), word), reading((1, 2), word)
    if old is None or new is None or DATE.fullmatch(word):
        return
    try:
        value = meaning(word)
    except Unclear:
        return
    if isinstance(value, float) and isinstance(old[0], str):
        # YAML 1.1 wants a dot in 1e3 and a sign in 1.5e3, and calls the rest text; nobody else does.
        assert float(old[0]) == value
        return
    assert [value] == new or isinstance(new[0], dt.date)
    assert [value] == old
    assert type(value) is type(old[0])
