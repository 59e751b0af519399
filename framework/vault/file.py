"""The vault's file on the disk: read when nobody else may, written whole or not at all, by one at a time."""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from framework.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 1 << 20
"""Bytes; more than any number of credentials takes."""
PATIENCE = 30.0
"""Seconds that another process's writing is waited for."""
BINARY = getattr(os, "O_BINARY", 0)


def read(path: Path) -> bytes | None:
    """The file's content, or None when there is no file.

    Raises:
        ConfigError: It cannot be read, is no plain file, is too large, or others may open it.
    """
    try:
        # Without waiting for a writer, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise ConfigError("the vault is no plain file", where=str(path), remedy="Name another one.")
        mode = stat.S_IMODE(facts.st_mode)
        if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigError(
                f"others than you may open the vault: its mode is {mode:04o}",
                where=str(path),
                remedy=f"chmod 600 '{path}', and think about who may have copied it.",
            )
        if facts.st_size > LARGEST:
            raise ConfigError("the vault is damaged: it is larger than any", where=str(path))
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes) -> None:
    """Put the content in place of what is there, for this user only; on the disk when this returns.

    Call it under `locked`. Whatever ends the process meanwhile, the file is the old one or the new one.

    Raises:
        ConfigError: It cannot be written; the old one stays.
    """
    part = path.with_name(f".{path.name}.part")
    if len(content) > LARGEST:
        raise ConfigError("the vault would be larger than 1 MiB", where=str(path), remedy="Remove something.")
    try:
        part.unlink(missing_ok=True)  # of a process that died while it wrote
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one who changes the file; the system lets go of the lock when the process dies.

    Raises:
        ConfigError: Another process holds it for too long, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        deadline = time.monotonic() + PATIENCE
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"another process has been changing the vault for {PATIENCE:.0f} s",
                    where=str(path),
                    remedy="See which `framework secret` hangs, and end it.",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - exists on Windows only

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - does not exist on Windows

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Return when the names in a folder are on the disk; Windows has no way to ask."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the vault cannot be read: {error.strerror or error}",
        where=str(path),
        remedy="It must belong to the user that the process runs as.",
    )


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the vault cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="Look at the disk's free space and who owns the folder, then run the command again.",
    )
