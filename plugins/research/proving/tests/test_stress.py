"""What happens to a node when something happens to its data."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from framework_proving import scenarios
from framework_proving.scenarios import parse
from framework_proving.specimens.trader import spec_of
from framework_proving.stress import stress

from framework import ConfigError, Study
from framework.testkit import simulate

CHECKOUT = Path(__file__).resolve().parents[4]
SHARED = CHECKOUT / "examples" / "two_strategies_shared_risk" / "node.yaml"


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("stress") / "market", ["EURUSD"], length=60).tapes[0]


def changed(tape, text, at=29):
    (other,) = parse(text).change([tape], tape.rows[at].ts)
    return other


def closes(tape):
    return [row.prices[3] for row in tape.rows]


def test_a_gap_lowers_every_later_price_by_its_share(tape):
    was, now = closes(tape), closes(changed(tape, "gap:-0.1"))
    assert now[:30] == was[:30]
    assert now[30:] == [round(Decimal(price) * 9 / 10) for price in was[30:]]


def test_a_flash_lasts_three_events(tape):
    was, now = closes(tape), closes(changed(tape, "flash:0.2"))
    assert [n for n, (a, b) in enumerate(zip(was, now, strict=True)) if a != b] == [30, 31, 32]
    assert now[31] == round(Decimal(was[31]) * 12 / 10)


def test_in_an_outage_nothing_is_heard(tape):
    other = changed(tape, "outage:6h")
    assert [row for row in tape.rows if row not in other.rows] == list(tape.rows[30:36])


def test_twice_the_volatility_doubles_every_move_in_logarithms(tape):
    was, now = closes(tape), closes(changed(tape, "volatility:2"))
    first = tape.rows[0].prices[0]
    for a, b in zip(was, now, strict=True):
        assert math.log(b / first) == pytest.approx(2 * math.log(a / first), abs=1 / first)


@pytest.mark.parametrize("text", [*scenarios.STANDARD, "gap:-0.999999", "volatility:50"])
def test_a_bar_stays_a_bar_with_prices_above_nothing(tape, text):
    for row in changed(tape, text).rows:
        opened, high, low, closed = row.prices
        assert high >= max(opened, closed) >= min(opened, closed) >= low >= 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gapp:-0.1", 'did you mean "gap"'),
        ("gap", "needs a share"),
        ("gap:-1", "needs a share"),
        ("gap:0", "needs a share"),
        ("gap:nan", "needs a share"),
        ("gap:1/0", "needs a share"),
        ("gap:1e9", "needs a share"),
        ("volatility:0", "needs a factor"),
        ("volatility:-1", "needs a factor"),
        ("outage:soon", "needs a duration"),
        ("", "there are: gap"),
    ],
)
def test_a_scenario_that_is_none_is_explained(text, says):
    with pytest.raises(ConfigError, match=says):
        parse(text)


@pytest.fixture
def outsider(specimen, monkeypatch):
    """A strategy of `outsiders.py` as a plan, importable where the runs happen."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(name):
        strategy = getattr(importlib.import_module("outsiders"), name)
        return specimen(spec_of(strategy), presets=("EURUSD",), length=120)

    return make


def test_who_holds_through_a_gap_loses_its_share_of_what_is_held(outsider):
    """A hundred euros are held to the end, so equity differs by a hundred times what the last price does."""
    plan = outsider("HoldsOn")
    found = stress(plan, [parse("gap:-0.1"), parse("gap:0.25")], moments=2, currency="USD", workers=2)
    (tape,) = Study.tapes(plan)
    increment = tape.instrument.price_increment.as_decimal()
    last = closes(tape)[-1]
    for outcome in found.outcomes:
        factor = Decimal(1) + Decimal(outcome.scenario.partition(":")[2])
        expected = 100 * (round(last * factor) - last) * increment
        assert float(outcome.profit - found.plain.profit) == pytest.approx(float(expected), abs=0.011)
    assert [outcome.at for outcome in found.outcomes] == [*found.moments] * 2
    assert found.worst()[0].scenario == "gap:-0.1"


def test_the_same_seed_chooses_the_same_moments_at_which_something_is_held(outsider):
    plan = outsider("HoldsOn")
    asked = [parse("gap:-0.1")]
    one, two, other = (stress(plan, asked, seed=seed, currency="USD").moments for seed in (1, 1, 2))
    assert one == two != other


def test_a_node_that_breaks_is_the_worst_outcome_and_no_error(outsider):
    found = stress(
        outsider("BreaksOnAJump"), [parse("volatility:1.5"), parse("gap:-0.2")], moments=1, currency="USD"
    )
    calm, broken = found.outcomes
    assert calm.failure is None
    assert "a jump" in broken.failure
    assert found.worst()[0] == broken


def test_equity_in_two_currencies_asks_which(outsider):
    with pytest.raises(ConfigError, match="USD, USDT"):
        stress(outsider("HoldsOn"), [parse("gap:-0.1")], moments=1)


def framework(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "framework", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


SHORT = ("--set", "end=2017-01-31", "--moments", "1")


def test_the_command_fails_when_equity_falls_too_far(tmp_path):
    page = tmp_path / "stress.html"
    done = framework(
        *("stress", SHARED, *SHORT, "--scenario", "flash:-0.2", "--scenario", "flash:0.2"),
        *("--scenario", "outage:1d", "--max-drawdown", "0.05", "--out", page, "--json"),
    )
    assert done.returncode == 7, done.stderr
    facts = json.loads(done.stdout)
    falls = sorted(outcome["drawdown"] for outcome in facts["outcomes"])
    assert falls[0] <= falls[1] < 0.05 < falls[2]  # whichever way it was positioned, one flash hurts
    assert facts["beyond"] == 1
    text = page.read_text(encoding="utf-8")
    assert "all prices 20 % lower for 3 events, then back" in text


def test_a_dry_run_counts_replays_and_writes_nothing(tmp_path):
    page = tmp_path / "stress.html"
    done = framework("stress", SHARED, "--dry-run", "--json", "--out", page)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replays"] == 5 * 3 + 2
    assert not page.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--scenario", "crash:-0.1"], 2, "there are: gap"),
        (["--catalog", "nowhere"], 5, "no catalog"),
    ],
)
def test_a_mistake_is_explained(arguments, code, says):
    done = framework("stress", SHARED, *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
