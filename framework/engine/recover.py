"""A node's start after whatever happened: what the journal knows, what the venues say, and what was done.

The order of a start: fold the journal; put back what it knows (`framework.engine.restore`); the engine
reconciles with the venues; what it learned goes into the journal, row by row; every strategy and every risk
rule is given back what it wanted kept; then the strategies start. Killed anywhere in between, the next start
does the same again and finds the rest. While the node runs, orders of unknown fate are asked about, and what
somebody else does on the account is told.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.model import ActorId, ClientOrderId, InstrumentId, OrderFilled, StrategyId, Venue
from nautilus_trader.trading import Strategy

from framework.journal.recovery import Action, VenueFill, VenueOrder, VenueReports, reconcile
from framework.journal.restoring import restoration
from framework.journal.state import EXTERNAL, UNKNOWN, ZERO, State
from framework.risk.kill import Latch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from decimal import Decimal

    from framework.engine.live import LiveRun
    from framework.engine.session import Session
    from framework.journal.recovery import Report

CHECK_SECONDS = 3.0
"""How often the venues are asked what they hold."""
LONGEST_NUMBER = 7
"""Digits of the largest number that is counted on from: half a second of counting."""
LOOK_SECONDS = 1.0
"""How often unknown orders are asked about, and the account looked at for what others did."""
_log = logging.getLogger("framework.live")


class Recovery:
    """What a start found and did, and what is still open of it.

    Args:
        session: The record of the run; its `known` is what the journal adds up to.
        strategies: The `id:` of every strategy in the file.
        tell: Given every line of the report, for whoever watches the start.

    Attributes:
        put_back: What the engine has to be given before it starts.
        accounts: The engine's name of the account at each venue.
        failed: Called with the error when the start cannot be finished.
    """

    def __init__(
        self, session: Session, strategies: Iterable[str], tell: Callable[[str], None] = _log.info
    ) -> None:
        self.put_back = restoration(session.known, tuple(strategies))
        self.accounts = session.known.accounts
        self.failed: Callable[[BaseException], None] = lambda error: None  # noqa: ARG005
        self._session = session
        self._tell = tell
        self._others = State()
        self._looked = 0.0
        self._asked: set[str] = set()
        self._differs: dict[str, Decimal] = {}
        self._lacked: dict[str, dict[str, Decimal]] = {}
        self._compared = -1
        self._checked = time.monotonic()
        self._checking: asyncio.Task[None] | None = None

    def settle(self, run: LiveRun) -> Report:
        """Journal what the engine and the venues have agreed on; called before any strategy starts."""
        known = self._session.known
        _number_on(known, run)
        actions, report = reconcile(known, _reports(run), now=time.time_ns())
        self._session.recovered(actions)
        self._others = _others(report.state)
        self._asked = set(report.asks)
        self._session.held.positions = report.state.copy().positions
        run.parts.books.unexplained.update(_unexplained(report.state, run))
        lines = [*self._unclean(known), *report.lines]
        self._lacked = self._misattributed(run)
        wrong = {strategy_id: self._said(strategy_id, lacks) for strategy_id, lacks in self._lacked.items()}
        forgot = run.parts.gate.recall(known.memories)
        alerts = [*report.alerts, *self._homeless(), *wrong.values()]
        alerts += [f"risk {rule} starts without what it knew: {why}" for rule, why in forgot.items()]
        for line in (*lines, *(f"LOOK AT THIS: {alert}" for alert in alerts)):
            self._tell(line)
        for alert in alerts:
            self._session.note("alert", {"recovery": alert})
        for strategy_id, why in wrong.items():
            _distrust(strategy_id, why, run)
        found = {
            "orders": len(self.put_back.orders),
            "fills": len(self.put_back.fills),
            "lines": lines,
            "alerts": alerts,
            "asks": list(report.asks),
        }
        accounts = {venue.name: run.cache.account_id(Venue(venue.name)) for venue in run.plan.venues}
        self._session.note(
            "recovery",
            {"report": found, "accounts": {name: str(known) for name, known in accounts.items() if known}},
        )
        self._session.recovery = found
        for strategy_id, kept in known.snapshots.items():
            if strategy_id in run.parts.strategies and "state" in kept:
                run.parts.strategies[strategy_id].load(unpacked(kept["state"]))
        return report

    def tick(self, run: LiveRun) -> None:
        """Ask again about orders of unknown fate, and see what others did on the account."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._ask(run)
        self._see(run)
        self._compare(run)
        if now - self._checked >= CHECK_SECONDS and (self._checking is None or self._checking.done()):
            self._checked = now
            self._checking = asyncio.create_task(self._check(run))

    def _ask(self, run: LiveRun) -> None:
        for name in sorted(self._asked):
            order: Any = run.cache.order(ClientOrderId(name))
            if order is None or not _is_unknown(order):
                self._asked.discard(name)
                self._session.recovery = {**self._session.recovery, "asks": sorted(self._asked)}
                if order is not None:
                    line = f"{name}, whose fate was unknown, is {order.status.name}"
                    self._session.note("recovery", {"found": line})
                    self._tell(line)
                continue
            strategy = run.parts.strategies[run.parts.books.ids[order.strategy_id]]
            Strategy.query_order(strategy, order)

    def _see(self, run: LiveRun) -> None:
        """Orders and trades on the account that no strategy of the node sent."""
        orders = run.cache.orders(strategy_id=StrategyId(EXTERNAL))
        if not orders:
            return
        reports = VenueReports(
            venues=frozenset(),
            orders=tuple(_order(order) for order in orders),
            fills=tuple(fill for order in orders for fill in _fills(order)),
        )
        actions, report = reconcile(self._others, reports, now=time.time_ns())
        done = [action for action in actions if action.action != "ask"]
        if not done:
            return
        self._session.recovered(done)
        self._others = _others(report.state)
        for alert in report.alerts:
            self._alert(alert)

    def _compare(self, run: LiveRun) -> None:
        """See that the engine has booked every trade; a difference counts when it is there twice.

        It books none of an order that may only reduce when the strategy holds nothing to reduce. A venue
        fills one all the same where others on the account hold the same side.
        """
        if self._session.trades == self._compared and not self._lacked:
            return
        self._compared = self._session.trades
        lacked = self._misattributed(run)
        for strategy_id, lacks in lacked.items():
            if self._lacked.get(strategy_id) == lacks and run.parts.desks[strategy_id].knows_position:
                why = self._said(strategy_id, lacks)
                self._session.note("alert", {"recovery": why})
                _distrust(strategy_id, why, run)
        self._lacked = lacked

    async def _check(self, run: LiveRun) -> None:
        """Compare what the venues hold with what is known; a difference counts when it is there twice."""
        differs: dict[str, Decimal] = {}
        for venue in run.plan.venues:
            answer = await run.venues.ask(venue.name)
            if answer is None:
                continue
            known = self._known(run, Venue(venue.name))
            for name in sorted(known.keys() | answer.positions.keys()):
                difference = answer.positions.get(name, ZERO) - known.get(name, ZERO)
                if difference:
                    differs[name] = difference
        for name, difference in differs.items():
            if self._differs.get(name) == difference:
                self._book(name, difference, run.parts.books.unexplained)
        self._differs = differs

    def _known(self, run: LiveRun, venue: Venue) -> dict[str, Decimal]:
        """What is held at a venue for all that is known, with what the engine has not booked."""
        books = held(run.cache.positions_open(venue=venue))
        lacks = (self._lacks(strategy_id, run) for strategy_id in run.parts.desks)
        known = _summed((books, run.parts.books.unexplained, *lacks))
        return {name: size for name, size in known.items() if name.rpartition(".")[2] == str(venue)}

    def _lacks(self, strategy_id: str, run: LiveRun) -> dict[str, Decimal]:
        """What the engine has not booked of a strategy's trades, signed, by instrument.

        Where an account holds balances the two are not compared: fees are taken from what was bought, in
        fractions of a step, and no order may only reduce.
        """
        lacks = dict(self._session.held.positions.get(strategy_id, {}))
        for name, size in held(run.parts.books.positions(strategy_id)).items():
            lacks[name] = lacks.get(name, ZERO) - size
        netting = run.parts.desks[strategy_id].netting
        return {
            name: size
            for name, size in lacks.items()
            if size and not netting.of_balances(InstrumentId.from_str(name))
        }

    def _misattributed(self, run: LiveRun) -> dict[str, dict[str, Decimal]]:
        """What the engine has not booked, of the strategies of which it has not booked everything."""
        found = {strategy_id: self._lacks(strategy_id, run) for strategy_id in run.parts.desks}
        return {strategy_id: lacks for strategy_id, lacks in found.items() if lacks}

    def _said(self, strategy_id: str, lacks: Mapping[str, Decimal]) -> str:
        """What is wrong with a strategy's positions, in words for the trader."""
        ours = self._session.held.positions.get(strategy_id, {})
        parts = [
            f"{ours.get(name, ZERO)} {name} by the journal and {ours.get(name, ZERO) - size} by the engine"
            for name, size in sorted(lacks.items())
        ]
        return f"{strategy_id} holds {', '.join(parts)}: start the node again"

    def _book(self, name: str, difference: Decimal, unexplained: dict[str, Decimal]) -> None:
        unexplained[name] = unexplained.get(name, ZERO) + difference
        why = f"the venue holds {difference} {name} more than every known trade comes to"
        action = Action(
            action="position",
            strategy=EXTERNAL,
            client_order_id="",
            instrument_id=name,
            why=why,
            alert=True,
            values={"quantity": str(difference)},
        )
        self._session.recovered([action])
        self._alert(why)

    def _alert(self, why: str) -> None:
        _log.warning("somebody else on the account: %s", why)
        self._session.note("alert", {"external": why})

    def _unclean(self, known: State) -> Iterator[str]:
        if not known.ended:
            yield f"session {known.session} did not end in order"

    def _homeless(self) -> Iterator[str]:
        for name in self.put_back.orphans:
            yield (
                f'strategy "{name}" has orders or a position and is not in the file any more: the engine has '
                "them as EXTERNAL"
            )


