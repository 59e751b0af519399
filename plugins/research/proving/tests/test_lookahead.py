"""What the check of look-ahead says beside yes and no: the smallest window, and when it cannot say."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from framework_proving.audit import audit
from framework_proving.lookahead import look_ahead
from framework_proving.specimens import BIASED, CLEAN
from framework_proving.specimens.trader import spec_of

from framework import RunError, Study
from framework.testkit import simulate

SPECS = {spec.name: spec for spec in (*BIASED, *CLEAN)}


def test_the_window_of_a_shift_by_one_is_the_decision_and_the_bar_after_it(specimen):
    verdict = look_ahead(specimen(SPECS["next_close"]), cuts=2)
    assert (verdict.fault.rows, verdict.fault.ahead) == (2, 1)
    hour = 3_600 * 10**9
    assert (verdict.fault.first, verdict.fault.last) == (verdict.fault.ts, verdict.fault.ts + hour)


def test_a_pivot_confirmed_by_three_bars_needs_three_bars_on_either_side(specimen):
    verdict = look_ahead(specimen(SPECS["repainted_pivot"], presets=("EURUSD",)), cuts=3)
    assert verdict.fault.ahead == 3
    assert 5 <= verdict.fault.rows <= 7  # its place in a file that begins later counts too


def test_too_few_decisions_are_not_enough_evidence(specimen):
    verdict = look_ahead(specimen(SPECS["moving_averages"], length=60), cuts=2, minimum=1_000)
    assert (verdict.verdict, verdict.exit_code) == ("not enough evidence", 8)
    assert "1000 are needed" in verdict.reason


def test_decisions_before_every_instrument_has_begun_are_not_called_clean(specimen, tmp_path):
    """One contract after the other: at no moment are there both."""
    plan = specimen(SPECS["moving_averages"], presets=("EURUSD", "XAUUSD"), length=400)
    first, second = Study.tapes(plan)
    one_after_the_other = [first.first(200), replace(second, rows=second.rows[200:])]
    verdict = look_ahead(Study.on(plan, one_after_the_other, tmp_path / "contracts"), cuts=2, minimum=1)
    begins = second.name
    assert verdict.evidence["cuts"] == 2
    assert any("are not judged" in note and begins in note for note in verdict.notes)
    whole = look_ahead(plan, cuts=2, minimum=1)
    assert whole.evidence["decisions"] > verdict.evidence["decisions"]
    assert whole.notes == []


@pytest.fixture
def outsider(specimen, monkeypatch):
    """A strategy of `outsiders.py` as a plan, importable where the runs happen."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def make(name, history):
        strategy = getattr(importlib.import_module("outsiders"), name)
        return specimen(spec_of(strategy), presets=("EURUSD",), history=history)

    return make


@pytest.fixture
def notes(tmp_path):
    file = tmp_path / "calls.json"
    file.write_text("[1, 0, -1, 0]", encoding="utf-8")
    return file


@pytest.mark.parametrize("strategy", ["ReadsNotes", "ReadsNotesWhenItIsMade"])
def test_a_file_read_by_python_is_named_and_leaves_the_answer_open(outsider, notes, strategy):
    verdict = look_ahead(outsider(strategy, notes), cuts=1, shrink=False)
    assert verdict.verdict == "not enough evidence"
    assert str(notes) in verdict.reason


