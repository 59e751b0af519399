"""A recorded session run again as a backtest, and every decision that differs explained.

The journal says what each strategy meant to do, at which moment of the data. The same configuration is run
through the backtest engine over the data that the session saw, and the two lists of intents are laid side by
side. From the first difference on a strategy is in another state, so what follows from it is counted and not
explained again.
"""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from framework import config as configuration
from framework.compose import compose
from framework.config import document as documents
from framework.engine import backtest
from framework.engine.session import JOURNAL
from framework.errors import RunError
from framework.journal import read
from framework.risk.gate import GATE, HALTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from framework.compose import Plan
    from framework.journal import Row
    from framework.plugins import Plugins
    from framework.risk.decision import Decision

SAID = (
    "instrument_id",
    "side",
    "type",
    "quantity",
    "price",
    "trigger_price",
    "time_in_force",
    "is_reduce_only",
    "is_post_only",
    "contingency_type",
)
"""What makes two orders the same intent; identifiers and stamps do not."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Something a strategy meant to do.

    Attributes:
        at: The moment of the data, nanoseconds since the epoch, UTC.
        action: `submit`, `modify`, `cancel` or `cancel_all`.
        order: Which order of the strategy, counted from 1; 0 where no single order is meant.
        what: The rest, in a fixed order.
    """

    at: int
    action: str
    order: int
    what: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        said = " ".join(value for _, value in self.what)
        number = f"order {self.order} " if self.order else ""
        return f"{self.action} {number}{said}".strip()


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a strategy's session and its backtest part.

    Attributes:
        strategy_id: The strategy's `id:`.
        at: The moment of the data, nanoseconds since the epoch, UTC.
        session: What the session did then, or None.
        backtest: What the backtest did then, or None.
        reason: Why, from the journal; None when nothing in it says.
        follows: Intents of either after this one.
    """

    strategy_id: str
    at: int
    session: Intent | None
    backtest: Intent | None
    reason: str | None
    follows: int


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    Attributes:
        session: The session's name in the journal.
        intents: Intents compared, by strategy.
        differences: At most one a strategy: the first.
    """

    session: str
    intents: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences that the journal does not account for."""
        return tuple(found for found in self.differences if found.reason is None)


class _Kept:
    """A recorder that keeps intents in memory, as the journal keeps them on disk."""

    def __init__(self) -> None:
        self.now: Callable[[], int] = time.time_ns
        self.intents: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}

    def intent(self, strategy_id: str, action: str, order_id: str, what: Mapping[str, Any]) -> None:
        self.intents.setdefault(strategy_id, []).append((action, order_id, {"at": self.now(), **what}))

    def cancels(self, strategy_id: str, order_ids: Sequence[str]) -> None:
        for order_id in order_ids:
            self.intent(strategy_id, "cancel", order_id, {})

    def event(self, strategy_id: str, event: Mapping[str, Any]) -> None:
        pass

    def decision(self, decision: Decision) -> None:
        pass

    def note(self, kind: str, what: Mapping[str, Any]) -> None:
        pass


def parity(
    folder: Path,
    directory: Path,
    plugins: Plugins,
    *,
    session: str | None = None,
    around: Callable[[Plan], AbstractContextManager[None]] = lambda plan: nullcontext(),  # noqa: ARG005
) -> Parity:
    """Compare a session with a backtest of the same configuration on the same data.

    Args:
        folder: The node's folder, with its journal.
        directory: Where relative paths of its configuration start.
        plugins: What is installed.
        session: The session's name; by default the last one.
        around: What the run goes through, such as where it logs to.

    Raises:
        JournalError: There is no journal, or it is damaged.
        RunError: There is no such session, or it did not replay a catalog.
    """
    rows = list(read(folder / JOURNAL))
    rows = _of_session(rows, session, folder)
    plan = _plan(rows[0], directory, plugins)
    last = max((_body(row).get("at", 0) for row in rows[1:]), default=0)
    if not last:
        raise RunError("the session saw no data", where=str(folder / JOURNAL))
    kept = _Kept()
    with around(plan):
        node = backtest.build(replace(plan, end=min(last, plan.end or last)), recorder=kept)
        kept.now = node.books.now
        try:
            backtest.replay(node)
        finally:
            node.engine.dispose()
    recorded: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for row in rows:
        if row.kind == "intent":
            body = _body(row)
            recorded.setdefault(row.strategy, []).append((body.pop("action"), row.order_id, body))
    differences, counts = [], {}
    for strategy in plan.strategies:
        ours = _intents(recorded.get(strategy.id, ()))
        theirs = _intents(kept.intents.get(strategy.id, ()))
        counts[strategy.id] = max(len(ours), len(theirs))
        found = _first(strategy.id, ours, theirs, rows)
        if found is not None:
            differences.append(found)
    return Parity(rows[0].session, counts, tuple(differences))


def _of_session(rows: Sequence[Row], session: str | None, folder: Path) -> list[Row]:
    names = [row.session for row in rows if row.kind == "session_started"]
    if not names or (session is not None and session not in names):
        raise RunError(
            f"no session {session}" if session else "no session is on record",
            where=str(folder / JOURNAL),
            remedy=f"There are: {', '.join(names)}." if names else "Run the node on paper first.",
        )
    wanted = session or names[-1]
    mine = [row for row in rows if row.session == wanted]
    start = next(index for index, row in enumerate(mine) if row.kind == "session_started")
    return mine[start:]


def _plan(started: Row, directory: Path, plugins: Plugins) -> Plan:
    """The session's own configuration, whatever the file says by now."""
    body = _body(started)
    if body["mode"] != "paper":
        raise RunError(
            f"the session ran in mode {body['mode']}, and only a replayed catalog can be run again",
            where=started.session,
        )
    document = documents.parse(body["config"], f"session {started.session}")
    return compose(configuration.understand(document, directory), plugins, "backtest")