class Saves:
    """Keeps what strategies and risk rules want to remember: once a second, what has changed.

    Args:
        run: The node.
        session: The record of the run.
    """

    def __init__(self, run: LiveRun, session: Session) -> None:
        self._run = run
        self._session = session
        self._kept: dict[str, dict[str, str]] = {
            name: kept["state"] for name, kept in session.known.snapshots.items() if "state" in kept
        }
        self._memories = dict(session.known.memories)
        self._looked = 0.0

    def tick(self) -> None:
        """Look, when it is time."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self.save()

    def save(self) -> None:
        """Keep everything that has changed, what the rules know first.

        A strategy that raises, or gives what cannot be kept, is halted and keeps the last one.
        """
        for rule, memory in self._run.parts.gate.remember().items():
            if memory != self._memories.get(rule, {}):
                self._session.remembered(rule, memory)
                self._memories[rule] = memory
        for strategy_id, strategy in self._run.parts.strategies.items():
            try:
                self._save(strategy_id, strategy)
            except Exception as error:  # noqa: BLE001 - what it gave is a plugin's, and the others go on
                self._run.faults[strategy_id].record(f"strategy {strategy_id}, on_save", error)

    def _save(self, strategy_id: str, strategy: Any) -> None:
        state = strategy.on_save()
        if self._run.faults[strategy_id].error is not None or not state:
            return
        kept = packed(state)
        if kept != self._kept.get(strategy_id):
            self._session.saved(strategy_id, kept)
            self._kept[strategy_id] = kept


class Settling(DataActor):
    """Runs the recovery at the moment the engine has reconciled and no strategy has started.

    Args:
        settle: The recovery; what it raises ends the node.
        failed: Told of that.
    """

    def __new__(cls, *_: Any) -> Self:
        """The engine's constructor takes its own config and nothing else."""
        return super().__new__(cls, DataActorConfig(actor_id=ActorId("SETTLING-001")))  # type: ignore[call-arg]

    def __init__(self, settle: Callable[[], Any], failed: Callable[[BaseException], None]) -> None:
        self._settle = settle
        self._failed = failed

    def on_start(self) -> None:
        """Settle, once."""
        try:
            self._settle()
        except BaseException as error:  # noqa: BLE001 - the engine would swallow it
            self._failed(error)


