"""The watchdog: another process that reads a node's folder, says what is wrong, and may act.

A node cannot report that it hangs. So whoever watches shares nothing with it but the folder: the heartbeat
and its number, the latches, and the page on which the node says whose code it is running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from framework.engine import outside
from framework.engine.outside import ALIVE, STARTING_SECONDS, Status, is_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SILENT_SECONDS = 3.0
"""A beat is due every second; after so many without one the node is said to hang."""
REPEAT_SECONDS = 300.0
"""How often what has not been mended is said again."""
HEALTHY_SECONDS = 300.0
"""A node that ran so long after a restart is one that the restart helped."""
LONGEST_BACKOFF = 60.0
LAST_WORDS_SECONDS = 3.0
"""What a node that hangs is given between SIGTERM and SIGKILL."""
SURE_SECONDS = 1.5
"""How long one call must be seen to last before it is what a node hangs in."""
TROUBLE = {"failed", "gone", "silent"}
WATCHDOG = "the watchdog"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know.

    Attributes:
        kind: `gone`, `silent`, `failed`, `stopped`, `never`, `stale`, `latched`, `disabled`, `raised`,
            `restarted`, `gave_up`, `running`, `undelivered`.
        node: The node's name.
        what: In words.
        ts: When, nanoseconds since the epoch, UTC.
        again: Whether it was said before and still is so.
    """

    kind: str
    node: str
    what: str
    ts: int
    again: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"kind": self.kind, "node": self.node, "what": self.what, "ts": self.ts, "again": self.again}

    def __str__(self) -> str:
        return f"{self.node}: {self.what}{' (still)' if self.again else ''}"


