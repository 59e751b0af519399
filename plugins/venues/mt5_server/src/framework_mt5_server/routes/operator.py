"""What only a person with the second factor does: stop and go on, read the audit log, revoke keys."""
# ruff: noqa: TC001 - FastAPI reads annotations at run time

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse

from framework_mt5_server.factor import Locked
from framework_mt5_server.requests import HALTED
from framework_mt5_server.routes.answers import ROWS, problem
from framework_mt5_server.schema import Halt

if TYPE_CHECKING:
    from framework_mt5_server.server import Server

type Code = Annotated[str, Header(alias="X-TOTP", pattern="^[0-9]{6}$", description="A code, good once")]
type KeyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]


def routes(server: Server) -> APIRouter:
    """The operator's routes."""
    router = APIRouter()

    @router.post("/operator/halt", response_model=None)
    async def halt(request: Request, body: Halt, code: Code) -> JSONResponse:
        """Stop trading: no new orders and no changes that open anything; closing and removing go on."""
        return _refused(server, request, code) or _flagged(server, request, body.reason, body.reason)

    @router.post("/operator/resume", response_model=None)
    async def resume(request: Request, body: Halt, code: Code) -> JSONResponse:
        """Trade again."""
        return _refused(server, request, code) or _flagged(server, request, "", body.reason)

    @router.get("/operator/audit", response_model=None)
    async def audit(
        request: Request,
        code: Code,
        after: Annotated[int, Query(ge=0, lt=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=ROWS)] = 100,
    ) -> JSONResponse:
        """The audit log, in pages."""
        refused = _refused(server, request, code)
        return refused or JSONResponse({"rows": server.audit.rows(after, limit)})

    @router.delete("/operator/keys/{key_id}", response_model=None)
    async def revoke(request: Request, code: Code, key_id: KeyId) -> JSONResponse:
        """Revoke a key, at once."""
        refused = _refused(server, request, code)
        if refused is not None:
            return refused
        done = server.keys.revoke(key_id)
        server.note(request, 200 if done else 404, f"revoked {key_id}" if done else "no such key")
        return JSONResponse({"revoked": key_id}) if done else problem(404, "NO_KEY", "there is no such key")

    return router


def _refused(server: Server, request: Request, code: str) -> JSONResponse | None:
    try:
        if server.factor.accepts(code):
            return None
    except Locked as locked:
        server.note(request, 429, "locked")
        return problem(429, "LOCKED", str(locked), headers={"retry-after": str(locked.seconds)})
    server.note(request, 401, "wrong code")
    return problem(401, "CODE", "the code is wrong, or was used before")


def _flagged(server: Server, request: Request, value: str, said: str) -> JSONResponse:
    server.store.raise_flag(HALTED, value)
    server.note(request, 200, said)
    return JSONResponse({"halted": bool(value), "reason": value})
