"""Each planted fault is caught by the one standard test that is there for it, and sound plugins pass."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)  # some seventy plants, each of them put through a whole kit
EVERYDAY = "rules"

PLANTED = Path(__file__).parent / "planted"

STRATEGIES = {
    # plant: (its config class, the standard test that must fail)
    "Sound": ("Config", None),
    "OverridesTheGate": ("Config", "test_the_framework_loads_it"),
    "Changeable": ("Changeable", "test_its_settings_are_closed"),
    "Open": ("Open", "test_its_settings_are_closed"),
    "Undocumented": ("Undocumented", "test_its_settings_are_documented"),
    "OutOfBounds": ("OutOfBounds", "test_its_settings_survive_yaml"),
    "Raises": ("Config", "test_it_runs"),
    "GoesPastTheGate": ("Config", "test_no_order_passes_the_gate_by"),
    "DoesNothing": ("Config", "test_it_trades"),
    "SwallowsItsBug": ("Config", "test_no_bug_is_swallowed"),
    "RollsDice": ("Config", "test_it_reads_no_clock_or_dice"),
    "RollsItsOwnDice": ("Config", "test_it_reads_no_clock_or_dice"),
    "ReadsTheClock": ("Config", "test_it_reads_no_clock_or_dice"),
    "ReadsTheCalendar": ("Config", "test_it_reads_no_clock_or_dice"),
    "LeaksBetweenRuns": ("Config", "test_same_input_gives_same_orders"),
    "DependsOnHashes": ("Config", "test_a_fresh_process_gives_the_same_orders"),
    "ForgetsToReset": ("Config", "test_reset_and_rerun_gives_the_same_orders"),
    "FailsToReset": ("Config", "test_reset_and_rerun_gives_the_same_orders"),
    "NeedsData": ("Config", "test_it_survives_no_data"),
    "NeedsThreeBars": ("Config", "test_it_survives_short_data"),
    "DiesOfADenial": ("Config", "test_it_survives_every_order_denied"),
    "NeverRests": ("Config", "test_it_survives_every_order_denied"),
    "BelievesItsOrders": ("Config", "test_it_survives_every_entry_halved"),
    "CountsFillsAsOrders": ("Config", "test_it_survives_partial_fills"),
    "PeeksAtTheCatalog": ("Config", "test_cutting_the_data_changes_nothing_before"),
    "ShiftsAnArray": ("Config", "test_cutting_the_data_changes_nothing_before"),
    "SoundInArrays": ("Config", None),
    "PeeksInArrays": ("Config", "test_its_signals_do_not_look_ahead"),
    "AnotherRuleInArrays": ("Config", "test_its_signals_trade_like_the_engine"),
}
RULES = {
    "Sound": ("Config", None),
    "Open": ("Open", "test_its_settings_are_closed"),
    "Raises": ("Config", "test_it_never_raises"),
    "DoesNothing": ("Config", "test_it_intervenes"),
    "SaysNothing": ("Config", "test_every_answer_is_a_verdict"),
    "GivesNoReason": ("Config", "test_every_intervention_has_a_reason"),
    "Grows": ("Config", "test_it_never_enlarges_an_order"),
    "DoesNotFit": ("Config", "test_its_sizes_fit_the_instrument"),
    "ReactsWithWords": ("Config", "test_its_reactions_are_reactions"),
    "HaltsWithoutAReason": ("Config", "test_its_reactions_are_reactions"),
    "Traps": ("Config", "test_it_lets_positions_be_closed"),
    "NeedsAPrice": ("Config", "test_it_survives_a_missing_price"),
    "KnowsItsInstruments": ("Config", "test_it_survives_an_unknown_instrument"),
    "ReadsTheClock": ("Config", "test_it_reads_no_clock_or_dice"),
    "SwallowsItsBug": ("Config", "test_no_bug_is_swallowed"),
    "CountsInCheck": ("Config", "test_asking_twice_changes_nothing"),
    "LeaksBetweenRuns": ("Config", "test_same_flow_gives_same_verdicts"),
    "RecallsTheHalf": ("Config", "test_it_knows_after_a_restart_what_it_remembered"),
}
FILTERS = {
    "Sound": ("Config", None),
    "Open": ("Open", "test_its_settings_are_closed"),
    "Undocumented": ("Undocumented", "test_its_settings_are_documented"),
    "OutOfBounds": ("OutOfBounds", "test_its_settings_survive_yaml"),
    "Raises": ("Config", "test_it_runs"),
    "RefusesAll": ("Config", "test_it_accepts_some_and_refuses_others"),
    "SwallowsItsBug": ("Config", "test_no_bug_is_swallowed"),
    "RollsDice": ("Config", "test_it_reads_no_clock_or_dice"),
    "RemembersTheRunBefore": ("Config", "test_same_bars_give_same_answers"),
    "OtherwiseInABacktest": ("Config", "test_bar_by_bar_it_gives_the_same_answers"),
    "PeeksAtTheCatalog": ("Config", "test_cutting_the_data_changes_nothing_before"),
}
VENUES = {
    "sound": ("Config", None),
    "undocumented": ("Undocumented", "test_its_settings_are_documented"),
    "another_name": ("Config", "test_it_is_called_what_the_node_calls_it"),
    "without_fees": ("Config", "test_its_fees_are_stated"),
    "nothing_to_trade_with": ("Config", "test_a_round_trip_runs"),
    "other_currency": ("Config", "test_the_account_starts_with_what_it_should"),
    "frozen": ("Config", "test_the_books_balance"),
    "unseeded": ("Config", "test_the_same_seed_gives_the_same_fills"),
    "undeclared_luck": ("Config", "test_another_seed_matters_only_if_declared"),
    "always_hedging": ("Config", "test_it_nets_positions"),
    "never_hedging": ("Config", "test_it_keeps_positions_apart_when_hedging"),
}
JUDGED_IN_A_FRESH_PROCESS = {"Sound", "DependsOnHashes"}
"""A process costs a second; the other plants are not about one."""

CONFTEST = f"""
def pytest_collection_modifyitems(items):
    items[:] = [
        item for item in items
        if "fresh_process" not in item.name or item.cls.__name__[4:] in {JUDGED_IN_A_FRESH_PROCESS}
    ]
