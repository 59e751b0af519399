"""A paper or live node from start to end, and what an operator may do to it meanwhile.

The node's folder is the only way in: a latch set there holds, whether or not the node's loop is free to look;
a command dropped there is carried out on the next look. Nothing listens on a port.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from framework.engine import live
from framework.engine.assembly import said
from framework.engine.closing import Closing
from framework.engine.live_outcome import collect
from framework.engine.logs import mask_of
from framework.engine.outcome import resolved
from framework.engine.outside import (
    ANSWER,
    BEGUN,
    COMMANDS,
    DISABLED,
    LATCHES,
    Status,
    answer,
    begin,
    disable,
    enable,
    flatten,
    kill,
    resume,
    status,
    stop,
    turn_page,
)
from framework.engine.recover import Recovery, Saves
from framework.engine.reload import Promoted, Reload
from framework.engine.session import BEAT_SECONDS, JOURNAL, Session
from framework.engine.switch import DiskKill, covers
from framework.errors import CompositionError, FrameworkError, JournalError
from framework.journal.latch import ALL, Latches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from nautilus_trader.model import ClientOrderId

    from framework.compose import Plan
    from framework.engine.live import LiveRun
    from framework.result import Result

_log = logging.getLogger("framework.live")


SELDOM = 30.0
"""Seconds between two attempts to cancel what does not end, at most."""


class Ending:
    """The orders that a latch is to end.

    Attributes:
        orders: By strategy; None until they were asked for once.
        at: When to try again, by the monotonic clock.
        pause: Seconds from one attempt to the next.
    """

    def __init__(self, strategies: Iterable[str]) -> None:
        self.orders: dict[str, set[ClientOrderId] | None] = dict.fromkeys(strategies)
        self.at = 0.0
        self.pause = 1.0


def run(
    plan: Plan,
    *,
    speed: float | None,
    started: Callable[[Plan, LiveRun], None] | None = None,
    progress: Callable[[float], None] | None = None,
    tell: Callable[[str], None] = _log.info,
    notes: Iterable[Mapping[str, str]] = (),
    composed: Callable[[str | None], Plan] | None = None,
    promoted: Promoted = lambda plan, unproven, told: (),  # noqa: ARG005 - the signature
) -> Result:
    """Run a plan on paper or live until its replay ends or it is told to stop.

    Args:
        plan: What `compose` gave.
        speed: Seconds of data a second where the catalog is replayed; None for as fast as the node can.
        started: Called when the node is built and guarded, before it connects.
        progress: Called now and then with the share of a replay that has been played, from 0 to 1.
        tell: Given every line of what a live start found and did.
        notes: What was decided about this start before it, kept in the journal first.
        composed: Makes a plan of the text of a node.yaml, or of the file as it is by then, for a reload.
        promoted: Asks for the promotion of strategies that a reload gives other settings.

    Raises:
        JournalError: The journal is damaged, or another node has the folder.
        DataError: The data to replay is not fit to run on.
        RunError: The engine failed, or a strategy raised.
    """
    session = Session.open(plan, resolved(plan))
    reason, failed = "it failed before it ran", True
    try:
        for note in notes:
            session.note("operator", note)
        latches, disabled = Latches(plan.state / LATCHES), Latches(plan.state / DISABLED)
        recovery = None
        if plan.mode == "live":
            recovery = Recovery(session, [strategy.id for strategy in plan.strategies], tell)
        switch = DiskKill(latches, disabled, mask_of(plan))
        node = live.build(plan, session, speed=speed, kill=switch, recovery=recovery)
        operator = Operator(node, session, switch, latches, disabled, progress, recovery)
        if composed is not None:
            operator.reloads(composed, promoted)
        if started is not None:
            started(plan, node)
        began = time.monotonic()
        with operator.listening():
            live.serve(node, tick=operator.tick)
        operator.ended()
        node.decisions.flush()
        ended = node.feed is not None and sum(node.rows.values()) == sum(node.feed.rows.values())
        reason = "the replay ended" if ended else "it was told to stop"
        failed = False
        result = collect(node, time.monotonic() - began)
    except FrameworkError as error:
        reason = error.message
        raise
    finally:
        session.close(reason, failed=failed)
    return result


class Operator:
    """Looks after a node while it runs: latches, commands, the heartbeat and the progress bar."""

    def __init__(
        self,
        node: LiveRun,
        session: Session,
        switch: DiskKill,
        latches: Latches,
        disabled: Latches,
        progress: Callable[[float], None] | None,
        recovery: Recovery | None = None,
    ) -> None:
        self._node = node
        self._kill = switch
        self._recovery = recovery
        self._saves = Saves(node, session) if recovery is not None else None
        self._session = session
        self._progress = progress
        self._latches = latches
        self._disabled = disabled
        self._commands = node.plan.state / COMMANDS
        self._commands.mkdir(exist_ok=True)
        self._closings: set[asyncio.Task[None]] = set()
        self._beaten = 0.0
        self._ending: dict[str, Ending] = {}
        self._uncalled: set[str] = set()
        self._composed: Callable[[str | None], Plan] = _no_file
        self._reloading = Reload(node, node.plan)
        self._asked = False
        session.failed = self._journal_failed
        session.now = node.parts.books.now
        node.patience.page = turn_page(node.plan.state)
        self._look_at_begun()
        self._look_at_disabled()

    def reloads(self, composed: Callable[[str | None], Plan], promoted: Promoted) -> None:
        """Say how a new configuration is made, and how its promotion is asked for."""
        self._composed, self._reloading.promoted = composed, promoted

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Look at the file again on SIGHUP, where there is such a signal, and this is the main thread.

        In a terminal the signal says that it was closed, and under nohup that nothing is to be heard of it.
        """
        if (
            not hasattr(signal, "SIGHUP")
            or threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            or (sys.stdin is not None and sys.stdin.isatty())
        ):
            yield
            return

        def asked(_number: int, _frame: Any) -> None:
            self._asked = True

        before = signal.signal(signal.SIGHUP, asked)
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def tick(self, node: LiveRun) -> None:
        """Look once; called twenty times a second on the node's loop."""
        if node.handle.is_running:  # before that the venues have yet to say what there is to cancel
            self._look_at_latches()
        self._look_at_disabled()
        self._look_at_commands()
        if self._asked:
            self._asked = False
            self._reload({"command": "reload", "who": "SIGHUP", "why": "the file has changed"})
        if self._recovery is not None and node.handle.is_running:
            self._recovery.tick(node)
        if self._saves is not None and node.handle.is_running:
            self._saves.tick()
        if self._progress is not None and node.feed is not None:
            self._progress(self._share())
        now = time.monotonic()
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            node.decisions.flush()
            self._session.beat("running", **self._facts())

    def ended(self) -> None:
        """The node has stopped: keep what the strategies want to remember."""
        if self._saves is not None:
            self._saves.save()

    def _look_at_latches(self) -> None:
        with contextlib.suppress(JournalError):  # said when it was pulled; it holds, and is tried again
            self._kill.write()
        held = self._latches.current()
        for scope, record in held.items():
            if scope not in self._ending:
                self._ending[scope] = Ending(self._covered(scope))
                self._session.note(
                    "operator", {"command": "kill", "scope": scope, "who": record.who, "why": record.why}
                )
            if time.monotonic() >= self._ending[scope].at:
                self._cancel(scope, self._ending[scope])
        for scope in self._ending.keys() - held.keys():
            del self._ending[scope]
            self._node.parts.gate.kill.release(covers(scope))
            for strategy_id in self._covered(scope):
                self._node.faults[strategy_id].forgive()
                self._node.decisions.forget(strategy_id)
            self._session.note(
                "operator", {"command": "resume", "scope": scope, **_said(self._latches, scope)}
            )

    def _cancel(self, scope: str, ending: Ending) -> None:
        """Cancel what works under a latch; and again, less and less often, what did not end by it.

        A venue can refuse a cancellation, and a client whose queue is full loses it. Only orders of before
        the latch: what is sent under it is an exit. What fails for one strategy keeps no other from it.
        """
        ending.at = time.monotonic() + ending.pause
        ending.pause = min(2 * ending.pause, SELDOM)
        venue = scope.partition(":")[2] if scope.startswith("venue:") else ""
        for strategy_id, among in ending.orders.items():
            desk, strategy = self._node.parts.desks[strategy_id], self._node.parts.strategies[strategy_id]
            try:
                ending.orders[strategy_id] = desk.cancel(strategy, venue=venue, among=among)
            except Exception as error:  # noqa: BLE001 - the others' orders and the commands are looked after
                _log.exception("orders of %s may work on under the latch of %s", strategy_id, scope)
                alert = {"not_cancelled": strategy_id, "scope": scope, "why": said(error)}
                self._session.note("alert", alert)

    def _look_at_disabled(self) -> None:
        """Call no code of a strategy that somebody disabled, and that of one that was enabled again."""
        held = self._disabled.current()
        for strategy_id, fault in self._node.faults.items():
            scope = f"strategy:{strategy_id}"
            record = held.get(scope) or held.get(ALL)
            if record is not None and scope not in self._uncalled:
                self._uncalled.add(scope)
                fault.disabled = True
                whose = {"who": record.who, "why": record.why}
                self._session.note("operator", {"command": "disable", "scope": scope, **whose})
            elif record is None and scope in self._uncalled:
                self._uncalled.discard(scope)
                fault.disabled = False
                whose = _said(self._disabled, scope)
                self._session.note("operator", {"command": "enable", "scope": scope, **whose})
                if fault.unstarted:
                    fault.unstarted = False
                    self._node.parts.strategies[strategy_id].on_start()

    def _look_at_commands(self) -> None:
        for file in sorted(self._commands.glob("*.json")):
            if not begin(file):
                continue
            begun = file.with_suffix(BEGUN)
            try:
                command = json.loads(begun.read_text(encoding="utf-8"))
                scope, until = str(command["scope"]), int(command["until"])
            except (ValueError, KeyError, TypeError, OSError) as error:
                _log.warning("a command could not be read: %s: %s", file, error)
                begun.unlink()
                continue
            if until < time.time_ns():
                _log.warning("a command came too late, and is not carried out: %s", command)
                self._session.note("alert", {"too_late": command})
                begun.unlink()
                continue
            if command.get("command") == "reload":
                answer(file, self._reload(command))
                continue
            self._session.note("operator", command)
            self._close(command, scope, file)

    def _look_at_begun(self) -> None:
        """Say what an earlier session had begun and not finished; only who asked for it may ask again."""
        for file in sorted(self._commands.glob(f"*{BEGUN}")):
            try:
                command = json.loads(file.read_text(encoding="utf-8"))
                what = f"{command['command']} {command['scope']}".strip()
                asked = f"{what!r}, asked for by {command['who']}: {command['why']}"
            except (ValueError, KeyError, TypeError, OSError) as error:
                asked = f"{file.name}, which cannot be read: {error}"
            why = f"the node had begun and ended before it was done: {asked}"
            _log.warning("%s; it is not gone on with", why)
            self._session.note("alert", {"not_finished": why})
            file.unlink(missing_ok=True)

    def _reload(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Take a new configuration or keep the old one, and put on record who wanted what."""
        approved, why = bool(command.get("approve")), str(command.get("why", ""))
        try:
            plan = self._composed(command.get("text"))
        except FrameworkError as error:
            answer = {"taken": False, "changes": [], "why": str(error)}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's settings are the plugin's code
            answer = {"taken": False, "changes": [], "why": said(error)}
        else:
            unproven = why if approved else None
            answer = self._reloading.take(plan, unproven, approved=approved, dry=bool(command.get("dry")))
        if not command.get("dry"):
            note = {"command": "reload", "who": command.get("who"), "why": why}
            self._session.note("operator", note | {"approved": approved, "answer": answer})
            if not answer["taken"]:
                _log.warning("a reload was not taken: %s", answer["why"])
        return answer

    def _close(self, command: dict[str, Any], scope: str, file: Path) -> None:
        kind, _, name = scope.partition(":")
        closing = Closing(
            run=self._node,
            command=command,
            strategies=[name] if kind == "strategy" else list(self._node.parts.desks),
            venue=name if kind == "venue" else "",
            note=lambda what: self._session.note("operator", what),
            answer=file.with_suffix(ANSWER),
        )
        task = asyncio.get_running_loop().create_task(closing.carry_out())
        self._closings.add(task)
        task.add_done_callback(functools.partial(self._closed, file.with_suffix(BEGUN)))

    def _closed(self, begun: Path, task: asyncio.Task[None]) -> None:
        self._closings.discard(task)
        if task.cancelled():  # the node is stopping; its next start says that this was not done
            return
        begun.unlink(missing_ok=True)
        if (error := task.exception()) is not None:
            _log.error("a closing failed; it is not known to be flat", exc_info=error)
            self._session.note("alert", {"closing": f"{type(error).__name__}: {error}"})

    def _covered(self, scope: str) -> list[str]:
        """The strategies that a latch's scope stops; those with anything at the venue for a venue's."""
        kind, _, name = scope.partition(":")
        if kind == "strategy":
            return [name] if name in self._node.parts.desks else []
        if kind == "venue":
            return [
                strategy_id
                for strategy_id, desk in self._node.parts.desks.items()
                if any(str(order.instrument_id.venue) == name for order in desk.working().values())
            ]
        return list(self._node.parts.desks)

    def _journal_failed(self, error: JournalError) -> None:
        """What cannot be recorded must not happen: nothing but exits from now on."""
        self._node.halt("*", f"the journal failed: {error.message}", "journal")

    def _share(self) -> float:
        """The share of a replay that has been played; 0 with live data."""
        total = sum(self._node.feed.rows.values()) if self._node.feed is not None else 0
        return sum(self._node.rows.values()) / total if total else 0.0

    def _facts(self) -> dict[str, Any]:
        cache = self._node.cache
        return {
            "rows": sum(self._node.rows.values()),
            "share": round(self._share(), 4),
            "market_time": self._node.parts.books.now(),
            "orders": cache.orders_total_count(),
            "open_orders": cache.orders_open_count(),
            "positions": {
                strategy_id: {
                    str(position.instrument_id): str(
                        self._node.parts.books.position(strategy_id, position.instrument_id)
                    )
                    for position in self._node.parts.books.positions(strategy_id)
                }
                for strategy_id in self._node.parts.desks
            },
            "marks": self._marks(),
            "halted": sorted(self._latches.current()),
            "disabled": sorted(self._disabled.current()),
            "failed": {name: fault.origin for name, fault in self._node.faults.items() if fault.error},
        }

    def _marks(self) -> dict[str, dict[str, Any]]:
        """The last price of every instrument, and how many seconds old it is."""
        books, found = self._node.parts.books, {}
        for instrument_id in self._node.plan.instruments:
            mark = books.mark(instrument_id)
            if mark is not None:
                age = round((books.now() - mark.ts_event) / 1e9, 1)
                found[str(instrument_id)] = {"price": str(mark.price), "age": age}
        return found


def _no_file(_text: str | None) -> Plan:
    raise CompositionError("this node was not started from a file, so it has none to read again")


def _said(latches: Latches, scope: str) -> dict[str, str]:
    """Who took a latch off, and why; nothing when the file was removed by other means."""
    record = latches.resumed(scope)
    return (
        {"who": "somebody", "why": "its file is gone"}
        if record is None
        else {"who": record.who, "why": record.why}
    )


__all__ = [
    "JOURNAL",
    "Operator",
    "Status",
    "disable",
    "enable",
    "flatten",
    "kill",
    "resume",
    "run",
    "status",
    "stop",
]
