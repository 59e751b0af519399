"""What a plugin's own code does while it runs: which clocks and dice it reads, which bugs it swallows.

Python's `sys.monitoring` reports calls and raised exceptions; only those in the plugin's own files count.
What a library reads on the plugin's behalf is not seen here: the run in a fresh process is for that.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

TOOL = 4
BUGS = (NameError, AttributeError, TypeError, ZeroDivisionError, AssertionError, RecursionError)
"""Exceptions that mean a mistake in the code rather than something about the world."""
ALWAYS = {
    time.time: "time.time",
    time.time_ns: "time.time_ns",
    os.urandom: "os.urandom",
    uuid.uuid1: "uuid.uuid1",
    uuid.uuid4: "uuid.uuid4",
    random.SystemRandom: "random.SystemRandom",
}
WITHOUT_ARGUMENT = {
    time.localtime: "time.localtime",
    time.gmtime: "time.gmtime",
    time.ctime: "time.ctime",
    random.Random: "random.Random without a seed",
}
CLOCK_METHODS = {"now", "utcnow", "today"}


@dataclass
class Sight:
    """What was seen, as `file:line: what`, each place once.

    Attributes:
        reads: Reads of the wall clock or of randomness that no seed of the run controls.
        bugs: Exceptions of the kinds in `BUGS`, whatever became of them.
    """

    reads: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)


@contextmanager
def watching(root: Path) -> Iterator[Sight]:
    """Watch the code under a folder, or of one file, while the block runs."""
    sight = Sight()
    monitoring = sys.monitoring
    prefix = str(root)

    def on_call(code: CodeType, offset: int, callable_: Any, first: Any) -> Any:
        if not code.co_filename.startswith(prefix):
            return monitoring.DISABLE
        name = _forbidden(callable_, first)
        if name is not None:
            _note(sight.reads, code, offset, f"calls {name}")
        return None

    def on_raise(code: CodeType, offset: int, error: BaseException) -> None:
        if isinstance(error, BUGS) and code.co_filename.startswith(prefix):
            _note(sight.bugs, code, offset, f"{type(error).__name__}: {error}")

    monitoring.use_tool_id(TOOL, "framework.testkit")
    monitoring.register_callback(TOOL, monitoring.events.CALL, on_call)
    monitoring.register_callback(TOOL, monitoring.events.RAISE, on_raise)
    monitoring.restart_events()
    monitoring.set_events(TOOL, monitoring.events.CALL | monitoring.events.RAISE)
    try:
        yield sight
    finally:
        monitoring.set_events(TOOL, monitoring.events.NO_EVENTS)
        monitoring.register_callback(TOOL, monitoring.events.CALL, None)
        monitoring.register_callback(TOOL, monitoring.events.RAISE, None)
        monitoring.free_tool_id(TOOL)


def home_of(plugin_class: type) -> Path:
    """The folder of the package a class comes from, or the file of a module that is in no package."""
    module = sys.modules[plugin_class.__module__]
    file = Path(str(module.__file__))
    package = sys.modules.get((module.__package__ or "").partition(".")[0])
    roots = [Path(path) for path in getattr(package, "__path__", ())]
    return next((root for root in roots if file.is_relative_to(root) and _has_init(root)), file)


def _has_init(root: Path) -> bool:
    return (root / "__init__.py").exists()


def _forbidden(callable_: Any, first: Any) -> str | None:
    owner, name = getattr(callable_, "__self__", None), getattr(callable_, "__name__", "")
    if isinstance(owner, type) and issubclass(owner, dt.date) and name in CLOCK_METHODS:
        return f"{owner.__name__}.{name}"
    hidden = random._inst  # noqa: SLF001 - the module's hidden global
    if (owner is hidden or first is hidden) and getattr(random, name, None) is not None:
        return f"random.{name}"
    try:
        if callable_ in ALWAYS:
            return ALWAYS[callable_]
        if first is sys.monitoring.MISSING and callable_ in WITHOUT_ARGUMENT:
            return WITHOUT_ARGUMENT[callable_]
    except TypeError:
        return None
    return _numpy(callable_, owner, name, first)


def _numpy(callable_: Any, owner: Any, name: str, first: Any) -> str | None:
    numpy = sys.modules.get("numpy.random")
    if numpy is None:
        return None
    if owner is numpy.mtrand._rand:  # noqa: SLF001 - the module's hidden global
        return f"numpy.random.{name}"
    if first is sys.monitoring.MISSING and callable_ in (numpy.default_rng, numpy.RandomState):
        return f"numpy.random.{name} without a seed"
    return None


def _note(places: list[str], code: CodeType, offset: int, what: str) -> None:
    line = next((n for start, end, n in code.co_lines() if start <= offset < end), None)
    place = f"{Path(code.co_filename).name}:{line or code.co_firstlineno}: {what}"
    if place not in places:
        places.append(place)
