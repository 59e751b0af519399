"""A worker: a process that runs one point after another, told over a pipe what to run.

It answers every task with one message: a `Feed` for the data it opened, a `Row` for the point it ran, a
`Failure` for what could not be done. Whatever goes wrong in a point, exits included, is that point's failure;
a worker that is killed is noticed by whoever holds the other end.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from framework.errors import FrameworkError
from framework.sweep.outside import Outside
from framework.sweep.row import Failure, Row

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from framework.compose import Plan
    from framework.engine.feed import Feed
    from framework.engine.precompute import Precomputed
    from framework.sweep.row import Keep

READY = "ready"
"""The first message of a worker that has everything imported."""


@dataclass(frozen=True, slots=True)
class Open:
    """Check the data of a plan, so that nobody else has to."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Run:
    """Run a point on data that has been checked; `keep` is what its row holds beside figures."""

    number: int
    plan: Plan
    feed: Feed
    hashed: bool
    keep: frozenset[Keep] = frozenset()


def work(connection: Connection) -> None:
    """Answer tasks until there are no more, or the process that gives them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with contextlib.suppress(OSError):
        os.dup2(2, 1)  # stdout is for results, and the engine's logger does not know
    # The engine loads them when it first builds; here they load while the data is being checked.
    import pandas as pd  # noqa: F401, PLC0415
    import pyarrow.parquet  # noqa: F401, PLC0415

    from framework.engine import backtest, feed, figures  # noqa: F401, PLC0415

    gc.freeze()  # what is loaded by now lives as long as the worker; no collection needs to look at it
    connection.send(READY)
    parent = parent_process()
    ends: list[Any] = [connection] if parent is None else [connection, parent.sentinel]
    kept = Kept()
    while connection in wait(ends):
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            return
        said = answer(message, kept)
        try:
            connection.send(said)
        except BrokenPipeError:
            return


class Kept:
    """Features of the last points' data, so that points that follow the same ones work them out once."""

    def __init__(self) -> None:
        self._source: Any = None
        self._precomputed: Precomputed | None = None

    def of(self, plan: Plan, feed: Feed) -> Precomputed:
        """Those of this data; what was kept of other data is forgotten."""
        from framework.engine.precompute import Precomputed  # noqa: PLC0415 - the engine loads in workers only

        source = plan.start, plan.end, plan.seed, feed
        if self._precomputed is None or source != self._source:
            self._source, self._precomputed = source, Precomputed(plan, feed)
        return self._precomputed


def answer(task: Open | Run | bytes, kept: Kept) -> Feed | Row | Failure:
    """Do a task, pickled or not; whatever goes wrong in it is a `Failure`."""
    try:
        told: Open | Run = pickle.loads(task) if isinstance(task, bytes) else task  # noqa: S301 - from the process that started this one
        if isinstance(told, Open):
            from framework.engine.feed import open_feed  # noqa: PLC0415

            return open_feed(told.plan)
        return run(told, kept)
    except FrameworkError as error:
        return _failure(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a bug of one point must not end the others
        return Failure(
            error="RunError",
            message=f"{type(error).__name__}: {error}",
            detail="".join(traceback.format_exception(error)),
        )


def run(task: Run, kept: Kept) -> Row:
    """Run one point.

    With `asked` kept, a run that fails gives a row too: what was asked for until then is worth knowing.

    Raises:
        RunError: As `backtest.run`.
        CheckFailed: As `backtest.run`.
    """
    from framework.engine import backtest, figures, outcome  # noqa: PLC0415 - the engine loads in workers only
    from framework.engine.asked import Record, judged  # noqa: PLC0415 - the engine loads in workers only

    began = time.perf_counter()
    record, outside = Record(), Outside(task.plan.catalog)
    watching = outside.watching if "asked" in task.keep else contextlib.nullcontext
    with watching():
        node = backtest.build(task.plan, feed=task.feed, precomputed=kept.of(task.plan, task.feed))
    try:
        if "asked" in task.keep:
            record.attach(node.strategies)
            try:
                with watching():
                    ended = backtest.replay(node)
            except FrameworkError as error:
                asked = judged(record.asked, node.gate.decisions)
                return Row(number=task.number, failure=_failure(error), asked=asked, reads=outside.seen)
        else:
            ended = backtest.replay(node)
        result_hash = None
        if task.hashed:
            result_hash = outcome.collect(task.plan, node, ended, 0.0).result_hash
        cache = node.engine.get_engine_cache(backtest.RUN)
        names = {str(desk.engine_id): strategy_id for strategy_id, desk in node.desks.items()}
        return Row(
            number=task.number,
            statistics=outcome.statistics(ended.stats_pnls, ended.stats_returns, ended.stats_general),
            equity=figures.final_equity(task.plan, node.engine),
            orders=ended.total_orders,
            positions=ended.total_positions,
            denials=sum(decision.verdict == "deny" for decision in node.gate.decisions),
            elapsed=time.perf_counter() - began,
            result_hash=result_hash,
            curve=figures.equity_curve(task.plan, node.engine) if "equity" in task.keep else {},
            trades=figures.closed_trades(cache, names) if "trades" in task.keep else [],
            asked=judged(record.asked, node.gate.decisions) if "asked" in task.keep else [],
            reads=outside.seen,
        )
    finally:
        node.engine.dispose()


def _failure(error: FrameworkError) -> Failure:
    cause = error.__cause__
    return Failure(
        error=type(error).__name__,
        message=error.message,
        where=error.where,
        path=error.path,
        remedy=error.remedy,
        detail="" if cause is None else "".join(traceback.format_exception(cause)),
    )