def packed(state: Any) -> dict[str, str]:
    """A strategy's saved state as text, for the journal.

    Raises:
        TypeError: It is something else than bytes by name.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"it gives a {type(state).__name__}; it has to give a dict of bytes by name")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"it gives {type(value).__name__} as {name!r}; it has to give bytes by name")
    return {name: base64.b64encode(value).decode() for name, value in sorted(state.items())}


def unpacked(state: dict[str, str]) -> dict[str, bytes]:
    """What `packed` was given."""
    return {name: base64.b64decode(value) for name, value in state.items()}


def _is_unknown(order: Any) -> bool:
    """True while the venue may or may not have it; that its cancellation was asked for proves nothing."""
    waits = order.status.name in {"PENDING_CANCEL", "PENDING_UPDATE"} and order.venue_order_id is None
    return waits or order.status.name in UNKNOWN


def _number_on(known: State, run: LiveRun) -> None:
    """Count new orders on from the known ones.

    The engine names an order by the second and a number that begins with 1 in every process: two sessions
    within one second, or a clock that was set back, would give one name to two orders.
    """
    for strategy_id, strategy in run.parts.strategies.items():
        names = (name for name, order in known.orders.items() if order.strategy == strategy_id)
        last = max(map(_number, names), default=0)
        while strategy.order_factory.get_client_order_id_count() < last:
            strategy.order_factory.generate_client_order_id()


def _number(client_order_id: str) -> int:
    """The number that the engine gave an order, 0 for a name that it did not make."""
    last = client_order_id.rpartition("-")[2]
    made = client_order_id.startswith("O-") and last.isdecimal() and len(last) <= LONGEST_NUMBER
    return int(last) if made else 0


def _reports(run: LiveRun) -> VenueReports:
    """What the venues say of orders and trades, as the engine has understood it."""
    orders = run.cache.orders()
    return VenueReports(
        venues=frozenset(venue.name for venue in run.plan.venues),
        orders=tuple(_order(order) for order in orders if order.status.name not in UNKNOWN),
        fills=tuple(fill for order in orders for fill in _fills(order)),
        positions=None,
    )


def held(positions: Iterable[Any]) -> dict[str, Decimal]:
    """Signed quantity of positions by instrument."""
    sizes = ((one, one.quantity.as_decimal()) for one in positions)
    return _summed({str(one.instrument_id): size if one.is_long else -size} for one, size in sizes)


def _summed(held: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """Signed quantities by instrument, added up."""
    sums: dict[str, Decimal] = {}
    for name, size in (item for one in held for item in one.items()):
        sums[name] = sums.get(name, ZERO) + size
    return sums


def _unexplained(state: State, run: LiveRun) -> dict[str, Decimal]:
    """What others hold by the journal, strategies of before among them, beyond what the engine says."""
    theirs = _summed(own for owner, own in state.positions.items() if owner not in run.parts.desks)
    counted = held(run.cache.positions_open(strategy_id=StrategyId(EXTERNAL)))
    return {name: theirs.get(name, ZERO) - counted.get(name, ZERO) for name in theirs.keys() | counted.keys()}


def _order(order: Any) -> VenueOrder:
    return VenueOrder(
        instrument_id=str(order.instrument_id),
        venue_order_id=str(order.venue_order_id or ""),
        side=order.side.name,
        quantity=order.quantity.as_decimal(),
        filled=order.filled_qty.as_decimal(),
        status=order.status.name,
        client_order_id=str(order.client_order_id),
    )


def _fills(order: Any) -> Iterator[VenueFill]:
    for event in order.events():
        if isinstance(event, OrderFilled):
            yield VenueFill(
                instrument_id=str(event.instrument_id),
                trade_id=str(event.trade_id),
                venue_order_id=str(event.venue_order_id),
                side=event.order_side.name,
                quantity=event.last_qty.as_decimal(),
                price=str(event.last_px),
                ts=event.ts_event,
                client_order_id=str(event.client_order_id),
                commission=str(event.commission or ""),
                position_id=str(event.position_id or ""),
            )


def _others(state: State) -> State:
    """What is not this node's of a state."""
    return State(
        orders={key: order for key, order in state.orders.items() if order.strategy == EXTERNAL},
        fills={key: fill for key, fill in state.fills.items() if fill.strategy == EXTERNAL},
    )


def _distrust(strategy_id: str, why: str, run: LiveRun) -> None:
    """Let nothing of a strategy through: it would be judged by a position that is not so, exits too."""
    run.parts.desks[strategy_id].knows_position = False
    run.parts.gate.kill.latch(Latch(strategy_id, why, "recovery", time.time_ns(), flat=False))
