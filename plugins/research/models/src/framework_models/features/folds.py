"""The arithmetic of every feature, once.

Each function is a fold: it takes what it must remember as `state`, reads any number of consecutive bars,
writes one value a bar, and leaves in `state` what the next bar needs. Given all bars at once it is the
offline form, given them one by one the online form, and both run the same compiled code in the same order, so
they agree to the last bit. A value is NaN until the bars it needs have been seen.
"""

from __future__ import annotations

from math import cos, exp, log, log1p, pi, sin, sqrt
from typing import TYPE_CHECKING

import numpy as np

from framework import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

type Floats = NDArray[np.float64]
NAN = np.nan
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
SIDE_BY_SIDE = 512
"""Windows summed together: few enough for their values to stay near the processor."""


@compiled
def push(ring: Floats, value: float) -> int:
    """Keep the value in place of the oldest; `ring[0]` counts what came. Gives how many are kept."""
    size = len(ring) - 1
    ring[1 + int(ring[0]) % size] = value
    ring[0] += 1.0
    return min(int(ring[0]), size)


@compiled
def moments(past: Floats, values: Floats, lag: int, mean: Floats, spread: Floats) -> None:
    """Mean and population standard deviation of the window that ends `lag` values before each of these.

    Both are worked out from the window's oldest value on, as distances from it, so that a window in which
    nothing moved has a deviation of exactly 0. Many windows are summed side by side, which a processor does
    at once and which changes the order of no sum.

    Args:
        past: How many values are kept, and those: the last ones before `values`, oldest first; as many as a
            window has, at most.
        values: The next ones.
        lag: 0 for windows that end with the value itself, 1 for those that end before it.
        mean: Takes a number for each value; NaN where the window is not full.
        spread: The same.
    """
    size, kept, count = len(past) - 1, int(past[0]), len(values)
    series = np.empty(kept + count)
    series[:kept], series[kept:] = past[1 : kept + 1], values
    first = min(count, max(0, size - 1 + lag - kept))
    mean[:first], spread[:first] = NAN, NAN
    for start in range(first, count, SIDE_BY_SIDE):
        begins = kept + start - lag - size + 1
        sums, squares = mean[start : start + SIDE_BY_SIDE], spread[start : start + SIDE_BY_SIDE]
        if len(sums) == 1:
            one_window(series[begins : begins + size], sums, squares)
        else:
            windows(series[begins : begins + size + len(sums) - 1], size, sums, squares)
    held = min(size, kept + count)
    past[0] = held
    past[1 : held + 1] = series[kept + count - held :]


@compiled
def windows(series: Floats, size: int, sums: Floats, squares: Floats) -> None:
    """Mean and deviation of the windows of a size that begin at each of the first values of a series."""
    width, oldest = len(sums), series[: len(sums)]
    sums[:], squares[:] = 0.0, 0.0
    for n in range(size):
        added = series[n : n + width]
        for window in range(width):
            sums[window] += added[window] - oldest[window]
    for window in range(width):
        sums[window] = oldest[window] + sums[window] / size
    for n in range(size):
        added = series[n : n + width]
        for window in range(width):
            squares[window] += (added[window] - sums[window]) ** 2
    for window in range(width):
        squares[window] = sqrt(squares[window] / size)


@compiled
def one_window(series: Floats, sums: Floats, squares: Floats) -> None:
    """The same sums in the same order for one window alone, which is quicker when there is no other."""
    total, square = 0.0, 0.0
    for value in series:
        total += value - series[0]
    sums[0] = series[0] + total / len(series)
    for value in series:
        square += (value - sums[0]) ** 2
    squares[0] = sqrt(square / len(series))


@compiled
def average(state: Floats, value: float, period: int, weight: float) -> float:
    """An exponential average seeded with the mean of its first `period` values; state is count and value."""
    state[0] += 1.0
    if state[0] <= period:
        state[1] += value
        if state[0] < period:
            return NAN
        state[1] /= period
    else:
        state[1] += weight * (value - state[1])
    return float(state[1])


