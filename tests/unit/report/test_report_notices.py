"""What a careful reader would ask, asked when there is reason to and not otherwise."""

from __future__ import annotations

import pandas as pd

from framework.report.notices import notices


def said(result):
    return " ".join(notices(result))


def many(frame, times):
    return pd.concat([frame] * times)


def test_a_sound_run_has_no_notices(a_run):
    run = a_run()
    closed = run.positions[run.positions["side"] == "FLAT"]
    assert notices(a_run(positions=many(closed, 10))) == []


def test_no_orders_is_the_only_thing_worth_saying(an_empty_run):
    assert notices(an_empty_run) == ["No strategy sent an order, so there is nothing to judge."]


def test_orders_without_fills(a_run):
    assert "None of the 10 orders was filled." in said(a_run(fills=pd.DataFrame()))


def test_few_closed_positions(a_run):
    assert "Only 3 positions were closed" in said(a_run())


def test_open_positions(a_run):
    assert "1 position is still open" in said(a_run())


def test_rejected_orders(a_run):
    run = a_run()
    why = [f"no money for {number}" for number in range(10)]
    orders = run.orders.assign(status="REJECTED", reason=why)
    assert "The venue rejected 10 orders, the first because: no money for 0" in said(a_run(orders=orders))


def test_orders_that_the_engine_denied_and_no_rule_did(a_run, a_decision):
    refused = a_run().orders.assign(reason=["over the limit", "no rate", *[None] * 8])
    refused.loc[refused.index[:2], "status"] = "DENIED"
    ruled = a_decision(client_order_id="O-9", reason="over the limit")  # of a list, all of which was denied
    told = notices(a_run(orders=refused, decisions=[ruled], fills=pd.DataFrame()))
    assert "The engine denied 1 order because: no rate" in told
    assert "over the limit" not in str([line for line in told if line.startswith("The engine")])


def test_a_base_currency_that_nothing_converts_to_is_said_with_the_remedy(a_run):
    why = "VALIDATION_FAILED: Account currency conversion failed: Quote maps must not be empty"
    refused = a_run().orders.assign(reason=why, status="DENIED")
    assert any("needs quotes, or bid and ask bars" in line for line in notices(a_run(orders=refused)))


def test_a_halt_with_its_rule_reason_and_time(a_run, a_decision):
    halt = a_decision(verdict="halt", rule="drawdown", reason="10 % below the peak")
    expected = "Halted at 2024-01-31 10:00 UTC by drawdown: 10 % below the peak"
    assert expected in notices(a_run(decisions=(halt,)))


def test_many_denied_orders_and_one_order_denied_twice_counts_once(a_run, a_decision):
    twice = (a_decision(client_order_id="O-1"), a_decision(client_order_id="O-1"))
    assert "denied" not in said(a_run(decisions=twice))  # 1 of 10
    two = (a_decision(client_order_id="O-1"), a_decision(client_order_id="O-2"))
    assert "The risk rules denied 20% of all orders" in said(a_run(decisions=two))


def test_equity_at_zero_or_below(a_run):
    equity = a_run().equity - 99.0
    assert "The equity in USD fell to zero or below." in notices(a_run(equity=equity))


def test_fills_without_commission(a_run):
    free = a_run().fills.assign(commission="0.00 USD")
    assert "No commission was charged on any fill" in said(a_run(fills=free))
    assert "No commission" not in said(a_run())


def test_a_run_of_days(a_run):
    run = a_run()
    assert "annualised" in said(a_run(end=run.start + 3 * 86_400 * 10**9))
    assert "annualised" not in said(run)
