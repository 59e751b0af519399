"""One-line backtests take the real road, and the record of what a strategy asked for is complete."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
import pytest
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import CompositionError, PluginBroken, PluginConfig, RunError, StrategySpec
from framework.engine.asked import Asked, difference
from framework.testkit import Record, run_node, run_strategy, simulate
from framework.testkit.fresh import Request, record_in_fresh_process
from framework.testkit.nodes import VENUE, plan_strategy
from framework.testkit.obstacles import DENY_EVERYTHING, HALVE_ENTRIES
from framework.testkit.rerun import asked_after_reset
from framework.testkit.sight import home_of, watching
from framework.testkit.traders import RANDOM_FLOW, RandomFlowConfig


class ScriptConfig(PluginConfig, frozen=True, kw_only=True):
    """One bar type."""

    bar_type: Annotated[BarType, msgspec.Meta(description="Bars.")]


class Script(Strategy):
    """One of each call on bars 1 to 6, and an exit at the end."""

    def __init__(self, config):
        super().__init__(config)
        self.bar_type, self.count, self.working = config.bar_type, 0, None

    def on_start(self):
        self.subscribe_bars(self.bar_type)

    def on_bar(self, bar):
        self.count += 1
        instrument_id, make, size = bar.bar_type.instrument_id, self.order_factory, Quantity.from_int(100)
        far = Price.from_decimal_dp(bar.close.as_decimal() - Decimal("0.05"), 5)
        if self.count == 1:
            self.submit_order(make.market(instrument_id, OrderSide.BUY, size))
        elif self.count == 2:
            self.working = make.limit(instrument_id, OrderSide.BUY, size, far)
            self.submit_order(self.working)
        elif self.count == 3:
            self.modify_order(self.working.client_order_id, quantity=Quantity.from_int(200))
        elif self.count == 4:
            self.cancel_order(self.working.client_order_id)
        elif self.count == 5:
            self.close_all_positions(instrument_id)

    def on_stop(self):
        self.cancel_all_orders(self.bar_type.instrument_id)

    def on_reset(self):
        self.count, self.working = 0, None


SPEC = StrategySpec(name="script", strategy=Script, config=ScriptConfig)


@pytest.fixture
def market(tmp_path):
    return simulate(tmp_path / "catalog", length=20)


@pytest.fixture
def config(market):
    return ScriptConfig(bar_type=market.bar_types[0])


def test_every_call_is_recorded_with_its_moment_and_its_arguments(market, config):
    record = Record()
    run_strategy(SPEC, config, catalog=market.catalog, record=record)
    assert [asked.what for asked in record.asked] == [
        "submit_order",
        "submit_order",
        "modify_order",
        "cancel_order",
        "submit_order",
        "cancel_all_orders",
    ]
    assert [asked.ts for asked in record.asked] == [*market.times[:5], market.times[-1]]
    assert [asked.stopping for asked in record.asked] == [False] * 5 + [True]
    limit = record.asked[1].details
    assert '"quantity": "100"' in limit
    assert '"type": "LIMIT"' in limit
    assert '"price": "' in limit
    assert '["#2", "200", null, null]' not in limit
    assert '"quantity": "200"' in record.asked[2].details
    assert '"#2"' in record.asked[3].details


def test_the_record_up_to_a_moment_leaves_out_what_the_end_caused(market, config):
    record = Record()
    run_strategy(SPEC, config, catalog=market.catalog, record=record)
    assert len(record.before(market.times[1])) == 2
    assert len(record.before(market.times[-1])) == 5


def test_a_denied_order_is_asked_for_and_never_filled(market, config):
    record = Record()
    result = run_strategy(SPEC, config, catalog=market.catalog, rules=[DENY_EVERYTHING], record=record)
    assert record.asked[0].what == "submit_order"
    assert len(result.fills) == 0
    assert result.denials[0].reason == "the test kit denies every order"


def test_a_halved_entry_is_filled_by_half(market, config):
    result = run_strategy(SPEC, config, catalog=market.catalog, rules=[HALVE_ENTRIES])
    assert str(result.fills.iloc[0]["last_qty"]) == "50"


def test_the_result_is_the_one_the_command_line_would_have(market, config):
    by_strategy = run_strategy(SPEC, config, catalog=market.catalog)
    node = {
        "name": "testkit",
        "catalog": str(market.catalog),
        "venues": [{"name": "SIM", "use": "testkit", "config": {}}],
        "data": market.streams(),
        "strategies": [{"id": "subject", "use": "script", "config": {"bar_type": str(market.bar_types[0])}}],
    }
    by_node = run_node(node, specs=[SPEC, VENUE])
    assert by_node.result_hash == by_strategy.result_hash


def test_a_node_that_does_not_compose_says_so(market):
    other = ScriptConfig(bar_type=BarType.from_str("EUR/USD.SIM-1-DAY-LAST-EXTERNAL"))
    with pytest.raises(CompositionError, match="no data entry provides it"):
        run_strategy(SPEC, other, catalog=market.catalog, data=market.streams())


def test_a_spec_that_would_not_load_is_refused(market, config):
    broken = StrategySpec(name="Not A Name", strategy=Script, config=ScriptConfig)
    with pytest.raises(PluginBroken, match="no plugin name"):
        run_strategy(broken, config, catalog=market.catalog)


def test_an_exception_in_a_handler_fails_the_run(market, config):
    class Fails(Script):
        def on_bar(self, bar):
            raise ValueError("boom")

    with pytest.raises(RunError, match="boom"):
        run_strategy(
            StrategySpec(name="fails", strategy=Fails, config=ScriptConfig), config, catalog=market.catalog
        )


def test_a_fresh_process_asks_for_the_same(market, config):
    record = Record()
    run_strategy(SPEC, config, catalog=market.catalog, record=record)
    asked = record_in_fresh_process(Request(SPEC, config, market.catalog, market.streams()))
    assert difference(record.asked, asked) is None


def test_a_fresh_process_that_fails_says_why(market, config):
    request = Request(SPEC, config, market.catalog / "nowhere", market.streams())
    with pytest.raises(RuntimeError, match="no catalog at"):
        record_in_fresh_process(request)


def test_after_a_reset_the_engine_starts_over(market, config):
    plan = plan_strategy(SPEC, config, catalog=market.catalog)
    fresh = asked_after_reset(plan, market)
    again = asked_after_reset(plan, market, [tape.until(market.times[2]) for tape in market.tapes])
    assert len(fresh.asked) == 6
    assert difference(fresh.asked, again.asked) is None


def test_the_random_flow_does_everything(tmp_path):
    market = simulate(tmp_path / "flow", ["EURUSD", "ES"], length=300)
    config = RandomFlowConfig(bar_types=list(market.bar_types), smallest=1, largest=50)
    record = Record()
    result = run_strategy(RANDOM_FLOW, config, catalog=market.catalog, record=record)
    assert {"submit_order", "submit_order_list", "modify_order", "cancel_order"} <= {
        asked.what for asked in record.asked
    }
    assert set(result.orders["type"]) >= {"MARKET", "LIMIT", "STOP_MARKET"}
    assert set(result.fills["instrument_id"].astype(str)) == {"EUR/USD.SIM", "ES.SIM"}


def asked(ts, what="submit_order", details="{}"):
    return Asked(ts, what, details, stopping=False)


def test_equal_records_have_no_difference():
    assert difference([asked(1), asked(2)], [asked(1), asked(2)]) is None


def test_the_first_difference_is_shown_from_both_sides():
    told = difference([asked(1), asked(2, details="a")], [asked(1), asked(2, details="b")])
    assert told.startswith("decision 2 was")
    assert "submit_order a" in told
    assert "submit_order b" in told


def test_a_missing_decision_is_shown():
    assert "2 decisions became 1" in difference([asked(1), asked(2)], [asked(1)])


def test_cancels_in_a_row_may_come_in_any_order_and_submissions_may_not():
    cancels = [asked(1, "cancel_order", "a"), asked(1, "cancel_order", "b")]
    assert difference(cancels, cancels[::-1]) is None
    submits = [asked(1, details="a"), asked(1, details="b")]
    assert difference(submits, submits[::-1]) is not None


def test_only_the_plugins_own_code_is_watched(market, config):
    with watching(home_of(Script)) as sight:
        run_strategy(SPEC, config, catalog=market.catalog)
    assert sight.reads == []
    assert sight.bugs == []
