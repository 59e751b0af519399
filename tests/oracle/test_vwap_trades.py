"""Every VWAP trade on a year of real hours equals that of a loop that shares no code with it.

The loop recomputes each session's VWAP and deviation from all of its bars with NumPy's weighted average, asks
pandas what the clock on the wall shows, and knows the engine's fill convention: a market order sent on a bar
fills at that bar's close; the next bars are walked open, high, low, close; a stop fills at its trigger or at
the open that gaps over it, a take-profit at its price.
"""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import framework_vwap
import numpy as np
import pandas as pd
import pytest

SPEC = next(iter(framework_vwap.register_strategies()))
QUANTITY = Decimal(100_000)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def wall_clock(market, zone):
    return pd.to_datetime(market.frame["ts"], utc=True).dt.tz_convert(zone).dt.tz_localize(None)


def sessions(wall, start):
    hours, minutes = map(int, start.split(":"))
    return (wall - pd.Timedelta(1, "ns") - pd.Timedelta(hours=hours, minutes=minutes)).dt.date


def bands(frame, session):
    typical = ((frame["high_f"] + frame["low_f"] + frame["close_f"]) / 3).to_numpy()
    volume = frame["volume"].to_numpy()
    value, spread, count = (np.zeros(len(frame)) for _ in range(3))
    first = 0
    for last in range(len(frame)):
        if session[last] != session[first]:
            first = last
        prices, weights = typical[first : last + 1], volume[first : last + 1]
        value[last] = np.average(prices, weights=weights)
        spread[last] = np.sqrt(np.average((prices - value[last]) ** 2, weights=weights))
        count[last] = last + 1 - first
    return value, spread, count


def is_open(moment, windows):
    if not windows:
        return True
    for window in windows:
        start, end = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
        today = DAYS[moment.weekday()] in window["days"]
        yesterday = DAYS[moment.weekday() - 1] in window["days"]
        if start < end:
            inside = today and start <= moment.time() < end
        else:
            inside = (today and moment.time() >= start) or (yesterday and moment.time() < end)
        if inside:
            return True
    return False


def bracket_exit(bar, side, stop, target):
    if side * (bar.open - stop) <= 0:
        return bar.open
    if side * (bar.open - target) >= 0:
        return target
    for extreme in (bar.high, bar.low):
        if side * (extreme - stop) <= 0:
            return stop
        if side * (extreme - target) >= 0:
            return target
    return None


def independent(market, settings):
    frame = market.frame
    zone, toward = settings.get("time_zone", "UTC"), -1 if settings["mode"] == "fade" else 1
    wall = wall_clock(market, zone)
    session = sessions(wall, settings.get("session_start", "00:00"))
    value, spread, count = bands(frame, session)
    atr = market.wilder(settings.get("atr_period", 14))
    warmup, cooldown = settings.get("warmup_bars", 20), settings.get("cooldown_bars", 0)
    most = settings.get("max_trades_per_session", len(frame))

    trades, side, beyond, opened, free_from = [], 0, 0, 0, 0
    entry = since = stop = target = None
    for i, bar in enumerate(frame.itertuples()):

        def leave(price, row=i):
            trades.append(
                market.trade(since, row, side=side, quantity=QUANTITY, entry=entry, leave=price)  # noqa: B023
            )

        if i and session[i] != session[i - 1]:
            beyond = opened = 0
        if side:
            price = bracket_exit(bar, side, stop, target)
            if price is not None:
                leave(price)
                side, free_from = 0, i + cooldown
        distance = bar.close_f - value[i]
        reach = settings.get("entry_band", 2.0) * spread[i]
        now_beyond = int(np.sign(distance)) if spread[i] > 1e-12 and abs(distance) >= reach else 0
        crossed, beyond = (now_beyond if now_beyond != beyond else 0), now_beyond
        trading = is_open(wall[i], settings.get("schedule"))
        if side:
            ends = settings.get("flat_at_window_end", True) and not trading
            back = settings.get("exit_at_vwap", True) and count[i] >= warmup and distance * side * toward <= 0
            if ends or back:
                leave(bar.close)
                side, free_from = 0, i + cooldown + 1
            continue
        wanted = crossed * toward
        if (
            wanted
            and trading
            and count[i] >= warmup
            and np.isfinite(atr[i])
            and i >= free_from
            and opened < most
            and settings.get("side", "both") in {"both", "long" if wanted > 0 else "short"}
        ):
            side, since, entry, opened = wanted, i, bar.close, opened + 1
            stop = market.outward(bar.close, -side * settings.get("stop_atr", 2.0) * atr[i])
            target = market.outward(bar.close, side * settings.get("target_atr", 3.0) * atr[i])
    if side:
        leave(frame["close"].iloc[-1], len(frame) - 1)
    return trades


NEW_YORK = {"time_zone": "America/New_York", "session_start": "17:00", "warmup_bars": 6}
WEEK = DAYS[:5]


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "fade", "warmup_bars": 6},
        {"mode": "fade", "entry_band": 1.5, **NEW_YORK, "cooldown_bars": 3, "max_trades_per_session": 1},
        {"mode": "breakout", "entry_band": 1.5, **NEW_YORK, "exit_at_vwap": False, "target_atr": 1.5},
        {"mode": "breakout", **NEW_YORK, "schedule": [{"days": WEEK, "from": "03:00", "to": "12:00"}]},
        {
            "mode": "fade",
            "entry_band": 1.2,
            **NEW_YORK,
            "schedule": [{"days": ["sun", "mon", "tue", "wed", "thu"], "from": "23:30", "to": "06:00"}],
        },
        {
            "mode": "fade",
            "side": "short",
            **NEW_YORK,
            "schedule": [{"days": WEEK, "from": "08:00", "to": "10:00"}],
            "flat_at_window_end": False,
            "stop_atr": 1.0,
        },
        {
            "mode": "breakout",
            "side": "long",
            "time_zone": "Europe/London",
            "session_start": "08:00",
            "warmup_bars": 4,
            "entry_band": 1.0,
            "schedule": [
                {"days": WEEK, "from": "08:00", "to": "11:00"},
                {"days": ["mon", "wed"], "from": "13:00", "to": "00:00"},
            ],
            "atr_period": 8,
            "target_atr": 2.0,
        },
    ],
    ids=[
        "fade",
        "fade-capped",
        "breakout-bracket",
        "breakout-window",
        "fade-overnight",
        "short",
        "two-windows",
    ],
)
def test_every_trade_equals_that_of_an_independent_loop(market, engine_trades, settings):
    expected = independent(market, settings)
    assert len(expected) > 15
    assert engine_trades(SPEC, {"quantity": str(QUANTITY), **settings}) == expected


def test_the_trades_leave_by_every_door(market):
    trades = independent(market, {"mode": "fade", "warmup_bars": 6})
    closes = dict(zip(market.frame["ts"], market.frame["close"], strict=True))
    inside = [trade for trade in trades if trade.exit != closes[trade.closed]]
    targets, stops = ([t for t in inside if sign * t.profit > 0] for sign in (1, -1))
    assert min(len(trades) - len(inside), len(targets), len(stops)) > 10
