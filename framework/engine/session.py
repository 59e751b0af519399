"""What a running node leaves outside its process: the journal, and a heartbeat for whoever watches."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from framework.config import document as documents
from framework.engine.logs import mask_of
from framework.errors import ConfigError, JournalError
from framework.journal import Journal, read_key
from framework.journal.retention import retain
from framework.journal.state import State, load, traded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from framework.compose import Plan
    from framework.journal.recovery import Action
    from framework.risk.decision import Decision

JOURNAL = "journal.db"
HEARTBEAT = "heartbeat.json"
BEAT_SECONDS = 1.0
"""How often a node says that it is alive."""
_log = logging.getLogger("framework.live")


def born(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None where the system does not say."""
    try:
        state, *facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return facts[18] if state != "Z" else "dead"
    except (OSError, IndexError):
        return None


class Heartbeat:
    """`heartbeat.json` in a node's folder, replaced whole: that its process is alive, and how it is.

    Args:
        plan: What runs.
    """

    def __init__(self, plan: Plan) -> None:
        self._file = plan.state / HEARTBEAT
        self._mask = mask_of(plan)
        self._about = {
            "pid": os.getpid(),
            "born": born(os.getpid()),
            "command": [sys.executable, *sys.orig_argv[1:]],
            "directory": str(Path.cwd()),
            "name": plan.name,
            "mode": plan.mode,
        }
        self._beats = 0
        self._beaten = 0.0
        self._before: bytes | None = None

    def beat(self, state: str, **facts: Any) -> None:
        """Say that the node is alive, and how it is."""
        self._beats += 1
        said = {**self._about, "state": state, "beat": self._beats, "at": time.time_ns(), **facts}
        self._write(json.dumps(self._mask.plain(said), indent=2).encode())

    def opening(self) -> None:
        """Say that the node starts, when it is time; for as long as its journal is opened.

        Only once the journal is locked: until then the folder may be another node's.
        """
        now = time.monotonic()
        if self._beats and now - self._beaten < BEAT_SECONDS:
            return
        if not self._beats:
            self._before = self._file.read_bytes() if self._file.exists() else None
        self._beaten = now
        self.beat("starting", recovery={})

    def take_back(self) -> None:
        """Leave what was said before a start that was refused, unless another node has spoken since."""
        try:
            ours = self._beats and json.loads(self._file.read_bytes())["pid"] == os.getpid()
        except (OSError, ValueError):  # it could not be written, and that was said
            return
        if not ours:
            return
        if self._before is None:
            self._file.unlink()
        else:
            self._write(self._before)

    def _write(self, said: bytes) -> None:
        draft = self._file.with_name(f".{HEARTBEAT}")
        try:
            draft.write_bytes(said)
            draft.replace(self._file)
        except OSError as error:  # a full disk: the watchdog hears nothing, and the node goes on closing
            _log.critical("the heartbeat cannot be written: %s", error)


