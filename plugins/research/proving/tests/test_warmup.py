"""The check of the warm-up: who decides before knowing enough, and how much is enough."""

from __future__ import annotations

import pytest
from framework_proving.specimens import CLEAN, SETTLED, UNSETTLED
from framework_proving.warmup import warm_up

SPECS = {spec.name: spec for spec in CLEAN}


def test_bias_of_an_average_that_trades_before_it_has_settled_is_found(specimen):
    verdict = warm_up(specimen(UNSETTLED, seed=1, length=500, presets=("EURUSD",)))
    assert (verdict.verdict, verdict.exit_code) == ("biased", 7)
    assert verdict.fault.rows < verdict.evidence["safe_rows"] < 300
    assert verdict.fault.ahead == 0


def test_a_strategy_that_waits_for_twenty_closes_needs_twenty_and_is_clean(specimen):
    verdict = warm_up(specimen(SETTLED, seed=1, length=500, presets=("EURUSD",)))
    assert (verdict.verdict, verdict.exit_code) == ("clean", 0)
    assert verdict.evidence["safe_rows"] == 20


def test_what_depends_on_its_first_bar_for_ever_never_settles(specimen):
    verdict = warm_up(
        specimen(SPECS["scaler_on_the_past"], seed=1, length=500, presets=("EURUSD",)), starts=6
    )
    assert verdict.verdict == "biased"
    assert verdict.evidence["safe_rows"] > 100


def test_a_strategy_that_hardly_trades_cannot_be_judged(specimen):
    verdict = warm_up(specimen(SETTLED, length=60, presets=("EURUSD",)), minimum=1_000, starts=2)
    assert verdict.verdict == "not enough evidence"


@pytest.mark.parametrize("name", ["time_of_day"])
def test_the_clock_needs_no_history(specimen, name):
    verdict = warm_up(specimen(SPECS[name], length=300, presets=("EURUSD",)), starts=4)
    assert (verdict.verdict, verdict.evidence["safe_rows"]) == ("clean", 1)
