"""The push stream: the terminal is asked often, and what has changed is told to whoever listens.

Messages about orders, deals, positions and the account are numbered; a listener that finds one missing, or
another `boot`, asks the REST routes for what is so. Ticks are told once each, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from framework_mt5_server import words
from framework_mt5_server.terminal import Stuck, TerminalError, Unreachable

if TYPE_CHECKING:
    from framework_mt5_server.orders import Orders
    from framework_mt5_server.requests import Requests
    from framework_mt5_server.settings import EventSettings
    from framework_mt5_server.terminal import Asker, Terminal
    from framework_mt5_server.wallclock import ServerClock
    from framework_mt5_server.words import Writer

BACKLOG = 1_000
"""Messages that a slow listener may be behind; one that is further behind is let go."""
TICKS = 5_000
DAY = timedelta(days=1)
SETTLE_EVERY = 0.5
PROVE_EVERY = 1.0
type Ticks = tuple[list[dict[str, Any]], tuple[int, int]]
"""Ticks for the wire, the broker's time of the newest one, and how many of that time were read."""
_log = logging.getLogger("framework_mt5_server")


class Listener:
    """One stream: what it wants to hear of, and what it has not taken yet."""

    def __init__(self) -> None:
        self.symbols: set[str] = set()
        self.waiting: deque[dict[str, Any]] = deque()
        self.news = asyncio.Event()
        self.behind = False

    def tell(self, message: dict[str, Any]) -> None:
        """Put a message in line."""
        if len(self.waiting) >= BACKLOG:
            self.behind = True
        else:
            self.waiting.append(message)
        self.news.set()


