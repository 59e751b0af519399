"""What was tried on the past is counted, once each, whoever tried it."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from framework import ConfigError, Study, note_tried, settings_hash, tried_before
from framework.tried import FILE

CHECKOUT = Path(__file__).parents[2]
QUICKSTART = CHECKOUT / "examples" / "quickstart" / "node.yaml"
STOP = "strategies.vwap-eurusd.config.stop_atr"


@pytest.fixture
def study():
    return Study.open(QUICKSTART)


@pytest.fixture
def planned(study, tmp_path):
    def plan(**point):
        settings = {STOP: point["stop"]} if "stop" in point else {}
        return replace(study.plan(settings), promotions=tmp_path / "promotions")

    return plan


def lines(plan):
    return [json.loads(line) for line in (plan.promotions / FILE).read_text().splitlines()]


def test_every_different_setting_counts_once(planned):
    assert tried_before(planned()) == frozenset()
    for _ in range(2):
        note_tried([planned(stop="2"), planned(stop="3"), planned(stop="2.0")], "framework sweep")
    note_tried([planned(stop="3")], "framework node run")
    assert tried_before(planned()) == {settings_hash(planned(stop="2")), settings_hash(planned(stop="3"))}
    assert [line["by"] for line in lines(planned())] == ["framework sweep"] * 2
    assert lines(planned())[0]["strategies"] == ["vwap-eurusd"]


def test_where_and_on_what_it_ran_makes_no_other_setting(planned, tmp_path):
    plan = planned()
    elsewhere = replace(plan, catalog=tmp_path, start=1, end=2, name="other", report=tmp_path, seed=5)
    assert settings_hash(elsewhere) == settings_hash(plan)


def test_settings_of_other_strategies_do_not_count(planned):
    plan = planned()
    note_tried([plan], "framework node run")
    other = replace(plan, strategies=tuple(replace(each, id="other") for each in plan.strategies))
    assert tried_before(other) == frozenset()
    both = replace(plan, strategies=(*plan.strategies, *other.strategies))
    assert tried_before(both) == {settings_hash(plan)}


@pytest.mark.parametrize("damage", ["{", '{"settings": 1}', '{"settings": "a", "strategies": 3}', "\x00"])
def test_a_line_that_cannot_be_read_counts_as_something_that_was_tried(planned, damage):
    plan = planned()
    note_tried([plan], "framework node run")
    with (plan.promotions / FILE).open("a") as file:
        file.write(damage + "\n")
    assert len(tried_before(plan)) == 2


def test_a_folder_that_cannot_be_written_stops_no_backtest(planned, tmp_path, caplog):
    (tmp_path / "promotions").write_text("a file is here")
    with caplog.at_level(logging.WARNING, logger="framework.tried"):
        note_tried([planned()], "framework node run")
    assert "not counted as tried" in caplog.text


def test_a_record_that_cannot_be_read_is_no_proof_without_it(planned):
    (planned().promotions / FILE).mkdir(parents=True)
    with pytest.raises(ConfigError, match="what was tried before cannot be read"):
        tried_before(planned())
