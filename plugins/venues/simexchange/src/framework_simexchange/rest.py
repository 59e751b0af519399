"""Requests to the exchange, and what their answers prove.

An answer is one of four things. A body: done. `Refused`: the exchange said no, and nothing happened.
`NotSent`: nothing left this machine. `Unknown`: anything else (a timeout, a broken connection, 5xx, 429, a
body that cannot be read): it may or may not have happened, and only asking again can tell.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from framework import nanoseconds
from framework_simexchange import signing
from framework_simexchange.constants import MS, OUTSIDE_WINDOW
from framework_simexchange.pace import Breaker, Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from framework_simexchange.config import SimExchangeConfig

ATTEMPTS = 4
_unless: ContextVar[Callable[[], str | None]] = ContextVar("unless", default=lambda: None)
AT_ONCE = 16
"""Requests under way at the same time, urgent ones aside; the others are not even signed yet."""
FIRST_PAUSE = 0.1
DEFAULT_RETRY_AFTER = 1.0
UNKNOWN_NS = 2**62
"""More nanoseconds than any two clocks are apart."""


class Unknown(Exception):  # noqa: N818 - a state of knowledge, not a malfunction
    """Whether the request had an effect is not known.

    Attributes:
        until_ns: By the exchange's clock, when the request can no longer be taken.
    """

    def __init__(self, message: str, until_ns: int = 0) -> None:
        super().__init__(message)
        self.until_ns = until_ns


class NotSent(Exception):  # noqa: N818 - a fact, not a malfunction
    """Nothing left this machine."""


class Refused(Exception):  # noqa: N818 - the exchange's answer, not a malfunction
    """The exchange said no."""

    def __init__(self, code: str, message: str, ns: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.ns = ns


@dataclass(frozen=True, slots=True)
class Credentials:
    """The API key and its secret; neither is ever printed."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @staticmethod
    def of(settings: SimExchangeConfig) -> Credentials:
        """Look both up where the settings say.

        Raises:
            ConfigError: One is not there.
        """
        return Credentials(settings.key.reveal(), settings.secret.reveal())


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
    """One account's requests: signed, paced, timed out, and stopped while the exchange does not answer."""

    def __init__(self, settings: SimExchangeConfig) -> None:
        self._url = URL(settings.url or "")
        self._credentials = Credentials.of(settings)
        self._timeout = nanoseconds(settings.timeout) / 1e9
        self._window_ms = nanoseconds(settings.window) // MS
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.pace = Pace(settings.rate, settings.cancel_reserve)
        self.breaker = Breaker()
        self._trouble = ""
        self.offset_ns = 0
        self._doubt_ns = UNKNOWN_NS
        self.token: int | None = None

    def open(self) -> None:
        """Make the connection pool; nothing is connected before the first request."""
        self._session = aiohttp.ClientSession(connector=Connector(limit=0))

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def now_ns(self) -> int:
        """The exchange's time, as far as it is known."""
        return time.time_ns() + self.offset_ns

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        """A new WebSocket to the exchange."""
        return await self._pool().ws_connect(
            self._url / "v1/stream",
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
            max_msg_size=1024 * 1024,
        )

    def claims(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """The headers that prove a request is ours."""
        stamp, window = str(self.now_ns() // MS), str(self._window_ms)
        signed = signing.signature(
            self._credentials.secret,
            timestamp_ms=stamp,
            window_ms=window,
            method=method,
            path=path,
            body=body,
        )
        return {
            signing.KEY_HEADER: self._credentials.key,
            signing.TIME_HEADER: stamp,
            signing.WINDOW_HEADER: window,
            signing.SIGNATURE_HEADER: signed,
        }

    async def probe_clock(self) -> int:
        """Ask for the exchange's time; returns how far it is ahead of ours, in nanoseconds.

        Raises:
            Unknown, NotSent, Refused: There was no proper answer.
        """
        before = time.time_ns()
        answer = await self.get("/v1/time")
        after = time.time_ns()
        found, doubt = int(answer["ns"]) - (before + after) // 2, (after - before) // 2
        # An answer that was long under way, or that a busy loop took late, tells little of a clock. What is
        # known better stays, unless the answer rules it out.
        if doubt <= self._doubt_ns or abs(found - self.offset_ns) > doubt + self._doubt_ns:
            self.offset_ns, self._doubt_ns = found, doubt
        return self.offset_ns

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
            except Refused as refused:
                if refused.code != OUTSIDE_WINDOW or attempt == attempts:
                    raise
                self.offset_ns, self._doubt_ns = refused.ns - time.time_ns(), UNKNOWN_NS
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
        urgent: bool = False,
        unless: Callable[[], str | None] = lambda: None,
    ) -> dict[str, Any]:
        """One request, once; urgent ones use the reserve and pass an open breaker.

        `unless` is the last word before the wire, after all waiting, that for a connection included: a reason
        it gives is a `NotSent`.

        Raises:
            Refused: The exchange said no.
            NotSent: Nothing left this machine.
            Unknown: Anything else.
        """
        if not urgent and not self.breaker.passes():
            raise NotSent(f"the exchange does not answer ({self._trouble}); requests are held back")
        await self.pace.turn(urgent=urgent)
        if urgent:
            return await self._send(method, path, params, body)
        async with self._slots:
            token = _unless.set(unless)
            try:
                return await self._send(method, path, params, body)
            finally:
                _unless.reset(token)

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        pool = self._pool()
        url = (self._url / path.removeprefix("/")).with_query(params or {})
        data = b"" if body is None else json.dumps(body).encode()
        headers = self.claims(method, url.raw_path_qs, data)
        if self.token is not None:
            headers[signing.SESSION_HEADER] = str(self.token)
        until = (int(headers[signing.TIME_HEADER]) + self._window_ms) * MS
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(self._timeout),
                pool.request(method, url, data=data, headers=headers) as answer,
            ):
                return self._read(answer, await answer.read(), until, started)
        except aiohttp.ClientConnectorError as error:
            self.breaker.failed(started)
            self._trouble = f"cannot connect: {error.os_error.strerror}"
            raise NotSent(self._trouble) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self.breaker.failed(started)
            self._trouble = f"{type(error).__name__} after {method} {path}"
            raise Unknown(self._trouble, until) from error

    def _read(
        self, answer: aiohttp.ClientResponse, text: bytes, until: int, started: float
    ) -> dict[str, Any]:
        place = f"{answer.method} {answer.url.path}"
        if answer.status in {418, 429}:
            self.breaker.worked()
            self.pace.hush(_seconds(answer.headers.get("Retry-After")))
            raise Unknown(f"{answer.status} after {place}", until)
        body = _object(text)
        if answer.status >= 500 or body is None:  # noqa: PLR2004 - HTTP's server errors
            self.breaker.failed(started)
            self._trouble = f"{answer.status} after {place}"
            raise Unknown(self._trouble, until)
        self.breaker.worked()
        if answer.status >= 400:  # noqa: PLR2004 - HTTP's client errors
            raise Refused(str(body.get("code")), str(body.get("message")), int(body.get("ns", 0)))
        return body

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise NotSent("the client is not connected")
        return self._session


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or DEFAULT_RETRY_AFTER)
    except ValueError:
        return DEFAULT_RETRY_AFTER
    return seconds if 0 <= seconds < float("inf") else DEFAULT_RETRY_AFTER