def _intents(entries: Iterable[tuple[str, str, dict[str, Any]]]) -> list[Intent]:
    numbers: dict[str, int] = {}
    intents = []
    for action, order_id, body in entries:
        number = numbers.setdefault(order_id, len(numbers) + 1) if order_id else 0
        source = body.get("order", body)
        names = SAID if "order" in body else tuple(sorted(body.keys() - {"at", "order_id"}))
        what = tuple((name, str(source[name])) for name in names if source.get(name) is not None)
        intents.append(Intent(int(body["at"]), action, number, what))
    return intents


def _first(
    strategy_id: str, ours: list[Intent], theirs: list[Intent], rows: Sequence[Row]
) -> Difference | None:
    for index in range(max(len(ours), len(theirs))):
        mine = ours[index] if index < len(ours) else None
        other = theirs[index] if index < len(theirs) else None
        if mine != other:
            at = min(intent.at for intent in (mine, other) if intent is not None)
            follows = max(len(ours), len(theirs)) - index - 1
            return Difference(strategy_id, at, mine, other, _reason(strategy_id, at, rows), follows)
    return None


def _reason(strategy_id: str, at: int, rows: Sequence[Row]) -> str | None:
    """What the journal says happened to the strategy up to that moment that no backtest knows of."""
    for row in rows:
        body = _body(row)
        if row.kind == "decision" and row.strategy == strategy_id and _latched(body, at):
            return str(body["reason"])
        if body.get("at", 0) > at or body.get("answer", {}).get("taken") is False:
            continue
        scope = str(body.get("scope", body.get("halted", "")))
        if scope.partition(":")[2] not in ("", strategy_id) and not scope.startswith("venue:"):
            continue
        if row.kind == "operator":
            return f"{body.get('command')} {scope} by {body.get('who', 'somebody')}: {body.get('why', '')}"
        if row.kind == "alert" and scope in ("*", "all", strategy_id):
            return str(body.get("reason"))
    return None


def _latched(decision: Mapping[str, Any], at: int) -> bool:
    """Whether it is a latch that stopped an order then: it holds before the node has looked and noted it."""
    return decision["ts"] == at and decision["rule"] == GATE and str(decision["reason"]).startswith(HALTED)


def _body(row: Row) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(row.body)
    return body
