"""Binance's public data: which files there are for a span of time, and whether one is as it was published.

Names and folders follow Binance's public data repository: one .zip for each month or day, and beside it
`FILE.zip.CHECKSUM` with its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from framework import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

type Kind = Literal["klines", "trades", "aggTrades", "fundingRate"]
type Market = Literal["futures", "spot"]

KINDS: tuple[str, ...] = get_args(Kind.__value__)
FOLDERS = {"futures": "futures/um", "spot": "spot"}
STEPS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo")
SYMBOL = re.compile(r"[A-Z0-9]+(_[0-9]{6})?")
MONTH = re.compile(r"\d{4}-\d{2}", re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for.

    Attributes:
        kind: The rows.
        symbol: As Binance calls it: BTCUSDT.
        market: USD-M futures or spot.
        step: Of klines; None for the rest.
        first: A month, `2024-01`, or a day, `2024-01-15`.
        last: The same, and included.
    """

    kind: Kind
    symbol: str
    market: Market
    step: str | None
    first: str
    last: str

    def files(self) -> list[str]:
        """The paths of the files below the site's address, oldest first.

        Raises:
            DataError: There can be no such files.
        """
        _possible(self)
        monthly = MONTH.fullmatch(self.first) is not None
        parts = [FOLDERS[self.market], "monthly" if monthly else "daily", self.kind, self.symbol]
        parts += [self.step] if self.step else []
        name = f"{self.symbol}-{self.step or self.kind}"
        return [f"data/{'/'.join(parts)}/{name}-{span}.zip" for span in _spans(self.first, self.last)]


def stated_digest(text: str, name: str) -> str:
    """The SHA-256 in a checksum file.

    Args:
        text: What the file holds: the digest, spaces, the name of the file it is of.
        name: That name.

    Raises:
        DataError: It holds something else.
    """
    words = text.split()
    if len(words) != 2 or DIGEST.fullmatch(words[0]) is None or words[1].lstrip("*") != name:  # noqa: PLR2004
        raise DataError(
            "this is no checksum of the file",
            where=f"{name}.CHECKSUM",
            remedy="It is the SHA-256 in hexadecimal and the name of the file.",
        )
    return words[0]


def checksum_of(path: Path) -> Path:
    """Where the checksum of a file is kept."""
    return path.with_name(f"{path.name}.CHECKSUM")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path) -> bool:
    """Whether a file is there, its checksum beside it, and the two agree."""
    stated = checksum_of(path)
    if not (path.is_file() and stated.is_file()):
        return False
    return sha256_of(path) == stated_digest(stated.read_text(encoding="utf-8", errors="replace"), path.name)


def _possible(wanted: Wanted) -> None:
    if SYMBOL.fullmatch(wanted.symbol) is None:
        raise DataError(f'"{wanted.symbol}" is no symbol of Binance', remedy="Such as BTCUSDT.")
    if wanted.kind == "klines" and wanted.step not in STEPS:
        raise DataError(
            f'klines of "{wanted.step}" are not published', remedy=f"--step is one of {', '.join(STEPS)}."
        )
    if wanted.kind != "klines" and wanted.step is not None:
        raise DataError(f"{wanted.kind} have no step", remedy="Leave out --step.")
    if wanted.kind == "fundingRate" and wanted.market == "spot":
        raise DataError("spot has no funding", remedy="Leave out --market spot.")
    if wanted.kind == "fundingRate" and MONTH.fullmatch(wanted.first) is None:
        raise DataError("funding rates are published by the month", remedy="Write --from 2024-01.")


def _spans(first: str, last: str) -> Iterator[str]:
    """The months or days from one to another."""
    shapes = [shape for shape in (MONTH, DAY) if shape.fullmatch(first) and shape.fullmatch(last)]
    try:
        at, end = (
            date.fromisoformat(text if DAY.fullmatch(text) else f"{text}-01") for text in (first, last)
        )
    except ValueError as error:
        raise _no_span(first, last) from error
    if not shapes or at > end:
        raise _no_span(first, last)
    while at <= end:
        if shapes[0] is DAY:
            yield at.isoformat()
            at += timedelta(days=1)
        else:
            yield f"{at:%Y-%m}"
            at = (at.replace(day=1) + timedelta(days=32)).replace(day=1)


def _no_span(first: str, last: str) -> DataError:
    return DataError(
        f'"{first}" to "{last}" is no span of time',
        remedy="Write two months, --from 2024-01 --to 2024-03, or two days, --from 2024-01-15 "
        "--to 2024-01-16, the earlier first.",
    )
