"""A Plan run as a backtest: the only place that builds the engine's node.

The engine reads the catalog itself, in Rust. What this adds is what it lacks: strategies come guarded, an
exception in a handler fails the run, an order that did not pass the gate fails the run, and a run over
nothing is an error.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_trader.analysis import CAGR, CalmarRatio, MaxDrawdown
from nautilus_trader.backtest import BacktestEngineConfig, BacktestNode, BacktestRunConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import OrderStatus
from nautilus_trader.portfolio import PortfolioConfig

from framework.engine.assembly import Host, assemble, said
from framework.engine.faults import Faults
from framework.engine.feed import Feed, open_feed, reading
from framework.engine.outcome import collect
from framework.engine.precompute import Precomputed
from framework.engine.record import Outbox, layer
from framework.engine.watch import Progress
from framework.errors import CheckFailed, CompositionError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.backtest import BacktestResult

    from framework.compose import Plan
    from framework.engine.books import Books
    from framework.engine.desk import Desk
    from framework.engine.record import Recorder
    from framework.result import Result
    from framework.risk.gate import Gate

RUN = "run"
EQUITY_POINTS = 500
"""Most snapshots of equity a run, beside those the engine takes at midnight. They are not free, so a run of
many rows takes fewer, down to a hundred."""
CHUNK = 10_000
"""Rows the engine holds at a time: memory stays flat, and it is faster than holding them all."""
LEVELS = {
    "off": LogLevel.OFF,
    "error": LogLevel.ERROR,
    "warning": LogLevel.WARNING,
    "info": LogLevel.INFO,
    "debug": LogLevel.DEBUG,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A built and guarded backtest.

    Attributes:
        engine: The engine's node.
        gate: What stands before it.
        desks: One a strategy, by `id:`.
        strategies: The guarded strategies, by `id:`.
        books: The engine's books as rules read them.
        faults: Where exceptions end up.
        feed: What will be replayed.
    """

    engine: BacktestNode
    gate: Gate
    desks: dict[str, Desk]
    strategies: dict[str, Any]
    books: Books
    faults: Faults
    feed: Feed


