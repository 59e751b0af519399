"""Heads: how many rows there are and the hash of the last, kept outside the journal they speak for.

A chain shows that nothing in it was changed or taken out; only something outside it shows that nothing was
cut off its end. There are two such things beside `journal.db`:

- `journal.db.head`, the mark: rewritten in place after every commit. It says which rows were acknowledged.
- `journal.db.heads/2026-11-21.json`: one for every UTC day that is over, for keeping elsewhere.

With a key both carry an HMAC-SHA256, which nobody without the key can make; without one, a checksum.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from framework.secret import Secret

SHORTEST_KEY = 32
MARK_LENGTH = 512
DAY = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class End:
    """Where a journal ends, or ended.

    Attributes:
        count: The `seq` of the last row, 0 before the first.
        hash: Its hash, 32 bytes.
    """

    count: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """What the writer knows to be there.

    Attributes:
        written: The last row: a killed process cannot lose it, a machine without power can.
        synced: The last row that is on the disk whatever happens.
        signed: True when it was made with a key.
    """

    written: End
    synced: End
    signed: bool = False


@dataclass(frozen=True, slots=True)
class DayHead:
    """The end of one UTC day.

    Attributes:
        day: `2026-11-21`.
        end: The last row of the day, or of the days before it.
        signed: True when it was made with a key.
    """

    day: str
    end: End
    signed: bool = False


class HeadDamaged(ValueError):  # noqa: N818 - what was found; always caught inside this package
    """The file is no head, or its signature is not that of its content under this key."""


def read_key(reference: Secret) -> bytes:
    """The key that signs heads.

    Raises:
        ConfigError: It is not there, or too short.
    """
    key = reference.reveal().encode(errors="surrogateescape")
    if len(key) < SHORTEST_KEY:
        raise ConfigError(
            f"the key of the journal's heads, {reference}, is shorter than {SHORTEST_KEY} bytes",
            remedy="Set it to a random text, such as the output of `openssl rand -hex 32`.",
        )
    return key


class MarkFile:
    """The mark of an open journal, rewritten in place.

    Args:
        path: The journal's.
        key: Signs it; a checksum without one.
    """

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._key = key
        self._file = os.open(mark_path(path), os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)

    def write(self, mark: Mark) -> None:
        """Replace the mark.

        Raises:
            OSError: It cannot be written.
        """
        facts = {
            "count": mark.written.count,
            "hash": mark.written.hash.hex(),
            "synced_count": mark.synced.count,
            "synced_hash": mark.synced.hash.hex(),
        }
        line = _signed(facts, self._key).ljust(MARK_LENGTH - 1) + "\n"
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, line.encode())

    def sync(self) -> None:
        """Return when the mark is on the disk."""
        os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def mark_path(path: Path) -> Path:
    """Where the mark of a journal is."""
    return path.with_name(f"{path.name}.head")


def heads_path(path: Path) -> Path:
    """Where the heads of the days of a journal are."""
    return path.with_name(f"{path.name}.heads")


def read_mark(path: Path, key: bytes | None = None) -> Mark | None:
    """The mark of the journal, or None when there is none.

    Args:
        path: The journal's.
        key: What it was signed with; without one a signature is not checked, only a checksum.

    Raises:
        HeadDamaged: It cannot be read, or is not what was written.
    """

    def mark() -> Mark | None:
        try:
            text = mark_path(path).read_bytes()
        except FileNotFoundError:
            return None
        if not text:  # made a moment ago, for a journal without rows
            return None
        facts = _checked(text, key)
        written = End(facts["count"], bytes.fromhex(facts["hash"]))
        synced = End(facts["synced_count"], bytes.fromhex(facts["synced_hash"]))
        return Mark(written, synced, signed=facts["signed"])

    return _patiently(mark)


def write_day(path: Path, day: str, end: End, key: bytes | None) -> None:
    """Write the head of a day that is over; one that is there stays.

    Raises:
        OSError: It cannot be written.
    """
    folder = heads_path(path)
    folder.mkdir(exist_ok=True)
    file = folder / f"{day}.json"
    if file.exists():
        return
    facts = {"day": day, "count": end.count, "hash": end.hash.hex()}
    write_durably(file, (_signed(facts, key) + "\n").encode())


def read_days(path: Path, key: bytes | None = None) -> list[DayHead | str]:
    """The heads of the days, in order; in place of one that is damaged, the name of its file."""
    days: list[DayHead | str] = []
    folder = heads_path(path)
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            facts = _checked(file.read_bytes(), key)
            head = DayHead(
                facts["day"], End(facts["count"], bytes.fromhex(facts["hash"])), signed=facts["signed"]
            )
        except (OSError, ValueError, KeyError, TypeError):
            days.append(file.name)
            continue
        days.append(head if f"{head.day}.json" == file.name else file.name)
    return days


def day_of(ts: int) -> str:
    """The UTC day of a time in nanoseconds since the epoch: `2026-11-21`."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=ts // DAY)).isoformat()


def write_durably(file: Path, content: bytes) -> None:
    """Put a whole file in place, or nothing, and return when it is on the disk.

    Raises:
        OSError: It cannot be written.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; where folders cannot be synced, at once."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _signed(facts: Mapping[str, Any], key: bytes | None) -> str:
    whole = {**facts, "sum": _mac(facts, b"")}
    return json.dumps({**whole, "mac": _mac(facts, key)} if key else whole)


def _mac(facts: Mapping[str, Any], key: bytes) -> str:
    return hmac.digest(key, json.dumps(facts, sort_keys=True).encode(), "sha256").hex()


def _checked(text: bytes, key: bytes | None) -> dict[str, Any]:
    """The facts of a head whose checksum is right, and its signature too when there is a key to check it."""
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise HeadDamaged("it is no JSON object")
    mac = facts.pop("mac", None)
    if facts.pop("sum", None) != _mac(facts, b""):
        raise HeadDamaged("its checksum is not that of its content")
    if key is not None and not hmac.compare_digest(str(mac), _mac(facts, key)):
        raise HeadDamaged("it is not signed with this key")
    return {**facts, "signed": mac is not None}


def _patiently[T](read: Callable[[], T]) -> T:
    """Read what another process may be rewriting at this moment."""
    for _ in range(4):
        try:
            return read()
        except (ValueError, KeyError, TypeError, OSError):
            time.sleep(0.002)
    try:
        return read()
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise HeadDamaged(str(error)) from error
