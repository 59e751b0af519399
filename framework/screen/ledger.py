"""The engine's accounting over arrays: what fills, at which price, and what it earns, to the last cent.

Prices are whole ticks of the price precision, sizes whole steps of the size precision, money whole units of
the currency's precision. Where the engine itself counts in floating point, as in the average price of a
position, the same operations are done here in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from framework.signals.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGH, LOW = 1, 2
HALF = 0.5
THIN = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 0]])
"""Steps that open, high, low and close get of a volume of 0, 1, 2 and 3; of more, each a quarter."""
FINE, NO_MARKET, TOO_DEAR = 0, 1, 2
"""Why a ledger ends early: an order before anything was traded, or one the account may not be able to pay."""


class Money(NamedTuple):
    """How amounts come about.

    Attributes:
        price_scale: From ticks to the engine's fixed-point numbers; so is the next, from steps.
        size_scale: See above.
        fixed: From the engine's fixed-point numbers to floats.
        multiplier: Of the contract, a float.
        cents: Units of the currency in one whole, a float.
        notional_up: Ticks times steps times this, over the next, are units of the currency.
        notional_down: See above.
        fee_up: The taker's rate is this over the next.
        fee_down: See above.
        margin: Initial margin as a share of the notional, leverage included.
        balance: Units of the currency at the start.
        tick: The price increment, in ticks of the price precision.
    """

    price_scale: float
    size_scale: float
    fixed: float
    multiplier: float
    cents: float
    notional_up: int
    notional_down: int
    fee_up: int
    fee_down: int
    margin: float
    balance: int
    tick: int


class Account(NamedTuple):
    """How a run over the arrays ended.

    Attributes:
        stopped: `FINE`, or why it ended early.
        at: The bar it ended early at.
        balance: Units of the currency at the end; positions left open are marked at the last close.
        drawdown: The deepest fall of the marked balance from its peak, at bar closes, in units.
        commission: Paid, in units.
        fills: Their number.
        trades: Times the position went back to nothing.
        mean: Of the change of the marked balance from bar to bar, in units.
        deviation: Of the same.
    """

    stopped: int
    at: int
    balance: int
    drawdown: int
    commission: int
    fills: int
    trades: int
    mean: float
    deviation: float


@compiled
def book(prices: NDArray[np.int64], volume: NDArray[np.int64], increment: int) -> Any:
    """What the engine's book shows after every bar: a price in ticks, and a size in steps, 0 for no market.

    A bar is walked open, high, low, close; only a price that differs from the one before is traded, with its
    part of the volume, and a part of nothing leaves the book as it is.

    Args:
        prices: Four rows, open, high, low and close, in ticks.
        volume: In steps.
        increment: The size increment, in steps.
    """
    bars = prices.shape[1]
    price, size = np.zeros(bars, np.int64), np.zeros(bars, np.int64)
    known, last, best, depth = False, 0, 0, 0
    parts = np.zeros(4, np.int64)
    for n in range(bars):
        whole = volume[n] // increment
        if whole < len(THIN):
            parts[:] = THIN[whole]
        else:
            parts[:3] = whole // 4
            parts[3] = whole - 3 * (whole // 4)
        for step in range(4):
            now = prices[step, n]
            if step == HIGH:
                moves = now > last
            elif step == LOW:
                moves = now < last
            else:
                moves = now != last
            if moves or not known:
                known, last = True, now
                if parts[step] > 0:
                    best, depth = now, parts[step] * increment
        price[n], size[n] = best, depth
    return price, size


@compiled
def rounded(value: float) -> int:
    """To the nearest whole number, halves away from zero."""
    whole = np.trunc(value)
    if abs(value - whole) >= HALF:
        whole += np.sign(value)
    return int(whole)


@compiled
def divided(number: int, by: int) -> int:
    """To the nearest whole number, halves to the even one."""
    whole, rest = number // by, number % by
    if 2 * rest > by or (2 * rest == by and whole % 2 == 1):
        whole += 1
    return whole


@compiled
def keep(  # noqa: C901, PLR0912, PLR0915 - one loop, in the engine's order
    target: NDArray[np.int64],
    closes_at_end: bool,
    turns_at_once: bool,
    book_price: NDArray[np.int64],
    book_size: NDArray[np.int64],
    close: NDArray[np.int64],
    money: Money,
    fills: NDArray[np.int64],
) -> Account:
    """Follow the targets through the book.

    Args:
        target: The position wanted after each bar, in steps.
        closes_at_end: Close what is left after the last bar.
        turns_at_once: Change sides with one order.
        book_price: As `book` gives it.
        book_size: As `book` gives it.
        close: In ticks.
        money: The terms.
        fills: Where to write bar, signed size, price and commission of each fill, a row each; with no rows
            they are not kept.
    """
    bars = len(target)
    balance, commission, count, trades = money.balance, 0, 0, 0
    held, entry = 0, 0.0
    peak = before = balance
    drawdown, total, squares = 0, 0.0, 0.0
    stopped, at = FINE, bars
    for n in range(bars + 1):
        row = min(n, bars - 1)
        if n == bars:
            if not closes_at_end:
                break
            wanted = 0
        else:
            wanted = target[n]
        freed = 0.0
        while held != wanted and stopped == FINE:
            goal = wanted
            if not turns_at_once and (held > 0 > wanted or held < 0 < wanted):
                goal = 0
            order = goal - held
            side = 1 if order > 0 else -1
            left = abs(order)
            if book_size[row] == 0:
                stopped, at = NO_MARKET, row
                break
            worth = divided(left * book_price[row] * money.notional_up, money.notional_down)
            turns = held > 0 > goal or held < 0 < goal
            if turns or abs(goal) > abs(held):
                used = divided(abs(held) * book_price[row] * money.notional_up, money.notional_down)
                if (abs(worth) + abs(used) + freed) * money.margin > balance:
                    stopped, at = TOO_DEAR, row
                    break
            else:
                freed += abs(worth)
            price, size = book_price[row], min(left, book_size[row])
            while left > 0:
                notional = divided(size * price * money.notional_up, money.notional_down)
                fee = divided(notional * money.fee_up, money.fee_down)
                price_f = price * money.price_scale / money.fixed
                size_f = size * money.size_scale / money.fixed
                held_f = abs(held) * money.size_scale / money.fixed
                if held != 0 and (held > 0) != (side > 0):
                    points = price_f - entry if held > 0 else entry - price_f
                    closed_f = min(size_f, held_f)
                    balance += rounded(closed_f * money.multiplier * points * money.cents)
                    if size >= abs(held):
                        trades += 1
                        entry = price_f
                elif held == 0:
                    entry = price_f
                else:
                    entry = (entry * held_f + price_f * size_f) / (held_f + size_f)
                balance -= fee
                commission += fee
                held += side * size
                if count < len(fills):
                    fills[count, 0], fills[count, 1] = row, side * size
                    fills[count, 2], fills[count, 3] = price, fee
                count += 1
                left -= size
                price, size = price + side * money.tick, left
        if stopped != FINE:
            break
        marked = balance
        if held != 0:
            last = close[row] * money.price_scale / money.fixed
            points = last - entry if held > 0 else entry - last
            held_f = abs(held) * money.size_scale / money.fixed
            marked += rounded(held_f * money.multiplier * points * money.cents)
        change = float(marked - before)
        total += change
        squares += change * change
        before = marked
        peak = max(peak, marked)
        drawdown = max(drawdown, peak - marked)
    mean = total / bars
    deviation = np.sqrt(max(0.0, squares / bars - mean * mean))
    return Account(stopped, at, before, drawdown, commission, count, trades, mean, deviation)
