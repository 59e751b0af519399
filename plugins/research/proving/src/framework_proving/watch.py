"""Who opens the files of a catalog: Linux tells, whatever language the reader is written in."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OPENED = 0x20
"""`IN_OPEN` of inotify(7)."""
HEAD = struct.Struct("iIII")


class Watch:
    """Notes every Parquet file of a folder that anybody opens; elsewhere than on Linux it notes nothing.

    Args:
        folder: With everything below it, as it is now.
    """

    def __init__(self, folder: Path) -> None:
        self._folders: dict[int, Path] = {}
        self._seen: list[str] = []
        self._file = -1
        if sys.platform != "linux":  # pragma: no cover - another system
            return
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:  # pragma: no cover - the system has no watch left to give
            return
        for path in (folder, *folder.rglob("*")):
            if path.is_dir():
                number = libc.inotify_add_watch(self._file, os.fsencode(path), OPENED)
                self._folders[number] = path

    def opened(self) -> list[str]:
        """The files opened so far, each once."""
        while self._file >= 0:
            try:
                events = os.read(self._file, 65_536)
            except BlockingIOError:
                break
            place = 0
            while place < len(events):
                number, _, _, length = HEAD.unpack_from(events, place)
                place += HEAD.size
                name = os.fsdecode(events[place : place + length].rstrip(b"\0"))
                place += length
                path = str(self._folders.get(number, "")) + os.sep + name
                if name.endswith(".parquet") and path not in self._seen:
                    self._seen.append(path)
        return self._seen

    def close(self) -> list[str]:
        """Stop watching; the files opened."""
        seen = self.opened()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        return seen
