"""Orders that are sent once: the intent on disk first, then the terminal, then the answer on disk.

A client id that arrives again gets the stored answer. An order whose answer is not known (a lost call, a
crash) stays in doubt until the terminal's books show it, or have been silent for long enough; it is never
sent again.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework_mt5_server.refusal import Refused
from framework_mt5_server.search import Ambiguous, Search
from framework_mt5_server.terminal import Stuck, TerminalError, Unreachable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from framework_mt5_server.requests import Requests
    from framework_mt5_server.schema import NewOrder
    from framework_mt5_server.store import Store
    from framework_mt5_server.terminal import Asker, Terminal
    from framework_mt5_server.wallclock import ServerClock

INTENT, IN_DOUBT, DONE, NOT_TAKEN = "INTENT", "IN_DOUBT", "DONE", "NOT_TAKEN"
UNSETTLED = (INTENT, IN_DOUBT)
TAG_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an order; `repeated` when its client id came before."""

    client_id: str
    state: str
    answer: dict[str, Any]
    ticket: int | None
    repeated: bool = False

    def body(self) -> dict[str, Any]:
        """As it is written on the wire."""
        return {
            "client_id": self.client_id,
            "state": self.state.lower(),
            "ticket": self.ticket,
            "answer": self.answer,
            "repeated": self.repeated,
        }


