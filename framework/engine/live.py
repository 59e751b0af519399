"""A Plan run on paper or live: the only place that builds the engine's live node.

The gate, the desks and the guarded strategies are those of a backtest (`framework.engine.assembly`). What
differs: data comes when it comes, an intent is on record before it leaves, a strategy that raises is halted
alone, and the node runs until it is told to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.adapters.sandbox import SandboxExecutionClientConfig, SandboxExecutionClientFactory
from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import (
    LiveExecutionEngineConfig,
    LiveNode,
    LiveRiskEngineConfig,
    SubmissionRecoveryPolicy,
)
from nautilus_trader.model import AccountType, ClientOrderId, Currency, Money, OmsType, TraderId, Venue

from framework.engine import restore
from framework.engine.assembly import Assembly, Host, assemble, engine_ids, said
from framework.engine.backtest import LEVELS
from framework.engine.feed import Feed, open_feed
from framework.engine.halting import Halting
from framework.engine.logs import mask_of
from framework.engine.patience import Patience
from framework.engine.record import Decisions, Outbox, layer
from framework.engine.recover import Settling
from framework.engine.replay import Replay, ReplayConfig
from framework.engine.truth import Venues
from framework.errors import CompositionError, FrameworkError, RunError
from framework.journal.restoring import Restoration
from framework.risk.kill import KillSwitch, Latch
from framework.risk.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common import Cache
    from nautilus_trader.live import LiveNodeBuilder, LiveNodeHandle
    from nautilus_trader.portfolio import Portfolio

    from framework.compose import Plan, VenuePlan
    from framework.engine.record import Recorder
    from framework.engine.recover import Recovery

STARTING = 30.0
"""Seconds that connecting and reconciling may take."""
STOPPING = 15.0
"""Seconds that a stop may take before it is given up."""
EQUITY_POINTS = 500
"""Most times a replay's equity is marked."""
_log = logging.getLogger("framework.live")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A live node, built and guarded.

    Attributes:
        plan: What it runs.
        node: The engine's node.
        handle: Stops the node, from any thread.
        cache: The engine's cache, readable while the node runs.
        portfolio: The engine's portfolio.
        parts: The gate, the desks and the strategies.
        recorder: Where intents and events are kept.
        outbox: The orders on their way.
        replay: The catalog played to it; None with live data.
        feed: The replay's data; None with live data.
        faults: What becomes of each strategy when it fails, by `id:`.
        patience: Interrupts a strategy that takes too long.
        decisions: What the gate did.
        marks: Equity over time: nanoseconds of the data, then amounts by venue and currency.
        rows: Rows delivered, by kind.
        venues: The venues that can be asked what they have.
        pulse: Knows whether the node has slept; None where the catalog is replayed.
        errors: What ended the node from inside, the first one first.
    """

    plan: Plan
    node: LiveNode
    handle: LiveNodeHandle
    cache: Cache
    portfolio: Portfolio
    parts: Assembly
    recorder: Recorder
    outbox: Outbox
    replay: Replay | None
    feed: Feed | None
    faults: dict[str, Halting]
    patience: Patience
    decisions: Decisions
    marks: list[tuple[int, dict[tuple[str, str], Decimal]]]
    rows: dict[str, int]
    venues: Venues
    pulse: Pulse | None
    errors: list[BaseException] = field(default_factory=list)

    def fail(self, error: BaseException) -> None:
        """End the node: nothing more leaves, and `serve` raises the error."""
        self.errors.append(error)
        self.parts.gate.kill.close(f"the node failed: {error}")
        self.handle.stop()

    def recalled(self, name: str) -> str:
        """Why an order on its way to a venue must not leave any more; an empty string while it may."""
        client_order_id = ClientOrderId(name)
        for desk in self.parts.desks.values():
            if client_order_id in desk.approved:
                return desk.recalled(client_order_id)
        return "the gate has not let it through"

    def halt(self, scope: str, reason: str, by: str) -> None:
        """Latch a strategy's `id:` or `*`: from now on only exits pass, and what is working is cancelled."""
        now = self.parts.books.now()
        if not self.parts.gate.kill.latch(Latch(scope, reason, by, now, flat=False)):
            return
        self.recorder.note("alert", {"halted": scope, "reason": reason, "by": by, "ts": now})
        for strategy_id, desk in self.parts.desks.items():
            if scope in (strategy_id, self.parts.gate.kill.ALL):
                desk.cancel(self.parts.strategies[strategy_id])

    def disable(self, strategy_id: str, reason: str, by: str) -> None:
        """Latch a strategy and call none of its code any more; its position stays as it is."""
        self.faults[strategy_id].disabled = True
        now = self.parts.books.now()
        if self.parts.gate.kill.disable(Latch(strategy_id, reason, by, now, flat=False)):
            self.recorder.note("alert", {"disabled": strategy_id, "reason": reason, "by": by, "ts": now})
            self.parts.desks[strategy_id].cancel(self.parts.strategies[strategy_id])


