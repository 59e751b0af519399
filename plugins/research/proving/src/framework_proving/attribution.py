"""Where a run's profit came from: by strategy, instrument, side, hour and regime, before and after costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from framework import ConfigError
from framework_proving import evidence
from framework_proving.regime import REGIMES
from framework_proving.tails import Tail, tails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from zoneinfo import ZoneInfo

    from framework import ClosedTrade, Row
    from framework_proving.regime import Regimes

WAYS = ("strategy", "instrument", "side", "hour", "regime")


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the trades gave; money is exact, in the attribution's currency.

    Attributes:
        name: Of the part.
        trades: Positions opened and closed.
        won: Of these, how many gained after costs.
        gross: Before commissions.
        commission: What was paid.
        net: What was left.
    """

    name: str
    trades: int
    won: int
    gross: Decimal
    commission: Decimal
    net: Decimal


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run's profit came from. All money is in one currency.

    Attributes:
        name: The node's.
        currency: The code.
        began: Equity at the first mark.
        ended: Equity at the last mark.
        total: All closed trades together.
        unexplained: What equity changed by beyond them: positions still open, funding and interest, and
            trades that settled in another currency. Zero when there is none of that.
        by: The trades, in parts, each way of dividing them; every way adds up to the total.
        drawdown: The largest fall of equity from a peak, as a share.
        tails: Of daily returns.
    """

    name: str
    currency: str
    began: Decimal
    ended: Decimal
    total: Share
    unexplained: Decimal
    by: dict[str, tuple[Share, ...]]
    drawdown: float
    tails: tuple[Tail, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values; money as text, because it is exact."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def attribute(
    name: str, row: Row, regimes: Regimes, zone: ZoneInfo, currency: str | None = None
) -> Attribution:
    """Divide the trades of a run.

    Args:
        name: The node's.
        row: Of the run, with `equity` and `trades` kept.
        regimes: What is said of the market at a trade's entry.
        zone: Whose hours.
        currency: Needed when equity is in several.

    Raises:
        ConfigError: Equity is in several currencies and none is named, or it is not in that one.
    """
    code = currency_of(row, currency)
    curve = row.curve[code]
    trades = [trade for trade in row.trades if trade.currency == code]
    total = share("all", trades)
    began = Decimal(f"{curve[0][1]:.8f}").normalize()
    ended = row.equity[code]
    keys: dict[str, Callable[[ClosedTrade], str]] = {
        "strategy": lambda trade: trade.strategy,
        "instrument": lambda trade: trade.instrument_id,
        "side": lambda trade: "long" if trade.entry == "BUY" else "short",
        "hour": lambda trade: f"{_hour(trade.opened, zone):02d}:00",
        "regime": lambda trade: regimes.at(trade.instrument_id, trade.opened),
    }
    by = {way: _divided(trades, keys[way]) for way in WAYS}
    by["regime"] = tuple(sorted(by["regime"], key=lambda part: REGIMES.index(part.name)))
    return Attribution(
        name=name,
        currency=code,
        began=began,
        ended=ended,
        total=total,
        unexplained=ended - began - total.net,
        by=by,
        drawdown=evidence.drawdown(np.array([amount for _, amount in curve])),
        tails=tails(evidence.daily_returns(curve)),
    )


def currency_of(row: Row, currency: str | None) -> str:
    """The currency that is looked at.

    Raises:
        ConfigError: Equity is in several and none is named, or it is not in that one.
    """
    code = currency or (next(iter(row.curve)) if len(row.curve) == 1 else None)
    if code is None or code not in row.curve:
        raise ConfigError(
            f"equity is in {', '.join(row.curve) or 'nothing'}",
            where="--currency",
            remedy="Say which to look at.",
        )
    return code


def share(name: str, trades: Iterable[ClosedTrade]) -> Share:
    """What some trades gave together."""
    trades = list(trades)
    net = sum((trade.profit for trade in trades), Decimal(0))
    commission = sum((trade.commission for trade in trades), Decimal(0))
    return Share(
        name=name,
        trades=len(trades),
        won=sum(trade.profit > 0 for trade in trades),
        gross=net + commission,
        commission=commission,
        net=net,
    )


def _divided(trades: Iterable[ClosedTrade], key: Callable[[ClosedTrade], str]) -> tuple[Share, ...]:
    parts: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        parts.setdefault(key(trade), []).append(trade)
    return tuple(share(name, parts[name]) for name in sorted(parts))


def _hour(ts: int, zone: ZoneInfo) -> int:
    return dt.datetime.fromtimestamp(ts // 10**9, tz=dt.UTC).astimezone(zone).hour
