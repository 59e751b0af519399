"""Orders: sent once, looked at, changed, taken away."""
# ruff: noqa: TC001 - FastAPI reads annotations at run time

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from framework_mt5_server.routes.answers import OrderId, changed
from framework_mt5_server.schema import NewOrder, OrderChange

if TYPE_CHECKING:
    from framework_mt5_server.server import Server


def routes(server: Server) -> APIRouter:
    """Orders."""
    router = APIRouter()
    orders, books = server.orders, server.books

    @router.post("/order")
    async def submit(request: Request, order: NewOrder) -> JSONResponse:
        """Send an order once; 202 when it is not known yet what became of it."""
        let_pass = server.holder.fence(request.headers)
        outcome = await orders.submit(order, let_pass)
        said = f"{order.client_id} {outcome.state} {outcome.answer.get('retcode')} ticket {outcome.ticket}"
        asked = order.model_dump_json(exclude_unset=True)
        status = 202 if outcome.state in {"INTENT", "IN_DOUBT"} else 200
        server.note(request, status, f"{said} {asked}")
        return JSONResponse(outcome.body(), status)

    @router.get("/order/{order_id}")
    async def order(order_id: OrderId) -> dict[str, Any]:
        """What is known of an order, with its row in the terminal's books and its deals."""
        return await books.view(order_id)

    @router.patch("/order/{order_id}")
    async def change(request: Request, order_id: OrderId, change: OrderChange) -> JSONResponse:
        """Change a pending order."""
        let_pass = server.holder.fence(request.headers)
        answer, state = await books.change(order_id, change, let_pass)
        asked = change.model_dump_json(exclude_unset=True)
        server.note(request, 200, f"{state} {answer.get('retcode')} {asked}")
        return changed(answer, state)

    @router.delete("/order/{order_id}")
    async def remove(request: Request, order_id: OrderId) -> JSONResponse:
        """Take a pending order away; once more does no harm."""
        let_pass = server.holder.fence(request.headers)
        answer, state = await books.remove(order_id, let_pass)
        server.note(request, 200, f"{state} {answer.get('retcode')}")
        return changed(answer, state)

    return router
