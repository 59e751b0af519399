"""Every mean reversion trade on a year of real hours equals that of a loop that shares no code with it.

The loop works on pandas rolling windows and knows the engine's fill convention: a market order sent on a
bar fills at that bar's close, a stop at its trigger or at the open of the bar that gaps over it.
"""

from __future__ import annotations

import math
from decimal import Decimal

import framework_mean_reversion
import pytest

SPEC = next(iter(framework_mean_reversion.register_strategies()))
QUANTITY = Decimal(100_000)


def independent(market, settings, slip=Decimal(0)):  # noqa: C901 - one loop, read from top to bottom
    frame = market.frame
    window = frame["close_f"].rolling(settings["lookback"])
    mean, deviation = window.mean(), window.std(ddof=0)
    zscores = (frame["close_f"] - mean) / deviation
    ratio = deviation / mean
    atr = market.wilder(settings.get("atr_period", 14))
    closes, opens, highs, lows = (frame[name].tolist() for name in ("close", "open", "high", "low"))

    trades, side, entry, since, stop = [], 0, None, None, None
    waiting = set()

    def close_at(i, price, goal):
        nonlocal side
        trades.append(
            market.trade(since, i, side=side, quantity=QUANTITY, entry=entry, leave=price - side * slip)
        )
        if not goal:
            waiting.add(side)
        side = 0

    for i in range(len(frame)):
        if side and stop is not None:
            gapped = opens[i] <= stop if side > 0 else opens[i] >= stop
            reached = lows[i] <= stop if side > 0 else highs[i] >= stop
            if gapped or reached:
                close_at(i, opens[i] if gapped else stop, goal=False)
        z = zscores[i]
        if math.isnan(z):
            continue
        for given_up in list(waiting):
            if -z * given_up <= settings["exit"]:
                waiting.remove(given_up)
        if side:
            against = -z * side
            if against <= settings["exit"]:
                close_at(i, closes[i], goal=True)
            elif against >= settings["stop"] or i - since >= settings.get("max_bars", len(frame)):
                close_at(i, closes[i], goal=False)
            continue
        wanted = -1 if z > 0 else 1
        if (
            settings["entry"] <= abs(z) < settings["stop"]
            and wanted not in waiting
            and settings.get("side", "both") in {"both", "long" if wanted > 0 else "short"}
            and settings.get("min_volatility", 0) <= ratio[i] <= settings.get("max_volatility", 9)
        ):
            side, since, entry = wanted, i, closes[i] + wanted * slip
            if "stop_atr" in settings:
                stop = market.outward(closes[i], -side * settings["stop_atr"] * atr[i])
    if side:
        close_at(len(frame) - 1, closes[-1], goal=False)
    return trades


@pytest.mark.parametrize(
    "settings",
    [
        {"lookback": 50, "entry": 2.0, "exit": 0.5, "stop": 4.0},
        {"lookback": 24, "entry": 1.5, "exit": 0.0, "stop": 2.5, "side": "long"},
        {"lookback": 100, "entry": 1.8, "exit": 0.2, "stop": 3.0, "side": "short", "max_bars": 24},
        {
            "lookback": 50,
            "entry": 2.0,
            "exit": 0.5,
            "stop": 3.5,
            "min_volatility": 0.001,
            "max_volatility": 0.004,
        },
        {"lookback": 40, "entry": 1.9, "exit": 0.4, "stop": 3.2, "stop_atr": 2.5, "atr_period": 14},
        {
            "lookback": 40,
            "entry": 1.9,
            "exit": 0.4,
            "stop": 3.2,
            "stop_atr": 1.0,
            "atr_period": 20,
            "max_bars": 30,
        },
    ],
    ids=["plain", "long", "short-timed", "volatility", "hard-stop", "tight-hard-stop-timed"],
)
def test_every_trade_equals_that_of_an_independent_loop(market, engine_trades, settings):
    expected = independent(market, settings)
    assert len(expected) > 15
    assert engine_trades(SPEC, {"quantity": str(QUANTITY), **settings}) == expected


PLAIN = {"lookback": 50, "entry": 2.0, "exit": 0.5, "stop": 4.0}


def test_with_certain_slippage_every_market_fill_is_one_tick_worse(market, engine_trades):
    expected = independent(market, PLAIN, slip=market.tick)
    assert engine_trades(SPEC, {"quantity": str(QUANTITY), **PLAIN}, prob_slippage=1.0) == expected


def test_the_loop_would_notice_a_fill_taken_from_the_next_bar(market, engine_trades):
    closes = market.frame["close"]
    late = type(market)(market.frame.assign(close=closes.shift(-1).fillna(closes.iloc[-1])))
    assert engine_trades(SPEC, {"quantity": str(QUANTITY), **PLAIN}) != independent(late, PLAIN)
