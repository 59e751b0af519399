"""Strategies that share a stream are served in the order of node.yaml, everywhere; prices come first."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec, RunError, StrategySpec
from framework.engine import backtest
from framework.testkit.market import simulate
from framework.testkit.nodes import VENUE, plan_node

TWO = """
    import sys, tempfile
    from pathlib import Path
    from nautilus_trader.model import BarType, OrderSide, Quantity
    from nautilus_trader.trading import Strategy
    from framework import APPROVE, Deny, PluginConfig, RiskRule, RiskSpec, StrategySpec
    from framework.testkit.market import simulate
    from framework.testkit.nodes import VENUE, run_node

    class Config(PluginConfig, frozen=True, kw_only=True):
        bar_type: BarType

    class Empty(PluginConfig, frozen=True, kw_only=True):
        pass

    class Grabs(Strategy):
        def on_start(self):
            self.subscribe_bars(self.config.bar_type)

        def on_bar(self, bar):
            side = OrderSide.BUY if bar.close > bar.open else OrderSide.SELL
            size = Quantity.from_str("1000")
            self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, side, size))

    class OneAtATime(RiskRule):
        last = None
        def check(self, proposal):
            return Deny("somebody was first") if proposal.now == self.last else APPROVE
        def on_sent(self, proposal):
            self.last = proposal.now

    specs = [StrategySpec(name="grabs", strategy=Grabs, config=Config),
             RiskSpec(name="one_at_a_time", rule=OneAtATime, config=Empty), VENUE]
    with tempfile.TemporaryDirectory() as folder:
        market = simulate(Path(folder) / "catalog", length=50)
        bars = str(market.bar_types[0])
        result = run_node({
            "catalog": str(market.catalog),
            "venues": [{"name": "SIM", "use": "testkit"}],
            "data": [{"bars": bars}],
            "strategies": [
                {"id": name, "use": "grabs", "config": {"bar_type": bars}} for name in sys.argv[1:]
            ],
            "risk": [{"use": "one_at_a_time"}],
        }, specs=specs)
    print("GOT", result.result_hash, ",".join(sorted(set(result.fills["strategy_id"]))), len(result.denials))
