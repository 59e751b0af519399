"""`framework-mt5-server check`: whether the server would serve, and could trade, without sending anything."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from framework_mt5_server.requests import ACCOUNT
from framework_mt5_server.store import Store
from framework_mt5_server.terminal import Stuck, Terminal, TerminalError, Unreachable
from framework_mt5_server.wallclock import ServerClock

if TYPE_CHECKING:
    from pathlib import Path

    from framework_mt5_server.settings import Settings
    from framework_mt5_server.terminal import Asker

EXPIRES_SOON = timedelta(days=14)
TICK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything the server needs."""
    return [*_files(settings), *asyncio.run(_terminal(settings, _account(settings)))]


def _files(settings: Settings) -> list[Finding]:
    found = []
    listen = settings.listen
    if listen.certificate is None or listen.key is None:
        found.append(Finding("certificate", True, "none; only this machine is served"))
    else:
        found.append(_certificate(listen.certificate, listen.key))
    store = Store(settings.state)
    try:
        scopes = [row["scope"] for row in store.all("SELECT scope FROM keys WHERE revoked_ms IS NULL")]
        factor = store.one("SELECT 1 FROM factor") is not None
        unsettled = store.one("SELECT count(*) AS n FROM orders WHERE state IN ('INTENT', 'IN_DOUBT')")
        halted = store.flag("halted")
    finally:
        store.close()
    found.append(Finding("keys", bool(scopes), ", ".join(scopes) or "none; make one with `key new`"))
    if "operator" in scopes:
        found.append(
            Finding("second factor", factor, "is set" if factor else "none; make one with `totp new`")
        )
    count = 0 if unsettled is None else unsettled["n"]
    found.append(Finding("orders in doubt", not count, str(count)))
    found.append(Finding("trading", not halted, f"stopped: {halted}" if halted else "goes on"))
    found.append(Finding("documentation", not listen.docs, "is served" if listen.docs else "off"))
    return found


def _account(settings: Settings) -> int:
    """The account this server is for; 0 while that is any."""
    store = Store(settings.state)
    try:
        return settings.terminal.login or int(store.flag(ACCOUNT) or 0)
    finally:
        store.close()


def _certificate(certificate: Path, key: Path) -> Finding:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        return Finding("certificate", False, f"{certificate}: {error}")
    left = ends - datetime.now(UTC)
    return Finding("certificate", left > EXPIRES_SOON, f"good for {left.days} days")


async def _terminal(settings: Settings, login: int) -> list[Finding]:
    clock = ServerClock(settings.terminal.clock)
    try:
        terminal = Terminal(settings.terminal)
        facts = await terminal.do(_facts)
        found = _judged(facts, settings, login)
        found.append(await _clock(terminal, clock, facts["symbols"]))
    except (Unreachable, Stuck, TerminalError) as error:
        return [Finding("terminal", False, str(error))]
    terminal.close()
    return found


def _facts(ask: Asker) -> dict[str, Any]:
    visible = [row.name for row in ask("symbols_get") if row.visible]
    return {
        "terminal": ask("terminal_info"),
        "account": ask("account_info"),
        "version": ask("version"),
        "symbols": visible or [row.name for row in ask("symbols_get")][:5],
    }


def _judged(facts: dict[str, Any], settings: Settings, login: int) -> list[Finding]:
    info, account = facts["terminal"], facts["account"]
    demo, ours = account.trade_mode == 0, login in {0, account.login}
    return [
        Finding("terminal", True, f"{info.name}, build {facts['version'][1]}, {info.company}"),
        Finding("broker", bool(info.connected), "connected" if info.connected else "not connected"),
        Finding(
            "algorithmic trading",
            bool(info.trade_allowed and account.trade_expert and not info.tradeapi_disabled),
            "allowed" if info.trade_allowed else "switch it on in the terminal",
        ),
        Finding(
            "account",
            ours and (demo or settings.limits.allow_real),
            f"{account.login} at {account.server}, {'demo' if demo else 'REAL'}, {account.currency}"
            + (
                ""
                if ours
                else f"; this server is for {login}: log the terminal in to that one, or set `login`"
            ),
        ),
    ]


async def _clock(terminal: Terminal, clock: ServerClock, symbols: list[str]) -> Finding:
    ends = time.monotonic() + TICK_SECONDS
    while True:

        def look(ask: Asker) -> None:
            for symbol in symbols:
                try:
                    clock.observe(symbol, ask("symbol_info_tick", symbol).time_msc)
                except TerminalError:
                    continue  # a symbol without a price proves nothing

        await terminal.do(look)
        trouble = clock.trouble()
        if trouble is None:
            return Finding("clock", True, "ticks show the time the settings say")
        if time.monotonic() > ends:
            return Finding("clock", False, trouble)
        await asyncio.sleep(0.2)
