"""Where a paper or live node's log goes: set up here, once, at the edge of the program.

What the engine prints, what the framework and the libraries log and what a strategy prints come together: on
stderr and, as lines that are kept, in the node's folder. Whatever leaves here has passed the mask, which
knows the credentials that the configuration names.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import logging
import os
import re
import sys
import threading
import time
import traceback
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

from framework.errors import FrameworkError
from framework.secret import Mask, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from framework.compose import Plan
    from framework.config import LogFileEntry

FOLDER = "logs"
FILE = "node.log"
LEVELS = {
    "off": logging.CRITICAL + 1,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
ENGINE_LEVELS = {"TRACE": logging.DEBUG, "DEBUG": logging.DEBUG, "INFO": logging.INFO} | {
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
}
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ENGINE_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT[\d:.]+Z) \[(?P<level>[A-Z]+)\] (?P<who>\S+?):(?: (?P<what>.*))?"
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
DRAINING = 2.0
"""Seconds that the last lines of the engine are waited for."""
DAY = 86_400
STANDARD = (1, 2)
"""The numbers that the engine knows stdout and stderr by."""


def mask_of(plan: Plan) -> Mask:
    """What hides the credentials that a plan's settings name."""
    settings = [part.config for parts in (plan.venues, plan.strategies, plan.rules) for part in parts]
    return Mask(secrets_in([plan.config.journal, plan.config.promotion, *settings]))


@contextlib.contextmanager
def masked(plan: Plan) -> Iterator[None]:
    """Have no exception leave with a credential in it."""
    mask = mask_of(plan)
    try:
        yield
    except FrameworkError as error:
        if not mask.hides:
            raise
        if error.__cause__ is not None:
            _print(mask("".join(traceback.format_exception(error.__cause__))))
        for name in ("message", "where", "path", "remedy"):
            value = getattr(error, name)
            setattr(error, name, value if value is None else mask(value))
        error.args = (error.message,)
        raise error.with_traceback(None) from None
    except Exception:
        if not mask.hides:
            raise
        _print(mask(traceback.format_exc()))
        raise SystemExit(1) from None


@contextlib.contextmanager
def logging_to(plan: Plan) -> Iterator[None]:
    """Log to stderr, the engine's lines too, and to the folder of a node that has one, while it runs."""
    said, mask = plan.config.log, mask_of(plan)
    form: logging.Formatter = _Json(mask) if said.format == "json" else _Text(mask)
    root = logging.getLogger()
    before = (root.level, root.handlers)
    with contextlib.ExitStack() as stack:
        handlers: list[logging.Handler] = [_Stderr()]
        handlers[0].setLevel(LEVELS[said.level])
        if said.file is not None and plan.mode != "backtest":
            handlers.append(_Rotating(plan.state / FOLDER / FILE, said.file))
        for handler in handlers:
            handler.setFormatter(form)
            stack.callback(handler.close)
        stack.callback(root.setLevel, before[0])
        stack.callback(setattr, root, "handlers", before[1])
        root.handlers = handlers
        root.setLevel(min(handler.level for handler in handlers))
        with _captured(mask):
            yield


class _Text(logging.Formatter):
    """`2026-11-25T10:46:48.602Z ERROR framework.live: what happened`."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(moment)s %(levelname)s %(name)s: %(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        record.moment = _moment(record.created)
        return self._mask(super().format(record))


class _Json(logging.Formatter):
    """One object a line, with the keys ts, level, logger and message, and traceback where there is one."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "ts": _moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        }
        if record.exc_info:
            said["traceback"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)


class _Quiet(logging.Handler):
    """A handler whose own failure is told once, without what it failed to write."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        del record
        if not self.__dict__.setdefault("failed", False):
            self.__dict__["failed"] = True
            _print(f"the log cannot be written: {sys.exc_info()[1]}\n")


class _Stderr(_Quiet):
    """Standard error, whatever it is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            _print(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 - the library's way: a log stops nothing
            self.handleError(record)


class _Rotating(_Quiet, RotatingFileHandler):
    """A file that is set aside when it is large or old enough; so many of them are kept.

    Args:
        path: The file; those set aside are `PATH.1`, the newest, and so on.
        said: What the configuration says.
    """

    def __init__(self, path: Path, said: LogFileEntry) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._days = said.days
        self._began = _first_moment(path)
        super().__init__(
            path,
            maxBytes=said.megabytes * 1_000_000,
            backupCount=said.keep,
            encoding="utf-8",
            errors="backslashreplace",
        )
        self.setLevel(LEVELS[said.level])

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802 - the library's name
        """When the next line would make it too large, or it began too many days ago."""
        if self._began is None:
            self._began = record.created
        old = record.created - self._began >= self._days * DAY
        return bool(super().shouldRollover(record)) or old

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        """Set the file aside; the next line begins a new one."""
        super().doRollover()
        self._began = None


class _Masked(io.TextIOWrapper):
    """Standard error for whoever writes to it from Python."""

    def __init__(self, descriptor: int, mask: Mask) -> None:
        raw = io.FileIO(descriptor, "w")
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        self._mask = mask

    def write(self, text: str) -> int:
        super().write(self._mask(text))
        return len(text)


@contextlib.contextmanager
def _captured(mask: Mask) -> Iterator[None]:
    """Read what reaches stdout and stderr past Python, as the engine's lines do; stdout is for results."""
    stderr = sys.stderr
    _flush()
    try:
        kept = [os.dup(number) for number in STANDARD]
    except OSError:  # one of them is closed
        yield
        return
    reads, writes = os.pipe()
    for number in STANDARD:
        os.dup2(writes, number)
    os.close(writes)
    sys.stderr = _Masked(kept[1], mask)
    reader = threading.Thread(target=_relay, args=(reads, mask), name="log", daemon=True)
    reader.start()
    try:
        yield
    finally:
        _flush()
        for number, before in zip(STANDARD, kept, strict=True):
            os.dup2(before, number)
        reader.join(DRAINING)
        os.close(kept[0])
        sys.stderr.close()  # and with it what was kept of it
        sys.stderr = stderr


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _relay(reads: int, mask: Mask) -> None:
    """Log every line of the engine; what is none was printed by somebody, who wants to see it."""
    printed = logging.getLogger("print")
    with os.fdopen(reads, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            plain = COLOURS.sub("", line).rstrip("\n")
            match = ENGINE_LINE.fullmatch(plain)
            if match is None:
                _print(mask(f"{plain}\n"))
                printed.info("%s", plain)
                continue
            logger = logging.getLogger(f"engine.{match['who']}")
            level = ENGINE_LEVELS.get(match["level"], logging.ERROR)
            if logger.isEnabledFor(level):
                record = logger.makeRecord(logger.name, level, "", 0, match["what"] or "", (), None)
                record.created = dt.datetime.fromisoformat(match["time"]).timestamp()
                logger.handle(record)


def _first_moment(path: Path) -> float | None:
    """When a log that is there already began, in seconds; None for one that is not or says nothing."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            match = MOMENT.search(lines.readline())
    except FileNotFoundError:
        return None
    return None if match is None else dt.datetime.fromisoformat(f"{match[0]}Z").timestamp()


def _moment(seconds: float) -> str:
    whole = int(seconds)
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{clock}.{int((seconds - whole) * 1000):03d}Z"


def _print(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
