"""What the broker's books hold: orders, deals, positions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from framework_mt5_terminal import constants as c

ZERO = Decimal(0)
BUYS = {c.ORDER_TYPE_BUY, c.ORDER_TYPE_BUY_LIMIT, c.ORDER_TYPE_BUY_STOP, c.ORDER_TYPE_BUY_STOP_LIMIT}


@dataclass(slots=True, kw_only=True)
class Order:
    """An order, active or past; times are the broker's, in milliseconds."""

    ticket: int
    symbol: str
    type: int
    volume: Decimal
    left: Decimal
    price: Decimal
    stoplimit: Decimal = ZERO
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    filling: int = c.ORDER_FILLING_FOK
    time: int = c.ORDER_TIME_GTC
    expiration: int = 0
    magic: int = 0
    comment: str = ""
    state: int = c.ORDER_STATE_STARTED
    reason: int = c.ORDER_REASON_EXPERT
    position: int = 0
    position_by: int = 0
    setup_ms: int = 0
    done_ms: int = 0
    seen_ns: int = 0

    @property
    def buys(self) -> bool:
        """Whether it buys."""
        return self.type in BUYS

    def row(self, current: Decimal) -> list[object]:
        """The values of an official order."""
        return [
            self.ticket, self.setup_ms // 1000, self.setup_ms, self.done_ms // 1000, self.done_ms,
            self.expiration, self.type, self.time, self.filling, self.state, self.magic, self.position,
            self.position_by, self.reason, float(self.volume), float(self.left), float(self.price),
            float(self.sl), float(self.tp), float(current), float(self.stoplimit), self.symbol,
            self.comment, "",
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal; `seen_ns` is when the history begins to show it."""

    ticket: int
    order: int
    wall_ms: int
    type: int
    entry: int
    magic: int
    position: int
    reason: int
    volume: Decimal
    price: Decimal
    commission: Decimal
    swap: Decimal
    profit: Decimal
    symbol: str
    comment: str
    seen_ns: int

    def row(self) -> list[object]:
        """The values of an official deal."""
        return [
            self.ticket, self.order, self.wall_ms // 1000, self.wall_ms, self.type, self.entry, self.magic,
            self.position, self.reason, float(self.volume), float(self.price), float(self.commission),
            float(self.swap), float(self.profit), 0.0, self.symbol, self.comment, "",
        ]  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Position:
    """An open position; `identifier` stays, while a netting reversal gives it another ticket."""

    ticket: int
    identifier: int
    symbol: str
    buys: bool
    volume: Decimal
    price: Decimal
    sl: Decimal = ZERO
    tp: Decimal = ZERO
    swap: Decimal = ZERO
    magic: int = 0
    comment: str = ""
    opened_ms: int = 0
    changed_ms: int = 0

    def row(self, current: Decimal, profit: Decimal) -> list[object]:
        """The values of an official position."""
        return [
            self.ticket, self.opened_ms // 1000, self.opened_ms, self.changed_ms // 1000, self.changed_ms,
            c.POSITION_TYPE_BUY if self.buys else c.POSITION_TYPE_SELL, self.magic, self.identifier,
            c.POSITION_REASON_EXPERT, float(self.volume), float(self.price), float(self.sl), float(self.tp),
            float(current), float(self.swap), float(profit), self.symbol, self.comment, "",
        ]  # fmt: skip