def run(
    plan: Plan,
    *,
    started: Callable[[Plan, Node], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Replay the plan's data through its strategies, rules and venues.

    Args:
        plan: What `compose` gave.
        started: Called when the engine is built and guarded, before data flows.
        progress: Called now and then with the share of the time range replayed, from 0 to 1.

    Raises:
        DataError: The data is not fit to run on.
        RunError: The engine refused, a handler or a rule raised, an order passed the gate by, or nothing ran.
        CheckFailed: A feature that a strategy follows looks ahead, or its two definitions differ.
    """
    node = build(plan, progress=progress)
    try:
        if started is not None:
            started(plan, node)
        began = time.perf_counter()
        outcome = replay(node)
        return collect(plan, node, outcome, time.perf_counter() - began)
    finally:
        node.engine.dispose()


def build(
    plan: Plan,
    *,
    feed: Feed | None = None,
    progress: Callable[[float], None] | None = None,
    recorder: Recorder | None = None,
    precomputed: Precomputed | None = None,
) -> Node:
    """Build the engine, the gate and the guarded strategies, in that order.

    Args:
        plan: What `compose` gave.
        feed: What `open_feed` said of the same catalog, streams and range; checked now when not given.
        progress: Called now and then with the share of the time range replayed, from 0 to 1.
        recorder: Keeps every intent, as in a live node; a backtest does without.
        precomputed: Has features of the same data already; made now when not given.
    """
    feed = feed or open_feed(plan)
    engine = BacktestNode([_config(plan, feed)])
    try:
        engine.build()
    except Exception as error:
        raise RunError(f"the engine refused the run: {error}", remedy="See the venue's settings.") from error
    cache, portfolio = engine.get_engine_cache(RUN), engine.get_engine_portfolio(RUN)
    for statistic in (MaxDrawdown(), CAGR(), CalmarRatio()):
        portfolio.register_statistic(statistic)
    faults = Faults()
    parts = assemble(
        plan,
        Host(
            cache=cache,
            portfolio=portfolio,
            add_strategy=functools.partial(engine.add_strategy, RUN),
            add_actor=functools.partial(engine.add_actor, RUN),
            add_exec_algorithm=functools.partial(engine.add_exec_algorithm, RUN),
            faults=lambda strategy_id: faults,  # noqa: ARG005 - one exception ends the run, whosever it is
            rule_failed=lambda rule, error: faults.record(f"risk rule {rule}", error),
            watched=True,
            layers=(layer(recorder, Outbox(cache)),) if recorder is not None else (),
            precomputed=precomputed or Precomputed(plan, feed),
        ),
    )
    faults.stop = next(iter(parts.strategies.values())).shutdown_system
    if progress is not None:
        engine.add_actor(RUN, Progress(feed.start, feed.end, progress))
    return Node(engine, parts.gate, parts.desks, parts.strategies, parts.books, faults, feed)


def _config(plan: Plan, feed: Feed) -> BacktestRunConfig:
    venues = []
    for venue in plan.venues:
        if venue.spec.backtest is None:  # pragma: no cover - compose refuses it
            raise CompositionError(f'venue "{venue.name}" has no backtest')
        try:
            venues.append(venue.spec.backtest(venue.name, venue.config, plan.seed))
        except (Exception, SystemExit) as error:
            raise RunError(
                f'venue "{venue.name}" could not be built: {said(error)}',
                remedy=f"See {venue.offer.owner}.",
            ) from error
    points = min(EQUITY_POINTS, max(100, 25_000_000 // sum(feed.rows.values())))
    interval = max(1_000, (feed.end - feed.start) // 1_000_000 // points)
    return BacktestRunConfig(
        venues=venues,
        data=[reading(plan, stream) for stream in plan.streams],
        engine=BacktestEngineConfig(
            logging=LoggerConfig(stdout_level=LEVELS[plan.config.log.level], print_config=False),
            portfolio=PortfolioConfig(snapshot_interval_ms=interval),
            # Exceptions where no guard stands, as in an indicator or a fee model, become an ERROR line.
            shutdown_on_error=True,
        ),
        id=RUN,
        start=plan.start,
        end=plan.end,
        chunk_size=CHUNK,
        raise_exception=True,
        dispose_on_completion=False,
    )


def replay(node: Node) -> BacktestResult:
    """Run a built node to its end.

    Raises:
        RunError: The engine refused, a handler or a rule raised, or an order passed the gate by.
        CheckFailed: A feature that a strategy follows looks ahead, or its two definitions differ.
    """
    try:
        with node.faults.watching():
            outcome = node.engine.run()[0]
    except KeyboardInterrupt:
        raise
    except Exception as error:
        raise RunError(f"the engine stopped: {error}") from error
    failed = node.faults.error
    if isinstance(failed, KeyboardInterrupt):
        raise failed
    if isinstance(failed, CheckFailed):
        failed.where = failed.where or node.faults.origin
        raise failed
    if failed is not None:
        raise RunError(
            f"{node.faults.origin}: {said(failed)}",
            remedy="The traceback is above; the run stopped there and wrote no report.",
        ) from failed
    expected = sum(node.feed.rows.values())
    if outcome.iterations < expected:
        raise RunError(
            f"the engine met an error and stopped after {outcome.iterations} of {expected} rows",
            remedy="Its ERROR line is above. A strategy's own self.log.error stops a backtest too.",
        )
    _refuse_strays(node)
    return outcome


def _refuse_strays(node: Node) -> None:
    """Fail the run when the engine holds an order of a guarded strategy that its desk never approved."""
    cache = node.engine.get_engine_cache(RUN)
    for strategy_id, desk in node.desks.items():
        for client_order_id in cache.client_order_ids(strategy_id=desk.engine_id):
            if client_order_id in desk.approved:
                continue
            order: Any = cache.order(client_order_id)
            if order.status != OrderStatus.DENIED:
                raise RunError(
                    f'strategy "{strategy_id}" sent order {client_order_id} past the gate',
                    remedy="Orders leave through self.submit_order and its sisters only.",
                )