@pytest.mark.parametrize(
    ("folder", "facts", "verdict"),
    [
        (".", {"knows_until": 1_000}, "clean"),
        (".", {}, "not enough evidence"),
        ("..", {"knows_until": 1_000}, "not enough evidence"),
    ],
)
def test_a_file_whose_manifest_says_that_it_is_older_than_the_data_may_be_read(
    outsider, notes, folder, facts, verdict
):
    model = notes.parent / "registry" / "model"
    model.mkdir(parents=True)
    (model / folder / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")
    plan = outsider("ReadsNotesWhenItIsMade", str(notes.rename(model / notes.name)))
    assert look_ahead(plan, cuts=1, shrink=False).verdict == verdict


def test_a_file_that_is_declared_as_known_before_is_none_of_its_business(outsider, notes):
    assert look_ahead(outsider("ReadsNotes", notes), cuts=1, shrink=False, known=[notes]).verdict == "clean"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who opens a file, whatever reads it")
def test_the_catalog_read_behind_the_checks_back_leaves_the_answer_open(outsider, tmp_path):
    hidden = tmp_path / "hidden"
    plan = outsider("FindsTheCatalog", hidden.as_uri())  # no path, so the check cannot lead it elsewhere
    hidden.symlink_to(plan.catalog)
    verdict = look_ahead(plan, cuts=1, shrink=False)
    assert verdict.verdict == "not enough evidence"
    assert ".parquet" in verdict.reason


def test_two_runs_that_differ_by_themselves_leave_the_answer_open(outsider, tmp_path):
    verdict = look_ahead(outsider("RemembersBetweenRuns", tmp_path / "note"), cuts=1, workers=1)
    assert verdict.verdict == "not enough evidence"
    assert "two runs on the same data differ" in verdict.reason


def test_a_node_that_fails_by_itself_is_no_verdict(specimen):
    with pytest.raises(RunError, match="the run itself fails"):
        look_ahead(specimen(SPECS["next_close"], history="/nowhere"), cuts=1)


def tapes(tmp_path, **changes):
    market = simulate(tmp_path / "market", ["EURUSD"], step="5-MINUTE", length=600)
    return market.tapes[0], replace(market.tapes[0], **changes) if changes else market.tapes[0]


def hours_of(small, stamp):
    """The hourly bars that five-minute bars make, stamped at their close or at their open."""
    hour = 3_600 * 10**9
    rows = []
    for start in range(0, len(small.rows) - 11, 12):
        part = small.rows[start : start + 12]
        prices = (
            part[0].prices[0],
            max(row.prices[1] for row in part),
            min(row.prices[2] for row in part),
            part[-1].prices[3],
        )
        ts = part[-1].ts if stamp == "close" else part[-1].ts - hour
        rows.append(part[0]._replace(ts=ts, prices=prices))
    return replace(small, name=small.name.replace("5-MINUTE", "1-HOUR"), rows=tuple(rows))


@pytest.mark.parametrize(("stamp", "findings"), [("close", 0), ("open", 1)])
def test_large_bars_stamped_at_their_open_contradict_small_ones(tmp_path, stamp, findings):
    small, _ = tapes(tmp_path)
    plan = SimpleNamespace(strategies=(), rules=())
    found = audit(plan, (small, hours_of(small, stamp)))
    assert len(found) == findings
    assert all("stamped at their open" in text for text in found)


def test_an_event_delivered_before_it_happens_is_found(tmp_path):
    small, _ = tapes(tmp_path)
    early = replace(small, rows=(small.rows[0]._replace(ts_event=small.rows[1].ts), *small.rows[1:]))
    found = audit(SimpleNamespace(strategies=(), rules=()), (early,))
    assert len(found) == 1
    assert "before it happens" in found[0]


@pytest.mark.parametrize(
    ("facts", "findings"),
    [
        ({"train_end": "2023-12-31T00:00:00Z"}, 0),
        ({"train_end": "2024-01-01T01:00:00Z"}, 1),
        (
            {"train_end": 1_703_980_800_000_000_000, "knows_until": 1_704_070_800_000_000_000},
            1,
        ),  # its label's
        ({"no": "model"}, 0),
    ],
)
def test_a_model_that_learned_on_the_run_is_found(specimen, tmp_path, facts, findings):
    model = tmp_path / "models" / "0123"
    model.mkdir(parents=True)
    (model / "manifest.json").write_text(json.dumps(facts), encoding="utf-8")
    plan = specimen(SPECS["moving_averages"], history=model)  # its data begins at 01:00 on 2024-01-01
    found = audit(plan, Study.tapes(plan))
    assert len(found) == findings
    if findings:
        verdict = look_ahead(plan, cuts=1, shrink=False, known=[model])
        assert verdict.verdict == "biased"
