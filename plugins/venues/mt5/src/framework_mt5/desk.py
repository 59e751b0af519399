"""Orders out: sent once, asked for until it is known what became of them, changed and taken away.

Nothing is ever said of an order that the terminal has not proven. A submission without an answer is neither
resent nor given up: the server is asked for it by its client order id, until it knows.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import ClientOrderId

from framework import nanoseconds
from framework_mt5.constants import NOT_FOUND
from framework_mt5.requests import order_body, unsupported
from framework_mt5.rest import RATE, NotSent, Refused, Unknown, iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.common import Logger
    from nautilus_trader.live import ModifyOrder, QueryOrder

    from framework_mt5.config import Mt5Config
    from framework_mt5.execution import Mt5ExecutionClient
    from framework_mt5.knowledge import Knowledge
    from framework_mt5.reports import Row
    from framework_mt5.rest import Rest
    from framework_mt5.stream import Stream

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
CANCEL_ATTEMPTS = 6
PASSES = {"IN_DOUBT", "CLOCK_UNKNOWN", RATE}
"""Refusals of a cancel that are over in a while."""
LATE_SECONDS = 2.0
"""Beyond an order's last moment, before its absence is believed; HTTP dates have whole seconds."""


class Desk:
    """The orders of one execution client.

    Args:
        client: Whose orders; the engine hears of them through it.
        settings: Of the venue.
        listed: The engine's instruments, by the broker's symbol.
        rest: Where orders are sent.
        stream: Knows whether the account is still this node's.
        knowledge: What is proven.
        log: Where is written what is not known.
    """

    def __init__(
        self,
        client: Mt5ExecutionClient,
        settings: Mt5Config,
        listed: Mapping[str, Any],
        *,
        rest: Rest,
        stream: Stream,
        knowledge: Knowledge,
        log: Logger,
    ) -> None:
        self._client = client
        self._settings = settings
        self._hedging = settings.oms == "hedging"
        self._window = nanoseconds(settings.window) / 1e9
        self._max_offset = nanoseconds(settings.max_clock_offset) / 1e9
        self._listed = listed
        self._rest = rest
        self._stream = stream
        self._knowledge = knowledge
        self._log = log
        self._began = time.time()
        self.news = asyncio.Event()
        """Set when there may be something that was not told."""
        self.pending: set[str] = set()
        """Submissions of which nobody knows yet what became of them."""
        self._reducing: set[str] = set()
        """Reduce-only orders that were sent, until they are over."""
        self.other: str | None = None
        """While the terminal is logged in to another account: which."""

    def magic(self, strategy_id: str) -> int:
        """The magic number of a strategy: of the settings, or made from its id."""
        return self._settings.magics.get(strategy_id) or (zlib.crc32(strategy_id.encode()) & 0x7FFFFFFF) or 1

    def submit(self, order: Any, position_id: Any, params: Any) -> None:
        """Send an order, or deny what cannot be sent: nothing of a denied order has left."""
        symbol = str(order.instrument_id.symbol)
        reason: str | None = f"UNSUPPORTED: {symbol} is not among `symbols`"
        body: dict[str, Any] = {}
        if symbol in self._listed:
            reason = unsupported(order) or self._closed()
            body, wrong = order_body(
                order,
                self._listed[symbol],
                self._closing(order, position_id),
                params or {},
                magic=self.magic(str(order.strategy_id)),
                deviation=self._settings.deviation,
                hedging=self._hedging,
            )
            reason = reason or wrong or self._overshoots(order, position_id)
        if reason is not None:
            self._client.generate_order_denied(order, reason)
            return
        self.pending.add(body["client_id"])
        if order.is_reduce_only:
            self._reducing.add(body["client_id"])
        self._client.generate_order_submitted(order)
        self._client.create_task(self._submit(body), f"submit:{order.client_order_id}")

    def _closing(self, order: Any, position_id: Any) -> str | None:
        """The ticket that an order closes, on a hedging account."""
        if position_id is None or not self._hedging:
            return None
        position = self._client.cache.position(position_id)
        against = position is not None and position.is_open and position.entry != order.side
        return str(position_id) if against else None

    def _overshoots(self, order: Any, position_id: Any) -> str | None:
        """Why a reduce-only order might open something: MetaTrader has no such orders."""
        if not order.is_reduce_only:
            return None
        if self._hedging:
            if self._closing(order, position_id) is not None:
                return None
            return "REDUCE_ONLY: say which position is closed"
        held = Decimal(0)
        for position in self._client.cache.positions_open(instrument_id=order.instrument_id):
            held += position.quantity.as_decimal() * (1 if position.is_long else -1)
        wanted = order.quantity.as_decimal() * (1 if order.side.name == "BUY" else -1)
        if held * wanted >= 0 or abs(wanted) > abs(held) or order.order_type.name != "MARKET":
            return "REDUCE_ONLY: it would open a position, or might when it fills"
        under_way = self._under_way(order)
        if abs(wanted) + under_way > abs(held):
            return f"REDUCE_ONLY: it would open a position with the {under_way} that is being closed already"
        return None

    def _under_way(self, order: Any) -> Decimal:
        """What reduce-only orders on the side of this one may still fill, and the position does not show."""
        sent = [self._client.cache.order(ClientOrderId(name)) for name in self._reducing]
        left = [other for other in sent if other is not None and not other.is_closed]
        self._reducing = {str(other.client_order_id) for other in left}
        return sum(
            (
                other.leaves_qty.as_decimal()
                for other in left
                if (other.instrument_id, other.side) == (order.instrument_id, order.side)
            ),
            Decimal(0),
        )

    def _closed(self) -> str | None:
        """Why no new order may leave now."""
        if self._stream.taken:
            return "FENCED: another node trades on this account"
        if self.other is not None:
            return f"OTHER_ACCOUNT: the terminal is logged in to account {self.other}"
        if self._rest.failing:
            return "VENUE_DOWN: the server does not answer"
        if abs(self._rest.offset) > self._max_offset:
            return f"CLOCK_OFFSET: the server's clock is {self._rest.offset:.3f} s ahead"
        return None

    async def _submit(self, body: dict[str, Any]) -> None:
        name = body["client_id"]
        known = self._knowledge.of(name)
        async with known.lock:
            until = time.time() + self._rest.offset + self._window
            body["valid_until"] = iso(until)
            try:
                outcome = await self._rest.send(
                    "POST",
                    "order",
                    body=body,
                    unless=lambda: (
                        "cancelled before it was sent"
                        if known.cancel
                        else self._client.recalled(name) or self._closed()
                    ),
                )
                while not self._settled(name, outcome):
                    outcome = await self._found(name, until)
            except NotSent as error:
                self._knowledge.never(name, f"NOT_SENT: {error}")
            except Refused as error:
                self._knowledge.never(name, str(error))
            except Unknown as error:
                self._log.warning(f"whether {name} was taken is not known: {error}")
                settled = False
                while not settled:
                    settled = self._settled(name, await self._found(name, until))
            finally:
                self.pending.discard(name)
        self.news.set()
        if known.cancel and not known.over:
            known.cancel = False
            await self._take_away(name)

    def _settled(self, name: str, outcome: dict[str, Any]) -> bool:
        """Take in what the server knows of a submission; whether it knows."""
        answer = outcome.get("answer") or {}
        match outcome["state"]:
            case "done":
                self._knowledge.accepted(name, int(outcome["ticket"]))
                if outcome.get("order") is not None:
                    self.learn([outcome["order"] | {"client_id": name}], _named(outcome["deals"], name))
            case "rejected":
                self._knowledge.never(name, f"{answer.get('retcode')}: {answer.get('comment')}")
            case "not_taken":
                self._knowledge.never(name, "NOT_TAKEN: the terminal never had the order")
            case _:
                return False
        return True

    async def _found(self, name: str, until: float) -> dict[str, Any]:
        """Ask for a submission until the server answers; one that it can no longer take was never taken."""
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            try:
                return await self._rest.get(f"order/{name}", attempts=1)
            except Refused as error:
                if error.code == NOT_FOUND and error.at > until + LATE_SECONDS:
                    return {"state": "not_taken"}
            except (Unknown, NotSent) as error:
                self._log.warning(f"whether {name} was taken is still not known: {error}")

    async def modify(self, command: ModifyOrder) -> None:
        """Change a resting order, asking again until it is known whether it was changed."""
        name = str(command.client_order_id)
        known = self._knowledge.of(name)
        order: Any = self._client.cache.order(command.client_order_id)
        if order is None:
            self._log.error(f"{name} is not known, and cannot be changed")
            return
        reason = None
        if command.quantity is not None and command.quantity != order.quantity:
            reason = "UNSUPPORTED: MetaTrader cannot change the volume of an order"
        body = _changes(order, command)
        async with known.lock:
            pause = FIRST_PAUSE
            while reason is None and not known.over:
                known.changed = time.monotonic()
                try:
                    answer = await self._rest.send(
                        "PATCH",
                        self.address(order, name),
                        body=body,
                        unless=lambda: self._client.recalled(name) or None,
                    )
                    if answer["state"] == "rejected":
                        reason = f"{answer['answer'].get('retcode')}: {answer['answer'].get('comment')}"
                    elif answer["state"] == "done":
                        await self._updated(known, order, name)
                        return
                except (NotSent, Refused) as error:
                    reason = str(error)
                    self.news.set()  # an attempt before this one may have arrived
                except Unknown as error:
                    self._log.warning(
                        f"whether {name} was changed is not known, it is asked for again: {error}"
                    )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if not known.over:
            self._client.generate_order_modify_rejected(
                order,
                command.venue_order_id,
                reason or "the order is over",
                self._client.clock.timestamp_ns(),
            )

    async def _updated(self, known: Any, order: Any, name: str) -> None:
        view = await self._rest.get(self.address(order, name))
        known.changed = time.monotonic()
        if view["order"] is not None and view["active"]:
            self._knowledge.updated(known, view["order"], order)
        self.learn_view(view)

    def cancel(self, name: str) -> None:
        """Take an order away, once it is known whether there is one."""
        known = self._knowledge.of(name)
        if name in self.pending:
            known.cancel = True  # it is done when it is known that there is something to cancel
        else:
            self._client.create_task(self._take_away(name), f"cancel:{name}")

    async def _take_away(self, name: str) -> None:
        """Take an order away; doing it twice does no harm, so it is tried again."""
        known, pause = self._knowledge.of(name), FIRST_PAUSE
        order = self._client.cache.order(ClientOrderId(name))
        reason = "the server did not answer"
        for _ in range(CANCEL_ATTEMPTS):
            if known.over:
                return
            try:
                async with known.lock:
                    answer = await self._rest.send("DELETE", self.address(order, name))
                if answer["state"] == "rejected":
                    reason = f"{answer['answer'].get('retcode')}: {answer['answer'].get('comment')}"
                    break
                if answer["state"] == "done":
                    await self._look(order, name)
                    self.news.set()
                    return
            except (Unknown, NotSent) as error:
                reason = str(error)
            except Refused as error:
                reason = str(error)
                self.news.set()
                if error.code not in PASSES:
                    await self._look(order, name)
                    break
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if not known.over and order is not None:
            self._client.generate_order_cancel_rejected(
                order, order.venue_order_id, reason, self._client.clock.timestamp_ns()
            )

    async def _look(self, order: Any, name: str) -> None:
        try:
            self.learn_view(await self._rest.get(self.address(order, name)))
        except (Unknown, NotSent, Refused) as error:
            self._log.warning(f"{name} cannot be asked for: {error}")

    async def query(self, command: QueryOrder) -> None:
        """Ask for one order, and take in what the server knows of it."""
        name = str(command.client_order_id)
        order = self._client.cache.order(command.client_order_id)
        try:
            view = await self._rest.get(self.address(order, name))
        except Refused as error:
            late = error.at > self._began + self._window + LATE_SECONDS
            if error.code == NOT_FOUND and name not in self.pending and late:
                self._knowledge.never(name, "NOT_TAKEN: the server never took the order")
        except (Unknown, NotSent) as error:
            self._log.warning(f"{name} cannot be asked for: {error}")
        else:
            if name not in self.pending:
                self._settled(name, view)

    def address(self, order: Any, name: str) -> str:
        """How the server knows an order: by its client id, or by its ticket when somebody else made it."""
        if order is not None and order.venue_order_id is not None and name.startswith(("O-EXT", "EXTERNAL")):
            return f"order/ticket:{order.venue_order_id}"
        return f"order/{name}"

    def learn(self, rows: Sequence[Row], deals: Sequence[Row] = ()) -> None:
        """Take in rows and deals; what has no client id waits while it may be that of an order in doubt."""
        doubt = bool(self.pending)
        for row in sorted(rows, key=lambda row: int(row["ticket"])):
            if row.get("client_id") or not doubt:
                self._knowledge.order(row)
        for deal in sorted(deals, key=lambda deal: int(deal["ticket"])):
            if deal.get("client_id") or not doubt:
                self._knowledge.deal(deal)
        if self._knowledge.short() or doubt:
            self.news.set()

    def learn_view(self, view: dict[str, Any]) -> None:
        """Take in what the server knows of one order."""
        if view["order"] is not None:
            named = view["client_id"] or None
            self.learn([view["order"] | {"client_id": named}], _named(view["deals"], named))


def _named(deals: Sequence[Row], name: str | None) -> list[Row]:
    return [{**deal, "client_id": name} for deal in deals]


def _changes(order: Any, command: ModifyOrder) -> dict[str, str]:
    """New prices in the server's words: a stop's trigger is its price, a limit behind it the second."""
    stops = order.order_type.name in {"STOP_MARKET", "STOP_LIMIT"}
    price, trigger = command.price, command.trigger_price
    wanted = {"price": trigger if stops else price, "stop_limit": price if stops else None}
    body = {key: str(value) for key, value in wanted.items() if value is not None}
    return body or {"price": str(order.trigger_price if stops else order.price)}
