"""What counts towards exposure, and what it is worth. Numbers are worked out by hand beside each case."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import msgspec
import pytest
from framework_exposure.exposure_limit import ExposureLimit, ExposureLimitConfig
from hypothesis import given, settings
from hypothesis import strategies as st

from framework import APPROVE, CompositionError, Deny
from framework.testkit import RuleBench

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def cap(bench):
    bench.prices["EUR/USD.SIM"] = "1.10000"
    bench.prices["AAPL.XNAS"] = "200.00"
    return lambda **settings: bench.rule(
        ExposureLimit, ExposureLimitConfig, **{"max_mark_age": "5s", **settings}
    )


def passes(rule, proposal):
    return rule.check(proposal) is APPROVE


def test_an_order_exactly_at_the_cap_passes_and_one_unit_more_does_not(cap, propose):
    # 100,000 EUR at 1.10000 are 110,000 USD
    rule = cap(max_gross="110000 USD")
    assert passes(rule, propose("fx", 100_000, "1.10000"))
    assert rule.check(propose("fx", 100_001, "1.10000")) == Deny(
        "gross exposure could become 110001.10 USD, and max_gross is 110000.00 USD"
    )


def test_gross_adds_long_and_short_and_net_sets_them_off(cap, bench, propose):
    bench.open_position("fx", quantity=100_000)  # 110,000 USD long
    short = propose("equity", 500, "200.00", side="sell")  # 100,000 USD short
    assert not passes(cap(max_gross="209999 USD"), short)
    assert passes(cap(max_gross="210000 USD"), short)
    assert passes(cap(max_net="110000 USD"), short)


def test_a_working_order_counts_before_it_fills(cap, bench, propose):
    bench.entries.append(propose("fx", 60_000, limit="1.10000").order)
    assert not passes(cap(max_gross="110000 USD"), propose("fx", 40_001, "1.10000"))
    assert passes(cap(max_gross="110000 USD"), propose("fx", 40_000, "1.10000"))


def test_orders_on_both_sides_count_as_the_worse_of_them_in_one_instrument(cap, bench, propose):
    # flat, 60,000 to buy and 50,000 to sell: at most 60,000 either way, 66,000 USD
    bench.entries.append(propose("fx", 60_000, limit="1.10000").order)
    assert passes(cap(max_gross="66000 USD"), propose("fx", 50_000, "1.10000", side="sell"))
    assert not passes(cap(max_gross="66000 USD"), propose("fx", 60_001, "1.10000", side="sell"))


def test_at_a_hedging_venue_both_sides_add_up(cap, bench, propose):
    bench.open_position("fx", quantity=60_000, hedged=True)
    sell = propose("fx", 50_000, "1.10000", side="sell")
    assert passes(cap(max_gross="66000 USD"), sell)
    assert not passes(cap(max_gross="120999 USD", oms="hedging"), sell)
    assert passes(cap(max_gross="121000 USD", oms="hedging"), sell)


def test_a_strategy_that_holds_both_sides_is_at_a_hedging_venue_whatever_the_setting(cap, bench, propose):
    bench.open_position("fx", quantity=30_000, hedged=True)
    bench.open_position("fx", quantity=-20_000, hedged=True)
    # 30,000 + 20,000 + 10,000 at 1.10000
    assert not passes(cap(max_gross="65999 USD"), propose("fx", 10_000, "1.10000"))
    assert passes(cap(max_gross="66000 USD"), propose("fx", 10_000, "1.10000"))


def test_an_order_is_worth_the_dearer_of_its_price_and_the_mark(cap, propose):
    # 1,000 at 1.20000 are 1,200 USD, and at the mark 1,100
    assert not passes(cap(max_gross="1199 USD"), propose("fx", 1_000, "1.10000", limit="1.20000"))
    assert not passes(cap(max_gross="1099 USD"), propose("fx", 1_000, "1.10000", limit="1.00000"))
    assert passes(cap(max_gross="1100 USD"), propose("fx", 1_000, "1.10000", limit="1.00000"))


@pytest.mark.parametrize(
    ("name", "quantity", "mark", "worth"),
    [
        ("future", 2, "5000.00", "500000 USD"),  # 2 contracts x 50 USD a point x 5,000
        ("spread", 2, "-10.00", "1000 USD"),  # 2 x 50 x 10, whatever its sign
        ("linear", "0.5", "60000.0", "30000 USDT"),
        ("inverse", 300, "60000.0", "0.5 BTC"),  # 300 x 100 USD / 60,000
    ],
)
def test_every_kind_is_worth_what_its_contract_says(bench, name, quantity, mark, worth):
    amount, currency = worth.split()
    exact = bench.rule(ExposureLimit, ExposureLimitConfig, max_gross=worth, max_mark_age="5s")
    less = Decimal(amount) - Decimal("0.01")
    below = bench.rule(ExposureLimit, ExposureLimitConfig, max_gross=f"{less} {currency}", max_mark_age="5s")
    order = bench.propose(name, quantity, mark)
    assert passes(exact, order)
    assert not passes(below, order)


def test_another_currency_is_turned_into_the_caps_by_a_named_price(cap, bench, propose):
    bench.prices["USD/JPY.SIM"] = "150.000"
    # 1,000 EUR at 165.000 JPY are 165,000 JPY, at 150 a dollar 1,100 USD
    order = propose("cross", 1_000, "165.000")
    assert passes(cap(max_gross="1100.01 USD", valued_by=["USD/JPY.SIM"]), order)
    assert not passes(cap(max_gross="1099.99 USD", valued_by=["USD/JPY.SIM"]), order)
    assert cap(max_gross="1100 USD").check(order) == Deny(
        "nothing turns JPY into USD; name one that does under valued_by"
    )


def test_caps_hold_for_each_instrument_strategy_or_venue(cap, bench, propose):
    bench.open_position("fx", "fade", quantity=50_000)  # 55,000 USD
    more_fx, apple = propose("fx", 50_001, "1.10000"), propose("equity", 300, "200.00")
    assert not passes(cap(max_gross="110000 USD", per="instrument"), more_fx)
    assert passes(cap(max_gross="110000 USD", per="strategy"), more_fx)
    assert not passes(cap(max_gross="110000 USD", per="venue"), more_fx)
    assert not passes(cap(max_gross="110000 USD"), apple)  # 55,000 + 60,000
    assert passes(cap(max_gross="110000 USD", per="venue"), apple)
    assert passes(cap(max_gross="110000 USD", per="instrument"), apple)


def test_what_lowers_exposure_passes_even_above_the_cap(cap, bench, propose):
    bench.open_position("fx", "fade", quantity=200_000)
    rule = cap(max_net="110000 USD")
    assert passes(rule, propose("fx", 10_000, "1.10000", side="sell"))
    assert not passes(rule, propose("fx", 1_000, "1.10000"))


def test_a_changed_order_counts_once(cap, bench, propose):
    working = propose("fx", 60_000, limit="1.10000").order
    bench.entries.append(working)
    rule = cap(max_gross="110000 USD")
    assert passes(rule, propose("fx", 100_000, "1.10000", action="modify", order=working))
    assert not passes(rule, propose("fx", 100_001, "1.10000", action="modify", order=working))


def test_a_price_that_is_missing_or_old_denies(cap, bench, propose):
    rule = cap(max_gross="110000 USD")
    assert rule.check(propose("future", 1)) == Deny("no price of ESZ4.CME is known yet")
    assert rule.check(propose("fx", 1_000, "1.10000", age=5 * SECOND + 1)) == Deny(
        "the last price of EUR/USD.SIM is 5 s old, and max_mark_age is 5 s"
    )
    bench.open_position("future")
    assert not passes(rule, propose("fx", 1_000, "1.10000"))


def test_an_order_for_an_amount_of_money_is_worth_that(cap, propose):
    rule = cap(max_gross="1000 USD")
    assert passes(rule, propose("fx", 1_000, "1.10000", quote=True))
    assert not passes(rule, propose("fx", 1_001, "1.10000", quote=True))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "nothing is capped"),
        ({"max_gross": "0 USD"}, "write an amount above 0"),
        ({"max_gross": "1 USD", "max_net": "1 EUR"}, "use one currency"),
        ({"max_gross": "1 USD", "valued_by": ["USD/JPY.SIM"] * 2}, "twice"),
        ({"max_gross": "1 USD", "per": "desk"}, "desk"),
        ({"max_gross": "1 USD", "max_mark_age": "soon"}, "max_mark_age"),
    ],
)
def test_settings_that_make_no_sense_are_refused(cap, settings, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        cap(**settings)


def test_a_price_that_turns_nothing_into_the_currency_is_refused(cap):
    with pytest.raises(CompositionError, match="turns no currency into USD"):
        cap(max_gross="1 USD", valued_by=["EUR/JPY.SIM"])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("order", "order", "order", "fill", "cancel")),
        st.sampled_from(("fx", "equity")),
        st.sampled_from(("buy", "sell")),
        st.integers(1, 60),
        st.integers(0, 99),
    ),
    max_size=30,
)


class Life:
    """Orders that were approved, of which nothing is heard until a step says so."""

    worth = {"fx": 2, "equity": 200}

    def __init__(self, kind):
        self.bench = RuleBench()
        self.bench.prices = {"EUR/USD.SIM": "2.00000", "AAPL.XNAS": "200.00"}
        self.rule = self.bench.rule(
            ExposureLimit, ExposureLimitConfig, **{f"max_{kind}": "200 USD"}, max_mark_age="5s"
        )
        self.kind = kind
        self.held = {"fx": 0, "equity": 0}
        self.working = []

    def order(self, name, side, size, _choice):
        quantity = size if name == "fx" else 1
        mark = self.bench.prices[str(self.bench.instruments[name].id)]
        order = self.bench.propose(name, quantity, mark, side=side)
        if len(self.working) < 6 and passes(self.rule, order):
            self.working.append((name, quantity if side == "buy" else -quantity, order.order))
            self._show()

    def fill(self, _name, _side, _size, choice):
        if self.working:
            name, quantity, _ = self.working.pop(choice % len(self.working))
            self.held[name] += quantity
            self._show()

    def cancel(self, _name, _side, _size, choice):
        if self.working:
            self.working.pop(choice % len(self.working))
            self._show()

    def worst(self):
        """The highest exposure that any subset of the orders could leave, found by filling each subset."""
        worst = 0
        for count in range(len(self.working) + 1):
            for filled in combinations(self.working, count):
                after = dict(self.held)
                for name, quantity, _ in filled:
                    after[name] += quantity
                values = [units * self.worth[name] for name, units in after.items()]
                worst = max(worst, sum(map(abs, values)) if self.kind == "gross" else abs(sum(values)))
        return worst

    def _show(self):
        self.bench.entries[:] = [order for _, _, order in self.working]
        self.bench.positions.clear()
        for name, quantity in self.held.items():
            if quantity:
                self.bench.open_position(name, quantity=quantity)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(("gross", "net")))
def test_whatever_fills_of_what_was_approved_exposure_stays_within_the_cap(steps, kind):
    life = Life(kind)
    for action, *details in steps:
        getattr(life, action)(*details)
        assert life.worst() <= 200
