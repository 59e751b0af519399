"""The wire's words and the terminal's numbers, and the terminal's records as they are written on the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_mt5_server.wallclock import iso

if TYPE_CHECKING:
    from framework_mt5_server.wallclock import ServerClock

ACTION_DEAL, ACTION_PENDING, ACTION_SLTP, ACTION_MODIFY, ACTION_REMOVE, ACTION_CLOSE_BY = 1, 5, 6, 7, 8, 10
ORDER_TYPES = {
    ("buy", "market"): 0,
    ("sell", "market"): 1,
    ("buy", "limit"): 2,
    ("sell", "limit"): 3,
    ("buy", "stop"): 4,
    ("sell", "stop"): 5,
    ("buy", "stop_limit"): 6,
    ("sell", "stop_limit"): 7,
}
TYPE_WORDS = {number: words for words, number in ORDER_TYPES.items()} | {8: ("", "close_by")}
FILLINGS = {"fok": 0, "ioc": 1, "return": 2, "boc": 3}
FILLING_WORDS = {number: word for word, number in FILLINGS.items()}
FILLING_FLAGS = {"fok": 1, "ioc": 2, "boc": 4}
"""What a symbol's flags say; not the numbers of the filling types."""
TIMES = {"gtc": 0, "day": 1, "specified": 2, "specified_day": 3}
TIME_WORDS = {number: word for word, number in TIMES.items()}
STATES = (
    "started", "placed", "canceled", "partial", "filled", "rejected", "expired",
    "adding", "modifying", "canceling",
)  # fmt: skip
ENTRIES = ("in", "out", "inout", "out_by")
REASONS = ("client", "mobile", "web", "expert", "sl", "tp", "so", "rollover", "vmargin", "split")
TRADE_MODES = ("demo", "contest", "real")
MARGIN_MODES = ("netting", "exchange", "hedging")
EXECUTION = ("request", "instant", "market", "exchange")
SYMBOL_TRADE_MODES = ("disabled", "long_only", "short_only", "close_only", "full")
DEAL_SIDES = ("buy", "sell")
TIMEFRAMES = {
    **{f"M{minutes}": minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{f"H{hours}": hours | 0x4000 for hours in (1, 2, 3, 4, 6, 8, 12)},
    "D1": 24 | 0x4000,
    "W1": 1 | 0x8000,
    "MN1": 1 | 0xC000,
}
DONE = {10008, 10009, 10010}
UNKNOWN = {10011, 10012, 10024, 10031}
"""Return codes after which an order may exist or not."""
AGAIN = {10004, 10020, 10021}
"""The price has moved."""
NO_CHANGES = 10025
PLACES = 8


def number(value: float, digits: int = PLACES) -> str:
    """A number as decimal text, without the noise of binary fractions or zeros at its end."""
    text = f"{Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(value: float, digits: int) -> str | None:
    """A price with all its digits; None for the terminal's zero, which means none."""
    return f"{Decimal(repr(float(value))):.{digits}f}" if value else None


class Writer:
    """Writes the terminal's records for the wire; `digits` maps symbols to the digits of their prices."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self.digits: dict[str, int] = {}

    def time(self, wall_ms: int) -> str | None:
        """A time of the broker in UTC; None for the terminal's zero."""
        return iso(self._clock.to_utc_ms(wall_ms)) if wall_ms else None

    def order(self, row: Any) -> dict[str, Any]:
        """An order, active or past."""
        side, kind = TYPE_WORDS.get(row.type, ("", "other"))
        digits = self.digits.get(row.symbol, PLACES)
        return {
            "ticket": row.ticket,
            "symbol": row.symbol,
            "side": side,
            "type": kind,
            "state": STATES[row.state],
            "volume": number(row.volume_initial),
            "left": number(row.volume_current),
            "price": price(row.price_open, digits),
            "stop_limit": price(row.price_stoplimit, digits),
            "sl": price(row.sl, digits),
            "tp": price(row.tp, digits),
            "filling": FILLING_WORDS.get(row.type_filling, "other"),
            "time": TIME_WORDS.get(row.type_time, "other"),
            "expiration": self.time(row.time_expiration * 1000),
            "position": row.position_id or None,
            "position_by": row.position_by_id or None,
            "magic": row.magic,
            "comment": row.comment,
            "reason": _word(REASONS, row.reason),
            "placed_at": self.time(row.time_setup_msc),
            "done_at": self.time(row.time_done_msc),
        }

    def deal(self, row: Any) -> dict[str, Any]:
        """A deal that traded; `side` is empty when it only moved money."""
        return {
            "ticket": row.ticket,
            "order": row.order or None,
            "symbol": row.symbol,
            "side": DEAL_SIDES[row.type] if row.type < len(DEAL_SIDES) else "",
            "entry": _word(ENTRIES, row.entry),
            "volume": number(row.volume),
            "price": price(row.price, self.digits.get(row.symbol, PLACES)),
            "position": row.position_id or None,
            "profit": number(row.profit),
            "commission": number(row.commission),
            "swap": number(row.swap),
            "fee": number(row.fee),
            "magic": row.magic,
            "comment": row.comment,
            "reason": _word(REASONS, row.reason),
            "at": self.time(row.time_msc),
        }

    def position(self, row: Any) -> dict[str, Any]:
        """An open position."""
        digits = self.digits.get(row.symbol, PLACES)
        return {
            "ticket": row.ticket,
            "identifier": row.identifier,
            "symbol": row.symbol,
            "side": DEAL_SIDES[row.type],
            "volume": number(row.volume),
            "price": number(row.price_open),
            "current": price(row.price_current, digits),
            "sl": price(row.sl, digits),
            "tp": price(row.tp, digits),
            "swap": number(row.swap),
            "profit": number(row.profit),
            "magic": row.magic,
            "comment": row.comment,
            "opened_at": self.time(row.time_msc),
            "changed_at": self.time(row.time_update_msc),
        }

    def account(self, row: Any) -> dict[str, Any]:
        """The account; amounts in its currency."""
        digits = row.currency_digits
        amounts = ("balance", "credit", "profit", "equity", "margin", "margin_free")
        return {
            "login": row.login,
            "server": row.server,
            "company": row.company,
            "currency": row.currency,
            "leverage": row.leverage,
            "trade_mode": _word(TRADE_MODES, row.trade_mode),
            "margin_mode": _word(MARGIN_MODES, row.margin_mode),
            "trade_allowed": bool(row.trade_allowed),
            "fifo_close": bool(row.fifo_close),
            **{name: f"{Decimal(repr(float(getattr(row, name)))):.{digits}f}" for name in amounts},
            "margin_level": number(row.margin_level),
        }

    def symbol(self, row: Any) -> dict[str, Any]:
        """A symbol's terms."""
        self.digits[row.name] = row.digits
        flags = {word: bool(row.filling_mode & flag) for word, flag in FILLING_FLAGS.items()}
        return {
            "name": row.name,
            "description": row.description,
            "path": row.path,
            "digits": row.digits,
            "point": number(row.point, max(row.digits, PLACES)),
            "tick_size": number(row.trade_tick_size, 10),
            "tick_value": number(row.trade_tick_value, 10),
            "contract_size": number(row.trade_contract_size),
            "volume_min": number(row.volume_min),
            "volume_max": number(row.volume_max),
            "volume_step": number(row.volume_step),
            "volume_limit": number(row.volume_limit),
            "currency_base": row.currency_base,
            "currency_profit": row.currency_profit,
            "currency_margin": row.currency_margin,
            "calc_mode": row.trade_calc_mode,
            "trade_mode": _word(SYMBOL_TRADE_MODES, row.trade_mode),
            "execution": _word(EXECUTION, row.trade_exemode),
            "fillings": [word for word, allowed in flags.items() if allowed],
            "stops_level": row.trade_stops_level,
            "freeze_level": row.trade_freeze_level,
            "swap_mode": row.swap_mode,
            "swap_long": number(row.swap_long),
            "swap_short": number(row.swap_short),
            "swap_triple_day": row.swap_rollover3days,
            "bid": price(row.bid, row.digits),
            "ask": price(row.ask, row.digits),
            "spread": row.spread,
        }

    def ticks(self, symbol: str, rows: Any, before: tuple[int, int] | None = (0, 0)) -> list[dict[str, Any]]:
        """Ticks of a symbol, oldest first.

        `nth` tells the ticks of one millisecond apart; `before` is the broker's time of the tick before the
        first one and its number, None where nobody knows it.
        """
        digits = self.digits.get(symbol, PLACES)
        walls = [int(row["time_msc"]) for row in rows]
        # A tick alone is the newest one; several are history, in order.
        times = [self._clock.to_utc_ms(walls[0])] if len(walls) == 1 else self._clock.series_utc_ms(walls)
        return [
            {
                "symbol": symbol,
                "at": iso(at),
                "wall_ms": int(row["time_msc"]),
                "nth": nth,
                "bid": price(row["bid"], digits),
                "ask": price(row["ask"], digits),
                "last": price(row["last"], digits),
                "volume": number(row["volume_real"]),
            }
            for at, nth, row in zip(times, _numbered(walls, before), rows, strict=True)
        ]

    def bars(self, symbol: str, rows: Any) -> list[dict[str, Any]]:
        """Bars of a symbol, oldest first, stamped at their opening."""
        digits = self.digits.get(symbol, PLACES)
        times = self._clock.series_utc_ms([int(row["time"]) * 1000 for row in rows])
        return [
            {
                "at": iso(at),
                **{name: price(row[name], digits) for name in ("open", "high", "low", "close")},
                "ticks": int(row["tick_volume"]),
                "spread": int(row["spread"]),
                "volume": str(int(row["real_volume"])),
            }
            for at, row in zip(times, rows, strict=True)
        ]


def tick(row: Any) -> dict[str, Any]:
    """A single tick as a row of ticks."""
    return {name: getattr(row, name) for name in ("time_msc", "bid", "ask", "last", "volume_real")}


def _numbered(walls: list[int], before: tuple[int, int] | None) -> list[int] | list[None]:
    """The number of each time among those that are the same."""
    if before is None:
        return [None] * len(walls)
    made: list[int] = []
    for wall in walls:
        before = (wall, before[1] + 1 if wall == before[0] else 1)
        made.append(before[1])
    return made


def _word(words: tuple[str, ...], index: int) -> str:
    return words[index] if 0 <= index < len(words) else "other"
