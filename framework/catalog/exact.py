"""Decimal text to the engine's fixed-point numbers, exactly or not at all."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

from framework.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

LIMIT = Decimal(10) ** 13
"""Below the largest price (1.7e13) and size (3.4e13) the engine's 128-bit numbers hold."""
WIDE = Context(prec=80)


def decimals(
    texts: pa.ChunkedArray, lines: pa.ChunkedArray, precision: int, *, name: str, path: str, round_: bool
) -> tuple[pa.ChunkedArray, int]:
    """Parses a column of decimal text to an instrument's precision.

    Args:
        texts: Such as `1.10345`.
        lines: The line of the file each text stands on.
        precision: Decimal places the instrument has.
        name: The column, for messages.
        path: The file, for messages.
        round_: Round finer values, half to even, instead of refusing them.

    Returns:
        The numbers as `decimal128(38, 16)`, and how many were changed by rounding.

    Raises:
        DataError: A text is not a finite number, is too large for the engine, or is finer than the
            precision while rounding is not allowed.
    """
    import pyarrow as pa  # noqa: PLC0415 - heavy, and the command line starts without it
    import pyarrow.compute as pc  # noqa: PLC0415

    wide = pa.decimal128(38, 16)
    limit = pa.scalar(LIMIT, wide)
    try:
        numbers = texts.cast(pa.decimal128(38, precision)).cast(wide)  # refuses what is finer
    except pa.ArrowInvalid:
        pass
    else:
        span = pc.min_max(numbers)
        if not numbers.null_count and len(numbers) and max(-span["min"].as_py(), span["max"].as_py()) < LIMIT:
            return numbers, 0
    try:
        numbers = texts.cast(wide)
    except pa.ArrowInvalid:
        return _one_by_one(texts, lines, precision, name=name, path=path, round_=round_)
    rounded = pc.round(numbers, ndigits=precision, round_mode="half_to_even").cast(wide)
    changed = pc.sum(pc.not_equal(rounded, numbers)).as_py() or 0
    too_large = pc.any(pc.greater_equal(pc.abs(numbers), limit)).as_py()
    if numbers.null_count or too_large or (changed and not round_):
        return _one_by_one(texts, lines, precision, name=name, path=path, round_=round_)
    return rounded, changed


def _one_by_one(
    texts: pa.ChunkedArray, lines: pa.ChunkedArray, precision: int, *, name: str, path: str, round_: bool
) -> tuple[pa.ChunkedArray, int]:
    """The slow way, for text that the fast parser refuses: says which row, or rounds what can be rounded."""
    import pyarrow as pa  # noqa: PLC0415

    step = Decimal(1).scaleb(-precision)
    values: list[Decimal] = []
    changed = 0
    for text, line in zip(texts.to_pylist(), lines.to_pylist(), strict=True):
        where = f"{path}:{line}"
        try:
            number = Decimal(text.strip()) if text is not None and "_" not in text else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            shown = "nothing" if text is None or not text.strip() else f'"{text[:40]}"'
            raise DataError(
                f"{name} is {shown}, not a number",
                where=where,
                remedy="Correct or remove the row; numbers use a point and no thousands separator.",
            )
        if abs(number) >= LIMIT:
            raise DataError(f'{name} is "{text[:40]}", larger than the engine can hold', where=where)
        fixed = number.quantize(step, rounding=ROUND_HALF_EVEN, context=WIDE)
        if fixed != number and not round_:
            raise DataError(
                f"{name} is {text.strip()[:40]}, finer than the instrument's {precision} decimals",
                where=where,
                remedy="Check that the instrument is the right one; if the extra digits do not matter, "
                "pass --round to round them, half to even.",
            )
        changed += fixed != number
        values.append(fixed)
    return pa.chunked_array([pa.array(values, pa.decimal128(38, 16))]), changed
