"""The execution client: orders out, proven facts in.

Nothing is ever said of an order that the terminal has not proven. A submission without an answer is neither
resent nor given up: the server is asked for it by its client order id, until it knows.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import Logger
from nautilus_trader.live.clients import ExecutionClient, ExecutionClientFactory
from nautilus_trader.model import AccountId, AccountType, ClientOrderId, OmsType, Venue

from framework import RunError, nanoseconds
from framework_mt5.config import Mt5ExecutionConfig
from framework_mt5.constants import NOT_FOUND
from framework_mt5.knowledge import Knowledge
from framework_mt5.providers import Mt5Instruments
from framework_mt5.reports import Reports, balances
from framework_mt5.requests import order_body, unsupported
from framework_mt5.rest import NotSent, Refused, Rest, Unknown, iso
from framework_mt5.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from nautilus_trader.common import Clock
    from nautilus_trader.live import (
        BatchCancelOrders,
        CancelAllOrders,
        CancelOrder,
        ClientCache,
        ExecutionClientConfig,
        GenerateFillReports,
        GenerateOrderStatusReport,
        GenerateOrderStatusReports,
        GeneratePositionStatusReports,
        ModifyOrder,
        QueryAccount,
        QueryOrder,
        SubmitOrder,
        SubmitOrderList,
    )
    from nautilus_trader.model import FillReport, OrderStatusReport, PositionStatusReport, TraderId

    from framework_mt5.reports import Row

FIRST_STREAM_SECONDS = 10.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
CANCEL_ATTEMPTS = 6
SYNC_SECONDS = 30.0
"""How often everything is asked for, although nothing seems to be missing."""
DOUBT_SECONDS = 90.0
LATE_SECONDS = 2.0
"""Beyond an order's last moment, before its absence is believed; HTTP dates have whole seconds."""
BACK_SECONDS = 24 * 3600


