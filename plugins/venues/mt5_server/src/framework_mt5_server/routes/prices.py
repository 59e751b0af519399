"""Symbols, ticks and bars."""
# ruff: noqa: TC001 - FastAPI reads annotations at run time

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from framework_mt5_server import words
from framework_mt5_server.refusal import Refused
from framework_mt5_server.routes.answers import Since, milliseconds
from framework_mt5_server.schema import Symbol

if TYPE_CHECKING:
    from framework_mt5_server.server import Server
    from framework_mt5_server.terminal import Asker

BARS = 10_000
TICKS = 10_000
ALL_TICKS = -1
AHEAD = 100
"""Ticks that are asked for beyond a page; when these are too few, twice as many are."""
type Timeframe = Annotated[str, Query(pattern="^(" + "|".join(words.TIMEFRAMES) + ")$")]


def routes(server: Server) -> APIRouter:
    """Symbols, ticks and bars."""
    router = APIRouter()

    @router.get("/symbol")
    async def symbol(name: Symbol | None = None) -> dict[str, Any]:
        """One symbol's terms; without a name, the names there are."""
        if name is None:
            rows = await server.terminal.do(lambda ask: ask("symbols_get"))
            return {"symbols": [row.name for row in rows]}
        return server.writer.symbol(await server.terminal.do(lambda ask: _shown(server, ask, name)))

    @router.get("/ticks")
    async def ticks(
        symbol: Symbol, since: Since = None, limit: Annotated[int, Query(ge=1, le=TICKS)] = 1_000
    ) -> dict[str, Any]:
        """Ticks after a time, oldest first; without a time, the newest one.

        A page ends where a millisecond does, so that asking for what came after its last tick goes on right
        there: it may have some ticks more than `limit`.
        """
        if since is None:
            found = await server.terminal.do(lambda ask: _newest(server, ask, symbol))
            return {"ticks": found, "more": False}
        wall = server.clock.to_wall_ms(milliseconds(since))
        found, more = await server.terminal.do(lambda ask: _after(server, ask, symbol, wall, limit))
        return {"ticks": found, "more": more}

    @router.get("/ohlcv")
    async def ohlcv(
        symbol: Symbol,
        timeframe: Timeframe,
        count: Annotated[int, Query(ge=1, le=BARS)] = 100,
        start: Since = None,
        end: Since = None,
    ) -> dict[str, Any]:
        """The newest bars, the last one unfinished; or those that open between two times."""
        number = words.TIMEFRAMES[timeframe]

        def bars(ask: Asker) -> list[dict[str, Any]]:
            _shown(server, ask, symbol)
            if start is None:
                rows = ask("copy_rates_from_pos", symbol, number, 0, count)
            else:
                until = datetime.now(UTC) + timedelta(days=1) if end is None else end
                rows = ask("copy_rates_range", symbol, number, _wall(server, start), _wall(server, until))
            return server.writer.bars(symbol, rows[:count])

        return {"symbol": symbol, "timeframe": timeframe, "bars": await server.terminal.do(bars)}

    return router


def _shown(server: Server, ask: Asker, name: str) -> Any:
    """A symbol's record; one that the terminal does not show yet is shown, or it has no prices."""
    info = ask("symbol_info", name)
    if not info.visible:
        ask("symbol_select", name, True)
    server.writer.symbol(info)
    return info


def _newest(server: Server, ask: Asker, symbol: str) -> list[dict[str, Any]]:
    _shown(server, ask, symbol)
    tick = ask("symbol_info_tick", symbol)
    server.clock.observe(symbol, tick.time_msc)
    _times_are_known(server)
    return server.writer.ticks(symbol, [words.tick(tick)], None)


def _after(
    server: Server, ask: Asker, symbol: str, wall_ms: int, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """A page of ticks, and whether there are more."""
    _shown(server, ask, symbol)
    _times_are_known(server)
    # Later than now are ticks from before the broker's clock went back.
    latest = server.clock.latest_wall_ms()
    count = limit + AHEAD
    while True:
        # The terminal begins at a whole second: what it gives first may be known already.
        rows = ask("copy_ticks_from", symbol, wall_ms // 1000, count, ALL_TICKS)
        fresh = [row for row in rows if wall_ms < row["time_msc"] <= latest]
        last = fresh[:limit][-1]["time_msc"] if fresh else 0
        page = fresh[:limit] + [row for row in fresh[limit:] if row["time_msc"] == last]
        more = len(page) < len(fresh)
        if more or len(rows) < count:
            return server.writer.ticks(symbol, page), more
        count *= 2


def _times_are_known(server: Server) -> None:
    if server.clock.disproven:
        raise Refused("CLOCK_UNKNOWN", server.clock.trouble() or "", 409)


def _wall(server: Server, moment: datetime) -> datetime:
    return datetime.fromtimestamp(server.clock.to_wall_ms(milliseconds(moment)) // 1000, tz=UTC)
