"""The account, its positions, orders and deals."""
# ruff: noqa: TC001, TC002 - FastAPI reads annotations at run time

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from framework_mt5_server.routes.answers import ROWS, Since, changed, milliseconds, page
from framework_mt5_server.schema import PositionChange, Symbol, Ticket

if TYPE_CHECKING:
    from datetime import datetime

    from framework_mt5_server.server import Server


def routes(server: Server) -> APIRouter:
    """The account and its books."""
    router = APIRouter()
    books = server.books

    @router.get("/account")
    async def account() -> dict[str, Any]:
        """The account's money and terms, in its currency."""
        return await books.account()

    @router.get("/account/positions")
    async def positions(symbol: Symbol | None = None, magic: int | None = None) -> dict[str, Any]:
        """Open positions."""
        return {"positions": await books.positions(symbol, magic)}

    @router.patch("/account/positions/{ticket}")
    async def protect(request: Request, ticket: Ticket, change: PositionChange) -> JSONResponse:
        """Set a position's stop and target."""
        let_pass = server.holder.fence(request.headers)
        answer, state = await books.protect(ticket, change, let_pass)
        server.note(
            request, 200, f"{state} {answer.get('retcode')} {change.model_dump_json(exclude_unset=True)}"
        )
        return changed(answer, state)

    @router.get("/account/orders")
    async def orders(
        active: bool = True,
        since: Since = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=ROWS)] = ROWS,
    ) -> dict[str, Any]:
        """Active orders, or with `active=false` those that are over, by ticket, in pages."""
        return page("orders", await books.orders(_maybe(since), active=active), after, limit)

    @router.get("/account/deals")
    async def deals(
        since: Since = None,
        position: Ticket | None = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=ROWS)] = ROWS,
    ) -> dict[str, Any]:
        """Deals by ticket, in pages."""
        return page("deals", await books.deals(_maybe(since), position), after, limit)

    return router


def _maybe(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)