def build(
    plan: Plan,
    recorder: Recorder,
    *,
    speed: float | None,
    kill: KillSwitch | None = None,
    recovery: Recovery | None = None,
) -> LiveRun:
    """Build the engine's live node, the gate and the guarded strategies.

    Args:
        plan: What `compose` gave, in mode paper or live.
        recorder: Where intents and events are kept.
        speed: Seconds of data a second where the catalog is replayed; None for as fast as the node can.
        kill: The kill switch; by default one that ends with the process.
        recovery: What an earlier session left; None starts with nothing.

    Raises:
        DataError: The data to replay is not fit to run on.
        CompositionError: The venue's twin has something that paper trading cannot do.
        RunError: The engine refused.
    """
    replayed = plan.mode == "paper" and any(venue.spec.live is None for venue in plan.venues)
    feed = open_feed(plan) if replayed else None
    replay = Replay(plan, feed, speed) if feed is not None else None
    left = recovery.put_back if recovery is not None else Restoration()
    made: list[LiveRun] = []
    venues = Venues()

    def failed(error: BaseException) -> None:
        made[0].fail(error)

    environment = Environment.LIVE if plan.mode == "live" else Environment.SANDBOX
    builder = LiveNode.builder("framework", TraderId("TRADER-001"), environment)
    builder = builder.with_logging(
        LoggerConfig(stdout_level=LEVELS[plan.config.log.finest], print_config=False)
    )
    builder = builder.with_exec_engine_config(
        LiveExecutionEngineConfig(
            reconciliation=plan.mode == "live",
            # An order whose fate is unknown stays unknown until the venue says what became of it.
            submission_recovery_policy=SubmissionRecoveryPolicy.RETAIN_UNRESOLVED,
            # It would take a trade of an order that it was not given back for somebody else's.
            filtered_client_order_ids=list(left.over) or None,
            # Where strategies share an instrument it refuses to start: their prices are not the net one's.
            filter_position_reports=plan.mode == "live",
        )
    )
    if replay is not None and speed != 1:
        # The engine's own throttle counts by the wall clock: a year in two seconds would trip it.
        unthrottled = "1000000/00:00:01"
        builder = builder.with_risk_engine_config(
            LiveRiskEngineConfig(max_order_submit_rate=unthrottled, max_order_modify_rate=unthrottled)
        )
    builder = builder.with_reconciliation(plan.mode == "live")
    builder = builder.with_delay_post_stop_secs(1).with_timeout_connection(int(STARTING))
    for venue in plan.venues:
        builder = _clients(builder, plan, venue, replay, venues, failed)
    if left.orders:
        ids = engine_ids(strategy.id for strategy in plan.strategies)
        assert recovery is not None  # noqa: S101 - there is nothing to put back without one
        builder = restore.add_clients(
            builder,
            left,
            recovery.accounts,
            ids,
            lambda: made[0].cache,
            failed,
        )
    try:
        node = builder.build()
    except Exception as error:
        raise RunError(f"the engine refused the run: {error}", remedy="See the venue's settings.") from error
    cache, portfolio = node.cache, node.portfolio
    outbox = Outbox(cache)
    switch = KillSwitch() if kill is None else kill

    def halt(strategy_id: str, reason: str) -> None:
        made[0].halt(strategy_id, reason, "guard")

    def disable(strategy_id: str, reason: str) -> None:
        made[0].disable(strategy_id, reason, "guard")

    def stuck(strategy_id: str, what: str) -> None:
        """Nothing runs but this thread: all that can be done is to have the strategy not called again."""
        _log.critical("%s; it cannot be interrupted, and nothing else runs meanwhile", what)
        switch.disable(Latch(strategy_id, what, "guard", time.time_ns(), flat=False))

    patience = Patience(plan.config.guard.patience, stuck)
    faults = {strategy.id: Halting(strategy.id, halt, disable, patience) for strategy in plan.strategies}
    decisions = Decisions(recorder, disable, mask_of(plan))

    pulse = _pulse(recorder) if replay is None else None
    if recovery is not None:
        node.add_actor(Settling(lambda: recovery.settle(made[0]), failed))
    parts = assemble(
        plan,
        Host(
            cache=cache,
            portfolio=portfolio,
            add_strategy=node.add_strategy,
            add_actor=node.add_actor,
            add_exec_algorithm=node.add_exec_algorithm,
            faults=faults.__getitem__,
            rule_failed=lambda rule, error: _log.error("risk rule %s failed", rule, exc_info=error),
            clock=replay.clock if replay is not None else None,
            layers=(layer(recorder, outbox, decisions.quiet),),
            held=replay.held if replay is not None else None,
            kill=switch,
            decisions=decisions,
            pulse=pulse,
        ),
    )
    run = LiveRun(
        plan=plan,
        node=node,
        handle=node.handle(),
        cache=cache,
        portfolio=portfolio,
        parts=parts,
        recorder=recorder,
        outbox=outbox,
        replay=replay,
        feed=feed,
        faults=faults,
        patience=patience,
        decisions=decisions,
        marks=[],
        rows=replay.rows if replay is not None else {},
        venues=venues,
        pulse=pulse,
    )
    made.append(run)
    venues.recalled = run.recalled
    restore.put_back(left, parts)
    return run


