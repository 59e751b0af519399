"""The execution client: one account, kept in step with the server; orders go out over its desk."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import TYPE_CHECKING, Any

from nautilus_trader.common import Logger
from nautilus_trader.live.clients import ExecutionClient, ExecutionClientFactory
from nautilus_trader.model import AccountId, AccountType, OmsType, Venue

from framework import RunError
from framework_mt5.books import Books
from framework_mt5.config import Mt5ExecutionConfig
from framework_mt5.desk import FIRST_PAUSE, LONGEST_PAUSE, Desk
from framework_mt5.knowledge import Knowledge
from framework_mt5.providers import Mt5Instruments
from framework_mt5.reports import Reports, balances
from framework_mt5.rest import NotSent, Refused, Rest, Unknown, iso
from framework_mt5.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

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
SYNC_SECONDS = 30.0
"""How often everything is asked for, although nothing seems to be missing."""
DOUBT_SECONDS = 90.0
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
        self.recalled: Callable[[str], str] = lambda _: ""
        """Set by the node: why an order must not leave any more."""
        self._rest = Rest(settings, f"{trader_id}/{uuid.uuid4().hex}")
        self._instruments = Mt5Instruments(self._rest, name, settings.symbols)
        hedging = settings.oms == "hedging"
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            trader_id=trader_id,
            venue=Venue(name),
            account_id=AccountId(f"{name}-{settings.account}"),
            account_type=AccountType.MARGIN,
            oms_type=OmsType.HEDGING if hedging else OmsType.NETTING,
            instrument_provider=self._instruments,
            base_currency=settings.balances[0].currency,
        )
        self._log = Logger(f"{name}-execution")
        self._stream = Stream(self._rest, self._log, on_up=self._caught_up, on_message=self._heard)
        self._listed: dict[str, Any] = {}
        self._reports = Reports(self.account_id, self._listed, hedging=hedging)
        self._knowledge = Knowledge(self, self._reports)
        self._seq = 0
        self._desk = Desk(
            self,
            settings,
            self._listed,
            rest=self._rest,
            stream=self._stream,
            knowledge=self._knowledge,
            log=self._log,
        )
        self._books = Books(self._rest, self._reports)
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
            # Only now does nothing more of an earlier node get through.
            await self._none_in_doubt()
        except TimeoutError:
            if not self._stream.taken:
                raise
            taken = RunError("another node trades on this account", remedy="Stop the other node first.")
            self._log.error(f"cannot connect: {taken}")
            await self._rest.close()
            raise taken from None
        except Exception as error:
            self._log.error(f"cannot connect: {error}")
            await self._rest.close()
            raise

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
        """After every connection: whether it is still this account, and whatever was missed is asked for."""
        try:
            self._tell_account(await self._rest.get("account"))
        except (Unknown, NotSent, Refused) as error:
            raise ValueError(f"the account cannot be asked for: {error}") from error
        self._seq = int(welcome["seq"])
        self._desk.news.set()

    async def _heard(self, message: dict[str, Any]) -> None:
        number = message.get("seq")
        if isinstance(number, int):
            if number > self._seq + (message["type"] != "heartbeat"):
                self._desk.news.set()  # something between was lost
            self._seq = max(self._seq, number)
        match message.get("type"):
            case "account":
                self._tell_account(message["account"])
            case _ if self._desk.other is not None:
                return
            case "order":
                self._desk.learn([message["order"]])
            case "deal":
                self._desk.learn([], [message["deal"]])

    async def _keep_synced(self) -> None:
        """Ask for what the stream did not tell: after connecting, after a gap, while deals are missing."""
        pause = FIRST_PAUSE
        while True:
            if not self._knowledge.short():
                try:
                    async with asyncio.timeout(SYNC_SECONDS):
                        await self._desk.news.wait()
                except TimeoutError:
                    pass
            self._desk.news.clear()
            await asyncio.sleep(pause)
            try:
                await self._sync()
                pause = FIRST_PAUSE
            except (Unknown, NotSent, Refused) as error:
                self._log.warning(f"the server cannot be asked for what was missed: {error}")
                self._desk.news.set()
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _sync(self) -> None:
        since = {"since": iso(self._began - BACK_SECONDS)}
        active = [row async for row in self._books.pages("orders", {})]
        past = [row async for row in self._books.pages("orders", {"active": "false", **since})]
        deals = [row async for row in self._books.pages("deals", since)]
        self._tell_account(await self._rest.get("account"))
        if self._desk.other is None:
            self._desk.learn([*active, *past], deals)

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
        self._desk.submit(command.order, command.position_id, command.params)

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        for init in command.order_inits:
            self._desk.submit(self.cache.order(init.client_order_id), command.position_id, command.params)

    async def _modify_order(self, command: ModifyOrder) -> None:
        self.create_task(self._desk.modify(command), f"modify:{command.client_order_id}")

    async def _cancel_order(self, command: CancelOrder) -> None:
        self._desk.cancel(str(command.client_order_id))

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        for cancel in command.cancels:
            self._desk.cancel(str(cancel.client_order_id))

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        for orders in (self.cache.orders_open, self.cache.orders_inflight):
            for order in orders(
                instrument_id=command.instrument_id,
                strategy_id=command.strategy_id,
                side=command.order_side,
            ):
                self._desk.cancel(str(order.client_order_id))

    async def _query_order(self, command: QueryOrder) -> None:
        await self._desk.query(command)

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
        order = self.cache.order(command.client_order_id)
        address = self._desk.address(order, str(command.client_order_id))
        return await self._books.order(address, self.clock.timestamp_ns())

    async def _generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        return await self._books.orders(command, self.clock.timestamp_ns())

    async def _generate_fill_reports(self, command: GenerateFillReports) -> list[FillReport]:
        return await self._books.fills(command, self.clock.timestamp_ns())

    async def _generate_position_status_reports(
        self, command: GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        return await self._books.positions(command, self.clock.timestamp_ns())

    def _tell_account(self, account: Row) -> None:
        """Tell the engine of the money; while it is another account's, say so, and let no order leave."""
        login = str(account["login"])
        if login != self._settings.account:
            if self._desk.other is None:
                self._log.error(
                    f"the terminal is logged in to account {login}; nothing is sent before it is back at "
                    f"{self._settings.account}"
                )
            self._desk.other = login
            return
        if self._desk.other is not None:
            self._log.warning(f"the terminal is back at account {login}")
            self._desk.other = None
            self._desk.news.set()
        money, margins = balances(account)
        self.generate_account_state(money, margins, True, self.clock.timestamp_ns())