class Mt5ExecutionFactory(ExecutionClientFactory):
    """What the engine's node builds the client with."""

    @staticmethod
    def create(
        *,
        name: str,
        config: ExecutionClientConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> Mt5ExecutionClient:
        """Build it; nothing is connected yet."""
        if not isinstance(config, Mt5ExecutionConfig):
            raise TypeError(f"expected Mt5ExecutionConfig, not {type(config).__name__}")
        return Mt5ExecutionClient(name=name, config=config, cache=cache, clock=clock, trader_id=trader_id)


class Mt5ExecutionClient(ExecutionClient):
    """One account at the broker."""

    def __init__(
        self,
        *,
        name: str,
        config: Mt5ExecutionConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> None:
        settings = config.settings
        self._settings = settings
        self._rest = Rest(settings, f"{trader_id}/{uuid.uuid4().hex}")
        self._instruments = Mt5Instruments(self._rest, name, settings.symbols)
        self._hedging = settings.oms == "hedging"
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            trader_id=trader_id,
            venue=Venue(name),
            account_id=AccountId(f"{name}-{settings.account}"),
            account_type=AccountType.MARGIN,
            oms_type=OmsType.HEDGING if self._hedging else OmsType.NETTING,
            instrument_provider=self._instruments,
            base_currency=settings.balances[0].currency,
        )
        self._log = Logger(f"{name}-execution")
        self._window = nanoseconds(settings.window) / 1e9
        self._max_offset = nanoseconds(settings.max_clock_offset) / 1e9
        self._stream = Stream(self._rest, self._log, on_up=self._caught_up, on_message=self._heard)
        self._listed: dict[str, Any] = {}
        self._reports = Reports(self.account_id, self._listed, hedging=self._hedging)
        self._knowledge = Knowledge(self, self._reports)
        self._seq = 0
        self._news = asyncio.Event()
        self._pending: set[str] = set()
        """Submissions of which nobody knows yet what became of them."""
        self._began = time.time()

    # the connection

    async def _connect(self) -> None:
        self._rest.open()
        try:
            await self._none_in_doubt()
            await self._instruments.initialize()
            for item in self._instruments.list_all():
                self._listed[str(item.id.symbol)] = item
                self._handle_instrument(item)
            account = await self._rest.get("account")
            self._refuse_other(account)
            self._tell_account(account)
        except Exception as error:
            self._log.error(f"cannot connect: {error}")  # the engine does not say why
            await self._rest.close()
            raise
        for coroutine, name in (
            (self._stream.run(), "stream"),
            (self._keep_synced(), "sync"),
            (self._keep_time(), "clock"),
        ):
            self.create_task(coroutine, name)
        try:
            async with asyncio.timeout(FIRST_STREAM_SECONDS):
                await self._stream.up.wait()
        except TimeoutError:
            if not self._stream.taken:
                raise
            taken = RunError("another node trades on this account", remedy="Stop the other node first.")
            self._log.error(f"cannot connect: {taken}")
            await self._rest.close()
            raise taken from None

    async def _none_in_doubt(self) -> None:
        """Wait until the server knows of every order of an earlier node what became of it.

        Raises:
            RunError: It does not find out.
        """
        ends = time.monotonic() + DOUBT_SECONDS
        while True:
            health = await self._rest.probe_clock()
            if not health["in_doubt"]:
                return
            if time.monotonic() > ends:
                raise RunError(
                    f"{health['in_doubt']} orders are in doubt at the server, and it does not find out",
                    remedy="Compare the terminal's orders with the server's `check`, by hand.",
                )
            await asyncio.sleep(FIRST_PAUSE)

    def _refuse_other(self, account: Row) -> None:
        mode = "hedging" if account["margin_mode"] == "hedging" else "netting"
        if mode != self._settings.oms:
            raise RunError(
                f"the account keeps positions by {mode}, and `oms` says otherwise",
                remedy=f"Write `oms: {mode}` in the venue's settings.",
            )
        if str(account["login"]) != self._settings.account:
            raise RunError(
                f"the terminal is logged in to account {account['login']}, and `account` says "
                f"{self._settings.account}",
                remedy="Log the terminal in to the account that is meant, or correct `account`.",
            )
        home = str(self._settings.balances[0].currency)
        if account["currency"] != home:
            raise RunError(
                f"the account is kept in {account['currency']}, and `balances` in {home}",
                remedy=f"Write `balances` in {account['currency']}.",
            )
        self._reports.currency = home

    async def _disconnect(self) -> None:
        await self._rest.close()

    async def _caught_up(self, welcome: dict[str, Any]) -> None:
        """After every connection: whatever was missed is asked for."""
        self._seq = int(welcome["seq"])
        self._news.set()

    async def _heard(self, message: dict[str, Any]) -> None:
        number = message.get("seq")
        if isinstance(number, int):
            if number > self._seq + (message["type"] != "heartbeat"):
                self._news.set()  # something between was lost
            self._seq = max(self._seq, number)
        match message.get("type"):
            case "order":
                self._learn([message["order"]])
            case "deal":
                self._learn([], [message["deal"]])
            case "account":
                self._tell_account(message["account"])

    async def _keep_synced(self) -> None:
        """Ask for what the stream did not tell: after connecting, after a gap, while deals are missing."""
        pause = FIRST_PAUSE
        while True:
            if not self._knowledge.short():
                try:
                    async with asyncio.timeout(SYNC_SECONDS):
                        await self._news.wait()
                except TimeoutError:
                    pass
            self._news.clear()
            await asyncio.sleep(pause)
            try:
                await self._sync()
                pause = FIRST_PAUSE
            except (Unknown, NotSent, Refused) as error:
                self._log.warning(f"the server cannot be asked for what was missed: {error}")
                self._news.set()
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _sync(self) -> None:
        since = {"since": iso(self._began - BACK_SECONDS)}
        active = [row async for row in self._pages("orders", {})]
        past = [row async for row in self._pages("orders", {"active": "false", **since})]
        deals = [row async for row in self._pages("deals", since)]
        self._learn([*active, *past], deals)
        self._tell_account(await self._rest.get("account"))

    async def _keep_time(self) -> None:
        """Measure how far the server's clock is from ours."""
        while True:
            await asyncio.sleep(1.0)
            try:
                await self._rest.probe_clock()
            except (Unknown, NotSent, Refused):
                continue  # `failing` says that the server does not answer

    # orders

    async def _submit_order(self, command: SubmitOrder) -> None:
        self._start(command.order, command.position_id, command.params)

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        for init in command.order_inits:
            self._start(self.cache.order(init.client_order_id), command.position_id, command.params)

    async def _modify_order(self, command: ModifyOrder) -> None:
        self.create_task(self._modify(command), f"modify:{command.client_order_id}")

    async def _cancel_order(self, command: CancelOrder) -> None:
        self._start_cancel(str(command.client_order_id))

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        for cancel in command.cancels:
            self._start_cancel(str(cancel.client_order_id))

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        for orders in (self.cache.orders_open, self.cache.orders_inflight):
            for order in orders(
                instrument_id=command.instrument_id,
                strategy_id=command.strategy_id,
                side=command.order_side,
            ):
                self._start_cancel(str(order.client_order_id))

    def magic(self, strategy_id: str) -> int:
        """The magic number of a strategy: of the settings, or made from its id."""
        return self._settings.magics.get(strategy_id) or (zlib.crc32(strategy_id.encode()) & 0x7FFFFFFF) or 1

    def _start(self, order: Any, position_id: Any, params: Any) -> None:
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
            self.generate_order_denied(order, reason)
            return
        self._pending.add(body["client_id"])
        self.generate_order_submitted(order)
        self.create_task(self._submit(body), f"submit:{order.client_order_id}")

    def _closing(self, order: Any, position_id: Any) -> str | None:
        """The ticket that an order closes, on a hedging account."""
        if position_id is None or not self._hedging:
            return None
        position = self.cache.position(position_id)
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
        for position in self.cache.positions_open(instrument_id=order.instrument_id):
            held += position.quantity.as_decimal() * (1 if position.is_long else -1)
        wanted = order.quantity.as_decimal() * (1 if order.side.name == "BUY" else -1)
        if held * wanted < 0 and abs(wanted) <= abs(held) and order.order_type.name == "MARKET":
            return None
        return "REDUCE_ONLY: it would open a position, or might when it fills"

    def _closed(self) -> str | None:
        """Why no new order may leave now."""
        if self._stream.taken:
            return "FENCED: another node trades on this account"
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
                outcome = (
                    {"state": "rejected", "answer": {"comment": "cancelled before it was sent"}}
                    if known.cancel
                    else await self._rest.send("POST", "order", body=body)
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
                self._pending.discard(name)
        self._news.set()
        if known.cancel and not known.over:
            known.cancel = False
            await self._cancel(name)

    def _settled(self, name: str, outcome: dict[str, Any]) -> bool:
        """Take in what the server knows of a submission; whether it knows."""
        answer = outcome.get("answer") or {}
        match outcome["state"]:
            case "done":
                self._knowledge.accepted(name, int(outcome["ticket"]))
                if outcome.get("order") is not None:
                    self._learn([outcome["order"] | {"client_id": name}], _named(outcome["deals"], name))
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

    async def _modify(self, command: ModifyOrder) -> None:
        name = str(command.client_order_id)
        known = self._knowledge.of(name)
        order: Any = self.cache.order(command.client_order_id)
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
                    answer = await self._rest.send("PATCH", self._id(order, name), body=body)
                    if answer["state"] == "rejected":
                        reason = f"{answer['answer'].get('retcode')}: {answer['answer'].get('comment')}"
                    elif answer["state"] == "done":
                        await self._updated(known, order, name)
                        return
                except (NotSent, Refused) as error:
                    reason = str(error)
                except Unknown as error:
                    self._log.warning(
                        f"whether {name} was changed is not known, it is asked for again: {error}"
                    )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        if not known.over:
            self.generate_order_modify_rejected(
                order, command.venue_order_id, reason or "the order is over", self.clock.timestamp_ns()
            )

    async def _updated(self, known: Any, order: Any, name: str) -> None:
        view = await self._rest.get(self._id(order, name))
        known.changed = time.monotonic()
        if view["order"] is not None and view["active"]:
            self._knowledge.updated(known, view["order"], order)
        self._learn_view(view)

    def _start_cancel(self, name: str) -> None:
        known = self._knowledge.of(name)
        if name in self._pending:
            known.cancel = True  # it is done when it is known that there is something to cancel
        else:
            self.create_task(self._cancel(name), f"cancel:{name}")

    async def _cancel(self, name: str) -> None:
        """Take an order away; doing it twice does no harm, so it is tried again."""
        known, pause = self._knowledge.of(name), FIRST_PAUSE
        order = self.cache.order(ClientOrderId(name))
        reason = "the server did not answer"
        for _ in range(CANCEL_ATTEMPTS):
            if known.over:
                return
            try:
                async with known.lock:
                    answer = await self._rest.send("DELETE", self._id(order, name))
                if answer["state"] == "rejected":
                    reason = f"{answer['answer'].get('retcode')}: {answer['answer'].get('comment')}"
                    break
                if answer["state"] == "done":
                    self._learn_view(await self._rest.get(self._id(order, name)))
                    self._news.set()
                    return
            except (Unknown, NotSent) as error:
                reason = str(error)
            except Refused as error:
                reason = str(error)
                self._news.set()
                if error.code not in {"IN_DOUBT", "CLOCK_UNKNOWN"}:
                    await self._look(order, name)
                    break
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        if not known.over and order is not None:
            self.generate_order_cancel_rejected(
                order, order.venue_order_id, reason, self.clock.timestamp_ns()
            )

    async def _look(self, order: Any, name: str) -> None:
        try:
            self._learn_view(await self._rest.get(self._id(order, name)))
        except (Unknown, NotSent, Refused) as error:
            self._log.warning(f"{name} cannot be asked for: {error}")

    async def _query_order(self, command: QueryOrder) -> None:
        name = str(command.client_order_id)
        order = self.cache.order(command.client_order_id)
        try:
            view = await self._rest.get(self._id(order, name))
        except Refused as error:
            late = error.at > self._began + self._window + LATE_SECONDS
            if error.code == NOT_FOUND and name not in self._pending and late:
                self._knowledge.never(name, "NOT_TAKEN: the server never took the order")
        except (Unknown, NotSent) as error:
            self._log.warning(f"{name} cannot be asked for: {error}")
        else:
            if name not in self._pending:
                self._settled(name, view)

    async def _query_account(self, command: QueryAccount) -> None:  # noqa: ARG002 - there is one account
        try:
            self._tell_account(await self._rest.get("account"))
        except (Unknown, NotSent, Refused) as error:
            self._log.warning(f"the account cannot be asked for: {error}")

    # reports

    async def _generate_order_status_report(
        self, command: GenerateOrderStatusReport
    ) -> OrderStatusReport | None:
        if command.client_order_id is None:
            return None
        name = str(command.client_order_id)
        try:
            view = await self._rest.get(self._id(self.cache.order(command.client_order_id), name))
        except Refused as error:
            if error.code == NOT_FOUND:
                return None
            raise
        row = view["order"]
        if row is None or not self._reports.knows(row):
            return None
        return self._reports.order(row | {"client_id": view["client_id"]}, self.clock.timestamp_ns())

    async def _generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        rows = [row async for row in self._pages("orders", {})]
        if not command.open_only:
            query = {"active": "false", **_since(command.start)}
            rows += [row async for row in self._pages("orders", query)]
        return [
            self._reports.order(row, self.clock.timestamp_ns())
            for row in rows
            if row["state"] != "rejected" and self._wanted(row, command.instrument_id)
        ]

    async def _generate_fill_reports(self, command: GenerateFillReports) -> list[FillReport]:
        return [
            self._reports.fill(row, self.clock.timestamp_ns())
            async for row in self._pages("deals", _since(command.start))
            if row["order"] and self._wanted(row, command.instrument_id)
        ]

    async def _generate_position_status_reports(
        self, command: GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        rows = (await self._rest.get("account/positions"))["positions"]
        return [
            self._reports.position(row, self.clock.timestamp_ns())
            for row in rows
            if self._wanted(row, command.instrument_id)
        ]

    # helpers

    def _id(self, order: Any, name: str) -> str:
        """How the server knows an order: by its client id, or by its ticket when somebody else made it."""
        if order is not None and order.venue_order_id is not None and name.startswith(("O-EXT", "EXTERNAL")):
            return f"order/ticket:{order.venue_order_id}"
        return f"order/{name}"

    def _learn(self, rows: Sequence[Row], deals: Sequence[Row] = ()) -> None:
        """Take in rows and deals; what has no client id waits while it may be that of an order in doubt."""
        doubt = bool(self._pending)
        for row in sorted(rows, key=lambda row: int(row["ticket"])):
            if row.get("client_id") or not doubt:
                self._knowledge.order(row)
        for deal in sorted(deals, key=lambda deal: int(deal["ticket"])):
            if deal.get("client_id") or not doubt:
                self._knowledge.deal(deal)
        if self._knowledge.short() or doubt:
            self._news.set()

    def _learn_view(self, view: dict[str, Any]) -> None:
        if view["order"] is not None:
            named = view["client_id"] or None
            self._learn([view["order"] | {"client_id": named}], _named(view["deals"], named))

    def _tell_account(self, account: Row) -> None:
        money, margins = balances(account)
        self.generate_account_state(money, margins, True, self.clock.timestamp_ns())

    async def _pages(self, name: str, query: dict[str, str]) -> AsyncIterator[Row]:
        after = "0"
        while True:
            answer = await self._rest.get(f"account/{name}", {**query, "after": after})
            for row in answer[name]:
                yield row
                after = str(row["ticket"])
            if not answer["more"]:
                return

    def _wanted(self, row: Row, instrument_id: Any) -> bool:
        if not self._reports.knows(row):
            return False
        return instrument_id is None or self._reports.instrument_id(row["symbol"]) == instrument_id


def _named(deals: Sequence[Row], name: str | None) -> list[Row]:
    return [{**deal, "client_id": name} for deal in deals]


def _since(start_ns: int | None) -> dict[str, str]:
    return {} if start_ns is None else {"since": iso(start_ns / 1e9)}


def _changes(order: Any, command: ModifyOrder) -> dict[str, str]:
    """New prices in the server's words: a stop's trigger is its price, a limit behind it the second."""
    stops = order.order_type.name in {"STOP_MARKET", "STOP_LIMIT"}
    price, trigger = command.price, command.trigger_price
    wanted = {"price": trigger if stops else price, "stop_limit": price if stops else None}
    body = {key: str(value) for key, value in wanted.items() if value is not None}
    return body or {"price": str(order.trigger_price if stops else order.price)}
