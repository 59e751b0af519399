"""The door: nothing behind it answers anybody without an address that may connect and a key that is right.

It stands in front of every route there is, the ones that do not exist included, so that none can be left open
by mistake. Scopes, rates and signatures are checked here too; what a scope may do is in `needed`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from framework_mt5_server.keys import Keys
from framework_mt5_server.rates import Bucket
from framework_mt5_server.signing import Signatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from framework_mt5_server.audit import Audit
    from framework_mt5_server.keys import Key
    from framework_mt5_server.settings import Settings
    from framework_mt5_server.store import Store

BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
ADDRESSES = 10_000
REMOVALS_PER_SECOND = 1_000.0
"""Of one key: no more than a guard against a program that has run wild."""


def needed(method: str, path: str) -> str:
    """The scope that a request needs."""
    if path == "/operator" or path.startswith("/operator/"):
        return "operator"
    return "trade" if method in CHANGES else "read"


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings, store: Store, audit: Audit) -> None:
        self._app = app
        self._limits = settings.limits
        self._networks = [ipaddress.ip_network(network) for network in settings.listen.allow]
        self._keys = Keys(store)
        self._signatures = Signatures(store, settings.limits.signature_seconds)
        self._audit = audit
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._failures: dict[str, Bucket] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        address = scope["client"][0] if scope.get("client") else ""
        method = "GET" if scope["type"] == "websocket" else scope["method"]
        path = scope["path"]
        refusal = self._refusal(address, headers, method, path)
        if isinstance(refusal, tuple):
            self._audit.refused(None, address, f"{method} {path}", refusal[0], refusal[1])
            await _answer(scope, receive, send, *refusal)
            return
        key = refusal
        if scope["type"] == "http" and method in CHANGES:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _body(receive)
            except TimeoutError:
                await _answer(
                    scope, receive, send, 408, "TOO_SLOW", f"a body comes within {BODY_SECONDS:g} s"
                )
                return
            if body is None:
                await _answer(
                    scope, receive, send, 413, "TOO_LARGE", f"a body has at most {BODY_BYTES} bytes"
                )
                return
            trouble = self._unsigned(key, headers, scope, body)
            if trouble is not None:
                self._audit.refused(key, address, f"{method} {path}", 401, "SIGNATURE", trouble)
                await _answer(scope, receive, send, 401, "SIGNATURE", trouble)
                return
            receive = _replayed(body, receive)
        scope["state"] = {**scope.get("state", {}), "key": key, "address": address}
        await self._app(scope, receive, send)

    def _refusal(
        self, address: str, headers: Mapping[str, str], method: str, path: str
    ) -> Key | tuple[int, str, str, dict[str, str]]:
        if not self._may_connect(address):
            return 403, "ADDRESS", "this address may not connect", {}
        failures = self._failures.get(address)
        if failures is not None and failures.wait():
            return 429, "TOO_MANY_FAILURES", "too many requests with a wrong key", {"retry-after": "60"}
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        key = self._keys.find(presented.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            self._failed(address)
            return (
                401,
                "KEY",
                "a valid key is needed: Authorization: Bearer KEY",
                {"www-authenticate": "Bearer"},
            )
        if failures is not None:
            del self._failures[address]
        scope = needed(method, path)
        if not key.may(scope):
            return 403, "SCOPE", f"this key's scope is {key.scope}, and {scope} is needed", {}
        kind, rate = "read", self._limits.reads_per_second
        if method == "DELETE":
            # Taking an order away never waits for the rates of giving them and of asking.
            kind, rate = "removal", REMOVALS_PER_SECOND
        elif method in CHANGES:
            kind, rate = "order", self._limits.orders_per_second
        wait = self._buckets.setdefault((key.id, kind), Bucket(rate)).wait()
        if wait:
            return 429, "RATE", "more requests than this key may send", {"retry-after": f"{int(wait) + 1}"}
        return key

    def _may_connect(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def _failed(self, address: str) -> None:
        if len(self._failures) >= ADDRESSES:
            self._failures.clear()
        rate = self._limits.failures_per_minute
        self._failures.setdefault(address, Bucket(rate / 60, rate))

    def _unsigned(self, key: Key, headers: Mapping[str, str], scope: Scope, body: bytes) -> str | None:
        if not self._limits.require_signature and key.signer is None:
            return None
        query = scope["query_string"].decode("latin-1")
        target = unquote(scope["path"]) + (f"?{query}" if query else "")
        return self._signatures.trouble(key, headers, scope["method"], target, body)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A channel that gives the body again, and then what really comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    code: str,
    message: str,
    headers: dict[str, str] | None = None,
) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": code})
        return
    body = json.dumps({"code": code, "message": message, "sent": False}).encode()
    pairs: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    pairs += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
