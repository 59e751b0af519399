"""Requests to the server, and what their answers prove.

An answer is one of four things. A body: done. `Refused`: the server said no, and nothing happened.
`NotSent`: nothing reached the terminal. `Unknown`: anything else (a timeout, a broken connection, 5xx, a body
that cannot be read): it may or may not have happened, and only asking again can tell.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import secrets
import ssl
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from framework import ConfigError, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from framework_mt5.config import Mt5Config

ATTEMPTS = 4
FIRST_PAUSE = 0.1
_unless: ContextVar[Callable[[], str | None]] = ContextVar("unless", default=lambda: None)
RATE = "RATE"
"""What the server says to a key that asks too often; a little later it answers."""
SERVER_ERROR = 500
CLIENT_ERROR = 400


class Unknown(Exception):  # noqa: N818 - a state of knowledge, not a malfunction
    """Whether the request had an effect is not known."""


class NotSent(Exception):  # noqa: N818 - a fact, not a malfunction
    """Nothing reached the terminal."""


class Refused(Exception):  # noqa: N818 - the server's answer, not a malfunction
    """The server said no; `at` is its clock, in seconds."""

    def __init__(self, code: str, message: str, at: float) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.at = at


class Connector(aiohttp.TCPConnector):
    """Asks for the last word when there is a connection: opening one can take long, and writing follows."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - its own
    ) -> Connection:
        """A connection for a request that may still leave; `NotSent` when it may not."""
        connection = await super().connect(req, traces, timeout)
        reason = _unless.get()()
        if reason is not None:
            connection.release()
            raise NotSent(reason)
        return connection


class Rest:
    """One server's requests, signed where it is asked for.

    Args:
        settings: Where the server is, and its keys.
        session: Who trades; a server refuses what comes of a node whose account another has taken over.
    """

    def __init__(self, settings: Mt5Config, session: str | None = None) -> None:
        self._named = {} if session is None else {"X-Session": session}
        self._url = URL(settings.url or "")
        self._settings = settings
        self._timeout = nanoseconds(settings.timeout) / 1e9
        self._session: aiohttp.ClientSession | None = None
        self._doubt = math.inf
        self.offset = 0.0
        """Seconds that the server's clock is ahead of ours."""
        self.failing = False
        """Whether the last request had no proper answer."""

    def open(self) -> None:
        """Make the connection pool; nothing is connected before the first request.

        Raises:
            ConfigError: A key is not there, or the certificate cannot be read.
        """
        assert self._settings.key is not None  # noqa: S101 - `clients` demands it
        self._key = self._settings.key.reveal()
        signing = self._settings.signing_key
        try:
            self._signer = (
                None
                if signing is None
                else Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing.reveal(), validate=True))
            )
            tls = ssl.create_default_context(cafile=self._settings.ca_file)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the venue's `signing_key` or `ca_file` cannot be used: {type(error).__name__}",
                remedy="Give what the server's `key new --sign` and `init` made.",
            ) from error
        self._session = aiohttp.ClientSession(connector=Connector(ssl=tls, limit=32))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def socket(self, heartbeat: float) -> aiohttp.ClientWebSocketResponse:
        """A new WebSocket to the server."""
        return await self._pool().ws_connect(
            self._url / "events",
            headers={"Authorization": f"Bearer {self._key}", **self._named},
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            heartbeat=heartbeat,
            max_msg_size=1024 * 1024,
        )

    async def probe_clock(self) -> dict[str, Any]:
        """Ask how the server is, and how far its clock is from ours.

        Raises:
            Unknown, NotSent, Refused: There was no proper answer.
        """
        before = time.time()
        health = await self.get("health", attempts=1)
        after = time.time()
        found = datetime.fromisoformat(health["now"]).timestamp() - (before + after) / 2
        doubt = (after - before) / 2
        # An answer that was long under way, or that a busy loop took late, tells little of a clock. What is
        # known better stays, unless the answer rules it out.
        if doubt <= self._doubt or abs(found - self.offset) > doubt + self._doubt:
            self.offset, self._doubt = found, doubt
        return health

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, attempts: int = ATTEMPTS
    ) -> dict[str, Any]:
        """Ask, and ask again a few times: a question changes nothing.

        Raises:
            Unknown, NotSent, Refused: As for `send`, of the last attempt.
        """
        pause = FIRST_PAUSE
        for attempt in range(1, attempts + 1):
            try:
                return await self.send("GET", path, params=params)
            except (Unknown, NotSent):
                if attempt == attempts:
                    raise
            except Refused as error:
                if attempt == attempts or error.code != RATE:
                    raise
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        unless: Callable[[], str | None] = lambda: None,
    ) -> dict[str, Any]:
        """One request, once.

        `unless` is the last word before the wire, after all waiting: a reason it gives is a `NotSent`.

        Raises:
            Refused: The server said no.
            NotSent: Nothing reached the terminal.
            Unknown: Anything else.
        """
        url = (self._url / path).with_query(params or {})
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        headers |= self._named
        if self._signer is not None and method != "GET":
            headers |= self._signature(method, url.raw_path_qs, data)
        token = _unless.set(unless)
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._pool().request(method, url, data=data, headers=headers) as answer,
            ):
                return self._read(answer, await answer.read())
        except aiohttp.ClientConnectorError as error:
            self.failing = True
            raise NotSent(f"cannot connect: {type(error).__name__}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self.failing = True
            raise Unknown(f"{type(error).__name__} after {method} {path}") from error
        finally:
            _unless.reset(token)

    def _read(self, answer: aiohttp.ClientResponse, text: bytes) -> dict[str, Any]:
        place = f"{answer.method} {answer.url.path}"
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        self.failing = not isinstance(body, dict) or answer.status >= SERVER_ERROR
        if not isinstance(body, dict):
            raise Unknown(f"{answer.status} and no JSON after {place}")
        if answer.status >= SERVER_ERROR:
            # The server knows whether the terminal was asked; a proxy does not, and says nothing of it.
            if body.get("sent") is False:
                raise NotSent(f"{body.get('code')}: {body.get('message')}")
            raise Unknown(f"{answer.status} after {place}")
        if answer.status >= CLIENT_ERROR:
            raise Refused(str(body.get("code")), str(body.get("message")), _date(answer))
        return body

    def _signature(self, method: str, target: str, body: bytes) -> dict[str, str]:
        assert self._signer is not None  # noqa: S101 - asked before
        stamp, nonce = str(int((time.time() + self.offset) * 1000)), secrets.token_hex(12)
        text = "\n".join((stamp, nonce, method, target, hashlib.sha256(body).hexdigest()))
        signature = base64.b64encode(self._signer.sign(text.encode())).decode()
        return {"X-Timestamp": stamp, "X-Nonce": nonce, "X-Signature": signature}

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise NotSent("the client is not connected")
        return self._session


def _date(answer: aiohttp.ClientResponse) -> float:
    """The server's clock as its answer tells it; long ago when it does not."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return 0.0


def iso(seconds: float) -> str:
    """A time as the server reads it."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")


def ns(text: str | None) -> int:
    """Nanoseconds of a time that the server wrote; 0 for none."""
    if text is None:
        return 0
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
