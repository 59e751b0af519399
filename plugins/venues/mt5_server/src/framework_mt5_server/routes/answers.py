"""What refusals and changes look like, and the types that several routes take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from framework_mt5_server.refusal import Refused
from framework_mt5_server.schema import Moment, Problem
from framework_mt5_server.terminal import Stuck, TerminalError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework_mt5_server.server import Server

ROWS = 1_000
"""Rows of one answer."""
ORDER_ID = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63}|ticket:[1-9][0-9]{0,17})$"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (400, "No JSON"),
        (401, "No valid key, code or signature"),
        (403, "Not allowed"),
        (404, "There is no such thing"),
        (408, "A body that did not come in time"),
        (409, "Not as things are"),
        (413, "Too large"),
        (422, "What was asked makes no sense"),
        (429, "Too often"),
        (503, "The terminal cannot be asked; nothing happened"),
        (504, "The terminal does not answer"),
    )
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOON = {"retry-after": "1"}
type OrderId = Annotated[str, Path(pattern=ORDER_ID, description="A client id, or `ticket:` and a ticket")]
type Since = Annotated[Moment | None, Query(description="Only what came after; UTC")]


def problem(
    status: int, code: str, message: str, *, sent: bool = False, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to a request that was refused."""
    body = {"code": code, "message": message, "sent": sent}
    return JSONResponse(body, status, None if headers is None else dict(headers))


def answer_refusals(app: FastAPI, server: Server) -> None:
    """Every error that a route raises has an answer here."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        status = 400 if first["type"] == "json_invalid" else 422
        return problem(status, "INVALID", f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def no_route(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, "NO_ROUTE", str(error.detail), headers=error.headers)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        if request.method != "GET":
            server.note(request, error.status, f"{error.code}: {error}")
        return problem(error.status, error.code, str(error))

    @app.exception_handler(Unreachable)
    async def unreachable(_: Request, error: Unreachable) -> JSONResponse:
        return problem(503, "NOT_SENT", str(error), headers=SOON)

    @app.exception_handler(Stuck)
    async def stuck(_: Request, error: Stuck) -> JSONResponse:
        return problem(504, "STUCK", str(error), sent=True)

    @app.exception_handler(TerminalError)
    async def terminal(_: Request, error: TerminalError) -> JSONResponse:
        if error.code in {-1, -2, -4}:
            return problem(404, "TERMINAL", str(error))
        return problem(503, "TERMINAL", str(error), headers=SOON)


def changed(answer: dict[str, Any], state: str) -> JSONResponse:
    """The answer to a change; 202 when it is not known what became of it."""
    return JSONResponse({"state": state.lower(), "answer": answer}, 202 if state == "IN_DOUBT" else 200)


def page(name: str, rows: list[dict[str, Any]], after: int, limit: int) -> dict[str, Any]:
    """Rows by ticket after a ticket."""
    rows = sorted((row for row in rows if row["ticket"] > after), key=lambda row: int(row["ticket"]))
    return {name: rows[:limit], "more": len(rows) > limit}


def milliseconds(moment: datetime) -> int:
    """A time as the rest of the server counts it."""
    return (moment - EPOCH) // timedelta(milliseconds=1)