def _pulse(recorder: Recorder) -> Pulse:
    def slept(seconds: float) -> None:
        _log.warning("the node has slept for %.1f s", seconds)
        recorder.note("alert", {"slept": f"{seconds:.1f} s"})

    return Pulse(slept)


def _clients(
    builder: LiveNodeBuilder,
    plan: Plan,
    venue: VenuePlan,
    replay: Replay | None,
    venues: Venues,
    failed: Callable[[BaseException], None],
) -> LiveNodeBuilder:
    """The venue's data and execution clients: its own, or the replay and the simulated twin."""
    try:
        own = venue.spec.live(venue.name, venue.config) if venue.spec.live is not None else None
        if plan.mode == "live":
            assert own is not None  # noqa: S101 - compose refuses it
            venues.stated(venue.name, own.statement)
            return builder.add_data_client(venue.name, own.data[0](), own.data[1]).add_exec_client(
                venue.name, venues.kept(venue.name, own.execution[0](), failed), own.execution[1]
            )
        if own is not None and replay is None:
            builder = builder.add_data_client(venue.name, own.data[0](), own.data[1])
        elif replay is not None:
            builder = builder.add_data_client(venue.name, replay.factory(venue.name)(), ReplayConfig())
        assert venue.spec.backtest is not None  # noqa: S101 - compose refuses it
        twin = venue.spec.backtest(venue.name, venue.config, plan.seed)
    except FrameworkError:
        raise
    except (Exception, SystemExit) as error:
        raise RunError(
            f'venue "{venue.name}" could not be built: {said(error)}', remedy=f"See {venue.offer.owner}."
        ) from error
    return builder.add_simulated_exec_client(
        venue.name, SandboxExecutionClientFactory(), _sandbox(venue.name, twin)
    )


def _sandbox(name: str, twin: Any) -> SandboxExecutionClientConfig:
    """The engine's paper exchange with the settings of its backtest exchange.

    Raises:
        CompositionError: The backtest exchange does what the paper exchange cannot.
    """
    if twin.leverages:
        raise CompositionError(
            f'venue "{name}" has a leverage for each instrument, and paper trading knows one for all',
            path="venues",
            remedy="Write `leverage:` alone.",
        )
    if twin.modules or twin.liquidation_enabled:
        raise CompositionError(
            f'venue "{name}" has simulation modules or liquidation, which paper trading does not simulate',
            path="venues",
        )
    return SandboxExecutionClientConfig(
        Venue(name),
        [Money.from_str(str(balance)) for balance in twin.starting_balances],
        base_currency=_currency(twin.base_currency),
        oms_type=_member(OmsType, twin.oms_type),
        account_type=_member(AccountType, twin.account_type),
        default_leverage=Decimal(str(twin.default_leverage)) if twin.default_leverage is not None else None,
        book_type=twin.book_type,
        frozen_account=twin.frozen_account,
        bar_execution=twin.bar_execution,
        trade_execution=twin.trade_execution,
        reject_stop_orders=twin.reject_stop_orders,
        support_gtd_orders=twin.support_gtd_orders,
        support_contingent_orders=twin.support_contingent_orders,
        use_position_ids=twin.use_position_ids,
        use_random_ids=twin.use_random_ids,
        use_reduce_only=twin.use_reduce_only,
        fee_model=twin.fee_model,
        fill_model=twin.fill_model,
        latency_model=twin.latency_model,
        queue_position=twin.queue_position,
        liquidity_consumption=twin.liquidity_consumption,
        bar_adaptive_high_low_ordering=twin.bar_adaptive_high_low_ordering,
        use_market_order_acks=twin.use_market_order_acks,
    )