@compiled
def wall_clock(
    starts: NDArray[np.int64], offsets: NDArray[np.int64], ts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """UTC moved by the offset that is valid then: the last one whose start is not after it."""
    clock = np.empty_like(ts)
    for n in range(len(ts)):
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= ts[n]:
                low = middle
            else:
                high = middle
        clock[n] = ts[n] + offsets[low]
    return clock


@compiled
def circles(
    clock: NDArray[np.int64], day_sin: Floats, day_cos: Floats, week_sin: Floats, week_cos: Floats
) -> None:
    """The time of the day, and of the week from Monday on, as angles of a whole turn each."""
    for n in range(len(clock)):
        # 1970-01-01 was a Thursday.
        day = 2.0 * pi * ((clock[n] % DAY) / DAY)
        week = 2.0 * pi * (((clock[n] + 3 * DAY) % (7 * DAY)) / (7 * DAY))
        day_sin[n], day_cos[n], week_sin[n], week_cos[n] = sin(day), cos(day), sin(week), cos(week)


@compiled
def log_return(ring: Floats, close: Floats, out: Floats) -> None:
    """The logarithm of the close over the close `len(ring) - 1` bars before."""
    size = len(ring) - 1
    for n in range(len(close)):
        seen = int(ring[0])
        out[n] = log(close[n] / ring[1 + seen % size]) if seen >= size else NAN
        push(ring, close[n])


@compiled
def rsi(state: Floats, close: Floats, period: int, out: Floats) -> None:
    """Wilder's index, 0 to 100; state is two averages, the last close, whether there is one."""
    gains, losses = state[0:2], state[2:4]
    for n in range(len(close)):
        value = NAN
        if state[5] > 0.0:
            change = close[n] - state[4]
            up = average(gains, max(change, 0.0), period, 1.0 / period)
            down = average(losses, max(-change, 0.0), period, 1.0 / period)
            if up + down > 0.0:
                value = 100.0 * up / (up + down)
            elif up + down == 0.0:
                value = 50.0
        state[4], state[5] = close[n], 1.0
        out[n] = value


@compiled
def ema_distance(state: Floats, close: Floats, period: int, out: Floats) -> None:
    """How far the close is from its exponential average, as a share of the average."""
    for n in range(len(close)):
        value = average(state, close[n], period, 2.0 / (period + 1.0))
        out[n] = close[n] / value - 1.0


@compiled
def macd(
    state: Floats, close: Floats, fast: int, slow: int, signal: int, line: Floats, smooth: Floats, gap: Floats
) -> None:
    """Fast less slow average, its own average, and their difference, each as a share of the close."""
    for n in range(len(close)):
        quick = average(state[0:2], close[n], fast, 2.0 / (fast + 1.0))
        calm = average(state[2:4], close[n], slow, 2.0 / (slow + 1.0))
        between, slowed = quick - calm, NAN
        if between == between:  # noqa: PLR0124 - not NaN
            slowed = average(state[4:6], between, signal, 2.0 / (signal + 1.0))
        line[n] = between / close[n]
        smooth[n] = slowed / close[n]
        gap[n] = (between - slowed) / close[n]


@compiled
def atr(state: Floats, high: Floats, low: Floats, close: Floats, period: int, out: Floats) -> None:
    """Wilder's average true range as a share of the close; the first bar's range is its high less its low."""
    for n in range(len(close)):
        reach = high[n] - low[n]
        if state[3] > 0.0:
            reach = max(reach, abs(high[n] - state[2]), abs(low[n] - state[2]))
        out[n] = average(state[0:2], reach, period, 1.0 / period) / close[n]
        state[2], state[3] = close[n], 1.0


@compiled
def vwap_distance(
    state: Floats,
    clock: NDArray[np.int64],
    begins: int,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    deviations: Floats,
    share: Floats,
) -> None:
    """The close from its session's VWAP, in volume-weighted deviations and as a share of the VWAP.

    By West's update (Communications of the ACM 22, 1979); state is session, weight, mean, squares, and
    whether there is a session. A session begins every day when the clock, in nanoseconds, says `begins`;
    a bar stamped then is the last of the session before.
    """
    for n in range(len(close)):
        session = (clock[n] - begins - 1) // DAY
        if state[4] == 0.0 or session > state[0]:
            state[0], state[1], state[2], state[3], state[4] = session, 0.0, 0.0, 0.0, 1.0
        if volume[n] > 0.0:
            price = (high[n] + low[n] + close[n]) / 3.0
            state[1] += volume[n]
            delta = price - state[2]
            state[2] += delta * volume[n] / state[1]
            state[3] += volume[n] * delta * (price - state[2])
        deviations[n], share[n] = NAN, NAN
        if state[1] > 0.0:
            spread = sqrt(max(state[3], 0.0) / state[1])
            deviations[n] = (close[n] - state[2]) / spread if spread > 0.0 else 0.0
            share[n] = close[n] / state[2] - 1.0


@compiled
def bands(past: Floats, close: Floats, width: float, place: Floats, breadth: Floats) -> None:
    """Bollinger's %b and bandwidth: where the close is between the bands, and how far they are apart."""
    mean, spread = place, breadth
    moments(past, close, 0, mean, spread)
    for n in range(len(close)):
        middle, reach = mean[n], width * spread[n]
        if middle == middle:  # noqa: PLR0124 - not NaN
            place[n] = (close[n] - middle + reach) / (2.0 * reach) if reach > 0.0 else 0.5
            breadth[n] = 2.0 * reach / middle


@compiled
def z_of(value: float, mean: float, spread: float) -> float:
    """A value's distance from the mean in deviations; 0 where nothing moved, NaN where nothing is known."""
    return 0.0 if spread == 0.0 else (value - mean) / spread


@compiled
def z_score(past: Floats, close: Floats, out: Floats) -> None:
    """The close from its rolling mean, in rolling population deviations; 0 where nothing moved."""
    spread = np.empty(len(close))
    moments(past, close, 0, out, spread)
    for n in range(len(close)):
        out[n] = z_of(close[n], out[n], spread[n])


@compiled
def volatility_z(
    last: Floats, returns: Floats, history: Floats, close: Floats, level: Floats, out: Floats
) -> None:
    """Historical volatility, the deviation of log returns, and its z-score in its own history."""
    changes, mean = np.empty(len(close)), np.empty(len(close))
    known = changes_of(last, close, changes)
    level[:known], out[:known] = NAN, NAN
    moments(returns, changes[known:], 0, mean[known:], level[known:])
    while known < len(close) and level[known] != level[known]:
        out[known] = NAN
        known += 1
    spread = np.empty(len(close) - known)
    moments(history, level[known:], 0, mean[known:], spread)
    for n in range(known, len(close)):
        out[n] = z_of(level[n], mean[n], spread[n - known])


@compiled
def changes_of(last: Floats, close: Floats, out: Floats) -> int:
    """Log returns from bar to bar, and how many of them are not known: 1 at the first bar of all, else 0.

    `last` is the last close, and whether there is one.
    """
    unknown = 0 if last[1] > 0.0 else 1
    for n in range(len(close)):
        if last[1] > 0.0:
            out[n] = log(close[n] / last[0])
        last[0], last[1] = close[n], 1.0
    return min(unknown, len(close))


@compiled
def volume_ratio(past: Floats, volume: Floats, out: Floats) -> None:
    """The volume over the mean volume of the bars before it; NaN where those had none."""
    spread = np.empty(len(volume))
    moments(past, volume, 1, out, spread)
    for n in range(len(volume)):
        out[n] = volume[n] / out[n] if out[n] > 0.0 else NAN


@compiled
def markov(
    belief: Floats,
    last: Floats,
    close: Floats,
    means: Floats,
    deviations: Floats,
    transitions: Floats,
    out: tuple[Floats, ...],
) -> None:
    """Hamilton's filter: the probability of each regime given the returns so far, and none after them.

    Args:
        belief: The probabilities after the last bar.
        last: The last close, and whether there is one.
        close: Closes.
        means: Mean log return of each regime.
        deviations: Its standard deviation.
        transitions: From a regime (row) to a regime (column); rows sum to one.
        out: Take a number for each regime but the first.
    """
    count = len(means)
    likely = np.empty(count)
    for n in range(len(close)):
        for k in range(1, count):
            out[k - 1][n] = NAN
        if last[1] > 0.0:
            change = log(close[n] / last[0])
            total = 0.0
            for k in range(count):
                ahead = 0.0
                for j in range(count):
                    ahead += belief[j] * transitions[j, k]
                distance = (change - means[k]) / deviations[k]
                likely[k] = ahead * exp(-0.5 * distance * distance) / (deviations[k] * sqrt(2.0 * pi))
                total += likely[k]
            # A return that no regime explains says nothing about which one it is.
            if total > 0.0:
                for k in range(count):
                    belief[k] = likely[k] / total
            for k in range(1, count):
                out[k - 1][n] = belief[k]
        last[0], last[1] = close[n], 1.0


@compiled
def change_point(
    past: Floats,
    last: Floats,
    state: Floats,
    close: Floats,
    drift: float,
    alarm: float,
    age: Floats,
    pressure: Floats,
) -> None:
    """Page's cumulative sums (Biometrika 41, 1954) over log returns, for their mean and for their spread.

    A return is judged by the mean and deviation of the returns before it, `len(past) - 1` of them, when there
    are as many since the last change. State is the sums up, down and apart, and the bars since.
    """
    changes, mean, spread = np.empty(len(close)), np.empty(len(close)), np.empty(len(close))
    known = changes_of(last, close, changes)
    age[:known], pressure[:known] = NAN, NAN
    moments(past, changes[known:], 1, mean[known:], spread[known:])
    for n in range(known, len(close)):
        if state[3] >= len(past) - 1 and spread[n] > 0.0:
            z = (changes[n] - mean[n]) / spread[n]
            state[0] = max(0.0, state[0] + z - drift)
            state[1] = max(0.0, state[1] - z - drift)
            # The square of a normal return has mean 1 and deviation sqrt(2); one return counts for
            # at most half an alarm, because markets have fat tails without changing.
            state[2] = max(0.0, state[2] + min((z * z - 1.0) / sqrt(2.0), alarm / 2.0) - drift)
        state[3] += 1.0
        if max(state[0], state[1], state[2]) > alarm:
            state[:] = 0.0
        age[n] = log1p(state[3])
        pressure[n] = max(state[0], state[1], state[2]) / alarm


@compiled
def resample(
    state: Floats,
    times: NDArray[np.int64],
    width: int,
    ts: NDArray[np.int64],
    opened: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    made_ts: NDArray[np.int64],
    made: Floats,
    known: NDArray[np.int64],
) -> int:
    """Larger bars from smaller ones: those that are complete, and after each smaller bar how many are known.

    A bar stamped at its close belongs to the larger bar that ends at or after it. The larger one is complete
    when a smaller bar is stamped at its end, or when one of the next has come.

    Args:
        state: Open, high, low, close and volume of the larger bar being made.
        times: Its end; 0 for none.
        width: Its length, nanoseconds.
        ts: The smaller bars' closes.
        opened: What they opened at.
        high: Their highest prices.
        low: Their lowest prices.
        close: What they closed at.
        volume: What was traded in them.
        made_ts: Takes the larger bars' ends; room for two a smaller bar.
        made: Takes the larger bars.
        known: Takes how many of those made here are complete after each smaller bar.

    Returns:
        How many were made.
    """
    count = 0
    for n in range(len(ts)):
        end = -(-ts[n] // width) * width
        if times[0] != 0 and end != times[0]:
            made_ts[count] = times[0]
            made[:, count] = state
            count += 1
            times[0] = 0
        if times[0] == 0:
            times[0] = end
            state[0], state[1], state[2], state[3], state[4] = opened[n], high[n], low[n], close[n], volume[n]
        else:
            state[1] = max(state[1], high[n])
            state[2] = min(state[2], low[n])
            state[3] = close[n]
            state[4] += volume[n]
        if ts[n] == end:
            made_ts[count] = end
            made[:, count] = state
            count += 1
            times[0] = 0
        known[n] = count
    return count
