"""What an unquoted word of YAML means: YAML 1.2, refusing every word that has a second reading.

Half of the tools that read YAML follow version 1.1, where `no` is false, `12:30` is 750 and `010` is 8; the
other half follow 1.2, where the first two are text and the last is ten. Money hangs on such words, so a word
that the two versions read differently is refused, and quotes settle it. Dates are the exception: they stay
text, which is what every setting of the framework wants them to be.
"""

from __future__ import annotations

import math
import re

type Scalar = str | int | float | bool | None

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
SPELLINGS = {
    "true": ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"),
    "false": ("n", "N", "no", "No", "NO", "off", "Off", "OFF"),
}
OLD_BOOLEANS = {word: meaning for meaning, words in SPELLINGS.items() for word in words}
NUMERIC = frozenset("0123456789+-.nNiI")

NOT_FINITE = re.compile(r"[-+]?\.?(nan|NaN|NAN|inf|Inf|INF|infinity|Infinity|INFINITY)")
CLOCK = re.compile(r"[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?")
OTHER_BASE = re.compile(r"[-+]?0([0-9_]+|[oO][0-7_]+|[bB][01_]+)|[-+]0[xX][0-9a-fA-F_]+|0[xX]_[0-9a-fA-F_]*")
GROUPED = re.compile(r"[-+]?(?=[^_]*_)(0x[0-9a-fA-F_]+|(?=.*[0-9])[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9_]+)?)")
INTEGER = re.compile(r"[-+]?[0-9]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

SHOWN = 60
"""Characters of a text in a message; the file shows the rest."""
LARGEST = 2**63 - 1
DIGITS = 20
"""No number of 64 bits has more digits, and converting a long one can take as long as its writer likes."""


class Unclear(ValueError):  # noqa: N818 - caught where the place in the file is known
    """A word with two readings, or with none that a configuration can use.

    Attributes:
        remedy: What to write instead.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def meaning(word: str) -> Scalar:
    """The value of an unquoted word.

    Raises:
        Unclear: It has two readings, is not finite, or does not fit in 64 bits.
    """
    if word in NULLS:
        return None
    if word in BOOLEANS:
        return BOOLEANS[word]
    if word in OLD_BOOLEANS:
        other = OLD_BOOLEANS[word]
        raise Unclear(
            f"unquoted {word} is {other} to some YAML readers and text to others",
            f'Write {other}, or "{short(word)}" when the text is meant.',
        )
    return _number(word) if word[0] in NUMERIC else word


def _number(word: str) -> str | int | float:
    if NOT_FINITE.fullmatch(word):
        raise Unclear(
            f"{short(word)} is not a number a setting can have",
            f'Write a finite number, or "{short(word)}" when the text is meant.',
        )
    _refuse_two_readings(word)
    if INTEGER.fullmatch(word):
        return _integer(word, 10)
    if HEXADECIMAL.fullmatch(word):
        return _integer(word, 16)
    if FLOAT.fullmatch(word):
        return _float(word)
    return word


def _refuse_two_readings(word: str) -> None:
    if CLOCK.fullmatch(word):
        raise Unclear(
            f"unquoted {short(word)} is a number in base 60 to some YAML readers and text to others",
            f'Write "{short(word)}" in quotes.',
        )
    if OTHER_BASE.fullmatch(word):
        digits = word.lstrip("+-0") or "0"
        plain = f"{word[0] if word[0] == '-' else ''}{digits}"
        write = f"{short(plain)}, or " if digits.isdigit() else "the number in decimal, or "
        raise Unclear(
            f"unquoted {short(word)} is a different number to different YAML readers",
            f'Write {write}"{short(word)}" when the text is meant.',
        )
    if GROUPED.fullmatch(word):
        raise Unclear(
            f"unquoted {short(word)} is a number to some YAML readers and text to others",
            f'Write {short(word.replace("_", ""))}, or "{short(word)}" when the text is meant.',
        )


def _integer(word: str, base: int) -> int:
    value = int(word, base) if len(word) <= DIGITS else LARGEST + 1
    if abs(value) > LARGEST:
        raise Unclear(
            f"the number {short(word)} does not fit in 64 bits",
            "Write it in quotes when the setting takes text.",
        )
    return value


def _float(word: str) -> float:
    value = float(word)
    mantissa = re.split("[eE]", word)[0]
    if math.isinf(value) or (value == 0.0 and any(digit in mantissa for digit in "123456789")):
        raise Unclear(
            f"the number {short(word)} is beyond the range of a float",
            "Write a number that a 64-bit float can hold.",
        )
    return value


def short(text: str) -> str:
    """A text that may be long, as messages show it."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
