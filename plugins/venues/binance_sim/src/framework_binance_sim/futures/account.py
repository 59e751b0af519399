"""What the account owns and holds, and the margin it needs: amounts are exact, and rounded when written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from framework_binance_sim.futures.records import STATED, ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from decimal import Decimal

    from framework_binance_sim.futures.records import Order
    from framework_binance_sim.symbols import Symbol

DEFAULT_LEVERAGE = 20
OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}


@dataclass(slots=True)
class Position:
    """What is held of one symbol, on one side in hedge mode.

    Attributes:
        symbol: Of what.
        side: BOTH, LONG or SHORT.
        amount: How much; negative when short.
        cost: What the amount was opened for, without sign.
        realized: Profit made on it so far, before fees.
        updated: When it changed, in milliseconds.
    """

    symbol: Symbol
    side: str
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    updated: int = 0

    @property
    def entry(self) -> Decimal:
        """The mean price it was opened at."""
        return self.cost / abs(self.amount) if self.amount else ZERO

    def profit(self, mark: Decimal) -> Decimal:
        """What closing all of it at `mark` would earn."""
        worth = abs(self.amount) * mark
        return worth - self.cost if self.amount > 0 else self.cost - worth

    def trade(self, side: str, price: Decimal, size: Decimal) -> Decimal:
        """Trade; returns the profit that was realized, to eight decimals."""
        signed = size if side == "BUY" else -size
        if self.amount * signed >= 0:
            self.amount += signed
            self.cost += price * size
            return ZERO
        closed = min(size, abs(self.amount))
        share = self.cost if closed == abs(self.amount) else self.cost * closed / abs(self.amount)
        earned = price * closed - share if self.amount > 0 else share - price * closed
        earned = earned.quantize(STATED)
        self.cost -= share
        self.amount += closed if signed > 0 else -closed
        self.realized += earned
        if size > closed:
            self.trade(side, price, size - closed)
        return earned


@dataclass(slots=True)
class Account:
    """One account.

    Attributes:
        wallet: What is owned, by asset.
        mark: The mark price of a symbol.
        hedge: Long and short are held apart.
        leverage: By symbol, where it is not the default.
        isolated: Symbols whose margin is apart.
        positions: By symbol and side.
    """

    wallet: dict[str, Decimal]
    mark: Callable[[Symbol], Decimal]
    hedge: bool = False
    multi_assets: bool = False
    leverage: dict[str, int] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def position(self, symbol: Symbol, side: str) -> Position:
        """What is held of a symbol on a side."""
        return self.positions.setdefault((symbol.symbol, side), Position(symbol, side))

    def held(self) -> Iterator[Position]:
        """Every position that is not flat."""
        return (position for position in self.positions.values() if position.amount)

    def times(self, symbol: Symbol) -> int:
        """The leverage of a symbol."""
        return self.leverage.get(symbol.symbol, min(DEFAULT_LEVERAGE, symbol.max_leverage))

    def position_margin(self, position: Position) -> Decimal:
        """Initial margin of a position at the mark price."""
        return abs(position.amount) * self.mark(position.symbol) / self.times(position.symbol)

    def maintenance(self, position: Position) -> Decimal:
        """Maintenance margin of a position at the mark price."""
        return abs(position.amount) * self.mark(position.symbol) * position.symbol.maintenance

    def order_margin(self, order: Order, *, at: Decimal | None = None) -> Decimal:
        """Initial margin of what an order would open."""
        if order.reduce_only:
            return ZERO
        price = at or order.price or self.mark(order.symbol)
        return self.opening(order) * price / self.times(order.symbol)

    def opening(self, order: Order) -> Decimal:
        """How much of what is left of an order would open or grow a position."""
        held = self.position(order.symbol, order.position_side).amount
        against = held if order.side == "SELL" else -held
        return max(ZERO, order.left - max(ZERO, against))

    def available(self, asset: str, orders: Iterable[Order]) -> Decimal:
        """What new margin can be taken from."""
        used = sum((self.position_margin(p) for p in self.held() if p.symbol.quote == asset), ZERO)
        used += sum((self.order_margin(o) for o in orders if o.symbol.quote == asset), ZERO)
        return max(ZERO, self.wallet.get(asset, ZERO) + self.unrealized(asset) - used)

    def unrealized(self, asset: str) -> Decimal:
        """Profit of the open positions at mark prices."""
        return sum((p.profit(self.mark(p.symbol)) for p in self.held() if p.symbol.quote == asset), ZERO)

    def reducible(self, order: Order) -> Decimal:
        """How much an order could close of its position."""
        held = self.position(order.symbol, order.position_side).amount
        return max(ZERO, held if order.side == "SELL" else -held)
