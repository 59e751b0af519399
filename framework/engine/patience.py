"""How long a strategy may take over one event: a handler that does not come back is interrupted.

Everything in a node happens on one thread, so a strategy that waits for an answer that never comes would
take every other strategy, the heartbeat and the operator with it. A second thread watches what is running and
sends the first a signal; the exception is raised by the signal's handler, inside the strategy's own code and
nowhere else. While the gate, the journal or the engine works on the strategy's behalf nothing is raised, and
that time is not the strategy's. Nor is time in which the process did not run, because it was stopped or its
machine was overloaded.

What cannot be interrupted, such as a loop inside a C library, is left to `framework node watch`.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator

POLL_SECONDS = 0.05
"""How often the watching thread looks."""
STUCK_SECONDS = 1.0
"""A call that goes on so long after the signal was sent takes no signal. Counted in looks of the watching
thread: that a process was stopped, or starved by its machine, is nothing that a strategy did."""
START_FACTOR = 10
"""A strategy that starts loads models and history: its `on_start` may take so many times as long."""
PAGE = 64
"""Bytes of a page; no `id:` is longer."""
COUNT = 8
"""Bytes after it with the number of the call, which tells one that lasts from many."""
NOBODY = bytes(PAGE)
INTERRUPT = getattr(signal, "SIGUSR1", signal.SIGABRT)
"""Nobody else in the process uses it; Windows has no signal for users."""


class HandlerHung(BaseException):
    """Raised inside a handler that has taken too long, where no `except Exception` may swallow it."""


class NotCalledAnyMore(BaseException):
    """Raised inside a handler of a strategy that has been disabled, when it goes on sending orders."""


@dataclass(slots=True)
class Turn:
    """One call of a strategy's code, from outside or from within another.

    Attributes:
        owner: The strategy's `id:`.
        origin: What is called, for messages.
        limit: Seconds.
        due: When it has taken too long, by the monotonic clock.
        shields: How many calls of the framework's or the engine's own it is inside of.
        idle: Seconds of it in which the process did not run.
        signals: How many were sent to it since it was due.
    """

    owner: str
    origin: str
    limit: float
    due: float
    shields: int = 0
    idle: float = 0.0
    signals: int = 0

    def late(self) -> float:
        """Seconds since it should have come back; zero or less where that is still to come."""
        return time.monotonic() - self.due - self.idle


class Patience:
    """Interrupts what takes too long, on the main thread of one node.

    Args:
        limit: Seconds that a call may take; None for as long as it likes.
        stuck: Called on the watching thread with the strategy's `id:` and what is known, when a call was
            interrupted and did not end.

    Attributes:
        limit: Seconds that a call may take; None for as long as it likes, from the start to the end.
        page: Where the `id:` of the strategy that runs is written, for other processes to see.
        calls: How often strategies were called.
    """

    def __init__(self, limit: float | None, stuck: Callable[[str, str], None]) -> None:
        self.limit = limit
        self._stuck = stuck
        self._turns: list[Turn] = []
        self._thread = 0
        self._over = threading.Event()
        self.page: bytearray | mmap.mmap = bytearray(PAGE + COUNT)
        self.calls = 0

    def timed(self, owner: str, origin: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, interrupted when it takes too long; called from another thread, it is not watched."""
        if self.limit is None:
            return function
        factor = START_FACTOR if origin.endswith("on_start") else 1
        turns, name = self._turns, owner.encode()[:PAGE].ljust(PAGE, b"\0")

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            if threading.get_ident() != self._thread:
                return function(*args)
            depth = len(turns)
            limit = (self.limit or 0) * factor
            try:
                turns.append(Turn(owner, origin, limit, time.monotonic() + limit))
                self.calls += 1
                self.page[: PAGE + COUNT] = name + self.calls.to_bytes(COUNT)
                return function(*args)
            finally:
                del turns[depth:]  # no call, so no signal is taken between this and the end of the turn
                if not depth:
                    self.page[:PAGE] = NOBODY

        return call

    def shielded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, which is never interrupted; what it takes is not counted."""
        turns = self._turns

        @functools.wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            turn = turns[-1] if turns else None
            if turn is None:
                return method(*args, **named)
            turn.shields += 1
            began = time.monotonic()
            try:
                return method(*args, **named)
            finally:
                turn.due += time.monotonic() - began
                turn.shields -= 1

        return call

    def inside(self, owner: str) -> bool:
        """True when it is the strategy's own code that runs, and not something done on its behalf."""
        turn = self._turns[-1] if self._turns else None
        return turn is not None and turn.owner == owner and not turn.shields

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch for as long as the node runs; only on the main thread, where Python takes signals."""
        if self.limit is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(INTERRUPT, self._interrupted)
        self._thread = threading.get_ident()
        watcher = threading.Thread(target=self._watch, name="patience", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._over.set()
            watcher.join()
            self._thread = 0
            signal.signal(INTERRUPT, before)

    def _interrupted(self, _number: int, _frame: Any) -> None:
        """Raise, if it is still the strategy's code that runs; a late signal means nobody."""
        turn = self._turns[-1] if self._turns else None
        if turn is None or turn.shields or turn.late() < 0:
            return
        turn.due, turn.idle, turn.signals = time.monotonic() + turn.limit, 0.0, 0
        raise HandlerHung(f"it had not come back after {turn.limit:g} s")

    def _watch(self) -> None:
        looks = round(STUCK_SECONDS / POLL_SECONDS)
        looked, ran = time.monotonic(), time.process_time()
        while not self._over.wait(POLL_SECONDS):
            now, running = time.monotonic(), time.process_time()
            # Late, although the process did not run meanwhile: so it could not.
            idle = max(0.0, now - looked - POLL_SECONDS - (running - ran))
            looked, ran = now, running
            turn = next(iter(self._turns[-1:]), None)
            if turn is None or turn.shields:
                continue
            turn.idle += idle
            late = turn.late()
            if late <= 0:
                continue
            _send(self._thread)
            turn.signals += 1
            if turn.signals == looks:
                self._stuck(turn.owner, f"{turn.origin} has not come back after {turn.limit + late:.1f} s")


def _send(thread: int) -> None:
    """Have the main thread take the signal; where threads have none, once it runs Python again."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, INTERRUPT)
    else:
        _thread.interrupt_main(INTERRUPT)
