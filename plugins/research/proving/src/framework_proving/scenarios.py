"""What may happen to a market: gaps, flash crashes, wild prices, thin books, silence. Data in, data out."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from framework import ConfigError, Duration, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from framework import Tape

FLASH = 3
"""Events that a flash move lasts, of every stream."""
STANDARD = (
    "gap:-0.1",
    "gap:0.1",
    "flash:-0.2",
    "flash:0.2",
    "outage:1d",
    "volatility:2",
    "volatility:0.25",
)
"""What is replayed when nothing is asked for."""


@dataclass(frozen=True)
class Scenario:
    """Something that happens to all instruments of a node at once.

    Attributes:
        text: As it was asked for, such as `gap:-0.1`.
        says: What happens, for a reader.
        sudden: Whether it happens at a moment; the whole of the data is another otherwise.
        change: The data, and the moment, which only a sudden one looks at: the data as it would have been.
    """

    text: str
    says: str
    sudden: bool
    change: Callable[[Sequence[Tape], int], tuple[Tape, ...]]


def parse(text: str) -> Scenario:
    """`KIND:SIZE`.

    | kind | size | what happens |
    |---|---|---|
    | `gap` | share, such as -0.1 | after a moment every price is that much higher, for good |
    | `flash` | share | for three events of every stream only |
    | `outage` | duration, such as 1d | after a moment nothing is heard for that long |
    | `volatility` | factor | every move since the beginning is that many times as large, in logarithms |

    Raises:
        ConfigError: It is none of these.
    """
    kind, _, size = text.strip().partition(":")
    makers: dict[str, Callable[[str, str], Scenario]] = {
        "gap": _gap,
        "flash": _flash,
        "outage": _outage,
        "volatility": _volatility,
    }
    if kind not in makers:
        near = difflib.get_close_matches(kind, makers, n=1)
        hint = f'did you mean "{near[0]}"? ' if near else ""
        raise ConfigError(
            f'no scenario "{kind}"; {hint}there are: {", ".join(makers)}',
            where="--scenario",
            remedy="Write KIND:SIZE, such as gap:-0.1.",
        )
    return makers[kind](text.strip(), size.strip())


def _gap(text: str, size: str) -> Scenario:
    factor = 1 + _share(text, size)

    def change(tapes: Sequence[Tape], ts: int) -> tuple[Tape, ...]:
        return tuple(
            replace(
                tape,
                rows=tuple(
                    row if row.ts <= ts else row._replace(prices=_times(row.prices, factor))
                    for row in tape.rows
                ),
            )
            for tape in tapes
        )

    return Scenario(text, f"all prices {_move(factor)} at once, for good", sudden=True, change=change)


def _flash(text: str, size: str) -> Scenario:
    factor = 1 + _share(text, size)

    def change(tapes: Sequence[Tape], ts: int) -> tuple[Tape, ...]:
        changed = []
        for tape in tapes:
            first = next((n for n, row in enumerate(tape.rows) if row.ts > ts), len(tape.rows))
            struck = range(first, first + FLASH)
            rows = (
                row._replace(prices=_times(row.prices, factor)) if n in struck else row
                for n, row in enumerate(tape.rows)
            )
            changed.append(replace(tape, rows=tuple(rows)))
        return tuple(changed)

    return Scenario(
        text, f"all prices {_move(factor)} for {FLASH} events, then back", sudden=True, change=change
    )


def _outage(text: str, size: str) -> Scenario:
    try:
        length = nanoseconds(msgspec.convert(size, Duration))
    except (msgspec.ValidationError, ValueError) as error:
        raise _wrong(text, "a duration, such as 12h or 1d") from error

    def change(tapes: Sequence[Tape], ts: int) -> tuple[Tape, ...]:
        return tuple(
            replace(tape, rows=tuple(row for row in tape.rows if not ts < row.ts <= ts + length))
            for tape in tapes
        )

    return Scenario(text, f"nothing is heard for {size}", sudden=True, change=change)


def _volatility(text: str, size: str) -> Scenario:
    factor = float(_number(text, size, "a factor above 0, such as 2"))
    if factor <= 0:
        raise _wrong(text, "a factor above 0, such as 2")

    def change(tapes: Sequence[Tape], ts: int) -> tuple[Tape, ...]:
        del ts
        starts = {_counted_in(tape): tape.rows[0].prices[0] for tape in reversed(tapes) if tape.rows}
        return tuple(
            replace(
                tape,
                rows=tuple(
                    row._replace(
                        prices=tuple(
                            _spread(price, starts[_counted_in(tape)], factor) for price in row.prices
                        )
                    )
                    for row in tape.rows
                ),
            )
            for tape in tapes
        )

    return Scenario(text, f"every move {factor:g} times as large", sudden=False, change=change)


def _counted_in(tape: Tape) -> tuple[str, bool]:
    """What a tape's prices count: two streams of one instrument begin at the same price."""
    return str(tape.instrument.id), tape.digits


def _spread(price: int, start: int, factor: float) -> int:
    """A price whose distance from the start, in logarithms, is that many times as large."""
    if price <= 0 or start <= 0:
        raise ConfigError(
            "a market with prices at zero or below has no logarithms",
            where="--scenario",
            remedy="Leave volatility out.",
        )
    return max(1, round(start * math.exp(factor * math.log(price / start))))


def _times(prices: tuple[int, ...], factor: Fraction) -> tuple[int, ...]:
    """Prices in ticks, a share of what they were; what was above nothing stays above it."""
    return tuple(max(1, round(price * factor)) if price > 0 else round(price * factor) for price in prices)


def _share(text: str, size: str) -> Fraction:
    share = _number(text, size, "a share above -1 that is not 0, such as -0.1")
    if share <= -1 or share == 0:
        raise _wrong(text, "a share above -1 that is not 0, such as -0.1")
    return share


def _number(text: str, size: str, wanted: str) -> Fraction:
    try:
        number = Fraction(size)
    except (ValueError, ZeroDivisionError) as error:
        raise _wrong(text, wanted) from error
    if abs(number) > 100:  # noqa: PLR2004 - a slip of the hand, and no market any more
        raise _wrong(text, wanted)
    return number


def _wrong(text: str, wanted: str) -> ConfigError:
    return ConfigError(f'"{text}" needs {wanted}', where="--scenario", remedy="Write KIND:SIZE.")


def _move(factor: Fraction) -> str:
    return f"{100 * float(abs(factor - 1)):g} % {'lower' if factor < 1 else 'higher'}"
