"""Standard tests of a kit cannot quietly go away, and plugins stay clear of the testkit at run time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from framework.testkit import ReadmeKit, RiskRuleKit, StrategyKit, VenueKit
from framework.testkit.kit import expect, needs, standard_tests

KITS = [StrategyKit, RiskRuleKit, VenueKit, ReadmeKit]


@pytest.mark.parametrize("kit", KITS)
def test_overriding_a_standard_test_is_refused(kit):
    name = standard_tests(kit)[-1]
    with pytest.raises(TypeError, match=f"overrides the standard test {name}"):
        type("Mine", (kit,), {name: lambda self: None})


@pytest.mark.parametrize("kit", KITS)
def test_taking_a_standard_test_away_is_refused(kit):
    name = standard_tests(kit)[0]
    with pytest.raises(TypeError, match="overrides the standard test"):
        type("Mine", (kit,), {name: None})


def test_hiding_the_whole_class_is_refused():
    with pytest.raises(TypeError, match="__test__"):
        type("Mine", (StrategyKit,), {"__test__": False})


def test_a_grandchild_is_held_to_it_too():
    child = type("Child", (StrategyKit,), {})
    with pytest.raises(TypeError, match="overrides the standard test"):
        type("Grandchild", (child,), {"test_it_runs": lambda self: None})


def test_an_xfail_without_a_reason_is_no_excuse():
    @pytest.mark.xfail
    def override(self):
        pass

    with pytest.raises(TypeError, match="overrides the standard test"):
        type("Mine", (StrategyKit,), {"test_it_runs": override})


def test_an_xfail_with_a_reason_stays_in_the_report():
    @pytest.mark.xfail(reason="the venue of this plugin has no bars yet")
    def excused(self):
        pass

    kit = type("Mine", (StrategyKit,), {"test_it_runs": excused})
    assert kit.test_it_runs.pytestmark[0].kwargs["reason"]


def test_a_plugin_may_add_tests_of_its_own():
    kit = type("Mine", (StrategyKit,), {"test_something_else": lambda self: None})
    assert "test_something_else" not in standard_tests(kit)
    assert standard_tests(kit) == standard_tests(StrategyKit)


@pytest.mark.parametrize("kit", KITS)
def test_every_standard_test_says_in_its_docstring_what_holds(kit):
    for name in standard_tests(kit):
        assert getattr(kit, name).__doc__, name


def test_a_failure_begins_with_what_it_means():
    with pytest.raises(pytest.fail.Exception, match=r"^If this fails, money is lost\.\n\nhere$"):
        expect("here", if_fails="money is lost.")


def test_what_cannot_be_judged_is_skipped_with_the_reason():
    with pytest.raises(pytest.skip.Exception, match="not judged: it raises"):
        needs("boom", because="it raises")


def test_nothing_at_run_time_imports_the_testkit():
    code = (
        "import sys, framework.cli.node, framework.cli.new, framework.cli.plugins, framework.config, "
        "framework.engine.backtest, framework.report.write, framework.plugins;"
        "framework.plugins.load();"
        "sys.exit(bool({'pytest', 'framework.testkit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