@dataclass(slots=True)
class Watcher:
    """Looks at a node's folder and says what has changed for the worse, once, and again while it lasts.

    Attributes:
        folder: The node's.
        silent: Seconds without a beat after which the node is said to hang.
        stale: Seconds of age from which a last price is said to be stale; None never says so.
        clock: Seconds that no change of the system's time moves.
        state: What the node was found to be.
        said: When each condition was said last.
    """

    folder: Path
    silent: float = SILENT_SECONDS
    stale: float | None = None
    clock: Callable[[], float] = time.monotonic
    state: str = ""
    said: dict[tuple[str, str], float] = field(default_factory=dict)
    _beat: tuple[Any, Any] = (None, None)
    _beaten: float = 0.0

    def look(self) -> tuple[Status, list[Alert]]:
        """Look once: the node as it is, and what there is to say."""
        found = self._found()
        now = self.clock()
        name = str(found.heartbeat.get("name", self.folder.parent.name))
        alerts: list[Alert] = []
        conditions = dict(self._conditions(found))
        for condition, what in conditions.items():
            last = self.said.get(condition)
            if last is None or (now - last >= REPEAT_SECONDS and condition[0] not in {"stopped", "never"}):
                self.said[condition] = now
                alerts.append(Alert(condition[0], name, what, time.time_ns(), last is not None))
        for condition in self.said.keys() - conditions.keys():
            del self.said[condition]
        if found.state == "running" and self.state not in {"", "running", "starting"}:
            alerts.append(Alert("running", name, "runs again", time.time_ns()))
        if found.state != "starting" or self.state == "":
            self.state = found.state
        return found, alerts

    def _found(self) -> Status:
        """The node's status; whether it is silent is measured by a clock that nobody sets."""
        found = outside.status(self.folder)
        if found.state not in ALIVE:
            return found
        beat, now = (found.heartbeat["pid"], found.heartbeat["beat"]), self.clock()
        if beat != self._beat:
            first = self._beat == (None, None)
            age = max(0.0, (time.time_ns() - int(found.heartbeat["at"])) / 1e9) if first else 0.0
            self._beat, self._beaten = beat, now - age
        state: Any = found.heartbeat["state"]
        patience = max(self.silent, STARTING_SECONDS) if state == "starting" else self.silent
        if now - self._beaten > patience:
            state = "silent"
        return Status(state, found.heartbeat, found.latches, found.disabled)

    def _conditions(self, found: Status) -> Iterator[tuple[tuple[str, str], str]]:
        words = self._state(found)
        if words:
            yield (found.state, ""), words
        for scope, record in found.latches.items():
            if scope not in found.disabled:
                yield ("latched", scope), f"{scope} is stopped by {record.who}: {record.why}"
        for scope, record in found.disabled.items():
            yield ("disabled", scope), f"{scope} is disabled by {record.who}: {record.why}"
        if found.state == "running":
            yield from self._trading(found.heartbeat)

    def _trading(self, beat: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
        for strategy, origin in beat.get("failed", {}).items():
            yield ("raised", strategy), f"strategy {strategy} failed in {origin}"
        for instrument, mark in beat.get("marks", {}).items():
            if self.stale is not None and mark["age"] > self.stale:
                yield ("stale", instrument), f"the last price of {instrument} is {mark['age']:.0f} s old"

    def _state(self, found: Status) -> str:
        """What is wrong with the state the node is in; nothing when it runs or starts."""
        beat = found.heartbeat
        match found.state:
            case "gone":
                return f"its process {beat['pid']} died without a word"
            case "silent":
                return f"process {beat['pid']} hangs: {self._hangs_in()}"
            case "failed" | "stopped":
                return f"it {found.state}: {beat.get('reason', '')}"
            case "never":
                return "no node has run here yet"
        return ""

    def _hangs_in(self) -> str:
        strategy, _ = outside.turn(self.folder)
        return f"it is in strategy {strategy}" if strategy else f"no beat for {self.silent:g} s"


@dataclass(slots=True)
class Keeper:
    """Acts on what the watcher finds: disables a strategy that does not come back, latches, restarts.

    Attributes:
        folder: The node's.
        latch_after: Seconds of trouble after which everything is latched; None leaves it.
        restarts: How often in a row a node is started again.
        clock: Seconds that no change of the system's time moves.
        tried: How often it has been, since it last ran well.
    """

    folder: Path
    latch_after: float | None = None
    restarts: int = 0
    clock: Callable[[], float] = time.monotonic
    tried: int = 0
    _trouble: float | None = None
    _turn: tuple[str, int] = ("", 0)
    _turned: float = 0.0
    _due: float | None = None
    _started: float = 0.0
    _child: subprocess.Popen[bytes] | None = None
    _gave_up: bool = False

    def act(self, found: Status) -> list[Alert]:
        """Do what is due; what there is to say about it."""
        now = self.clock()
        if found.state not in TROUBLE:
            self._well(found.state, now)
            return []
        if self._trouble is None:
            self._trouble = now
        self._disable_what_hangs(found, now)
        if self.latch_after is not None and now - self._trouble >= self.latch_after:
            why = f"the node was {found.state} for {self.latch_after:g} s"
            outside.kill(self.folder, "all", who=WATCHDOG, why=why)
        if not self.restarts or self._coming(found, now):
            return []
        return self._restart(found, now)

    def _well(self, state: str, now: float) -> None:
        self._trouble = self._due = None
        if state == "stopped" or (state == "running" and now - self._started >= HEALTHY_SECONDS):
            self.tried, self._gave_up = 0, False

    def _disable_what_hangs(self, found: Status, now: float) -> None:
        """One call that has lasted all the while is why: without it the next start is not for nothing."""
        turn = outside.turn(self.folder) if found.state == "silent" else ("", 0)
        if turn != self._turn:
            self._turn, self._turned = turn, now
        strategy = turn[0]
        if strategy and now - self._turned >= SURE_SECONDS and f"strategy:{strategy}" not in found.disabled:
            outside.disable(self.folder, strategy, who=WATCHDOG, why="its code did not come back")

    def _coming(self, found: Status, now: float) -> bool:
        """True while a node that was started again has not come to its first beat.

        One that does not come to it is ended here; once it beats it is judged by its beats.
        """
        if self._child is None:
            return False
        if self._child.poll() is None:
            if found.heartbeat.get("pid") == self._child.pid:
                return False
            if now - self._started < STARTING_SECONDS:
                return True
            self._child.kill()
            self._child.wait()
        self._child = None
        return False

    def _restart(self, found: Status, now: float) -> list[Alert]:
        name = str(found.heartbeat.get("name", ""))
        if self.tried >= self.restarts:
            said, self._gave_up = self._gave_up, True
            what = f"it is {found.state} after {self.tried} restarts, and is not started again"
            return [] if said else [Alert("gave_up", name, what, time.time_ns())]
        if self._due is None:
            self._due = now + min(LONGEST_BACKOFF, 2.0**self.tried - 1)
        if now < self._due or (found.state == "silent" and self._undecided(now)):
            return []
        self._due = None
        self.tried += 1
        if found.state == "silent":
            _end(found)
        self._started = self.clock()
        what = f"it was {found.state}, and is started again, attempt {self.tried} of {self.restarts}"
        try:
            self._child = subprocess.Popen(  # noqa: S603 - what the node itself was started with
                found.heartbeat["command"],
                cwd=found.heartbeat["directory"],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                start_new_session=True,
            )
        except OSError as error:
            what = f"it cannot be started again: {error}"
        return [Alert("restarted" if self._child else "failed", name, what, time.time_ns())]

    def _undecided(self, now: float) -> bool:
        """True while it is not sure whether one strategy is why."""
        return bool(self._turn[0]) and now - self._turned < SURE_SECONDS


def _end(found: Status) -> None:
    """End a node that hangs: asked first, then not."""
    pid = int(found.heartbeat["pid"])
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while is_process(found.heartbeat) and time.monotonic() < deadline:
            time.sleep(0.05)
