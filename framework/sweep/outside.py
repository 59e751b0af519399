"""What Python code turns to beside the data it is given, while a run goes on: files, hosts, programs.

Python reports them to an audit hook, which cannot be taken out again; so it stays, and notes only what comes
while somebody watches. What a library reads without Python, as Arrow and the engine do, is not seen here.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SYSTEM = tuple(
    os.path.realpath(folder)
    for folder in (
        *sysconfig.get_paths().values(),
        sys.prefix,
        sys.base_prefix,
        "/proc",
        "/dev",
        "/sys",
        "/etc",
        "/usr/share/zoneinfo",
    )
)
CODE = {".py", ".pyc", ".so", ".pyd", ".pth", ".nbi", ".nbc"}
"""Source, and what is compiled of it: by Python, by a compiler, by Numba, which keeps it beside it."""
WHILE_WRITTEN = re.compile(r"(?P<name>.+\.(?:pyc|nbi|nbc))\.(?:tmp\.)?[0-9a-f]+")
"""Python and Numba write such a file under another name first."""
_watching: list[Outside] = []
_hooked: list[bool] = []


class Outside:
    """What a run turned to, each place once, in order.

    Args:
        catalog: The data of the run, which it is meant to read.

    Attributes:
        seen: Paths as they are on the disk, and hosts and programs by name.
    """

    def __init__(self, catalog: Path) -> None:
        self.seen: list[str] = []
        self._catalog = os.path.realpath(catalog)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is turned to while the block runs."""
        if not _hooked:
            sys.addaudithook(_heard)
            _hooked.append(True)
        _watching.append(self)
        try:
            yield
        finally:
            _watching.remove(self)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Keep what an audit event speaks of, unless Python itself or the run's own data is meant."""
        what = _named(event, arguments)
        if what is None or what in self.seen:
            return
        if event in FILES and _within(what, (*SYSTEM, self._catalog)):
            return
        self.seen.append(what)


FILES = {"open", "sqlite3.connect"}
EVENTS = {*FILES, "socket.connect", "subprocess.Popen"}
"""What is looked at of all that Python reports."""


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching:
        for outside in _watching:
            outside.note(event, arguments)


def _named(event: str, arguments: tuple[Any, ...]) -> str | None:
    match event, arguments:
        case ("open" | "sqlite3.connect", (str() | bytes() | os.PathLike() as path, *_)):
            name = os.path.realpath(os.fsdecode(path))
            written = WHILE_WRITTEN.fullmatch(name)
            code = Path(written["name"] if written else name).suffix in CODE
            # A folder is opened for a nameless file in it, which Numba tries; nothing in it is read by that.
            return None if code or Path(name).is_dir() else name
        case "socket.connect", (_, address):
            return f"host {address}"
        case "subprocess.Popen", (program, *_):
            return f"program {program}"
    return None


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)