def _member(kind: Any, value: Any) -> Any:
    return value if isinstance(value, kind) else kind.from_str(str(value))


def _currency(value: Any) -> Currency | None:
    return value if value is None or isinstance(value, Currency) else Currency.from_str(str(value))


def serve(run: LiveRun, *, tick: Callable[[LiveRun], None] | None = None, every: float = 0.05) -> None:
    """Run a built node until its replay ends, it is told to stop, or the engine fails.

    SIGINT and SIGTERM stop it gracefully: strategies are stopped, clients disconnected, what is on record
    stays. Orders and positions are left as they are.

    Args:
        run: What `build` gave.
        tick: Called every `every` seconds on the node's own loop.
        every: Seconds.

    Raises:
        RunError: The engine failed, or did not start or stop in time.
    """
    with run.patience.watching():
        asyncio.run(_serve(run, tick, every))


async def _serve(run: LiveRun, tick: Callable[[LiveRun], None] | None, every: float) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
    engine = asyncio.create_task(run.node.run_async())
    helpers = [asyncio.create_task(_ticking(run, tick, every))] if tick is not None else []
    waiting = asyncio.create_task(stopping.wait())
    try:
        await _started(run, engine)
        player = asyncio.create_task(_play(run)) if run.replay is not None else None
        ends = [engine, waiting, *([player] if player else [])]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if player is not None and player.done():
            player.result()
        elif player is not None:
            player.cancel()
    finally:
        if run.plan.mode == "live":
            run.parts.gate.kill.close("the node is stopping")
        run.handle.stop()
        for task in (waiting, *helpers):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([engine], timeout=STOPPING)
    if run.errors:
        raise run.errors[0]
    if not engine.done():
        raise RunError("the engine did not stop in time", remedy="Its last lines are above.")
    error = engine.exception()
    if error is not None:
        raise RunError(f"the engine stopped: {error}") from error


async def _started(run: LiveRun, engine: asyncio.Task[None]) -> None:
    """Wait until the node is connected, reconciled and its strategies run.

    Raises:
        RunError: It failed or took too long.
    """
    deadline = time.monotonic() + STARTING
    while not run.handle.is_running:
        if run.errors:
            return
        if engine.done():
            raise RunError(f"the node did not start: {engine.exception() or 'its lines are above'}")
        if time.monotonic() > deadline:
            raise RunError(
                f"the node did not start within {STARTING:.0f} s", remedy="Its last lines are above."
            )
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


@dataclass(slots=True)
class _Played:
    """The node as its replay sees it; equity is marked as the rows go by."""

    run: LiveRun
    every: int
    count: int = 0

    def release(self) -> None:
        assert self.run.parts.conductor is not None  # noqa: S101 - a replay has one
        self.run.parts.conductor.release()
        if self.count % self.every == 0:
            mark(self.run)
        self.count += 1

    def busy(self) -> bool:
        return self.run.outbox.busy()

    def resting(self) -> bool:
        return self.run.cache.orders_open_count() > 0

    def happened(self) -> int:
        return self.run.outbox.events

    def day_ended(self) -> None:
        mark(self.run)


async def _play(run: LiveRun) -> None:
    assert run.replay is not None  # noqa: S101 - the caller asked
    assert run.feed is not None  # noqa: S101 - both or none
    await run.replay.play(_Played(run, max(1, sum(run.feed.rows.values()) // EQUITY_POINTS)))
    mark(run)


def mark(run: LiveRun) -> None:
    """Keep what the accounts are worth now."""
    worth = {
        (venue.name, str(currency)): money.as_decimal()
        for venue in run.plan.venues
        for currency, money in run.portfolio.equity(Venue(venue.name)).items()
    }
    run.marks.append((run.parts.books.now(), worth))


async def _ticking(run: LiveRun, tick: Callable[[LiveRun], None], every: float) -> None:
    while True:
        if run.pulse is not None:
            run.pulse.beat()
        try:
            tick(run)
        except Exception as error:  # noqa: BLE001 - else the task would end, and nobody would know
            # Whoever does not look at latches and commands any more must not trade any more.
            _log.critical("the node cannot look after itself", exc_info=True)
            try:
                run.halt(KillSwitch.ALL, f"the node cannot look after itself: {said(error)}", "node")
            except Exception:  # noqa: BLE001 - as above
                _log.critical("orders may work on although everything is halted", exc_info=True)
        await asyncio.sleep(every)
