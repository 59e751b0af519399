"""The guard: mixed into every strategy at composition, it puts the gate between the strategy and the engine.

`guarded(strategy, desk)` builds a subclass whose order methods go through the strategy's desk and whose
handlers cannot lose an exception. The strategy does not co-operate and cannot opt out: a class that
overrides one of the gate's methods is refused when its plugin is loaded, and an order that reaches the
engine by another road fails the run (see `framework.engine.backtest`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from nautilus_trader.core import UUID4
from nautilus_trader.model import OrderModifyRejected, OrderSide, PositionSide
from nautilus_trader.trading import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nautilus_trader.model import (
        BarType,
        ClientId,
        ClientOrderId,
        InstrumentId,
        Position,
        PositionId,
        Price,
        Quantity,
        StrategyId,
        TimeInForce,
    )

    from framework.engine.desk import Change, Desk
    from framework.engine.watch import Conductor
    from framework.signals.features import Feature, Readings

HANDLERS = tuple(name for name in dir(Strategy) if name.startswith("on_") or name == "post_market_exit")
"""The methods the engine calls: an exception inside one of them would be logged and forgotten."""

LIFECYCLE = {
    "on_degrade",
    "on_dispose",
    "on_fault",
    "on_market_exit",
    "on_reset",
    "on_resume",
    "on_save",
    "on_start",
    "on_stop",
    "post_market_exit",
}
"""The handlers the engine calls with nothing; every other gets one event."""

FEED = {"on_bar", "on_quote", "on_trade"}
"""The handlers called for every row: conducted or watched, never wrapped for nothing."""

ENDINGS = ("on_order_denied", "on_order_rejected", "on_order_canceled", "on_order_expired")
"""The handlers called when an order has ended unfilled."""

SENDS = (
    "cancel_",
    "close_",
    "market_exit",
    "modify_",
    "publish_",
    "query_",
    "request_",
    "submit_",
    "subscribe_",
    "unsubscribe_",
)
"""How the methods begin that have the framework or the engine work for the strategy."""

CLOSING_SIDE = {PositionSide.LONG: OrderSide.SELL, PositionSide.SHORT: OrderSide.BUY}


class GuardedClock:
    """The strategy's clock, whose callbacks cannot lose an exception."""

    __slots__ = ("_caught", "_clock")

    def __init__(self, clock: Any, caught: Callable[[str, Any], Any]) -> None:
        self._clock = clock
        self._caught = caught

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._clock, name)
        if not (name.startswith("set_time") or name == "register_default_handler"):
            return value

        @functools.wraps(value)
        def setter(*args: Any, **kwargs: Any) -> Any:
            safe = [self._caught("timer", arg) if callable(arg) else arg for arg in args]
            named = {key: self._caught("timer", arg) if callable(arg) else arg for key, arg in kwargs.items()}
            return value(*safe, **named)

        return setter


