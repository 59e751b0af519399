"""The ledger by hand: books, fills, fees, profits, margins. Prices in hundredths, sizes in whole units."""

from __future__ import annotations

import numpy as np
import pytest

from framework.screen import ledger

TERMS = ledger.Money(
    price_scale=1e14,
    size_scale=1e16,
    fixed=1e16,
    multiplier=1.0,
    cents=100.0,
    notional_up=1,
    notional_down=1,
    fee_up=0,
    fee_down=1,
    margin=0.0,
    balance=100_000,
    tick=1,
)


def kept(target, prices, *, size=1_000, ends=False, at_once=False, **terms):
    prices = np.array(prices, np.int64)
    rows = np.zeros((20, 4), np.int64)
    account = ledger.Account(
        *ledger.keep(
            np.array(target, np.int64),
            ends,
            at_once,
            prices,
            np.full(len(prices), size, np.int64),
            prices,
            TERMS._replace(**terms),
            rows,
        )
    )
    return account, rows[: account.fills].tolist()


# the book


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (0, (0, 0)),  # nothing was traded: there is no market
        (1, (103, 1)),  # the close alone
        (2, (99, 1)),  # the high and the low
        (3, (99, 1)),  # open, high and low
        (4, (103, 1)),
        (7, (103, 4)),  # a quarter, rounded down, for three of them, and the rest for the close
        (400, (103, 100)),
    ],
)
def test_a_bar_leaves_its_last_traded_price_with_its_part_of_the_volume(volume, expected):
    prices, sizes = ledger.book(np.array([[100], [105], [99], [103]]), np.array([volume]), 1)
    assert (prices[0], sizes[0]) == expected


def test_a_bar_of_one_price_that_is_the_last_one_leaves_the_book_as_it_was():
    prices = np.array([[100, 103], [105, 103], [99, 103], [103, 103]])
    book, sizes = ledger.book(prices, np.array([400, 8]), 1)
    assert (book.tolist(), sizes.tolist()) == ([103, 103], [100, 100])


def test_a_bar_without_volume_moves_no_book():
    prices = np.array([[100, 110], [105, 110], [99, 110], [103, 110]])
    book, sizes = ledger.book(prices, np.array([400, 0]), 1)
    assert (book.tolist(), sizes.tolist()) == ([103, 103], [100, 100])


def test_sizes_are_whole_increments():
    # 95 is nine increments of ten: two each for open, high and low, three for the close
    book, sizes = ledger.book(np.array([[100], [105], [99], [103]]), np.array([95]), 10)
    assert (book[0], sizes[0]) == (103, 30)


# fills


def test_what_the_book_does_not_hold_is_filled_one_tick_worse():
    _, rows = kept([10, 0], [100, 110], size=4)
    assert [row[:3] for row in rows] == [[0, 4, 100], [0, 6, 101], [1, -4, 110], [1, -6, 109]]


def test_changing_sides_takes_two_orders_or_one():
    assert [row[:3] for row in kept([5, -3], [100, 110])[1]] == [[0, 5, 100], [1, -5, 110], [1, -3, 110]]
    assert [row[:3] for row in kept([5, -3], [100, 110], at_once=True)[1]] == [[0, 5, 100], [1, -8, 110]]


def test_what_is_open_at_the_end_is_closed_or_marked():
    closed, rows = kept([5, 5], [100, 110], ends=True)
    assert rows[-1][:3] == [1, -5, 110]
    marked, _ = kept([5, 5], [100, 110])
    assert closed.balance == marked.balance == 100_000 + 5 * 10
    assert (closed.trades, marked.trades) == (1, 0)


def test_an_order_before_anything_was_traded_ends_the_ledger():
    account, _ = kept([5, 0], [100, 110], size=0)
    assert (account.stopped, account.at) == (ledger.NO_MARKET, 0)


# money


def test_profits_are_counted_from_the_average_entry():
    # 10 at 1.00 and 30 at 2.00 cost 70.00: 1.75 each; 20 sold at 3.00 earn 25.00, the rest is marked at 15.00
    account, _ = kept([10, 40, 20, 20], [100, 200, 300, 250], cents=100.0)
    assert account.balance == 100_000 + 20 * 125 + 20 * 75


@pytest.mark.parametrize(("price", "fee"), [(100, 0), (300, 2), (500, 2), (700, 4)])
def test_half_a_cent_of_a_fee_goes_to_the_even_cent(price, fee):
    # half a percent of 1.00, 3.00, 5.00 and 7.00: 0.5, 1.5, 2.5 and 3.5 cents
    account, rows = kept([1, 1], [price, price], fee_up=5, fee_down=1_000)
    assert rows[0][3] == account.commission == fee
    assert account.balance == 100_000 - fee


def test_the_drawdown_is_the_deepest_fall_of_the_marked_balance():
    account, _ = kept([1] * 6, [1_000, 1_200, 900, 1_100, 1_500, 1_300])
    assert account.drawdown == 300


def test_an_entry_that_may_be_too_dear_ends_the_ledger():
    # 1 000 at 1.00 are 1 000.00; a tenth of it as margin is 100.00, the whole balance here
    assert kept([1_000, 0], [100, 100], margin=0.1, balance=10_000)[0].stopped == ledger.FINE
    account, _ = kept([1_000, 0], [100, 100], margin=0.1, balance=9_999)
    assert (account.stopped, account.at) == (ledger.TOO_DEAR, 0)


def test_leaving_is_never_too_dear():
    account, _ = kept([1_000, 0], [1_000, 1], margin=0.001, balance=1_000)
    assert account.stopped == ledger.FINE


@pytest.mark.parametrize(
    ("number", "by", "expected"), [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (8, 3, 3)]
)
def test_division_rounds_halves_to_the_even_number(number, by, expected):
    assert ledger.divided(number, by) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.5, 1), (-0.5, -1), (1.49, 1), (-2.5, -3), (2.5, 3)])
def test_floats_round_halves_away_from_zero(value, expected):
    assert ledger.rounded(value) == expected