"""


def run_in_a_fresh_process(*names):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TWO), *names],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("GOT ")]
    return line.split()[1:]


@pytest.mark.slow
def test_who_takes_a_shared_limit_does_not_depend_on_the_process():
    outcomes = [run_in_a_fresh_process("a", "b", "c") for _ in range(4)]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][1:] == ["a", "100"], "the first in the file is served first"


def test_the_order_of_the_file_is_the_order_of_service():
    assert run_in_a_fresh_process("c", "b", "a")[1:] == ["c", "100"]


class Config(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType


class Empty(PluginConfig, frozen=True, kw_only=True):
    pass


def plan_for(market, kind, strategies, rules=(), bar_types=None):
    """One strategy a class, over everything in the market."""
    specs: list[Any] = [VENUE]
    specs += [StrategySpec(name=f"s{n}", strategy=s, config=Config) for n, s in enumerate(strategies)]
    specs += [RiskSpec(name=f"r{n}", rule=r, config=Empty) for n, r in enumerate(rules)]
    bars = bar_types or str(market.bar_types[0])
    return plan_node(
        {
            "catalog": str(market.catalog),
            "venues": [{"name": "SIM", "use": "testkit"}],
            "data": market.streams(),
            "strategies": [
                {"id": f"strategy-{n}", "use": f"s{n}", "config": {"bar_type": bars}}
                for n in range(len(strategies))
            ],
            "risk": [{"use": f"r{n}"} for n in range(len(rules))],
        },
        specs=specs,
    )


@pytest.mark.parametrize("kind", ["bars", "quotes", "trades"])
def test_a_rule_sees_a_price_before_any_strategy_does(tmp_path, kind):
    market = simulate(tmp_path / "catalog", kind=kind, length=20)
    heard = []

    class Watches(RiskRule):
        def on_mark(self, mark):
            heard.append(("rule", mark.ts_event))

    class Listens(Strategy):
        def on_start(self):
            self.subscribe_bars(self.config.bar_type)
            self.subscribe_quotes(self.config.bar_type.instrument_id)
            self.subscribe_trades(self.config.bar_type.instrument_id)

        def on_bar(self, bar):
            heard.append(("strategy", bar.ts_event))

        on_quote = on_trade = on_bar

    internal = f"{market.instrument_ids[0]}-1000-TICK-MID-INTERNAL"
    backtest.run(
        plan_for(market, kind, [Listens], [Watches], None if kind == "bars" else internal)
        if kind != "trades"
        else plan_for(market, kind, [Listens], [Watches], internal.replace("MID", "LAST"))
    )
    assert [who for who, _ in heard] == ["rule", "strategy"] * 20
    assert [ts for who, ts in heard if who == "rule"] == [ts for who, ts in heard if who == "strategy"]


def test_bars_the_engine_builds_are_conducted_too(tmp_path):
    market = simulate(tmp_path / "catalog", kind="quotes", step="1-MINUTE", length=300)
    heard = []

    class Listens(Strategy):
        def on_start(self):
            self.subscribe_bars(self.config.bar_type)

        def on_bar(self, bar):
            heard.append((bar.ts_event, str(self.strategy_id)[:10]))

    bars = f"{market.instrument_ids[0]}-10-TICK-MID-INTERNAL"
    backtest.run(plan_for(market, "quotes", [Listens, Listens, Listens], bar_types=bars))
    assert len(heard) == 90
    assert [name for _, name in heard] == ["strategy-0", "strategy-1", "strategy-2"] * 30


def test_data_that_no_config_names_reaches_the_strategy_all_the_same(tmp_path):
    market = simulate(tmp_path / "catalog", kind="quotes", step="1-MINUTE", length=100)
    heard = []

    class Hidden(Strategy):
        def on_start(self):
            self.subscribe_bars(BarType.from_str(f"{self.config.bar_type.instrument_id}-5-TICK-BID-INTERNAL"))

        def on_bar(self, bar):
            heard.append(bar.ts_event)

    bars = f"{market.instrument_ids[0]}-10-TICK-MID-INTERNAL"
    backtest.run(plan_for(market, "quotes", [Hidden, Hidden], bar_types=bars))
    assert len(heard) == 40


def test_a_gate_that_fails_on_a_price_fails_the_run(tmp_path):
    market = simulate(tmp_path / "catalog", length=10)

    class Breaks(RiskRule):
        def on_mark(self, mark):
            raise ArithmeticError("no price fits")

    class Listens(Strategy):
        pass

    with pytest.raises(RunError, match="risk rule r0: ArithmeticError: no price fits"):
        backtest.run(plan_for(market, "bars", [Listens], [Breaks]))


def test_progress_is_told_from_nothing_to_everything(tmp_path):
    market = simulate(tmp_path / "catalog", length=200)

    class Listens(Strategy):
        pass

    told = []
    backtest.run(plan_for(market, "bars", [Listens]), progress=told.append)
    assert len(told) >= 95
    assert told == sorted(told)
    assert 0.0 <= told[0] < 0.05
    assert 0.95 < told[-1] <= 1.0


def test_the_result_does_not_change_when_somebody_watches(tmp_path):
    market = simulate(tmp_path / "catalog", length=200)

    class Trades(Strategy):
        def on_start(self):
            self.subscribe_bars(self.config.bar_type)

        def on_bar(self, bar):
            if bar.close > bar.open:
                order = self.order_factory.market(
                    bar.bar_type.instrument_id, OrderSide.BUY, Quantity.from_str("1000")
                )
                self.submit_order(order)

    class Approves(RiskRule):
        def check(self, proposal):
            return APPROVE if proposal.mark else Deny("no price")

        def on_mark(self, mark):
            return None

    plain = backtest.run(plan_for(market, "bars", [Trades]))
    watched = backtest.run(plan_for(market, "bars", [Trades], [Approves]), progress=lambda done: None)
    assert plain.result_hash == watched.result_hash
    assert len(plain.fills) > 50
