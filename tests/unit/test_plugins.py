"""Loading plugins: one broken plugin breaks only itself, and only the run that names it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from types import ModuleType, SimpleNamespace

import msgspec
import pytest
from nautilus_trader.trading import Strategy

from framework import (
    ImporterSpec,
    PluginBroken,
    PluginConfig,
    PluginConflict,
    PluginNotFound,
    RiskRule,
    RiskSpec,
    StrategySpec,
    VenueSpec,
    hookimpl,
    plugins,
)


class Config(PluginConfig, frozen=True, kw_only=True):
    pass


class Trend(Strategy):
    pass


class Rule(RiskRule):
    pass


def strategy(name="trend", **changes):
    return StrategySpec(**{"name": name, "strategy": Trend, "config": Config} | changes)


def module(**hooks):
    made = ModuleType("a_plugin")
    for name, value in hooks.items():

        def hook(value=value):
            if isinstance(value, BaseException):
                raise value
            return value

        setattr(made, name, hookimpl(hook))
    return made


class EntryPoint:
    """What importlib.metadata gives, with a module that is made instead of imported."""

    def __init__(self, loaded, name="a_plugin", distribution="a-plugin", version="1.0", requires=()):
        self.name, self.value, self.loaded = name, f"{name}:plugin", loaded
        self.dist = SimpleNamespace(name=distribution, version=version, requires=list(requires))

    def load(self):
        if isinstance(self.loaded, BaseException):
            raise self.loaded
        return self.loaded


def load(*points):
    return plugins.load(found=points)


def test_what_a_plugin_offers_is_found_by_kind_and_name():
    found = load(
        EntryPoint(
            module(
                register_strategies=[strategy()],
                register_risk=[RiskSpec(name="rule", rule=Rule, config=Config)],
                register_venues=[VenueSpec(name="venue", config=Config)],
                register_importers=[ImporterSpec(name="source", kinds=("bars",), read=lambda *_: iter(()))],
            )
        )
    )
    offer = found.find("strategy", "trend")
    assert offer.spec.strategy is Trend
    assert offer.owner == "strategy plugin trend (a-plugin 1.0)"
    assert [o.spec.name for o in found.offers("risk")] == ["rule"]
    assert [o.spec.name for o in found.offers("venue")] == ["venue"]
    assert [o.spec.name for o in found.offers("importer")] == ["source"]


def test_a_name_nobody_has_is_answered_with_the_nearest_and_with_what_is_installed():
    found = load(EntryPoint(module(register_strategies=[strategy("vwap"), strategy("trend")])))
    with pytest.raises(PluginNotFound) as caught:
        found.find("strategy", "vwapp", where="node.yaml:3:10", path="strategies[0].use")
    assert str(caught.value).splitlines() == [
        'node.yaml:3:10: no strategy "vwapp"; did you mean "vwap"? (at strategies[0].use)',
        "  Installed: trend, vwap.",
    ]


@pytest.mark.parametrize(
    "failure", [ImportError("no such module"), SyntaxError("bad"), SystemExit(3), RecursionError("deep")]
)
def test_a_plugin_that_does_not_import_is_recorded_and_fatal_only_to_who_names_it(failure):
    found = load(EntryPoint(failure, name="broken"), EntryPoint(module(register_strategies=[strategy()])))
    assert found.find("strategy", "trend")
    with pytest.raises(PluginBroken, match=type(failure).__name__):
        found.find("strategy", "broken")
    with pytest.raises(PluginNotFound, match="Not loading: broken"):
        found.find("strategy", "other")
    (recorded,) = [plugin for plugin in found.installed if plugin.error]
    assert "Traceback" in recorded.detail or type(failure).__name__ in recorded.detail


def test_ctrl_c_while_loading_stops_loading():
    with pytest.raises(KeyboardInterrupt):
        load(EntryPoint(KeyboardInterrupt()))


def test_the_same_name_twice_is_an_error_that_cites_both_and_only_for_who_names_it():
    found = load(
        EntryPoint(module(register_strategies=[strategy()]), distribution="first"),
        EntryPoint(module(register_strategies=[strategy(), strategy("alone")]), distribution="second"),
    )
    with pytest.raises(PluginConflict, match="first 1.0 and second 1.0"):
        found.find("strategy", "trend")
    assert found.find("strategy", "alone")
    assert [[offer.distribution for offer in many] for many in found.conflicts()] == [["first", "second"]]
    assert [offer.spec.name for offer in found.offers("strategy")] == ["alone"]


class Open(msgspec.Struct):
    pass


class TakesId(PluginConfig, frozen=True, kw_only=True):
    strategy_id: str


class OptsOut(Strategy):
    def submit_order(self, order):
        pass


@pytest.mark.parametrize(
    ("hooks", "says"),
    [
        ({"register_strategies": ["trend"]}, "not a StrategySpec"),
        ({"register_strategies": [strategy("Bad Name")]}, "is no plugin name"),
        ({"register_strategies": [strategy(config=Open)]}, "not a subclass of framework.PluginConfig"),
        ({"register_strategies": [strategy(config=TakesId)]}, "declares strategy_id, set by `id:`"),
        ({"register_strategies": [strategy(strategy=Rule)]}, "not a subclass of nautilus_trader"),
        ({"register_strategies": [strategy(strategy=OptsOut)]}, "overrides submit_order"),
        ({"register_strategies": [strategy(signals="cross")]}, "not a function of settings and bars"),
        ({"register_strategies": ValueError("sum")}, "ValueError: sum"),
        ({"register_risks": []}, 'the hook "register_risks".*Did you mean "register_risk"'),
        ({"on_the_moon": []}, 'the hook "on_the_moon".*does not have'),
    ],
)
def test_a_plugin_that_hands_over_something_else_is_broken(hooks, says):
    found = load(EntryPoint(module(**hooks)))
    with pytest.raises(PluginBroken, match=says):
        found.find("strategy", "a_plugin")
    assert found.offers("strategy") == ()


def test_a_plugin_for_a_newer_framework_says_which_it_needs():
    found = load(EntryPoint(module(), requires=["framework>=99", "numpy"]))
    with pytest.raises(PluginBroken, match=r"it needs framework >=99; this is 0\.1\.0"):
        found.find("strategy", "a_plugin")


def test_a_plugin_for_this_framework_loads():
    found = load(EntryPoint(module(register_strategies=[strategy()]), requires=["framework>=0.1,<0.2"]))
    assert found.find("strategy", "trend")


def test_hooks_that_observe_a_run_are_called_on_plugins_that_loaded():
    seen = []

    class Observer:
        @hookimpl
        def run_started(self, plan, node):
            seen.append(("started", plan, node))

        @hookimpl
        def run_finished(self, plan, result):
            seen.append(("finished", plan, result))

    found = load(EntryPoint(Observer()), EntryPoint(ImportError("gone"), name="broken"))
    found.hooks.run_started(plan="plan", node="node")
    found.hooks.run_finished(plan="plan", result="result")
    assert seen == [("started", "plan", "node"), ("finished", "plan", "result")]


def test_the_installed_plugins_of_this_project_all_load():
    found = plugins.load()
    assert [plugin.name for plugin in found.installed if plugin.error] == []
    assert {"vwap", "mean_reversion"} <= {offer.spec.name for offer in found.offers("strategy")}


def test_loading_plugins_imports_no_machine_learning_no_pandas_and_no_plotting():
    code = textwrap.dedent("""
        import sys
        from framework import plugins
        from framework.catalog import builtin
        plugins.load([builtin])
        heavy = {"pandas", "plotly", "pyarrow", "sklearn", "torch", "xgboost", "numba", "scipy"}
        print(sorted(heavy & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
