"""The terminal's books as they are asked for and changed: account, positions, orders, deals."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from framework_mt5_server import words
from framework_mt5_server.refusal import Refused
from framework_mt5_server.terminal import TerminalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_mt5_server.orders import Orders
    from framework_mt5_server.requests import Requests
    from framework_mt5_server.schema import OrderChange, PositionChange
    from framework_mt5_server.terminal import Asker, Terminal
    from framework_mt5_server.wallclock import ServerClock
    from framework_mt5_server.words import Writer

DAY = timedelta(days=1)
BACK = 30 * DAY
AHEAD = 2 * DAY
"""The broker's clock may be ahead of ours by most of a day."""
TICKET = "ticket:"
NO_LOTS = 1e-9
"""Less than any difference of two volumes."""


class Books:
    """Asks on the terminal's thread, and writes for the wire with the client ids of what is ours."""

    def __init__(
        self, terminal: Terminal, orders: Orders, requests: Requests, writer: Writer, clock: ServerClock
    ) -> None:
        self._terminal = terminal
        self._orders = orders
        self._requests = requests
        self._writer = writer
        self._clock = clock

    async def account(self) -> dict[str, Any]:
        """The account."""
        return self._writer.account(await self._terminal.do(lambda ask: ask("account_info")))

    async def positions(self, symbol: str | None, magic: int | None) -> list[dict[str, Any]]:
        """Open positions, of one symbol or all."""

        def rows(ask: Asker) -> list[dict[str, Any]]:
            found = ask("positions_get", **({} if symbol is None else {"symbol": symbol}))
            self._requests.refuse_other(ask)
            self._learn(ask, found)
            return [self._writer.position(row) for row in found if magic in {None, row.magic}]

        return await self._terminal.do(rows)

    async def orders(self, since_ms: int | None, *, active: bool) -> list[dict[str, Any]]:
        """Active orders, or those that are over: done after a time, or with a deal after it."""

        def rows(ask: Asker) -> list[dict[str, Any]]:
            found = ask("orders_get") if active else self._past(ask, since_ms)[0]
            self._requests.refuse_other(ask)
            self._learn(ask, found)
            return [self._writer.order(row) for row in found]

        return self._named(await self._terminal.do(rows), "ticket")

    async def deals(self, since_ms: int | None, position: int | None) -> list[dict[str, Any]]:
        """Deals after a time with the earlier ones of the same orders, or those of a position."""

        def rows(ask: Asker) -> list[dict[str, Any]]:
            if position is not None:
                found = ask("history_deals_get", position=position)
            else:
                found = self._past(ask, since_ms)[1]
            self._requests.refuse_other(ask)
            self._learn(ask, found)
            return [self._writer.deal(row) for row in found]

        return self._named(await self._terminal.do(rows), "order")

    async def view(self, order_id: str) -> dict[str, Any]:
        """An order by client id or ticket: what is known here, its row in the books, its deals.

        Raises:
            Refused: There is no such order.
        """
        outcome = None
        if not order_id.startswith(TICKET):
            outcome = await self._orders.settle(order_id)
            if outcome is None:
                raise Refused("NO_ORDER", "no order with this client id has come here", 404)
        ticket = int(order_id.removeprefix(TICKET)) if outcome is None else outcome.ticket
        row, deals = (
            (None, []) if ticket is None else await self._terminal.do(lambda ask: self._row(ask, ticket))
        )
        if outcome is None and row is None:
            raise Refused("NO_ORDER", "the terminal has no such order", 404)
        name = {} if ticket is None else self._orders.client_ids({ticket})
        known: dict[str, Any] = {
            "client_id": name.get(ticket or 0),
            "state": "done",
            "ticket": ticket,
            "answer": {},
        }
        shown = None if row is None else self._writer.order(row)
        return {
            **(known if outcome is None else outcome.body()),
            "order": shown,
            "active": row is not None and row.state in {0, 1, 3, 7, 8, 9},
            "deals": [self._writer.deal(deal) for deal in deals],
        }

    async def change(
        self, order_id: str, change: OrderChange, let_pass: Callable[[], None]
    ) -> tuple[dict[str, Any], str]:
        """Change a pending order; `let_pass` is asked right before, and raises when it may not be."""

        def work(ask: Asker) -> tuple[dict[str, Any], str]:
            row = self._active(ask, self._ticket(order_id))
            request = self._requests.change_order(ask, row, change)
            let_pass()
            return _settled(*self._requests.send(ask, request))

        return await self._terminal.do(work)

    async def remove(self, order_id: str, let_pass: Callable[[], None]) -> tuple[dict[str, Any], str]:
        """Take a pending order away, with the same last question."""

        def work(ask: Asker) -> tuple[dict[str, Any], str]:
            row = self._active(ask, self._ticket(order_id))
            request = self._requests.remove(ask, row)
            let_pass()
            return self._requests.send(ask, request)

        return await self._terminal.do(work)

    async def protect(
        self, ticket: int, change: PositionChange, let_pass: Callable[[], None]
    ) -> tuple[dict[str, Any], str]:
        """Set a position's stop and target, with the same last question."""

        def work(ask: Asker) -> tuple[dict[str, Any], str]:
            rows = ask("positions_get", ticket=ticket)
            self._requests.refuse_other(ask)
            if not rows:
                raise Refused("NO_POSITION", "no such position is open", 404)
            request = self._requests.change_position(ask, rows[0], change)
            let_pass()
            return _settled(*self._requests.send(ask, request))

        return await self._terminal.do(work)

    def _ticket(self, order_id: str) -> int:
        if order_id.startswith(TICKET):
            return int(order_id.removeprefix(TICKET))
        outcome = self._orders.outcome(order_id)
        if outcome is None:
            raise Refused("NO_ORDER", "no order with this client id has come here", 404)
        if outcome.ticket is None:
            raise Refused("IN_DOUBT", f"the order is {outcome.state.lower()} and has no ticket", 409)
        return outcome.ticket

    def _active(self, ask: Asker, ticket: int) -> Any:
        rows = ask("orders_get", ticket=ticket)
        self._requests.refuse_other(ask)
        self._learn(ask, rows)
        if rows:
            return rows[0]
        past = ask("history_orders_get", ticket=ticket)
        state = words.STATES[past[0].state] if past else "not in the books yet"
        raise Refused("NOT_ACTIVE", f"the order is {state}", 409)

    def _past(self, ask: Asker, since_ms: int | None) -> tuple[list[Any], list[Any]]:
        """Orders that are over, and deals, after a time: no deal without its order, nor the reverse.

        The terminal is asked for a day more, because its clock is not ours, and by ticket for what began
        before.
        """
        since = int((datetime.now(UTC) - BACK).timestamp() * 1000) if since_ms is None else since_ms
        window = datetime.fromtimestamp(since / 1000, tz=UTC) - DAY, datetime.now(UTC) + AHEAD
        deals = {
            row.ticket: row
            for row in ask("history_deals_get", *window)
            if self._is_after(row.time_msc, since)
        }
        traded = {row.order for row in deals.values() if row.order}
        active = {row.ticket: row for row in ask("orders_get")}
        past = {
            row.ticket: row
            for row in ask("history_orders_get", *window)
            if row.ticket in traded or self._is_after(row.time_done_msc, since)
        }
        for ticket in traded - past.keys() - active.keys():
            past |= {row.ticket: row for row in ask("history_orders_get", ticket=ticket)}
        filled: Counter[int] = Counter()
        for row in deals.values():
            filled[row.order] += row.volume
        for row in [*past.values(), *active.values()]:
            if row.volume_initial - row.volume_current - filled[row.ticket] > NO_LOTS:
                deals |= {deal.ticket: deal for deal in ask("history_deals_get", ticket=row.ticket)}
        return list(past.values()), list(deals.values())

    def _is_after(self, wall_ms: int, since_ms: int) -> bool:
        return bool(wall_ms) and self._clock.to_utc_ms(wall_ms) >= since_ms

    def _row(self, ask: Asker, ticket: int) -> tuple[Any, list[Any]]:
        rows = ask("orders_get", ticket=ticket) or ask("history_orders_get", ticket=ticket)
        deals = list(ask("history_deals_get", ticket=ticket))
        self._requests.refuse_other(ask)
        self._learn(ask, rows)
        return (rows[0] if rows else None), deals

    def _learn(self, ask: Asker, rows: Any) -> None:
        """The digits of every symbol that is about to be written."""
        for symbol in {row.symbol for row in rows if row.symbol} - self._writer.digits.keys():
            try:
                self._writer.symbol(ask("symbol_info", symbol))
            except TerminalError:
                self._writer.digits[symbol] = words.PLACES  # a symbol the broker no longer lists

    def _named(self, rows: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
        names = self._orders.client_ids({row[field] for row in rows if row[field]})
        return [{**row, "client_id": names.get(row[field] or 0)} for row in rows]


def _settled(answer: dict[str, Any], state: str) -> tuple[dict[str, Any], str]:
    """A change to what is so already is done."""
    return answer, "DONE" if answer.get("retcode") == words.NO_CHANGES else state