class Session:
    """The record of one run of a node: a `Recorder` on the journal in the node's folder.

    Args:
        plan: What runs.
        journal: Open for writing.
        known: What it added up to before this run.
        heartbeat: The node's.

    Attributes:
        failed: Told when the journal cannot be written any more.
        now: The time of the data, nanoseconds since the epoch, UTC: every row says what it was as `at`.
        known: What the journal added up to before this run.
        held: The positions of the strategies by now, by the trades on record; nothing else of the state.
        trades: How many trades of this run are in it.
        recovery: What the start found and did, for `node status`.
    """

    def __init__(self, plan: Plan, journal: Journal, known: State, heartbeat: Heartbeat) -> None:
        self.known = known
        self.held = State()
        self.trades = 0
        self.recovery: dict[str, Any] = {}
        self.failed: Callable[[JournalError], None] = lambda error: None  # noqa: ARG005
        self.now: Callable[[], int] = time.time_ns
        self._journal = journal
        self._mask = mask_of(plan)
        self._heartbeat = heartbeat

    @classmethod
    def open(cls, plan: Plan, config: Mapping[str, Any]) -> Self:
        """Open the node's folder, making it when there is none, and say what starts.

        Checking and folding a long journal takes its time, so the heart beats meanwhile.

        Raises:
            JournalError: The journal is damaged, cannot be written, or another node has it.
            ConfigError: The key of its heads is not in the environment, or the folder is that of a node on
                paper and this one is live, or the other way round.
        """
        plan.state.mkdir(parents=True, exist_ok=True)
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
        kept = plan.config.journal
        key = read_key(kept.key) if kept.key else None
        heartbeat = Heartbeat(plan)
        try:
            journal = Journal.open(plan.state / JOURNAL, session=name, key=key, on_work=heartbeat.opening)
            try:
                known = load(journal.path, heartbeat.opening)
                _refuse_other_mode(plan, known.mode)
            except BaseException:
                journal.close()
                raise
        except BaseException:
            heartbeat.take_back()
            raise
        session = cls(plan, journal, known, heartbeat)
        facts = {
            "name": plan.name,
            "mode": plan.mode,
            "versions": dict(plan.versions),
            "config": documents.dump(config),
        }
        session.note("session_started", facts)
        session.beat("starting")
        if kept.retention is not None:
            session._retain(kept.retention)
        return session

    def _retain(self, days: int) -> None:
        """Move old days out of the journal; one that cannot be moved is a node that does not start."""
        try:
            retain(self._journal, keep_days=days, now=time.time_ns(), on_work=self._heartbeat.opening)
        except BaseException as error:
            self._journal.close()
            if isinstance(error, OSError):
                raise JournalError(
                    f"old days of the journal cannot be archived: {error}",
                    where=str(self._journal.path),
                    remedy="Make room, or take `retention:` out of the file for now.",
                ) from error
            raise

    def intent(self, strategy_id: str, action: str, order_id: str, what: Mapping[str, Any]) -> None:
        """Keep what is about to be sent.

        Raises:
            JournalError: It could not be kept, so it must not be sent. A cancellation may: it takes no risk.
        """
        try:
            body = self._mask.plain({"action": action, "at": self.now(), **what})
            self._journal.append("intent", body, strategy=strategy_id, order_id=order_id)
        except JournalError as error:
            self.failed(error)
            if not action.startswith("cancel"):
                raise

    def cancels(self, strategy_id: str, order_ids: Sequence[str]) -> None:
        """Keep cancellations that are about to be sent; they leave all the same when they cannot be kept."""
        body = {"action": "cancel", "at": self.now()}
        try:
            self._journal.append_many(("intent", body, strategy_id, order_id) for order_id in order_ids)
        except JournalError as error:
            self.failed(error)

    def event(self, strategy_id: str, event: Mapping[str, Any]) -> None:
        """Keep an event of an order or a position."""
        order_id = str(event.get("client_order_id", ""))
        if quantity := traded(event):
            self.held.move(strategy_id, str(event["instrument_id"]), quantity)
            self.trades += 1
        self._keep("event", {"at": self.now(), **event}, strategy=strategy_id, order_id=order_id)

    def decision(self, decision: Decision) -> None:
        """Keep what the gate did."""
        order_id = decision.client_order_id or ""
        self._keep("decision", decision.to_dict(), strategy=decision.scope, order_id=order_id)

    def note(self, kind: Any, what: Mapping[str, Any]) -> None:
        """Keep anything else, under one of the journal's kinds."""
        self._keep(kind, {"at": self.now(), **what})

    def recovered(self, actions: Iterable[Action]) -> None:
        """Keep what a recovery decided, all of it or nothing.

        Raises:
            JournalError: It could not be kept.
        """
        self._journal.append_many(
            (
                "recovery",
                self._mask.plain({"at": self.now(), **action.body()}),
                action.strategy,
                action.client_order_id,
            )
            for action in actions
            if action.action != "ask"
        )

    def saved(self, strategy_id: str, state: Mapping[str, str]) -> None:
        """Keep a strategy's own state."""
        self._keep("snapshot", {"at": self.now(), "state": state}, strategy=strategy_id)

    def remembered(self, rule: str, memory: Mapping[str, Any]) -> None:
        """Keep what a risk rule needs after a restart."""
        self.note("snapshot", {"rule": rule, "memory": memory})

    def beat(self, state: str, **facts: Any) -> None:
        """Say that the node is alive, and how it is: `heartbeat.json`."""
        self._heartbeat.beat(state, recovery=self.recovery, **facts)

    def close(self, reason: str, *, failed: bool = False) -> None:
        """Say that the run ended, and let go of the journal."""
        self._keep("session_ended", {"reason": reason, "at": self.now()})
        self.beat("failed" if failed else "stopped", reason=reason)
        self._journal.close()

    def _keep(self, kind: Any, what: Mapping[str, Any], *, strategy: str = "", order_id: str = "") -> None:
        """Keep what has happened already: losing it must not stop an exit."""
        try:
            self._journal.append(kind, self._mask.plain(what), strategy=strategy, order_id=order_id)
        except JournalError as error:
            _log.exception("the journal failed")
            self.failed(error)


def _refuse_other_mode(plan: Plan, mode: str) -> None:
    """What was done on paper must not be taken for real, nor the other way round."""
    if mode not in {"", plan.mode}:
        raise ConfigError(
            f"the journal in {plan.state} is of a node that ran in mode {mode}, and this one is {plan.mode}",
            path="state",
            remedy=f"Give it a folder of its own, such as `state: state-{plan.mode}`.",
        )
