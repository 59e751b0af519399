"""The stretches of time a strategy is trained and tested on, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from framework import ConfigError

type Kind = Literal["anchored", "rolling"]


@dataclass(frozen=True)
class Fold:
    """One training stretch and the test that follows it; nanoseconds since the epoch, ends included.

    Attributes:
        train_start: The first moment that may be learned from.
        train_end: The last.
        test_start: The first moment that counts.
        test_end: The last.
    """

    train_start: int
    train_end: int
    test_start: int
    test_end: int


def folds(
    start: int, end: int, *, count: int, lead: int, kind: Kind, purge: int = 0, embargo: int = 0
) -> list[Fold]:
    """Tests of equal length, end to end up to the last moment there is.

    Args:
        start: The first moment of data.
        end: The last.
        count: Tests.
        lead: How many tests long the first training is.
        kind: Whether every training begins at the start, or moves along at its first length.
        purge: Nanoseconds dropped from the end of a training: what is open then is decided inside the test.
        embargo: Nanoseconds dropped from the beginning of a test: what still remembers the training.

    Raises:
        ConfigError: Nothing is left of a training or a test.
    """
    length = _length(start, end, count, lead)
    made = []
    for number in range(count):
        begin = start + (lead + number) * length
        last = end if number == count - 1 else begin + length - 1
        first = start if kind == "anchored" else begin - lead * length
        made.append(Fold(first, begin - 1 - purge, begin + embargo, last))
    if any(fold.train_end <= fold.train_start or fold.test_end <= fold.test_start for fold in made):
        raise ConfigError(
            "nothing is left of a training or a test",
            where="--folds",
            remedy="Use fewer folds, a shorter --purge and --embargo, or more data.",
        )
    return made


def last_training(start: int, end: int, *, count: int, lead: int, kind: Kind) -> tuple[int, int]:
    """The stretch on which the settings to go on with are chosen: as long as those that were judged."""
    return (start if kind == "anchored" else end - lead * _length(start, end, count, lead) + 1), end


def _length(start: int, end: int, count: int, lead: int) -> int:
    """Of a test."""
    return (end - start + 1) // (count + lead)
