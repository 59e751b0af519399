"""What an optimisation goes through and what it looks for: axes as distributions, objectives, constraints."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from framework import ConfigError, figures, find_objective

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framework import Row

BOUND = re.compile(r"^(?P<name>.*?[^<>=\s])\s*(?P<sign><=|>=)\s*(?P<value>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)$")


@dataclass(frozen=True)
class Objective:
    """A figure of a run, net of every cost that the venue charges.

    Attributes:
        wanted: Its name, or enough of it.
        minimize: Whether less is better.
    """

    wanted: str
    minimize: bool = False

    @classmethod
    def parse(cls, text: str) -> Objective:
        """`sharpe`, or `max drawdown:min`."""
        name, colon, end = text.rpartition(":")
        if colon and end.strip() in {"min", "max"}:
            return cls(name.strip(), minimize=end.strip() == "min")
        return cls(text.strip())

    def value(self, row: Row) -> float | None:
        """The figure, or None when the run has none."""
        return _number(row, self.wanted, "--objective")


@dataclass(frozen=True)
class Constraint:
    """A figure that must keep a bound: a trial that does not can be no best one.

    Attributes:
        wanted: The figure's name, or enough of it.
        most: Whether the bound is the most it may be; the least otherwise.
        bound: The number.
    """

    wanted: str
    most: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """`positions>=30`, or `max drawdown>=-0.2`.

        Raises:
            ConfigError: It is neither.
        """
        match = BOUND.match(text.strip())
        try:
            bound = float(match["value"]) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or not math.isfinite(bound):
            raise ConfigError(
                f'"{text}" is no constraint',
                where="--constraint",
                remedy="Write FIGURE>=NUMBER or FIGURE<=NUMBER.",
            )
        return cls(match["name"].strip(), match["sign"] == "<=", bound)

    def excess(self, row: Row) -> float:
        """How far it is broken: above zero when it is, as the sampler wants it."""
        value = _number(row, self.wanted, "--constraint")
        if value is None:
            return math.inf
        return value - self.bound if self.most else self.bound - value


def distributions(axes: Sequence[Any]) -> dict[str, Any]:
    """What the sampler draws from: evenly spaced numbers as numbers, everything else as words."""
    return {axis.path: _distribution(axis.values) for axis in axes}


def point(axes: Sequence[Any], params: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a trial, each as it was written."""
    written = {}
    for axis in axes:
        drawn, numbers = params[axis.path], _even(axis.values)
        if numbers is None:
            written[axis.path] = str(drawn)
        else:
            place = round((drawn - float(numbers[0])) / float(numbers[1] - numbers[0]))
            written[axis.path] = axis.values[place]
    return written


def _distribution(values: Sequence[str]) -> Any:
    numbers = _even(values)
    if numbers is None:
        return CategoricalDistribution(list(values))
    first, second, last = numbers[0], numbers[1], numbers[-1]
    if all(number == int(number) for number in numbers):
        return IntDistribution(int(first), int(last), step=int(second - first))
    return FloatDistribution(float(first), float(last), step=float(second - first))


def _even(values: Sequence[str]) -> list[Decimal] | None:
    """The values as numbers, when they rise by equal steps."""
    try:
        numbers = [Decimal(value) for value in values]
    except InvalidOperation:
        return None
    steps = {b - a for a, b in pairwise(numbers)}
    return numbers if len(steps) == 1 and steps.pop() > 0 else None


def _number(row: Row, wanted: str, where: str) -> float | None:
    if row.failure is not None:
        return None
    try:
        value = figures(row)[find_objective(wanted, row)]
    except ConfigError as error:
        error.where = where
        raise
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable else None
