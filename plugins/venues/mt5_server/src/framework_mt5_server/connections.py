"""The connections that may be open at once, in all and from one address, and for how long without a request.

The HTTP library times connections only between requests; one that has not sent its first, or sends it byte by
byte, would stay for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from framework_mt5_server.settings import ListenSettings


class Bounded(H11Protocol):
    """Ends at once what is one too many, and in time what sends no request.

    Of the HTTP library's protocols this is the one that bounds the size of headers.
    """

    listen: ClassVar[ListenSettings]
    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or cut it off."""
        super().connection_made(transport)
        same = sum(_host(other) == _host(self) for other in self.connections)
        if len(self.connections) > self.listen.connections or same > self.listen.connections_per_address:
            transport.abort()
        else:
            self._time()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the last ones of a request's headers stop the clock."""
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._time()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Become a stream, which has pings of its own."""
        self._forget()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._forget()
        super().connection_lost(exc)

    def _time(self) -> None:
        """Run the clock while no request is being answered."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._forget()
        elif self.deadline is None:
            self.deadline = self.loop.call_later(self.listen.idle_seconds, self.transport.abort)

    def _forget(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None


def bounded(listen: ListenSettings) -> type[Bounded]:
    """The protocol with the bounds of these settings."""
    return type("BoundedBySettings", (Bounded,), {"listen": listen})


def _host(connection: Any) -> str | None:
    return None if connection.client is None else connection.client[0]
