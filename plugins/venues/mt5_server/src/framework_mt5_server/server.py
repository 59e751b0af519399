"""The server: its parts, put together from its settings, and the application behind its door."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from framework_mt5_server import __version__
from framework_mt5_server.audit import Audit
from framework_mt5_server.books import Books
from framework_mt5_server.door import Door
from framework_mt5_server.events import Events
from framework_mt5_server.factor import Factor
from framework_mt5_server.holder import Holder
from framework_mt5_server.keys import Keys
from framework_mt5_server.orders import Orders
from framework_mt5_server.requests import Requests
from framework_mt5_server.routes import account, operator, orders, prices, stream
from framework_mt5_server.routes.answers import PROBLEMS, answer_refusals
from framework_mt5_server.store import Store
from framework_mt5_server.terminal import Terminal, watch_for_wedge
from framework_mt5_server.wallclock import ServerClock
from framework_mt5_server.words import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

    from framework_mt5_server.settings import Settings


class Server:
    """The parts of a running server, built from its settings; nothing is connected before it starts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.state)
        self.clock = ServerClock(settings.terminal.clock)
        self.terminal = Terminal(settings.terminal)
        self.writer = Writer(self.clock)
        self.audit = Audit(self.store)
        self.factor = Factor(self.store)
        self.keys = Keys(self.store)
        self.holder = Holder(self.store)
        self.requests = Requests(self.store, self.clock, settings.limits, settings.terminal.login)
        self.orders = Orders(
            self.store, self.terminal, self.requests, self.clock, settings.limits.settle_seconds
        )
        self.books = Books(self.terminal, self.orders, self.requests, self.writer, self.clock)
        self.events = Events(
            self.terminal, self.orders, self.requests, self.writer, self.clock, settings.events
        )

    @contextlib.asynccontextmanager
    async def running(self, _app: FastAPI) -> AsyncIterator[None]:
        """What goes on while requests are answered."""
        tasks = [
            asyncio.create_task(self.events.run()),
            asyncio.create_task(watch_for_wedge(self.terminal, self.settings.terminal.exit_when_wedged)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Let the terminal's thread end, and close the file."""
        self.terminal.close()
        self.audit.close()
        self.store.close()

    def note(self, request: Request, status: int, detail: str) -> None:
        """A line in the audit log for a request that came through the door."""
        what = f"{request.method} {request.url.path}"
        self.audit.note(request.state.key, request.state.address, what, status, detail)


def application(settings: Settings) -> tuple[ASGIApp, FastAPI]:
    """The application behind its door, and the application alone, for its description."""
    server = Server(settings)
    docs = settings.listen.docs
    app = FastAPI(
        title="framework-mt5-server",
        version=__version__,
        lifespan=server.running,
        openapi_url="/openapi.json" if docs else None,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        responses=PROBLEMS,
        redirect_slashes=False,
    )
    app.state.server = server
    answer_refusals(app, server)
    for part in (prices, account, orders, operator, stream):
        app.include_router(part.routes(server))
    return Door(app, settings, server.store, server.audit), app
