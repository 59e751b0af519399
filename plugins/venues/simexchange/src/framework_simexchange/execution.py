"""The execution client: orders out, proven facts in.

Nothing is ever said of an order that the exchange has not proven. A submission without an answer is neither
resent nor given up: the exchange is asked for it by its client order id, until it has it, or until it can no
longer take it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import Logger
from nautilus_trader.live.clients import ExecutionClient, ExecutionClientFactory
from nautilus_trader.model import (
    AccountId,
    AccountType,
    ClientOrderId,
    ContingencyType,
    OmsType,
    TriggerType,
    Venue,
)

from framework import RunError, nanoseconds
from framework_simexchange.config import SimExchangeExecutionConfig
from framework_simexchange.constants import (
    CANCELS_AT_ONCE,
    FENCED,
    NOT_FOUND,
    ORDER_TYPES,
    TIMES_IN_FORCE,
)
from framework_simexchange.knowledge import Knowledge
from framework_simexchange.lease import Lease
from framework_simexchange.providers import SimExchangeInstruments
from framework_simexchange.reports import Reports, balances
from framework_simexchange.rest import NotSent, Refused, Rest, Unknown
from framework_simexchange.stream import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

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

    from framework_simexchange.reports import Row

FIRST_STREAM_SECONDS = 5.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
COLLECT_SECONDS = 0.001
"""How long a cancellation waits for others to go with."""
MISSING_SECONDS = 0.3
"""How long a trade may be on its way before the exchange is asked for it."""
CANCEL_ATTEMPTS = 5
CONTINGENCIES = {None, ContingencyType.NO_CONTINGENCY}
TRIGGERS = {None, TriggerType.DEFAULT, TriggerType.BID_ASK}


class SimExchangeExecutionFactory(ExecutionClientFactory):
    """What the engine's node builds the client with."""

    @staticmethod
    def create(
        *,
        name: str,
        config: ExecutionClientConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> SimExchangeExecutionClient:
        """Build it; nothing is connected yet."""
        if not isinstance(config, SimExchangeExecutionConfig):
            raise TypeError(f"expected SimExchangeExecutionConfig, not {type(config).__name__}")
        return SimExchangeExecutionClient(
            name=name, config=config, cache=cache, clock=clock, trader_id=trader_id
        )


class SimExchangeExecutionClient(ExecutionClient):
    """One account at the exchange."""

    def __init__(
        self,
        *,
        name: str,
        config: SimExchangeExecutionConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> None:
        settings = config.settings
        self.recalled: Callable[[str], str] = lambda _: ""
        """Set by the node: why an order must not leave any more."""
        self._rest = Rest(settings)
        self._instruments = SimExchangeInstruments(self._rest, name)
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
        )
        self._log = Logger(f"{name}-execution")
        self._window_ns = nanoseconds(settings.window)
        self._max_offset_ns = nanoseconds(settings.max_clock_offset)
        self._lease = Lease(self._rest, str(trader_id), nanoseconds(settings.lease) / 1e9, self._lost)
        self._stream = Stream(
            self._rest, self._log, private=True, on_up=self._caught_up, on_message=self._heard
        )
        self._listed: dict[str, Any] = {}
        self._reports = Reports(self.account_id, self._listed)
        self._knowledge = Knowledge(self, self._reports)
        self._synced = 0
        self._pseq = 0
        self._news = asyncio.Event()
        self._cancels: dict[str, None] = {}
        self._sent: set[str] = set()
        """Orders sent by this process: `_submit` itself finds out what became of them."""
        self._over_ns = 0
        """By the exchange's clock, when nothing that an earlier process sent can be taken any more."""

    # the connection

    async def _connect(self) -> None:
        self._rest.open()
        try:
            await self._rest.probe_clock()
            await self._instruments.initialize()
            for item in self._instruments.list_all():
                self._listed[str(item.id.symbol)] = item
                self._handle_instrument(item)
            account = await self._rest.get("/v1/account")
            self._refuse_other_oms(account["oms"])
            self._synced = int(account["seq"])
            self._over_ns = int(account["ns"]) + self._window_ns
            await self._lease.take()
            self._tell_account(account)
        except Exception as error:
            self._log.error(f"cannot connect: {error}")  # the engine does not say why
            await self._rest.close()
            raise
        for coroutine, name in (
            (self._lease.keep(), "lease"),
            (self._stream.run(), "stream"),
            (self._keep_synced(), "sync"),
            (self._keep_time(), "clock"),
        ):
            self.create_task(coroutine, name)
        async with asyncio.timeout(FIRST_STREAM_SECONDS):
            await self._stream.up.wait()

    def _refuse_other_oms(self, oms: str) -> None:
        if oms != ("hedging" if self._hedging else "netting"):
            raise RunError(
                f"the account keeps positions by {oms}, and `oms` says otherwise",
                remedy=f"Write `oms: {oms}` in the venue's settings.",
            )

    async def _disconnect(self) -> None:
        await self._lease.give_back()
        await self._rest.close()

    async def _caught_up(self, welcome: dict[str, Any]) -> None:
        """After every connection: whatever was missed is asked for."""
        self._pseq = int(welcome["pseq"])
        self._news.set()

    async def _heard(self, message: dict[str, Any]) -> None:
        number = message.get("pseq")
        if isinstance(number, int):
            if number > self._pseq + (message["type"] != "heartbeat"):
                self._news.set()  # something between was lost, or is late
            self._pseq = max(self._pseq, number)
        match message.get("type"):
            case "order":
                self._learn([message["order"]])
            case "fill":
                self._learn([], [message["fill"]])
            case "account":
                self._tell_account(message)

    async def _keep_synced(self) -> None:
        """Ask for what the stream did not tell: after connecting, after a gap, while trades are missing."""
        pause = FIRST_PAUSE
        while True:
            if not self._knowledge.short():
                await self._news.wait()
            self._news.clear()
            await asyncio.sleep(MISSING_SECONDS if self._knowledge.short() else FIRST_PAUSE)
            try:
                await self._sync()
                pause = FIRST_PAUSE
            except (Unknown, NotSent, Refused) as error:
                self._log.warning(f"the exchange cannot be asked for what was missed: {error}")
                self._news.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _sync(self) -> None:
        after = {"after": str(self._synced)}
        fills = [row async for row in self._pages("fills", after)]
        for name in self._knowledge.short():
            fills += [row async for row in self._pages("fills", {"client_order_id": name})]
        rows, reached = [], self._synced
        async for row in self._pages("orders", after):
            rows.append(row)
            reached = max(reached, row["seq"])
        self._learn(rows, fills)
        if not self._knowledge.short():
            self._synced = reached
        self._tell_account(await self._rest.get("/v1/account"))

    async def _keep_time(self) -> None:
        """Measure how far the exchange's clock is from ours."""
        while True:
            await asyncio.sleep(1.0)
            try:
                await self._rest.probe_clock()
            except (Unknown, NotSent, Refused):
                continue  # the lease and the breaker tell of an exchange that does not answer

    def _lost(self, why: str) -> None:
        self._log.error(f"another node has the account; nothing more will be sent: {why}")

    # orders

    async def _submit_order(self, command: SubmitOrder) -> None:
        self._start(command.order, command.position_id)

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        for init in command.order_inits:
            self._start(self.cache.order(init.client_order_id), command.position_id)

    async def _modify_order(self, command: ModifyOrder) -> None:
        self.create_task(self._modify(command), f"modify:{command.client_order_id}")

    async def _cancel_order(self, command: CancelOrder) -> None:
        self._collect([str(command.client_order_id)])

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        self._collect([str(cancel.client_order_id) for cancel in command.cancels])

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        found = {
            str(order.client_order_id)
            for orders in (self.cache.orders_open, self.cache.orders_inflight)
            for order in orders(
                instrument_id=command.instrument_id,
                strategy_id=command.strategy_id,
                side=command.order_side,
            )
        }
        self._collect(sorted(found))

    def _start(self, order: Any, position_id: Any) -> None:
        """Send an order, or deny what cannot be sent: nothing of a denied order has left."""
        reason = _unsupported(order) or self._closed()
        if reason is None and not self._rest.pace.room():
            reason = "RATE_LIMIT: only cancellations may be sent now"
        if reason is not None:
            self.generate_order_denied(order, reason)
            return
        self._sent.add(str(order.client_order_id))
        self.generate_order_submitted(order)
        self.create_task(self._submit(_body(order, position_id)), f"submit:{order.client_order_id}")

    def _closed(self) -> str | None:
        """Why no new order may leave now."""
        if self._lease.lost is not None:
            return f"{FENCED}: {self._lease.lost}"
        if self._rest.breaker.open:
            return "VENUE_DOWN: the exchange does not answer"
        if abs(self._rest.offset_ns) > self._max_offset_ns:
            return f"CLOCK_OFFSET: the exchange's clock is {self._rest.offset_ns / 1e9:.3f} s ahead"
        return None

    async def _submit(self, body: dict[str, Any]) -> None:
        name = body["client_order_id"]
        known = self._knowledge.of(name)
        try:
            async with known.lock:
                answer = await self._rest.send(
                    "POST",
                    "/v1/orders",
                    body=body,
                    unless=lambda: (
                        "cancelled before it was sent"
                        if known.cancel
                        else self.recalled(name) or self._closed()
                    ),
                )
        except NotSent as error:
            self._knowledge.never(name, f"NOT_SENT: {error}")
        except Refused as error:
            if error.code == FENCED:
                self._lease.lose(str(error))
            self._knowledge.never(name, str(error))
        except Unknown as error:
            self._log.warning(f"whether {name} was taken is not known: {error}")
            await self._find(name, error.until_ns)
        else:
            self._learn([answer["order"]])
        if known.cancel and not known.over:
            known.cancel = False
            await self._cancel([name])

    async def _find(self, name: str, until_ns: int) -> None:
        """Ask for an order until it is found, or until the exchange can no longer take it."""
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await self._rest.get(f"/v1/orders/{name}", attempts=1)
            except Refused as error:
                if error.code == NOT_FOUND and error.ns > until_ns:
                    self._knowledge.never(name, "NOT_TAKEN: the exchange never took the order")
                    return
            except (Unknown, NotSent) as error:
                self._log.warning(f"whether {name} was taken is still not known: {error}")
            else:
                self._learn([answer["order"]])
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _modify(self, command: ModifyOrder) -> None:
        name = str(command.client_order_id)
        wanted = {
            "quantity": command.quantity,
            "price": command.price,
            "trigger_price": command.trigger_price,
        }
        body = {key: str(value) for key, value in wanted.items() if value is not None}
        known = self._knowledge.of(name)
        reason: str | None
        try:
            reason = None if self._lease.lost is None else f"{FENCED}: {self._lease.lost}"
            if reason is None:
                async with known.lock:
                    answer = await self._rest.send(
                        "PATCH",
                        f"/v1/orders/{name}",
                        body=body,
                        unless=lambda: self.recalled(name) or None,
                    )
                    self._learn([answer["order"]])
        except (NotSent, Refused) as error:
            reason = str(error)
        except Unknown as error:
            self._log.warning(f"whether {name} was changed is not known: {error}")
            reason = await self._changed(name, body, error.until_ns)
        if reason is not None and not known.over:
            order = self.cache.order(command.client_order_id)
            self.generate_order_modify_rejected(
                order, command.venue_order_id, reason, self.clock.timestamp_ns()
            )

    async def _changed(self, name: str, body: dict[str, str], until_ns: int) -> str | None:
        """Ask for an order until a change shows, or can no longer happen; returns why it did not happen."""
        pause = FIRST_PAUSE
        while True:
            try:
                answer = await self._rest.get(f"/v1/orders/{name}", attempts=1)
                row = answer["order"]
                self._learn([row])
                if all(row[key] == value for key, value in body.items()):
                    return None
                if answer["ns"] > until_ns or row["status"] != "OPEN":
                    return "NOT_TAKEN: the exchange never took the change"
            except Refused as error:
                if error.ns > until_ns:
                    return str(error)
            except (Unknown, NotSent) as error:
                self._log.warning(f"whether {name} was changed is still not known: {error}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _collect(self, names: Sequence[str]) -> None:
        """Cancel orders, those of the same moment in one request: the engine hands them over one by one."""
        if not self._cancels:
            self.create_task(self._cancel_collected(), "cancel")
        self._cancels.update(dict.fromkeys(names))

    async def _cancel_collected(self) -> None:
        await asyncio.sleep(COLLECT_SECONDS)
        names, self._cancels = list(self._cancels), {}
        sent = [name for name in names if not self._knowledge.of(name).lock.locked()]
        for name in sorted(set(names) - set(sent)):
            self._knowledge.of(name).cancel = True
            self.create_task(self._cancel([name]), f"cancel:{name}")
        for start in range(0, len(sent), CANCELS_AT_ONCE):
            await self._cancel(sent[start : start + CANCELS_AT_ONCE])

    async def _cancel(self, names: list[str]) -> None:
        """Cancel orders in one request; cancelling twice does no harm, so it is tried again."""
        pause, reason = FIRST_PAUSE, "the exchange did not answer"
        for _ in range(CANCEL_ATTEMPTS):
            if self._lease.lost is not None:
                reason = f"{FENCED}: {self._lease.lost}"
                break
            for name in names:
                async with self._knowledge.of(name).lock:
                    pass  # a submission under way comes first
            names = [name for name in names if not self._knowledge.of(name).over]
            if not names:
                return
            try:
                answer = await self._rest.send(
                    "POST", "/v1/cancels", body={"client_order_ids": names}, urgent=True
                )
            except (Unknown, NotSent) as error:
                reason = str(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Refused as error:
                reason = str(error)
                break
            else:
                self._canceled(names, answer["orders"])
                return
        for name in names:
            self._not_canceled(name, reason)

    def _canceled(self, names: list[str], rows: list[Row]) -> None:
        found = {row["client_order_id"]: row for row in rows}
        for name in names:
            row = found.get(name)
            if row is None:
                known = self._knowledge.of(name)
                known.cancel = not known.accepted and not known.over
                if not known.cancel:
                    self._not_canceled(name, NOT_FOUND)
            elif row["status"] not in {"CANCELED", "OPEN"}:
                self._not_canceled(name, f"the order is {row['status']}")
        self._learn(rows)

    def _not_canceled(self, name: str, reason: str) -> None:
        order = self.cache.order(ClientOrderId(name))
        if order is not None and not self._knowledge.of(name).over:
            self.generate_order_cancel_rejected(
                order, order.venue_order_id, reason, self.clock.timestamp_ns()
            )

    async def _query_order(self, command: QueryOrder) -> None:
        name = str(command.client_order_id)
        try:
            answer = await self._rest.get(f"/v1/orders/{name}")
            fills = [row async for row in self._pages("fills", {"client_order_id": name})]
        except Refused as error:
            if error.code == NOT_FOUND and name not in self._sent and error.ns > self._over_ns:
                self._knowledge.never(name, "NOT_TAKEN: the exchange never took the order")
            else:
                self._log.warning(f"{name} cannot be asked for: {error}")
        except (Unknown, NotSent) as error:
            self._log.warning(f"{name} cannot be asked for: {error}")
        else:
            self._learn([answer["order"]], fills)

    async def _query_account(self, command: QueryAccount) -> None:  # noqa: ARG002 - there is one account
        try:
            self._tell_account(await self._rest.get("/v1/account"))
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
            row = (await self._rest.get(f"/v1/orders/{name}"))["order"]
        except Refused as error:
            if error.code == NOT_FOUND:
                return None
            raise
        if self._knowledge.of(name).version:
            self._learn([row], [fill async for fill in self._pages("fills", {"client_order_id": name})])
        return self._reports.order(row, self.clock.timestamp_ns())

    async def _generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        query = {"open": "1"} if command.open_only else {}
        return [
            self._reports.order(row, self.clock.timestamp_ns())
            async for row in self._pages("orders", {**query, **_since(command.start)})
            if row["status"] != "REJECTED" and self._wanted(row, command.instrument_id)
        ]

    async def _generate_fill_reports(self, command: GenerateFillReports) -> list[FillReport]:
        return [
            self._reports.fill(row, self.clock.timestamp_ns())
            async for row in self._pages("fills", _since(command.start))
            if self._wanted(row, command.instrument_id)
        ]

    async def _generate_position_status_reports(
        self, command: GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        rows = (await self._rest.get("/v1/positions"))["positions"]
        return [
            self._reports.position(row, self.clock.timestamp_ns(), hedging=self._hedging)
            for row in rows
            if self._wanted(row, command.instrument_id)
        ]

    # helpers

    def _learn(self, rows: Sequence[Row], fills: Sequence[Row] = ()) -> None:
        """Take in rows and trades; when trades are missing they are asked for."""
        for row in sorted(rows, key=lambda row: int(row["version"])):
            self._knowledge.order(row)
        for fill in sorted(fills, key=lambda fill: int(fill["seq"])):
            self._knowledge.fill(fill)
        if self._knowledge.short():
            self._news.set()

    def _tell_account(self, message: Row) -> None:
        self.generate_account_state(balances(message), [], True, int(message["ns"]))

    async def _pages(self, name: str, query: dict[str, str]) -> AsyncIterator[Row]:
        after = query.get("after", "0")
        while True:
            answer = await self._rest.get(f"/v1/{name}", {**query, "after": after})
            for row in answer[name]:
                yield row
            if not answer["more"]:
                return
            after = str(answer["seq"])

    def _wanted(self, row: Row, instrument_id: Any) -> bool:
        return instrument_id is None or self._reports.instrument_id(row["symbol"]) == instrument_id


def _since(start_ns: int | None) -> dict[str, str]:
    return {} if start_ns is None else {"since_ns": str(start_ns)}


def _unsupported(order: Any) -> str | None:
    """Why the exchange cannot take an order at all."""
    trigger = getattr(order, "trigger_type", None)
    reasons = (
        (order.order_type not in ORDER_TYPES, f"{order.order_type.name} orders; emulate them"),
        (order.time_in_force not in TIMES_IN_FORCE, f"{order.time_in_force.name} orders"),
        (order.contingency_type not in CONTINGENCIES, "contingent orders; emulate them"),
        (order.is_quote_quantity, "quantities in the quote currency"),
        (getattr(order, "display_qty", None) is not None, "iceberg orders"),
        (trigger not in TRIGGERS, f"triggers on {trigger}"),
    )
    return next((f"UNSUPPORTED: {reason}" for wrong, reason in reasons if wrong), None)


def _body(order: Any, position_id: Any) -> dict[str, Any]:
    body = {
        "client_order_id": str(order.client_order_id),
        "symbol": str(order.instrument_id.symbol),
        "side": order.side.name,
        "type": ORDER_TYPES[order.order_type],
        "tif": TIMES_IN_FORCE[order.time_in_force],
        "quantity": str(order.quantity),
        "post_only": getattr(order, "is_post_only", False),
        "reduce_only": order.is_reduce_only,
    }
    for name in ("price", "trigger_price"):
        value = getattr(order, name, None)
        if value is not None:
            body[name] = str(value)
    if body["tif"] == "GTD":
        body["expire_ns"] = order.expire_time_ns
    if position_id is not None:
        body["position_id"] = str(position_id)
    return body
