"""One file from the web, continued where it ended, and only kept when its checksum agrees."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from framework import DataError, RunError
from framework_binance.vision import checksum_of, is_whole, sha256_of, stated_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK = 1 << 18
SECONDS = 30
ATTEMPTS = 4
GONE, BEYOND, BUSY = 404, 416, 429
SERVER = 500
CHECKSUM_BYTES = 1_024


def part_of(target: Path) -> Path:
    """Where a file is kept until it is whole."""
    return target.with_name(f"{target.name}.part")


def download(url: str, target: Path, told: Callable[[int, int | None], None], pause: float = 1.0) -> str:
    """Bring a file here, and its `.CHECKSUM`.

    Args:
        url: Of the file; its checksum is at the same address with `.CHECKSUM`.
        target: Where it is put; until it is whole, the same with `.part`.
        told: Hears how many bytes are here, and of how many when that is known.
        pause: Seconds before the second attempt; each further one waits twice as long.

    Returns:
        `unchanged` when it was here already and as published, `resumed` when a part of it was, else
        `downloaded`.

    Raises:
        DataError: There is no such file, or what came is not what its checksum says; nothing is kept.
        RunError: The connection ended too often; what came is kept for the next time.
    """
    if is_whole(target):
        return "unchanged"
    with _opened(f"{url}.CHECKSUM", 0, pause) as answer:
        text = answer.read(CHECKSUM_BYTES).decode(errors="replace")
    wanted = stated_digest(text, target.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(target)
    if target.is_file() and sha256_of(target) == wanted:
        checksum_of(target).write_text(text, encoding="utf-8")
        return "unchanged"
    resumed = part.is_file() and part.stat().st_size > 0
    _fetch(url, part, told, pause)
    if sha256_of(part) != wanted and resumed:  # the part was of another version of the file
        part.unlink()
        resumed = False
        _fetch(url, part, told, pause)
    if (found := sha256_of(part)) != wanted:
        part.unlink()
        raise DataError(
            f"what came is not what was published: its SHA-256 is {found}, and {target.name}.CHECKSUM "
            f"says {wanted}",
            where=url,
            remedy="It was thrown away. Try again later; the file may be being replaced.",
        )
    checksum_of(target).write_text(text, encoding="utf-8")
    part.replace(target)
    return "resumed" if resumed else "downloaded"


def _fetch(url: str, part: Path, told: Callable[[int, int | None], None], pause: float) -> None:
    """All bytes of a file, in as many requests as it takes; each that brings something is followed by one."""
    left = ATTEMPTS
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            if _more(url, part, before, told, pause):
                return
            why = "it ended early"
        except (HTTPException, URLError, TimeoutError, ConnectionError) as error:
            why = str(error)
        left = ATTEMPTS if part.is_file() and part.stat().st_size > before else left - 1
        if left == 0:
            raise RunError(
                f"the connection ended: {why}",
                where=url,
                remedy=f"What came is kept in {part.name}; the same command continues it.",
            )
        time.sleep(pause * 2 ** (ATTEMPTS - left))


def _more(url: str, part: Path, have: int, told: Callable[[int, int | None], None], pause: float) -> bool:
    """What follows the bytes that are here; whether the file is complete."""
    with _opened(url, have, pause) as answer:
        if answer is None:  # nothing follows: it is complete, or longer than the file is
            return True
        if answer.status != 206:  # noqa: PLR2004 - partial content; the server sends it all
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length is not None and length.isdigit() else None
        with part.open("ab" if have else "wb") as file:
            told(have, total)
            while block := answer.read1(BLOCK):
                file.write(block)
                have += len(block)
                told(have, total)
            file.flush()
            os.fsync(file.fileno())
    return total is None or have >= total


def _opened(url: str, start: int, pause: float) -> Any:
    """The answer to a request for the bytes from a place on; a busy server is asked again."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    why = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            return urlopen(Request(url, headers=headers), timeout=SECONDS)  # noqa: S310 - http(s) by the command
        except HTTPError as error:
            error.close()
            if error.code == BEYOND and start:
                return nullcontext()
            if error.code == GONE:
                raise DataError(
                    "there is no such file",
                    where=url,
                    remedy="Is the symbol right, and was it traded then? A month is published when it is "
                    "over; for the current one name days.",
                ) from error
            if error.code != BUSY and error.code < SERVER:
                raise DataError(f"the server refuses it: {error.code} {error.reason}", where=url) from error
            why = f"{error.code} {error.reason}"
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            why = str(getattr(error, "reason", error))
    raise RunError(f"no answer: {why}", where=url, remedy="Try again later; what is here stays.")
