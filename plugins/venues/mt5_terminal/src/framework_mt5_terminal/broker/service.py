"""The broker on a socket of this machine: official calls from terminals, and orders to misbehave from tests.

One JSON object a line. `{"call": NAME, "arguments": [...]}` is answered by `{"result": ..., "error": [...]}`;
`{"control": NAME, ...}` by `{"done": ...}` or `{"refused": WHY}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from framework_mt5_terminal.broker.watch import Watch
from framework_mt5_terminal.broker.window import Window
from framework_mt5_terminal.ipc import NO_IPC

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from framework_mt5_terminal.broker.house import House

PASS_TIME_SECONDS = 0.1
LINE_BYTES = 1_000_000


class Service:
    """Serves one house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._window = Window(house)
        self._watch = Watch(house)
        self._writers: set[asyncio.StreamWriter] = set()
        self._controls: dict[str, Callable[..., Any]] = {
            "quote": self._quote,
            "fault": house.faults.arm,
            "disarm": house.faults.disarm,
            "ipc": self._ipc,
            "conditions": self._conditions,
            "symbol": self._symbol,
            "trade": self._trade,
            "close": self._close,
            "rollover": self._watch.rollover,
            "deposit": lambda amount: house.book(2, Decimal(amount), "deposit"),
            "truth": self._truth,
        }

    @contextlib.asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[int]:
        """Serve while the context lasts; yields the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LINE_BYTES)
        clock = asyncio.create_task(self._pass_time())
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            clock.cancel()
            server.close()
            for writer in list(self._writers):
                writer.close()

    def tick(self, symbol: str) -> None:
        """The next step of a symbol's walk."""
        self._house.markets[symbol].walk()
        self._watch.look(symbol)

    def publish(self, rows: Iterable[tuple[str, Decimal, Decimal]]) -> None:
        """Prices from elsewhere."""
        for symbol, bid, ask in rows:
            self._house.markets[symbol].set(bid, ask)
            self._watch.look(symbol)

    async def _pass_time(self) -> None:
        while True:
            await asyncio.sleep(PASS_TIME_SECONDS)
            self._watch.pass_time()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._answer(json.loads(line))
                if answer is None:
                    break
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # a client that is gone, or speaks nonsense: its connection ends
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "control" in message:
            return self._control(message)
        call = str(message["call"])
        self._house.overlaps += int(message.get("overlaps", 0))
        if self._house.faults.ipc_down:
            return {"result": None, "error": list(NO_IPC)}
        before = await self._trouble(call, "before")
        if before is not None:
            return before or None
        result, error = self._window.answer(call, message.get("arguments", []))
        after = await self._trouble(call, "after")
        if after is not None:
            return after or None
        return {"result": result, "error": error}

    async def _trouble(self, call: str, when: str) -> dict[str, Any] | None:
        """What a fault makes of a call: None is nothing, an empty answer cuts the connection."""
        fault = self._house.faults.due(call, when, {"lost", "wedge", "close_socket"})
        if fault is None:
            return None
        if fault.kind == "wedge":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._house.faults.released.wait(), fault.seconds)
            return None
        if fault.kind == "close_socket":
            return {}
        return {"result": None, "error": [fault.code, "IPC timeout"]}

    # control

    def _control(self, message: dict[str, Any]) -> dict[str, Any]:
        name = message.pop("control")
        try:
            return {"done": self._controls[name](**message)}
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            return {"refused": f"{type(error).__name__}: {error}"}

    def _quote(
        self, symbol: str, bid: str, ask: str, depth: str | None = None, utc_ns: int | None = None
    ) -> None:
        lots = None if depth is None else Decimal(depth)
        self._house.markets[symbol].set(Decimal(bid), Decimal(ask), lots, utc_ns)
        self._watch.look(symbol)

    def _ipc(self, up: bool) -> None:
        self._house.faults.ipc_down = not up

    def _conditions(self, **wanted: Any) -> None:
        house = self._house
        for name, value in wanted.items():
            match name:
                case "history_lag":
                    house.faults.history_lag = float(value)
                case "closed" | "trade_allowed" | "connected" | "comments" | "placed" | "bare_answers":
                    setattr(house, name, value)
                case "login":
                    house.account.login = int(value)
                case _:
                    raise KeyError(name)

    def _symbol(self, name: str, **wanted: Any) -> None:
        listed = self._house.listed[name]
        for field, value in wanted.items():
            known = getattr(listed, field)
            setattr(listed, field, Decimal(value) if isinstance(known, Decimal) else value)

    def _trade(self, **request: Any) -> list[Any]:
        """A trade by hand, as from another terminal."""
        result, _ = self._window.answer("order_send", [request])
        return list(result)

    def _close(self, ticket: int, reason: int = 0, comment: str = "") -> None:
        self._watch.close_at_market(self._house.positions[ticket], reason, comment)

    def _truth(self) -> dict[str, Any]:
        house = self._house

        def plain(row: Any) -> dict[str, Any]:
            return {k: str(v) if isinstance(v, Decimal) else v for k, v in asdict(row).items()}

        return {
            "orders": [plain(order) for order in house.orders.values()],
            "past": [plain(order) for order in house.past.values()],
            "deals": [plain(deal) for deal in house.deals],
            "positions": [plain(position) for position in house.positions.values()],
            "balance": str(house.account.balance),
            "equity": str(house.equity),
            "sent": house.sent,
            "overlaps": house.overlaps,
            "armed": house.faults.armed,
            "struck": house.faults.struck,
        }
