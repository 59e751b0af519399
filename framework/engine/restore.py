"""What a journal knows, put back into the engine's cache before the engine talks to a venue.

The engine starts with nothing and would take every order and trade it is told of for somebody else's. It has
no door for putting orders in, so two of its own are used: a strategy that has not started hands an order to
the gate's algorithm, which keeps it there and sends nothing; and a client of no venue tells what became of
it. The engine then reconciles with the venues from what was known, and each trade that was missed goes to
the strategy whose order it was.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader import model
from nautilus_trader.config import ExecutionClientConfig
from nautilus_trader.core import UUID4
from nautilus_trader.live.clients import ExecutionClient, ExecutionClientFactory
from nautilus_trader.model import (
    AccountId,
    AccountType,
    ClientId,
    ClientOrderId,
    InstrumentId,
    LiquiditySide,
    Money,
    OmsType,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderSide,
    OrderSubmitted,
    OrderType,
    PositionId,
    Price,
    Quantity,
    StrategyId,
    TradeId,
    TraderId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.trading import Strategy

from framework.engine.desk import DOOR
from framework.errors import RunError
from framework.journal.restoring import Restoration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nautilus_trader.common import Cache
    from nautilus_trader.live import LiveNodeBuilder

    from framework.engine.assembly import Assembly
    from framework.journal.state import Fill, OrderState

CLIENT = "RECOVERY"
"""The engine's name for a client that tells what was known; the venue's follows."""
PATIENCE = 20.0
"""Seconds that a venue may take to say what its instruments and its account are."""
LOOK = 0.005
ENDED = {"CANCELED": OrderCanceled, "EXPIRED": OrderExpired, "GONE": OrderCanceled}
SENT_AT_MOST = frozenset({"INTENDED", "SENT", "INITIALIZED", "EMULATED", "RELEASED", "SUBMITTED"})


class Restorer(ExecutionClient):
    """Tells the engine what became of the orders that were put back at one venue; it never sends anything.

    Args:
        restoration: What was known.
        account: The engine's name of the account there.
        engine_ids: The engine's strategy identifier for every strategy's `id:`.
        whole: Gives the engine's cache; a client is shown a part of it, without accounts of others.
        failed: Told why it cannot be put back; the engine itself does not say.
        engine: What the engine gives every client it builds.
    """

    def __init__(
        self,
        restoration: Restoration,
        account: str,
        engine_ids: Mapping[str, StrategyId],
        whole: Callable[[], Cache],
        failed: Callable[[BaseException], None],
        **engine: Any,
    ) -> None:
        super().__init__(
            venue=Venue(CLIENT),
            account_id=AccountId(account),
            account_type=AccountType.MARGIN,
            oms_type=OmsType.NETTING,
            **engine,
        )
        self._restoration = restoration
        self._engine_ids = engine_ids
        self._whole = whole
        self._failed = failed

    async def _connect(self) -> None:
        try:
            await self._tell()
        except Exception as error:
            self._failed(error)
            raise

    async def _tell(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while missing := self._missing():
            if time.monotonic() > deadline:
                raise RunError(f"what was known cannot be put back: {missing}")
            await asyncio.sleep(LOOK)
        for event in self._events():
            self._handle_event(event)

    async def _disconnect(self) -> None:
        """Nothing was connected."""

    async def _generate_mass_status(self, lookback_mins: int | None) -> Any:
        """Nothing is at no venue."""
        del lookback_mins
        return NotImplemented

    async def _none(self, command: Any) -> list[Any]:
        del command
        return []

    _generate_order_status_reports = _generate_fill_reports = _generate_position_status_reports = _none

    def _missing(self) -> str | None:
        """What the venues have not said yet."""
        for name in {order.instrument_id for order in self._restoration.orders}:
            instrument_id = InstrumentId.from_str(name)
            if self._whole().instrument(instrument_id) is None:
                return f"the venue does not list {name}"
            if self._whole().account_for_venue(instrument_id.venue) is None:
                return f"the venue {instrument_id.venue} does not tell its account"
        return None

    def _events(self) -> Iterator[Any]:
        for order in self._restoration.orders:
            yield OrderSubmitted(*self._names(order), self.account_id, UUID4(), order.ts, order.ts)
            if order.status not in SENT_AT_MOST or order.filled:
                number = VenueOrderId(order.venue_order_id or order.client_order_id)
                stamps = (UUID4(), order.ts, order.ts, True)
                yield OrderAccepted(*self._names(order), number, self.account_id, *stamps)
        orders = {order.client_order_id: order for order in self._restoration.orders}
        for fill in self._restoration.fills:
            yield self._filled(orders[fill.client_order_id], fill)
        for order in self._restoration.orders:
            ended = ENDED.get(order.status)
            if ended is not None:
                stamps = (UUID4(), order.ts, order.ts, True)
                yield ended(*self._names(order), *stamps, account_id=self.account_id)

    def _filled(self, order: OrderState, fill: Fill) -> OrderFilled:
        instrument: Any = self._whole().instrument(InstrumentId.from_str(fill.instrument_id))
        quantity = Quantity.from_decimal_dp(fill.quantity, instrument.size_precision)
        price = Price.from_decimal_dp(Decimal(fill.price), instrument.price_precision)
        return OrderFilled(
            *self._names(order),
            VenueOrderId(order.venue_order_id or order.client_order_id),
            self.account_id,
            TradeId(fill.trade_id),
            OrderSide.BUY if fill.side == "BUY" else OrderSide.SELL,
            OrderType.from_str(order.order["type"]),
            quantity,
            price,
            instrument.quote_currency,
            LiquiditySide.NO_LIQUIDITY_SIDE,
            UUID4(),
            fill.ts,
            fill.ts,
            True,
            position_id=PositionId(fill.position_id) if fill.position_id else None,
            commission=Money.from_str(fill.commission) if fill.commission else None,
        )

    def _names(self, order: OrderState) -> tuple[TraderId, StrategyId, InstrumentId, ClientOrderId]:
        return (
            self.trader_id,
            self._engine_ids[order.strategy],
            InstrumentId.from_str(order.instrument_id),
            ClientOrderId(order.client_order_id),
        )


def add_clients(
    builder: LiveNodeBuilder,
    restoration: Restoration,
    accounts: Mapping[str, str],
    engine_ids: Mapping[str, StrategyId],
    whole: Callable[[], Cache],
    failed: Callable[[BaseException], None],
) -> LiveNodeBuilder:
    """Give the builder one client for each venue where something has to be put back.

    The arguments are those of `Restorer`, with every account by venue.
    """
    for venue in sorted({_venue(order) for order in restoration.orders}):
        here = Restoration(
            tuple(order for order in restoration.orders if _venue(order) == venue),
            tuple(fill for fill in restoration.fills if _venue(fill) == venue),
        )
        made = _factory(here, accounts[venue], engine_ids, whole, failed)
        builder = builder.add_exec_client(f"{CLIENT}-{venue}", made, ExecutionClientConfig())
    return builder


def _factory(*arguments: Any) -> ExecutionClientFactory:

    class Factory(ExecutionClientFactory):
        @staticmethod
        def create(**engine: Any) -> Restorer:
            return Restorer(*arguments, **engine)

    return Factory()


def put_back(restoration: Restoration, parts: Assembly) -> None:
    """Put the orders into the engine's cache, and under the gate's eyes; nothing is sent.

    Args:
        restoration: What was known.
        parts: The gate, the desks and the strategies, before any of them has started.
    """
    for order in restoration.orders:
        made = _order(order, beyond=order.client_order_id in restoration.beyond)
        parts.door.kept.add(made.client_order_id)
        strategy, desk = parts.strategies[order.strategy], parts.desks[order.strategy]
        venue = ClientId(str(made.instrument_id.venue))
        # The engine's own method: the guard's would judge the order again, and the journal keep it twice.
        Strategy.submit_order(strategy, made, None, venue)
        desk.take_back(made)


def _venue(known: OrderState | Fill) -> str:
    return known.instrument_id.rpartition(".")[2]


def _order(order: OrderState, *, beyond: bool) -> Any:
    """The engine's order, as it was when last changed, on its way to the gate's algorithm.

    Of one that may only reduce, the engine books no trade that opens a position. One that did so all the same
    is put back without the flag.
    """
    fields = {
        **order.order,
        "quantity": str(order.quantity),  # the engine refuses trades of more than an order is for
        "status": "INITIALIZED",
        "exec_algorithm_id": str(DOOR),
        "exec_spawn_id": order.client_order_id,
        **({"is_reduce_only": False} if beyond else {}),
    }
    kind = "".join(word.capitalize() for word in order.order["type"].split("_"))
    return getattr(model, f"{kind}Order").from_dict(fields)