class Orders:
    """The desk for new orders."""

    def __init__(
        self, store: Store, terminal: Terminal, requests: Requests, clock: ServerClock, settle_seconds: float
    ) -> None:
        self._store = store
        self._terminal = terminal
        self._requests = requests
        self._settle_ms = int(settle_seconds * 1000)
        self._search = Search(store, clock)
        self._under_way: set[str] = set()
        self._blind_ms = _now_ms()
        store.run("UPDATE orders SET state = ? WHERE state = ?", (IN_DOUBT, INTENT))

    async def submit(self, order: NewOrder, let_pass: Callable[[], None] = lambda: None) -> Outcome:
        """Send an order, unless its client id was here before.

        Args:
            order: What is wanted.
            let_pass: Asked right before the order is sent; it raises when the order may not be sent any more.

        Raises:
            Refused: The server does not pass it on, or the client id belongs to another order.
            Unreachable: The terminal could not be asked; the client id is free again.
        """
        plain = order.model_dump(mode="json", exclude_unset=True, exclude={"valid_until"})
        fingerprint = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        known = self.known(order.client_id)
        if known is not None:
            return self._again(known, fingerprint)
        _in_time(order)
        tag = tag_of(order.client_id)
        with self._store.change() as connection:
            connection.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, NULL)",
                (
                    order.client_id,
                    fingerprint,
                    json.dumps(plain),
                    tag,
                    order.magic,
                    INTENT,
                    order.position,
                    _now_ms(),
                ),
            )
        self._under_way.add(order.client_id)
        try:
            return await self._terminal.do(lambda ask: self._send(ask, order, tag, let_pass))
        except Unreachable:
            self._forget(order.client_id)
            raise
        except Stuck as stuck:
            return self._doubt(order.client_id, str(stuck))
        except TerminalError as error:
            # Only what was asked before the order raises here; the order itself was not sent.
            self._forget(order.client_id)
            raise Unreachable(str(error)) from error
        except Refused:
            self._forget(order.client_id)
            raise

    def _send(self, ask: Asker, order: NewOrder, tag: str, let_pass: Callable[[], None]) -> Outcome:
        """On the terminal's thread: check, send, and keep the answer before anybody else sees it."""
        try:
            request = self._requests.new(ask, order, tag)
            _in_time(order)
            let_pass()
            answer, state = self._requests.send(ask, request, order.deviation)
            return self._keep(order.client_id, state, answer)
        finally:
            self._under_way.discard(order.client_id)

    async def settle(self, client_id: str) -> Outcome | None:
        """Look for an order in doubt; None when there is no such client id.

        Raises:
            Unreachable, Stuck, TerminalError: The terminal cannot be asked.
        """
        row = self.known(client_id)
        if row is None or row["state"] not in UNSETTLED or client_id in self._under_way:
            return None if row is None else self._outcome(row)
        asked = _now_ms()  # what turns up after it was looked for has not been looked for long enough
        try:
            found, seen = await self._terminal.do(lambda ask: self._look(ask, row))
        except Ambiguous:
            return self._outcome(row)
        except (Unreachable, Stuck, TerminalError):
            self.lose_sight()
            raise
        if not seen:
            self.lose_sight()
        if found is not None:
            answer = {"retcode": 10009, "comment": "found in the terminal's books", "found": True}
            return self._keep(client_id, DONE, answer | {"order": found})
        since = max(row["made_ms"], self._blind_ms, row["done_ms"] or 0)
        if asked - since > self._settle_ms:
            return self._keep(client_id, NOT_TAKEN, {"comment": "the terminal never had it"})
        return self._outcome(row)

    def lose_sight(self) -> None:
        """The broker's books cannot be seen now: silence counts from when they are seen again."""
        self._blind_ms = _now_ms()

    def _look(self, ask: Asker, row: sqlite3.Row) -> tuple[int | None, bool]:
        """On the terminal's thread: the ticket of an order in doubt, and whether its silence would count.

        A terminal without its broker answers from what it remembers, and one that somebody has logged in to
        another account from that account's books.
        """
        if not self._requests.is_account(ask):
            return None, False
        online = ask("terminal_info").connected
        found = self._search.find(ask, row)
        online = ask("terminal_info").connected and online
        return (found, online) if self._requests.is_account(ask) else (None, False)

    def known(self, client_id: str) -> sqlite3.Row | None:
        """The stored row of a client id."""
        return self._store.one("SELECT * FROM orders WHERE client_id = ?", (client_id,))

    def unsettled(self) -> list[str]:
        """Client ids in doubt, those that are just being sent among them."""
        rows = self._store.all("SELECT client_id FROM orders WHERE state IN (?, ?)", UNSETTLED)
        return [row["client_id"] for row in rows]

    def client_ids(self, tickets: set[int]) -> dict[int, str]:
        """The client ids of tickets that are this server's."""
        found: dict[int, str] = {}
        for ticket in tickets:
            row = self._store.one("SELECT client_id FROM orders WHERE ticket = ?", (ticket,))
            if row is not None:
                found[ticket] = row["client_id"]
        return found

    def outcome(self, client_id: str) -> Outcome | None:
        """What is known of a client id, without asking anybody."""
        row = self.known(client_id)
        return None if row is None else self._outcome(row)

    def _again(self, row: sqlite3.Row, fingerprint: str) -> Outcome:
        if row["fingerprint"] != fingerprint:
            raise Refused("CLIENT_ID_TAKEN", "this client id belongs to another order", 409)
        outcome = self._outcome(row)
        return Outcome(outcome.client_id, outcome.state, outcome.answer, outcome.ticket, repeated=True)

    def _keep(self, client_id: str, state: str, answer: dict[str, Any]) -> Outcome:
        ticket = int(answer.get("order") or 0) or None
        with self._store.change() as connection:
            connection.execute(
                "UPDATE orders SET state = ?, answer = ?, ticket = ?, done_ms = ? WHERE client_id = ?",
                (state, json.dumps(answer), ticket, _now_ms(), client_id),
            )
        return Outcome(client_id, state, answer, ticket)

    def _doubt(self, client_id: str, why: str) -> Outcome:
        with self._store.change() as connection:
            # The thread may have kept the true answer in the meantime.
            connection.execute(
                "UPDATE orders SET state = ?, answer = ? WHERE client_id = ? AND state = ?",
                (IN_DOUBT, json.dumps({"comment": why}), client_id, INTENT),
            )
        row = self.known(client_id)
        assert row is not None  # noqa: S101 - it was written before it was sent
        return self._outcome(row)

    def _forget(self, client_id: str) -> None:
        """An intent that never reached the terminal: its client id may come again."""
        self._under_way.discard(client_id)
        self._store.run("DELETE FROM orders WHERE client_id = ? AND state = ?", (client_id, INTENT))

    @staticmethod
    def _outcome(row: sqlite3.Row) -> Outcome:
        answer = {} if row["answer"] is None else json.loads(row["answer"])
        return Outcome(row["client_id"], row["state"], answer, row["ticket"])


def tag_of(client_id: str) -> str:
    """A short hash that goes into the order's comment: a hint, because brokers overwrite comments."""
    return "f" + b32encode(hashlib.sha256(client_id.encode()).digest())[:TAG_CHARACTERS].decode().lower()


def _in_time(order: NewOrder) -> None:
    if order.valid_until is not None and order.valid_until.timestamp() < time.time():
        raise Refused("TOO_LATE", "the order was not to be taken any more", 409)


def _now_ms() -> int:
    return int(time.time() * 1000)
