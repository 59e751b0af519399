"""The record of a proof, and what a live start thinks of it."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from framework import (
    CompositionError,
    ConfigError,
    FilterSpec,
    Hurdle,
    PluginConfig,
    Promotion,
    SignalFilter,
    Study,
    configuration_hash,
    subject_of,
    write_promotion,
)
from framework.compose import FilterPlan
from framework.promotion import demand

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "node.yaml"
ID = "vwap-eurusd"


@pytest.fixture
def plan(tmp_path):
    return replace(Study.open(QUICKSTART).plan(), promotions=tmp_path / "promotions")


def record(plan, **changes):
    strategy = next(one for one in plan.strategies if one.id == ID)
    usual = {
        **subject_of(plan, strategy),
        "verdict": "passed",
        "made": "2026-11-25T12:00:00Z",
        "by": "framework-proving 0.1.0",
        "data": {"data/bars/a.parquet": "0" * 64},
        "hurdles": [Hurdle(name="sharpe", value=1.5, bound=">= 0.5", passed=True)],
        "figures": {},
        "method": {"seed": 0},
    }
    return Promotion(**{**usual, **changes})


def keyed(plan, monkeypatch, value="0123456789abcdef"):
    from framework.secret import Secret

    monkeypatch.setenv("PROMOTION_KEY", value)
    promotion = plan.config.promotion
    promotion = msgspec.structs.replace(promotion, key=Secret("env:PROMOTION_KEY"))
    return replace(plan, config=msgspec.structs.replace(plan.config, promotion=promotion))


def refused(plan):
    with pytest.raises(CompositionError) as error:
        demand(plan)
    assert "--unproven REASON" in str(error.value)
    return error.value.message


def test_a_strategy_without_a_record_may_not_trade_live(plan):
    assert refused(plan) == f'strategy "{ID}" may not trade live: it has no promotion record'


def test_a_passing_record_of_these_settings_lets_it_trade_and_is_noted(plan):
    path = write_promotion(plan, record(plan))
    sealed = json.loads(path.read_text())
    held = {"because": "sharpe >= 0.5"}
    assert demand(plan) == [{"command": "promoted", "scope": ID, "why": sealed["sha256"], **held}]


def test_the_seal_is_the_hash_of_the_content(plan):
    import hashlib

    sealed = json.loads(write_promotion(plan, record(plan)).read_text())
    content = json.dumps(sealed["promotion"], sort_keys=True, separators=(",", ":")).encode()
    assert sealed["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"verdict": "failed"}, "the verdict is failed"),
        ({"verdict": "not enough evidence"}, "not enough evidence"),
        ({"hurdles": [Hurdle(name="trades", value=3, bound=">= 30", passed=False)]}, "(trades)"),
        ({"hurdles": []}, "names nothing that had to hold"),
        ({"configuration": "0" * 64}, "of other settings"),
        ({"strategy": "another"}, "no promotion record"),
        ({"versions": {"framework": "0.0.9"}}, "promoted with framework 0.0.9"),
    ],
)
def test_a_record_that_does_not_pass_or_is_of_something_else_is_refused(plan, changes, says):
    write_promotion(plan, record(plan, **changes))
    assert says in refused(plan)


def test_one_changed_setting_needs_a_new_proof(plan):
    write_promotion(plan, record(plan))
    other = Study.open(QUICKSTART).plan({f"strategies.{ID}.config.entry_band": "2.25"})
    said = refused(replace(other, promotions=plan.promotions))
    assert said.endswith("of other settings: config.entry_band was 2.0 and is 2.25")


class FileConfig(PluginConfig, frozen=True, kw_only=True):
    file: Annotated[str, msgspec.Meta(min_length=1, extra={"place": True})]
    sha256: str
    least: float = 0.5


def filtered(plan, file, sha256="ab"):
    """The node with a filter that reads a file, which its hash pins."""
    (strategy,) = plan.strategies
    spec = FilterSpec(name="file", filter=SignalFilter, config=FileConfig)
    held = FilterPlan(replace(strategy.offer, spec=spec), FileConfig(file=file, sha256=sha256))
    return replace(plan, strategies=(replace(strategy, filter=held),))


def test_where_a_filter_finds_its_files_is_no_part_of_what_was_proven(plan):
    here, there = filtered(plan, "/here/a"), filtered(plan, "/there/b")
    assert configuration_hash(here.strategies[0]) == configuration_hash(there.strategies[0])
    assert "/here" not in write_promotion(here, record(here)).read_text()
    assert demand(there)[0]["command"] == "promoted"
    said = refused(filtered(plan, "/there/b", sha256="cd"))
    assert said.endswith('of other settings: filter.config.sha256 was "ab" and is "cd"')
    assert "filter was " in refused(plan)


def test_a_record_from_before_that_says_what_it_counted(plan):
    now = filtered(plan, "/here/a")
    settings = subject_of(now, now.strategies[0])["settings"]
    settings["filter"]["config"]["file"] = "/here/a"
    write_promotion(now, record(now, settings=settings, configuration="0" * 64))
    assert refused(now).endswith('other settings: filter.config.file was "/here/a" and does not count now')


def test_a_strategy_proven_beside_another_trades_beside_it(plan):
    """One that earns may have carried one that does not."""
    (strategy,) = plan.strategies
    both = replace(plan, strategies=(strategy, replace(strategy, id="other")))
    write_promotion(both, record(both))
    assert demand(both, strategies=[strategy])[0]["command"] == "promoted"
    assert 'together with strategy "other", which is not in the node' in refused(plan)
    changed = Study.open(QUICKSTART).plan({f"strategies.{ID}.config.entry_band": "2.25"}).strategies[0]
    with pytest.raises(CompositionError, match='strategy "other", which has other settings'):
        demand(replace(both, strategies=(strategy, replace(changed, id="other"))), strategies=[strategy])


def test_a_strategy_proven_alone_may_trade_beside_others(plan):
    write_promotion(plan, record(plan))
    (strategy,) = plan.strategies
    both = replace(plan, strategies=(strategy, replace(strategy, id="other")))
    assert demand(both, strategies=[strategy])[0]["command"] == "promoted"


@pytest.mark.parametrize("alone", [False, True])
def test_other_code_under_the_same_version_needs_a_new_proof(plan, tmp_path, monkeypatch, alone):
    folder = tmp_path / "source"
    code = folder / "traded.py" if alone else folder / "traded" / "__init__.py"
    code.parent.mkdir(parents=True)
    code.write_text("from framework_vwap.strategy import Vwap\n\n\nclass Mine(Vwap):\n    pass\n")
    (code.parent / "notes.txt").write_text("1")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "traded", raising=False)
    mine = importlib.import_module("traded").Mine
    (strategy,) = plan.strategies
    offer = replace(strategy.offer, spec=replace(strategy.spec, strategy=mine))
    strategy = replace(strategy, offer=offer)
    plan = replace(plan, strategies=(strategy,))
    write_promotion(plan, record(plan))
    (code.parent / "notes.txt").write_text("2")
    assert demand(plan)[0]["command"] == "promoted"
    code.write_text(code.read_text().replace("pass", "turned = True"))
    assert "the code of traded is not the code that was proven" in refused(plan)


def test_a_figure_changed_by_hand_is_noticed(plan):
    path = write_promotion(plan, record(plan, verdict="failed"))
    path.write_text(path.read_text().replace('"failed"', '"passed"'))
    assert "changed after it was made" in refused(plan)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"promotion": {}, "sha256": ""}', "\0", '{"promotion": 3}']
)
def test_what_is_no_record_is_refused(plan, text):
    plan.promotions.mkdir()
    (plan.promotions / f"{ID}.json").write_text(text)
    assert "may not trade live" in refused(plan)


def test_with_a_key_only_its_signature_counts(plan, monkeypatch):
    write_promotion(plan, record(plan))
    signing = keyed(plan, monkeypatch)
    assert "not signed with this node's key" in refused(signing)
    write_promotion(signing, record(plan))
    assert demand(signing)[0]["command"] == "promoted"
    assert "not signed with this node's key" in refused(keyed(plan, monkeypatch, "another key of 16 bytes"))


def test_a_short_key_is_refused(plan, monkeypatch):
    with pytest.raises(ConfigError, match="shorter than 16 bytes"):
        write_promotion(keyed(plan, monkeypatch, "short"), record(plan))


def test_an_override_says_why_and_is_noted_with_what_is_missing(plan):
    assert demand(plan, "the desk asked for it") == [
        {
            "command": "unproven",
            "scope": ID,
            "why": "the desk asked for it",
            "because": "it has no promotion record",
        }
    ]
    with pytest.raises(ConfigError, match="needs a reason"):
        demand(plan, " ")


def test_a_record_that_cannot_be_written_is_an_error(plan, tmp_path):
    (tmp_path / "promotions").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_promotion(plan, record(plan))
