"""Every trend trade on a year of real hours equals that of a loop that shares no code with it.

The loop works on pandas: a simple mean of the first closes, then `ewm` from there on; a market order sent on
a bar fills at that bar's close, a stop at its trigger or at the open of the bar that gaps over it.
"""

from __future__ import annotations

import math
from decimal import Decimal

import framework_trend
import pandas as pd
import pytest

SPEC = next(iter(framework_trend.register_strategies()))
QUANTITY = Decimal(100_000)


def average(closes, period):
    seeded = pd.concat([pd.Series([closes[:period].mean()]), closes[period:]])
    values = seeded.ewm(span=period, adjust=False).mean()
    return [math.nan] * (period - 1) + values.tolist()


def independent(market, settings):
    frame = market.frame
    fast, slow = (average(frame["close_f"], settings[name]) for name in ("fast", "slow"))
    atr = market.wilder(settings.get("atr_period", 14))
    closes, opens, highs, lows = (frame[name].tolist() for name in ("close", "open", "high", "low"))
    allowed = {"long": (1,), "short": (-1,), "both": (1, -1)}[settings.get("side", "both")]
    trades, side, above, entry, since, stop = [], 0, 0, None, None, None
    for i in range(settings["slow"] - 1, len(frame)):
        if side and stop is not None:
            gapped = opens[i] <= stop if side > 0 else opens[i] >= stop
            reached = lows[i] <= stop if side > 0 else highs[i] >= stop
            if gapped or reached:
                leave = opens[i] if gapped else stop
                trades.append(market.trade(since, i, side=side, quantity=QUANTITY, entry=entry, leave=leave))
                side = 0
        now = 1 if fast[i] > slow[i] else -1
        if above and now != above:
            if side:
                trades.append(
                    market.trade(since, i, side=side, quantity=QUANTITY, entry=entry, leave=closes[i])
                )
                side = 0
            if now in allowed:
                side, since, entry = now, i, closes[i]
                if "stop_atr" in settings:
                    stop = market.outward(closes[i], -side * settings["stop_atr"] * atr[i])
        above = now
    if side:
        last = len(frame) - 1
        trades.append(market.trade(since, last, side=side, quantity=QUANTITY, entry=entry, leave=closes[-1]))
    return trades


@pytest.mark.parametrize(
    "settings",
    [
        {"fast": 10, "slow": 30},
        {"fast": 20, "slow": 100, "side": "long"},
        {"fast": 5, "slow": 60, "side": "short"},
        {"fast": 10, "slow": 40, "stop_atr": 2.5},
        {"fast": 12, "slow": 50, "stop_atr": 1.0, "atr_period": 20, "side": "long"},
    ],
    ids=["plain", "long", "short", "hard-stop", "tight-hard-stop-long"],
)
def test_every_trade_equals_that_of_an_independent_loop(market, engine_trades, settings):
    expected = independent(market, settings)
    assert len(expected) > 15
    assert engine_trades(SPEC, {"quantity": str(QUANTITY), **settings}) == expected