class Guard(Strategy):
    """The order methods of a guarded strategy."""

    _desk: Desk

    @property
    def strategy_id(self) -> StrategyId:
        """The engine's identifier, readable inside the engine's synchronous events too."""
        return self._desk.engine_id

    @property
    def clock(self) -> Any:
        """The engine's clock, with callbacks guarded like handlers."""
        clock = self.__dict__.get("_guarded_clock")
        if clock is None:
            clock = self.__dict__["_guarded_clock"] = GuardedClock(super().clock, self._caught)
        return clock

    def submit_order(
        self,
        order: Any,
        position_id: PositionId | None = None,
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Submit the order, another size of it, or have it denied."""
        approved = self._desk.admit(order, position_id)
        if approved is not None:
            try:  # and no context manager: this is passed on every order
                super().submit_order(approved, position_id, client_id, params)
            except BaseException:
                self._desk.stayed([approved])
                raise

    def submit_order_list(
        self,
        order_list: Any,
        position_id: PositionId | None = None,
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Submit the whole list, another size of it, or have all of it denied."""
        approved = self._desk.admit_list(order_list, position_id)
        if approved is not None:
            try:
                super().submit_order_list(approved, position_id, client_id, params)
            except BaseException:
                self._desk.stayed(approved)
                raise

    def modify_order(
        self,
        client_order_id: ClientOrderId,
        quantity: Quantity | None = None,
        price: Price | None = None,
        trigger_price: Price | None = None,
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Modify the order, or have the change rejected."""
        change = self._admit_change(client_order_id, quantity, price, trigger_price)
        try:
            if change is not None:
                super().modify_order(*change, client_id=client_id, params=params)
        finally:
            self._desk.changes_left()

    def modify_orders(
        self,
        updates: Sequence[tuple[ClientOrderId, Quantity | None, Price | None, Price | None]] = (),
        client_id: ClientId | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Modify the orders whose change is approved; the other changes are rejected one by one."""
        try:
            changes = [change for update in updates if (change := self._admit_change(*update)) is not None]
            if changes:
                super().modify_orders(changes, client_id=client_id, params=params)
        finally:
            self._desk.changes_left()

    def close_position(
        self,
        position: Position,
        client_id: ClientId | None = None,
        tags: Sequence[str] | None = None,
        time_in_force: TimeInForce | None = None,
        reduce_only: bool | None = None,
        quote_quantity: bool | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Close what is left of the position with a market order, reduce-only unless told otherwise.

        The engine's own version sends from inside the engine, where no gate stands.
        """
        current = self.cache.position(position.id)
        if current is None or current.is_closed:
            return
        order = self.order_factory.market(
            current.instrument_id,
            CLOSING_SIDE[current.side],
            current.quantity,
            time_in_force=time_in_force,
            reduce_only=self._desk.netting.holds_alone(current) if reduce_only is None else reduce_only,
            quote_quantity=quote_quantity,
            tags=tags,
        )
        self.submit_order(order, current.id, client_id, params)

    def close_all_positions(
        self,
        instrument_id: InstrumentId,
        position_side: PositionSide | None = None,
        client_id: ClientId | None = None,
        tags: Sequence[str] | None = None,
        time_in_force: TimeInForce | None = None,
        reduce_only: bool | None = None,
        quote_quantity: bool | None = None,
        params: dict[str, Any] | None = None,
    ) -> None:
        """Close this strategy's open positions in the instrument, one order each."""
        for position in self.cache.positions_open(
            instrument_id=instrument_id, strategy_id=self._desk.engine_id, side=position_side
        ):
            self.close_position(position, client_id, tags, time_in_force, reduce_only, quote_quantity, params)

    def market_exit(self) -> None:
        """Cancel every order and close every position of this strategy, through the gate."""
        self.on_market_exit()
        self._desk.flatten(self)
        self.post_market_exit()

    def _admit_change(
        self,
        client_order_id: ClientOrderId,
        quantity: Quantity | None,
        price: Price | None,
        trigger_price: Price | None,
    ) -> Change | None:
        admitted = self._desk.admit_change(client_order_id, quantity, price, trigger_price)
        if not isinstance(admitted, str):
            return admitted
        order: Any = self.cache.order(client_order_id)
        event = OrderModifyRejected(
            order.trader_id,
            order.strategy_id,
            order.instrument_id,
            client_order_id,
            admitted,
            UUID4(),
            self.clock.timestamp_ns(),
            self.clock.timestamp_ns(),
            reconciliation=False,
            venue_order_id=order.venue_order_id,
            account_id=order.account_id,
        )
        self.on_order_modify_rejected(event)
        self.on_order_event(event)
        return None

    def _caught(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        faults, origin = self._desk.faults, f"strategy {self._desk.strategy_id}, {name}"

        timed = faults.strategys(origin, function)

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            try:
                return timed(*args)
            except BaseException as error:  # noqa: BLE001 - the guard is where the engine would swallow it
                faults.record(origin, error)
                return None

        return call


def guarded(
    strategy: type[Strategy],
    desk: Desk,
    conductor: Conductor | None = None,
    *,
    watched: bool = False,
    layers: tuple[type, ...] = (),
    precomputed: Callable[[Feature, BarType], Readings | None] | None = None,
) -> type[Strategy]:
    """A subclass of the strategy that trades through the desk.

    Only the handlers the strategy overrides are guarded, so the engine calls nothing it would not have
    called before.

    Args:
        strategy: The plugin's class.
        desk: Admits its orders.
        conductor: Decides when it sees data; the engine itself when None.
        watched: The engine will run inside `Faults.watching`, so the handlers of `FEED` need no wrapper.
        layers: Classes between the guard and the strategy: they see only what the gate let through.
        precomputed: Has the features that the strategy follows; they are worked out bar by bar when None.
    """
    if desk.faults.patience is not None:
        strategy = _timed(strategy, desk)
    if layers:
        strategy = type(strategy.__name__, (*layers, strategy), {})
    handlers: dict[str, Any] = {}
    for name in HANDLERS:
        handler = getattr(strategy, name)
        if handler is getattr(Strategy, name):
            continue
        if conductor is not None and name in FEED:
            handlers[name] = _conducted(desk, name, handler, conductor)
        elif watched and name in FEED and desk.faults.watch(name, handler):
            handlers[name] = handler  # here again: the engine searches the classes in turn on every call
        else:
            handlers[name] = _safe(desk, name, handler)
    gate = desk.gate
    if gate.wants_fills:
        handlers["on_order_filled"] = _and_tell(desk.filled, handlers.get("on_order_filled"))
    if gate.wants_orders:
        handlers |= {name: _and_tell(desk.ended, handlers.get(name)) for name in ENDINGS}
    if gate.wants_cancels:
        handlers |= {name: _counted(desk, name, count) for name, count in CANCELS.items()}
    own = {"_desk": desk, "_precomputed": precomputed}
    made = type(f"Guarded{strategy.__name__}", (Guard, strategy), {**handlers, **own})
    return made if desk.faults.patience is None else _shielded(made, desk)


def _timed(strategy: type[Strategy], desk: Desk) -> type[Strategy]:
    """The strategy with its own handlers limited in time; what the layers do around them is not."""
    own = {
        name: desk.faults.strategys(f"strategy {desk.strategy_id}, {name}", handler)
        for name in HANDLERS
        if (handler := getattr(strategy, name)) is not getattr(Strategy, name)
    }
    return type(strategy.__name__, (strategy,), own)


def _shielded(strategy: type[Strategy], desk: Desk) -> type[Strategy]:
    """The guarded strategy, never interrupted while it is not its own code that runs."""
    names = [name for name in dir(Strategy) if name.startswith(SENDS)]
    return type(
        strategy.__name__, (strategy,), {name: desk.faults.ours(getattr(strategy, name)) for name in names}
    )


def _safe(desk: Desk, name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, with what it raises recorded.

    One wrapper for each number of arguments: on a quote, passing them on as `*args` would cost four times
    what the rest of the wrapper does.
    """
    faults, origin = desk.faults, f"strategy {desk.strategy_id}, {name}"

    @functools.wraps(handler)
    def without(self: Any) -> Any:
        try:
            return handler(self)
        except BaseException as error:  # noqa: BLE001 - the guard is where the engine would swallow it
            faults.record(origin, error)
            return None

    @functools.wraps(handler)
    def with_one(self: Any, event: Any) -> Any:
        try:
            return handler(self, event)
        except BaseException as error:  # noqa: BLE001 - the guard is where the engine would swallow it
            faults.record(origin, error)
            return None

    return without if name in LIFECYCLE else with_one


def _conducted(
    desk: Desk, name: str, handler: Callable[..., Any], conductor: Conductor
) -> Callable[..., Any]:
    index, safe = desk.index, _safe(desk, name, handler)

    @functools.wraps(handler)
    def call(self: Any, data: Any) -> None:
        if conductor.wants(data, name):
            conductor.queue(index, safe, self, data)
        else:
            safe(self, data)

    return call


def _and_tell(tell: Callable[[Any], None], handler: Callable[..., Any] | None) -> Callable[..., Any]:
    """The handler, and then the gate."""

    def call(self: Any, event: Any) -> None:
        if handler is not None:
            handler(self, event)
        tell(event)

    return call


def _counted(desk: Desk, name: str, count: Callable[..., int]) -> Callable[..., None]:
    """A cancelling method that tells the gate first how many orders it is about."""

    @functools.wraps(getattr(Strategy, name))
    def call(self: Any, *args: Any, **kwargs: Any) -> None:
        desk.cancels(count(self, *args, **kwargs))
        getattr(super(Guard, self), name)(*args, **kwargs)

    return call


def _one(*_args: Any, **_named: Any) -> int:
    return 1


def _each(_strategy: Any, client_order_ids: Sequence[ClientOrderId], *_rest: Any, **_named: Any) -> int:
    return len(client_order_ids)


def _every(
    strategy: Any,
    instrument_id: InstrumentId,
    order_side: OrderSide | None = None,
    *_rest: Any,
    **_named: Any,
) -> int:
    """As many as the strategy has to cancel, and at least one: the venue is asked in any case."""
    desk: Desk = strategy._desk  # noqa: SLF001 - the guard's own
    chosen = (
        order
        for order in desk.working().values()
        if order.instrument_id == instrument_id and order_side in (None, order.side)
    )
    return max(1, sum(1 for _ in chosen))


CANCELS: dict[str, Callable[..., int]] = {
    "cancel_order": _one,
    "cancel_orders": _each,
    "cancel_all_orders": _every,
}
"""The methods that cancel, and how to count what they cancel."""
