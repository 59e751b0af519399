"""What a venue itself says it has, asked apart from the engine.

The engine answers from its own books. Whether a position is what the books say, and whether an account is
flat, only the venue can prove. So the venue's own execution client is kept when the engine builds it, and its
report hooks are asked directly. A client that is not written in Python has no such hooks: there the venue
plugin's own `statement` is asked, and about a venue without either nothing is said.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_trader.live.clients import ExecutionClient, ExecutionClientFactory

from framework.errors import FrameworkError, RunError
from framework.journal.state import OPEN, ZERO
from framework.specs import Statement

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

SECONDS = 5.0
"""How long a venue may take to answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the report hooks of a client are asked with: the engine's commands cannot be made in Python."""

    instrument_id: None = None
    client_order_id: None = None
    venue_order_id: None = None
    start: None = None
    end: None = None
    params: None = None
    open_only: bool = True


class Venues:
    """The venues of a node that can be asked.

    Attributes:
        recalled: Says why an order on its way must not leave any more; given to every client in Python.
    """

    def __init__(self) -> None:
        self.recalled: Callable[[str], str] = lambda _: ""
        self._clients: dict[str, ExecutionClient] = {}
        self._statements: dict[str, Callable[[], Statement]] = {}

    def stated(self, name: str, statement: Callable[[], Statement] | None) -> None:
        """Ask a venue this way; as before when it has none."""
        if statement is not None:
            self._statements[name] = statement

    def kept(self, name: str, factory: Any, failed: Callable[[BaseException], None]) -> Any:
        """The factory to give the engine in place of a venue's own: the client it builds is remembered.

        Args:
            name: The venue.
            factory: The venue's own.
            failed: Told why it cannot connect, which the engine does not say before its patience is over.
        """
        if not isinstance(factory, ExecutionClientFactory):
            return factory
        clients = self._clients

        class Kept(ExecutionClientFactory):
            @staticmethod
            def create(**engine: Any) -> ExecutionClient:
                client: Any = factory.create(**engine)
                connect = client._connect  # noqa: SLF001 - the hook's name

                async def connecting() -> None:
                    try:
                        await connect()
                    except Exception as error:
                        failed(_named(name, error))
                        raise

                client._connect = connecting  # noqa: SLF001 - the hook's name
                client.recalled = lambda order: self.recalled(order)  # noqa: PLW0108 - what it is by then
                clients[name] = client
                return clients[name]

        return Kept()

    async def ask(self, name: str) -> Statement | None:
        """What the venue has; None when it cannot be asked or does not answer."""
        if name in self._statements:
            return await self._state(self._statements[name])
        client = self._clients.get(name)
        if client is None:
            return None
        question: Any = Question()
        try:
            async with asyncio.timeout(SECONDS):
                orders = await client._generate_order_status_reports(question)  # noqa: SLF001 - the hook's name
                positions = await client._generate_position_status_reports(question)  # noqa: SLF001 - as above
        except Exception:  # noqa: BLE001 - whatever a venue's client raises, it is no answer
            return None
        held: dict[str, Decimal] = {}
        for report in positions:
            size = report.quantity.as_decimal()
            name_of = str(report.instrument_id)
            held[name_of] = held.get(name_of, ZERO) + (
                -size if report.position_side.name == "SHORT" else size
            )
        return Statement(
            {key: size for key, size in held.items() if size},
            frozenset(
                str(report.client_order_id or report.venue_order_id)
                for report in orders
                if report.order_status.name in OPEN
            ),
        )

    @staticmethod
    async def _state(statement: Callable[[], Statement]) -> Statement | None:
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.to_thread(statement)
        except Exception:  # noqa: BLE001 - whatever a venue raises, it is no answer
            return None


def _named(venue: str, error: Exception) -> FrameworkError:
    if isinstance(error, FrameworkError):
        return error
    return RunError(
        f"venue {venue} cannot connect: {error}", remedy="See that it is there, and the venue's settings."
    )
