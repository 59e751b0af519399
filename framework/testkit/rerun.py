"""The same strategy object run, reset and run again, on the engine itself.

`BacktestNode` has no reset; `BacktestEngine` has, and a trader uses it to run the same strategies over other
data. So this is the one place of the testkit that builds an engine without `framework.engine.backtest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.model import Money, Venue

from framework.engine.asked import Record
from framework.engine.assembly import bound, engine_ids
from framework.engine.books import Books, by_instrument
from framework.engine.desk import Desk, Door
from framework.engine.faults import Faults
from framework.engine.guard import guarded
from framework.risk.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from framework.catalog.tape import Tape
    from framework.compose import Plan
    from framework.testkit.market import SimulatedMarket

VENUE_SETTINGS = (
    "base_currency",
    "default_leverage",
    "leverages",
    "fill_model",
    "fee_model",
    "latency_model",
    "margin_model",
)


def asked_after_reset(plan: Plan, market: SimulatedMarket, before: Sequence[Tape] = ()) -> Record:
    """What the plan's strategy asks for over a market, after it ran over other tapes and was reset.

    Args:
        plan: One strategy, composed.
        market: What it is judged on.
        before: What the same object ran over before it was reset; without any, it is new.

    Raises:
        BaseException: Whatever the strategy raised, in either run or while it was reset.
    """
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggerConfig(stdout_level=LogLevel.OFF)))
    try:
        _equip(engine, plan, market)
        door, faults = Door(), Faults()
        engine.add_exec_algorithm(door)
        clock: Any = door.clock
        subject = plan.strategies[0]
        ids = engine_ids([subject.id])
        bar_types = [stream.bar_type for stream in plan.streams if stream.bar_type is not None]
        books = Books(engine.cache, engine.portfolio, clock, by_instrument(bar_types), ids)
        desk = Desk(0, subject.id, ids[subject.id], Gate([], ids, faults.record), books, door, faults)
        strategy = guarded(subject.spec.strategy, desk)(bound(subject.config, ids[subject.id]))
        engine.add_strategy(strategy)
        if before:
            _run(engine, before, faults)
            engine.reset()
            engine.clear_data()
        record = Record()
        record.attach({subject.id: strategy})
        _run(engine, market.tapes, faults)
        return record
    finally:
        engine.dispose()


def _run(engine: BacktestEngine, tapes: Sequence[Tape], faults: Faults) -> None:
    for tape in tapes:
        engine.add_data(tape.records())
    engine.run()
    if faults.error is not None:
        raise faults.error


def _equip(engine: BacktestEngine, plan: Plan, market: SimulatedMarket) -> None:
    for venue in plan.venues:
        if venue.spec.backtest is None:  # pragma: no cover - compose refuses it
            continue
        built = venue.spec.backtest(venue.name, venue.config, plan.seed)
        engine.add_venue(
            Venue(venue.name),
            built.oms_type,
            built.account_type,
            [Money.from_str(balance) for balance in built.starting_balances],
            **{name: getattr(built, name) for name in VENUE_SETTINGS},
        )
    for instrument in market.instruments:
        engine.add_instrument(instrument)