class Events:
    """Asks the terminal, and tells the listeners."""

    def __init__(
        self,
        terminal: Terminal,
        orders: Orders,
        requests: Requests,
        writer: Writer,
        clock: ServerClock,
        settings: EventSettings,
    ) -> None:
        self._terminal = terminal
        self._orders = orders
        self._requests = requests
        self._writer = writer
        self._clock = clock
        self._settings = settings
        self.boot = uuid.uuid4().hex
        self.seq = 0
        self.listeners: set[Listener] = set()
        self.looked_at: float | None = None
        self._open: dict[int, dict[str, Any]] = {}
        self._positions: dict[int, dict[str, Any]] = {}
        self._deals: set[int] = set()
        self._leaving: set[int] = set()
        self._account: dict[str, Any] = {}
        self._newest_tick: dict[str, dict[str, Any]] = {}
        self._tick_at: dict[str, tuple[int, int]] = {}
        self._first = True
        self._settled_at = 0.0
        self._proven_at = 0.0

    def welcome(self) -> dict[str, Any]:
        """The first message of a stream."""
        return {
            "type": "welcome",
            "boot": self.boot,
            "seq": self.seq,
            "heartbeat_seconds": self._settings.heartbeat_seconds,
        }

    def subscribe(self, listener: Listener, symbols: set[str]) -> None:
        """A listener hears of symbols from now on: that it does, and their newest ticks."""
        listener.tell({"type": "subscribed", "symbols": sorted(symbols)})
        for symbol in symbols & self._newest_tick.keys():
            listener.tell({"type": "tick", "again": True, "tick": self._newest_tick[symbol]})
        listener.symbols |= symbols

    async def run(self) -> None:
        """Ask until cancelled."""
        pause = min(1.0, self._settings.heartbeat_seconds / 2)
        while True:
            began = time.monotonic()
            try:
                symbols = set().union(*(listener.symbols for listener in self.listeners))
                self._told(await self._terminal.do(lambda ask: self._look(ask, symbols)))  # noqa: B023 - done before the next turn
                self.looked_at = time.monotonic()
                await self._settle()
            except (Unreachable, Stuck, TerminalError) as error:
                _log.warning("the terminal cannot be asked: %s", error)
                self._orders.lose_sight()
                await asyncio.sleep(pause)
            except Exception:  # noqa: BLE001 - whatever it is, those who listen go on hearing of the rest
                _log.exception("what the terminal said cannot be told; it is asked again")
                await asyncio.sleep(pause)
            took = time.monotonic() - began
            await asyncio.sleep(max(0.005, self._settings.poll_ms / 1000 - took))

    async def _settle(self) -> None:
        if time.monotonic() - self._settled_at < SETTLE_EVERY:
            return
        self._settled_at = time.monotonic()
        for client_id in self._orders.unsettled():
            outcome = await self._orders.settle(client_id)
            if outcome is not None and outcome.state not in {"INTENT", "IN_DOUBT"}:
                self._say({"type": "outcome", "outcome": outcome.body()})

    def _look(self, ask: Asker, symbols: set[str]) -> dict[str, Any]:
        """Everything that can change, read on the terminal's thread."""
        now = datetime.now(UTC)
        since = now - DAY if not self._first else now - 7 * DAY
        orders = ask("orders_get")
        found: dict[str, Any] = {
            "positions": ask("positions_get"),
            "orders": orders,
            "deals": [
                row for row in ask("history_deals_get", since, now + 2 * DAY) if row.ticket not in self._deals
            ],
            "account": ask("account_info"),
            "ticks": {},
            "gone": [],
        }
        found["ours"] = self._requests.is_login(found["account"].login)
        open_now = {row.ticket for row in orders}
        if found["ours"]:
            self._leaving |= (self._open.keys() - open_now) | {
                row.order
                for row in found["deals"]
                if row.order and row.order not in open_now and not self._first
            }
        for ticket in self._leaving:
            found["gone"] += [row for row in ask("history_orders_get", ticket=ticket) if row.ticket == ticket]
        self._prove(ask)
        for symbol in symbols:
            with contextlib.suppress(TerminalError):  # a symbol may be taken from the list at any time
                if ticks := self._ticks(ask, symbol):
                    found["ticks"][symbol] = ticks
        for row in [*orders, *found["deals"], *found["positions"]]:
            if row.symbol and row.symbol not in self._writer.digits:
                with contextlib.suppress(TerminalError):
                    self._writer.symbol(ask("symbol_info", row.symbol))
        return found

    def _prove(self, ask: Asker) -> None:
        """Look at every symbol that was asked for, so that the next tick shows a clock that changed."""
        if time.monotonic() - self._proven_at < PROVE_EVERY:
            return
        self._proven_at = time.monotonic()
        for symbol in self._clock.watched():
            with contextlib.suppress(TerminalError):
                self._clock.observe(symbol, ask("symbol_info_tick", symbol).time_msc)

    def _ticks(self, ask: Asker, symbol: str) -> Ticks | None:
        """A symbol's new ticks, and where they end; None when there are none."""
        if symbol not in self._writer.digits:
            info = ask("symbol_info", symbol)
            self._writer.symbol(info)
            if not info.visible:
                ask("symbol_select", symbol, True)
        last, same = self._tick_at.get(symbol, (0, 0))
        if not last:
            newest = ask("symbol_info_tick", symbol)
            self._clock.observe(symbol, newest.time_msc)
            last = newest.time_msc - 1 if newest.time_msc else 0
        if self._clock.repeats(int(time.time() * 1000)):
            return self._newest(ask, symbol, last)
        rows = ask("copy_ticks_from", symbol, last // 1000, TICKS, -1)
        # Later than now are ticks from before the broker's clock went back, or the clock is set wrong.
        rows = rows[rows["time_msc"] <= self._clock.latest_wall_ms()]
        # Ticks of one millisecond are told apart by how many of them were told.
        fresh = rows[rows["time_msc"] > last]
        twins = rows[rows["time_msc"] == last][same:]
        if not len(fresh) and not len(twins):
            return None
        newest_ms = int(rows["time_msc"][-1])
        count = int((rows["time_msc"] == newest_ms).sum())
        self._clock.observe(symbol, newest_ms)
        return self._timed(symbol, [*twins, *fresh], (last, same)), (newest_ms, count)

    def _newest(self, ask: Asker, symbol: str, last: int) -> Ticks | None:
        """The newest tick alone: in an hour that comes twice ticks cannot be asked for by time."""
        tick = ask("symbol_info_tick", symbol)
        if tick.time_msc == last:
            return None
        self._clock.observe(symbol, tick.time_msc)
        return self._timed(symbol, [words.tick(tick)], None), (tick.time_msc, 1)

    def _timed(self, symbol: str, rows: list[Any], before: tuple[int, int] | None) -> list[dict[str, Any]]:
        """Ticks with their times in UTC; none while nobody knows what time the broker means."""
        return [] if self._clock.disproven else self._writer.ticks(symbol, rows, before)

    def _told(self, found: dict[str, Any]) -> None:
        writer = self._writer
        for symbol, (ticks, until) in found["ticks"].items():
            self._tick_at[symbol] = until
            if ticks:
                self._newest_tick[symbol] = ticks[-1]
            for listener in self.listeners:
                if symbol in listener.symbols:
                    for tick in ticks:
                        listener.tell({"type": "tick", "tick": tick})
        if found["ours"]:
            self._tell_books(found)
        account = writer.account(found["account"])
        kept = ("login", "balance", "credit", "margin", "currency", "trade_allowed", "leverage")
        if any(account[name] != self._account.get(name) for name in kept):
            self._say({"type": "account", "account": account})
        self._account = account
        self._first = self._first and not found["ours"]

    def _tell_books(self, found: dict[str, Any]) -> None:
        writer = self._writer
        rows = [writer.order(row) for row in found["orders"]]
        gone = [writer.order(row) for row in found["gone"]]
        deals = [writer.deal(row) for row in found["deals"]]
        names = self._orders.client_ids(
            {row["ticket"] for row in rows + gone} | {row["order"] for row in deals if row["order"]}
        )
        changed = [row for row in rows if self._open.get(row["ticket"]) != row]
        for row in changed + gone:
            self._say({"type": "order", "order": {**row, "client_id": names.get(row["ticket"])}})
        for row in deals:
            self._deals.add(row["ticket"])
            self._say({"type": "deal", "deal": {**row, "client_id": names.get(row["order"] or 0)}})
        self._open = {row["ticket"]: row for row in rows}
        self._leaving -= {row["ticket"] for row in gone}
        self._tell_positions({row.ticket: writer.position(row) for row in found["positions"]})

    def _tell_positions(self, now: dict[int, dict[str, Any]]) -> None:
        moving = {"current", "profit"}

        def still(row: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in row.items() if name not in moving}

        for ticket, row in now.items():
            before = self._positions.get(ticket)
            if before is None or still(before) != still(row):
                self._say({"type": "position", "position": row})
        for ticket in self._positions.keys() - now.keys():
            self._say({"type": "position", "position": {**self._positions[ticket], "volume": "0"}})
        self._positions = now

    def _say(self, message: dict[str, Any]) -> None:
        if self._first:
            return  # what was there before the first look is no news
        self.seq += 1
        for listener in self.listeners:
            listener.tell({**message, "seq": self.seq})
