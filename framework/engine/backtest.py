"""A Plan run as a backtest: the only place that builds the engine's node.

The engine reads the catalog itself, in Rust. What this adds is what it lacks: strategies come guarded, an
exception in a handler fails the run, an order that did not pass the gate fails the run, and a run over
nothing is an error.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.analysis import CAGR, CalmarRatio, MaxDrawdown
from nautilus_trader.backtest import BacktestEngineConfig, BacktestNode, BacktestRunConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import OrderStatus, StrategyId
from nautilus_trader.portfolio import PortfolioConfig

from framework.compose import bar_types
from framework.engine.books import Books, by_instrument
from framework.engine.desk import Desk, Door
from framework.engine.faults import Faults
from framework.engine.feed import Feed, open_feed
from framework.engine.guard import guarded
from framework.engine.outcome import collect
from framework.engine.watch import Conductor, Progress
from framework.errors import CompositionError, RunError
from framework.risk.gate import BoundRule, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.backtest import BacktestResult

    from framework.compose import Plan, RulePlan
    from framework.result import Result

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
        faults: Where exceptions end up.
        feed: What will be replayed.
    """

    engine: BacktestNode
    gate: Gate
    desks: dict[str, Desk]
    strategies: dict[str, Any]
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


def build(plan: Plan, *, progress: Callable[[float], None] | None = None) -> Node:
    """Build the engine, the gate and the guarded strategies, in that order."""
    feed = open_feed(plan)
    engine = BacktestNode([_config(plan, feed)])
    try:
        engine.build()
    except Exception as error:
        raise RunError(f"the engine refused the run: {error}", remedy="See the venue's settings.") from error
    faults = Faults()
    door = Door()
    engine.add_exec_algorithm(RUN, door)
    ids = engine_ids(strategy.id for strategy in plan.strategies)
    clock: Any = door.clock
    books = Books(
        engine.get_engine_cache(RUN),
        engine.get_engine_portfolio(RUN),
        clock,
        by_instrument(stream.bar_type for stream in plan.streams if stream.bar_type is not None),
        ids,
    )
    for statistic in (MaxDrawdown(), CAGR(), CalmarRatio()):
        books.portfolio.register_statistic(statistic)
    rules = [_rule(rule) for rule in plan.rules]
    gate = Gate(rules, ids, lambda rule, error: faults.record(f"risk rule {rule}", error))
    desks: dict[str, Desk] = {}
    strategies: dict[str, Any] = {}
    conductor = _conductor(plan, gate, faults)
    for index, strategy in enumerate(plan.strategies):
        desk = Desk(index, strategy.id, ids[strategy.id], gate, books, door, faults)
        desks[strategy.id] = desk
        guard = guarded(strategy.spec.strategy, desk, conductor, watched=True)
        try:
            strategies[strategy.id] = guard(bound(strategy.config, ids[strategy.id]))
        except (Exception, SystemExit) as error:
            raise RunError(
                f'strategy "{strategy.id}" could not be built: {_said(error)}',
                remedy=f"See {strategy.offer.owner}.",
            ) from error
        engine.add_strategy(RUN, strategies[strategy.id])

    def flatten(scope: Iterable[str]) -> None:
        for strategy_id in scope:
            desks[strategy_id].flatten(strategies[strategy_id])

    gate.start(books.view, flatten)
    faults.stop = next(iter(strategies.values())).shutdown_system
    if conductor is not None:
        engine.add_actor(RUN, conductor)
    if progress is not None:
        engine.add_actor(RUN, Progress(feed.start, feed.end, progress))
    return Node(engine, gate, desks, strategies, faults, feed)


def _rule(plan: RulePlan) -> BoundRule:
    try:
        return BoundRule(plan.id, plan.spec.rule(plan.config), plan.strategies)
    except (Exception, SystemExit) as error:
        raise RunError(
            f'risk rule "{plan.id}" could not be built: {_said(error)}', remedy=f"See {plan.offer.owner}."
        ) from error


def _said(error: BaseException) -> str:
    """An exception in one line; asking Python to exit is no way to end a run."""
    if isinstance(error, SystemExit):
        return f"it asked Python to exit (SystemExit: {error.code})"
    return f"{type(error).__name__}: {error}"


def _conductor(plan: Plan, gate: Gate, faults: Faults) -> Conductor | None:
    """Needed when strategies can come in each other's way, or a rule watches prices."""
    if len(plan.strategies) == 1 and not gate.wants_marks:
        return None
    built = {bar_type for strategy in plan.strategies for bar_type in bar_types(strategy.config)}
    return Conductor(
        {stream.bar_type for stream in plan.streams if stream.bar_type is not None} | built,
        (stream.instrument_id for stream in plan.streams if stream.kind == "quotes"),
        (stream.instrument_id for stream in plan.streams if stream.kind == "trades"),
        gate,
        faults,
    )


def engine_ids(strategies: Iterable[str]) -> dict[str, StrategyId]:
    """The engine's identifier of every strategy: its `id:` and four digits of its hash.

    The engine takes what follows the last hyphen as the tag that keeps order identifiers of two strategies
    apart, so `vwap-eurusd` and `trend-eurusd` would collide. A tag from the name alone stays the same
    when strategies are added, removed or reordered.
    """
    ids: dict[str, StrategyId] = {}
    tags: dict[str, str] = {}
    for strategy_id in strategies:
        tag = hashlib.sha256(strategy_id.encode()).hexdigest()[:4]
        if tag in tags:
            raise CompositionError(
                f'strategy ids "{tags[tag]}" and "{strategy_id}" have the same tag {tag}',
                path="strategies",
                remedy="Rename one of them.",
            )
        tags[tag] = strategy_id
        ids[strategy_id] = StrategyId(f"{strategy_id}-{tag}")
    return ids


def _config(plan: Plan, feed: Feed) -> BacktestRunConfig:
    venues = []
    for venue in plan.venues:
        if venue.spec.backtest is None:  # pragma: no cover - compose refuses it
            raise CompositionError(f'venue "{venue.name}" has no backtest')
        try:
            venues.append(venue.spec.backtest(venue.name, venue.config, plan.seed))
        except (Exception, SystemExit) as error:
            raise RunError(
                f'venue "{venue.name}" could not be built: {_said(error)}',
                remedy=f"See {venue.offer.owner}.",
            ) from error
    points = min(EQUITY_POINTS, max(100, 25_000_000 // sum(feed.rows.values())))
    interval = max(1_000, (feed.end - feed.start) // 1_000_000 // points)
    return BacktestRunConfig(
        venues=venues,
        data=feed.configs,
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


def bound(config: Any, engine_id: StrategyId) -> Any:
    """The strategy's config with the engine's identifier, still an instance of its own class."""
    kind = type(config)
    fields = {name: getattr(config, name) for name in kind.__struct_fields__}
    struct = msgspec.defstruct(
        kind.__name__,
        [("strategy_id", StrategyId), ("order_id_tag", Any, None)],
        bases=(kind,),
        frozen=True,
        kw_only=True,
    )
    return struct(**fields, strategy_id=engine_id)


def replay(node: Node) -> BacktestResult:
    """Run a built node to its end.

    Raises:
        RunError: The engine refused, a handler or a rule raised, or an order passed the gate by.
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
    if failed is not None:
        raise RunError(
            f"{node.faults.origin}: {_said(failed)}",
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