"""
STRATEGY_SUITE = """
import planted_strategies as planted
from nautilus_trader.model import Quantity
from framework import StrategySpec
from framework.testkit import StrategyKit

class Quick(StrategyKit):
    length, cuts = 400, 3
    def config(self, market):
        return self.spec.config(
            bar_type=market.bar_types[0], quantity=Quantity.from_int(1_000), catalog=str(market.catalog)
        )

for plant, config in PLANTS:
    strategy = getattr(planted, plant)
    strategy = planted.Sound if plant == config else strategy
    spec = StrategySpec(
        name="planted", strategy=strategy, config=getattr(planted, config), signals=planted.SIGNALS.get(plant)
    )
    globals()["Test" + plant] = type("Test" + plant, (Quick,), {"spec": spec})
"""
RULE_SUITE = """
import planted_rules as planted
from nautilus_trader.model import Quantity
from framework import RiskSpec
from framework.testkit import RiskRuleKit

class Quick(RiskRuleKit):
    length = 200
    def config(self, market):
        return self.spec.config(limit=Quantity.from_int(2_000))

for plant, config in PLANTS:
    rule = planted.Sound if plant == config else getattr(planted, plant)
    spec = RiskSpec(name="planted", rule=rule, config=getattr(planted, config))
    globals()["Test" + plant] = type("Test" + plant, (Quick,), {"spec": spec})
"""
FILTER_SUITE = """
import planted_filters as planted
from framework import FilterSpec
from framework.testkit import FilterKit

class Quick(FilterKit):
    length, cuts = 400, 3
    def config(self, market):
        return self.spec.config(catalog=str(market.catalog))

for plant, config in PLANTS:
    chosen = planted.Sound if plant == config else getattr(planted, plant)
    spec = FilterSpec(name="planted", filter=chosen, config=getattr(planted, config))
    globals()["Test" + plant] = type("Test" + plant, (Quick,), {"spec": spec})
"""
VENUE_SUITE = """
import planted_venues as planted
from nautilus_trader.model import Money
from framework import VenueSpec
from framework.testkit import VenueKit

class Quick(VenueKit):
    starts_with, hedging = ("100000 USD",), True
    def config(self, *, hedging=False):
        oms = "HEDGING" if hedging else "NETTING"
        return self.spec.config(balance=Money.from_str("100000 USD"), oms=oms)

for plant, config in PLANTS:
    build = getattr(planted, plant, planted.sound)
    spec = VenueSpec(name="planted", backtest=build, config=getattr(planted, config))
    globals()["Test" + plant] = type(
        "Test" + plant, (Quick,), {"spec": spec, "random_fills": plant == "unseeded"}
    )
"""
SUITES = {
    "strategies": (STRATEGY_SUITE, STRATEGIES),
    "rules": (RULE_SUITE, RULES),
    "filters": (FILTER_SUITE, FILTERS),
    "venues": (VENUE_SUITE, VENUES),
}
CASES = [
    pytest.param(kind, plant, test, id=f"{kind}-{plant}", marks=[pytest.mark.slow] * (kind != EVERYDAY))
    for kind, (_, table) in SUITES.items()
    for plant, (_, test) in table.items()
]


@pytest.fixture(scope="module")
def verdicts(request, tmp_path_factory):
    """For every plant asked for, the standard tests that failed with their messages."""
    found = {}
    waiting = []
    asked = {EVERYDAY} | {
        item.callspec.params["kind"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    for kind in sorted(asked):
        suite, table = SUITES[kind]
        plants = [(plant, config) for plant, (config, _) in table.items()]
        halves = [plants[::2], plants[1::2]] if kind == "strategies" else [plants]
        waiting += [_start(tmp_path_factory.mktemp(kind), kind, suite, half) for half in halves]
    for kind, folder, child in waiting:
        printed, _ = child.communicate(timeout=800)
        report = folder / "report.xml"
        assert report.exists(), printed
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - written by our own child
            plant = case.get("classname").rpartition(".Test")[2]
            failed = found.setdefault((kind, plant), {})
            for outcome in (*case.iter("failure"), *case.iter("error")):
                failed[case.get("name")] = outcome.get("message", "")
    return found


def _start(folder, kind, suite, plants):
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_suite.py").write_text(f"PLANTS = {plants!r}\n{suite}", encoding="utf-8")
    command = ["pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--junitxml=report.xml"]
    child = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PLANTED), "PYTHONHASHSEED": "1"},  # chance must not hide a plant
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return kind, folder, child


@pytest.mark.parametrize(("kind", "plant", "test"), CASES)
def test_the_kit_catches_exactly_what_was_planted(verdicts, kind, plant, test):
    failed = verdicts[kind, plant]
    assert set(failed) == ({test} if test else set()), failed


def test_a_failure_says_what_it_means_before_what_it_is(verdicts):
    messages = [message for failed in verdicts.values() for message in failed.values()]
    own = [message for message in messages if "PluginBroken" not in message]
    assert own
    assert all(message.startswith("Failed: If this fails, ") for message in own)
