"""The gate, the desks and the guarded strategies of a Plan, added to an engine's node.

The same for a backtest, on paper and live: what differs is the node that hosts them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.model import StrategyId

from framework.compose import bar_types
from framework.engine.books import Books, by_instrument
from framework.engine.desk import Desk, Door
from framework.engine.filtering import filtering
from framework.engine.guard import guarded
from framework.engine.watch import Conductor
from framework.errors import CompositionError, FrameworkError, RunError
from framework.risk.gate import BoundRule, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.common import Cache
    from nautilus_trader.model import BarType
    from nautilus_trader.portfolio import Portfolio

    from framework.compose import Plan, RulePlan, StrategyPlan
    from framework.engine.books import HasTime
    from framework.engine.faults import Faults
    from framework.risk.decision import Decision
    from framework.risk.kill import KillSwitch
    from framework.risk.pulse import Pulse
    from framework.signals.features import Feature, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A built node of the engine that has not started.

    Attributes:
        cache: The engine's cache.
        portfolio: The engine's portfolio.
        add_strategy: Adds a strategy.
        add_actor: Adds an actor; the engine serves actors in the order they were added.
        add_exec_algorithm: Adds an execution algorithm.
        faults: Where exceptions of a strategy go, by its `id:`.
        rule_failed: Told of an exception inside a risk rule, with the rule's id.
        clock: What time it is for rules; by default the engine's clock.
        watched: The host runs inside `Faults.watching`.
        layers: Classes between the guard and the strategy: they see only what the gate let through.
        held: Called when a row has reached everybody; the strategies then wait for the conductor's
            `release`. None lets them see it at once.
        precomputed: Has the features that strategies follow; None lets them be worked out bar by bar.
        kill: The gate's kill switch; by default one that ends with the process.
        decisions: Where the gate's decisions go; by default a plain list.
        pulse: Doubts what was decided before the node slept; None where time is that of the data.
    """

    cache: Cache
    portfolio: Portfolio
    add_strategy: Callable[[Any], None]
    add_actor: Callable[[Any], None]
    add_exec_algorithm: Callable[[Any], None]
    faults: Callable[[str], Faults]
    rule_failed: Callable[[str, BaseException], None]
    clock: HasTime | None = None
    watched: bool = False
    layers: tuple[type, ...] = ()
    held: Callable[[], None] | None = None
    precomputed: Callable[[Feature, BarType], Readings | None] | None = None
    kill: KillSwitch | None = None
    decisions: list[Decision] | None = None
    pulse: Pulse | None = None


@dataclass(frozen=True, slots=True)
class Assembly:
    """What was added to the host.

    Attributes:
        gate: What stands before the engine.
        desks: One a strategy, by `id:`.
        strategies: The guarded strategies, by `id:`.
        books: The engine's books as rules read them.
        conductor: Serves data to the strategies; None when the engine does.
        door: The engine's side of the gate.
    """

    gate: Gate
    desks: dict[str, Desk]
    strategies: dict[str, Any]
    books: Books
    conductor: Conductor | None
    door: Door

    def flatten(self, scope: Iterable[str]) -> None:
        """Cancel the resting orders and close the positions of these strategies."""
        for strategy_id in scope:
            self.desks[strategy_id].flatten(self.strategies[strategy_id])


def assemble(plan: Plan, host: Host) -> Assembly:
    """Build the gate, then the guarded strategies in the order of the file, then whoever serves them.

    Raises:
        RunError: A strategy or a rule could not be built.
        CompositionError: Two strategies cannot be told apart by the engine.
    """
    door = Door()
    host.add_exec_algorithm(door)
    ids = engine_ids(strategy.id for strategy in plan.strategies)
    engine_clock: Any = door.clock
    books = Books(
        host.cache,
        host.portfolio,
        host.clock or engine_clock,
        by_instrument(stream.bar_type for stream in plan.streams if stream.bar_type is not None),
        ids,
        simulated=plan.mode == "backtest",
    )
    rules = [_rule(rule) for rule in plan.rules]
    gate = Gate(rules, ids, host.rule_failed, kill=host.kill, decisions=host.decisions, pulse=host.pulse)
    conductor = _conductor(plan, gate, host)
    parts = Assembly(gate, {}, {}, books, conductor, door)
    for index, strategy in enumerate(plan.strategies):
        desk = Desk(
            index,
            strategy.id,
            ids[strategy.id],
            gate,
            books,
            door,
            host.faults(strategy.id),
            live=plan.mode == "live",
        )
        parts.desks[strategy.id] = desk
        guard = guarded(
            strategy.spec.strategy,
            desk,
            conductor,
            watched=host.watched,
            layers=(*host.layers, *_filter(strategy)),
            precomputed=host.precomputed,
        )
        try:
            parts.strategies[strategy.id] = guard(bound(strategy.config, ids[strategy.id]))
        except (Exception, SystemExit) as error:
            raise RunError(
                f'strategy "{strategy.id}" could not be built: {said(error)}',
                remedy=f"See {strategy.offer.owner}.",
            ) from error
        host.add_strategy(parts.strategies[strategy.id])
    gate.start(books.view, parts.flatten)
    if conductor is not None:
        host.add_actor(conductor)
    return parts


def said(error: BaseException) -> str:
    """An exception in one line; asking Python to exit is no way to end a run."""
    if isinstance(error, SystemExit):
        return f"it asked Python to exit (SystemExit: {error.code})"
    return f"{type(error).__name__}: {error}"


def _filter(plan: StrategyPlan) -> tuple[type, ...]:
    """The layer with the strategy's filter, if it has one."""
    if plan.filter is None:
        return ()
    try:
        built = plan.filter.spec.filter(plan.filter.config)  # type: ignore[call-arg]
    except FrameworkError:
        raise
    except (Exception, SystemExit) as error:
        raise RunError(
            f'the filter of strategy "{plan.id}" could not be built: {said(error)}',
            remedy=f"See {plan.filter.offer.owner}.",
        ) from error
    return (filtering(built, tuple(bar_types(plan.config))),)


def _rule(plan: RulePlan) -> BoundRule:
    try:
        return BoundRule(plan.id, plan.spec.rule(plan.config), plan.strategies)
    except (Exception, SystemExit) as error:
        raise RunError(
            f'risk rule "{plan.id}" could not be built: {said(error)}', remedy=f"See {plan.offer.owner}."
        ) from error


def _conductor(plan: Plan, gate: Gate, host: Host) -> Conductor | None:
    """Needed when strategies can come in each other's way, or a rule watches prices."""
    if len(plan.strategies) == 1 and not gate.wants_marks and host.held is None:
        return None
    built = {bar_type for strategy in plan.strategies for bar_type in bar_types(strategy.config)}
    return Conductor(
        {stream.bar_type for stream in plan.streams if stream.bar_type is not None} | built,
        (stream.instrument_id for stream in plan.streams if stream.kind == "quotes"),
        (stream.instrument_id for stream in plan.streams if stream.kind == "trades"),
        gate,
        host.rule_failed,
        host.held,
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
