"""From names to parts, and whether the parts fit: every error says where in the file and what to do."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import msgspec
import pytest
import yaml
from nautilus_trader.model import BarType, InstrumentId
from nautilus_trader.trading import Strategy

from framework import (
    CompositionError,
    ConfigError,
    PluginConfig,
    PluginNotFound,
    RiskRule,
    RiskSpec,
    StrategySpec,
    VenueSpec,
    hookimpl,
    plugins,
)
from framework.compose import compose
from framework.config import load
from framework.explain import explanation, render, settings

BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


class Watch(PluginConfig, frozen=True, kw_only=True):
    bar_types: list[BarType]
    period: Annotated[int, msgspec.Meta(gt=0, description="Bars looked back.")] = 10


class Cap(PluginConfig, frozen=True, kw_only=True):
    instruments: list[InstrumentId] = []


class Venue(PluginConfig, frozen=True, kw_only=True):
    pass


class Trend(Strategy):
    pass


class Rule(RiskRule):
    pass


class Sizer(RiskRule):
    sizes = True


class Offers:
    @hookimpl
    def register_strategies(self):
        return [StrategySpec(name="trend", strategy=Trend, config=Watch, summary="Follows.")]

    @hookimpl
    def register_risk(self):
        return [
            RiskSpec(name="cap", rule=Rule, config=Cap),
            RiskSpec(name="sizer", rule=Sizer, config=Cap),
        ]

    @hookimpl
    def register_venues(self):
        return [
            VenueSpec(name="simulated", config=Venue, backtest=lambda name, config, seed: None),
            VenueSpec(name="nowhere", config=Venue),
        ]


class Point:
    name, value = "offers", "offers"
    dist = SimpleNamespace(name="framework-offers", version="1.2", requires=[])

    def load(self):
        return Offers()


@pytest.fixture
def installed():
    return plugins.load(found=[Point()])


def node(**changes):
    base = {
        "catalog": "catalog",
        "venues": [{"name": "SIM", "use": "simulated"}],
        "data": [{"bars": BARS}],
        "strategies": [{"id": "t", "use": "trend", "config": {"bar_types": [BARS]}}],
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def composed(tmp_path, installed, mode=None, **changes):
    file = tmp_path / "desk" / "node.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(node(**changes), sort_keys=False))
    return compose(load(file), installed, mode)


def test_a_plan_names_every_part_and_where_it_came_from(tmp_path, installed):
    plan = composed(
        tmp_path,
        installed,
        start="2017-01-01",
        end="2017-01-31",
        seed=7,
        risk=[{"use": "cap"}],
        report={"directory": "out"},
    )
    assert (plan.name, plan.mode, plan.seed) == ("desk", "backtest", 7)
    assert plan.catalog == tmp_path / "desk" / "catalog"
    assert plan.report == tmp_path / "desk" / "out"
    assert plan.start == 1_483_228_800_000_000_000
    assert plan.end == 1_485_907_199_999_999_999, "the last nanosecond of 31 January"
    assert [stream.name for stream in plan.streams] == [BARS]
    assert [str(instrument) for instrument in plan.instruments] == ["EUR/USD.SIM"]
    (strategy,) = plan.strategies
    assert (strategy.id, strategy.spec.name, strategy.config.period) == ("t", "trend", 10)
    (rule,) = plan.rules
    assert (rule.id, rule.strategies) == ("cap", ("t",))
    assert plan.versions["framework-offers"] == "1.2"
    assert {"framework", "nautilus_trader"} <= plan.versions.keys()


OFF = {"id": "off", "use": "not_installed", "enabled": False}


def test_an_entry_that_is_switched_off_is_passed_over_even_if_nobody_offers_it(tmp_path, installed):
    plan = composed(
        tmp_path,
        installed,
        strategies=[OFF, *node()["strategies"]],
        risk=[
            {"use": "cap", "strategies": ["off", "t"]},
            {"use": "cap", "id": "only-off", "strategies": ["off"]},
            {"use": "not_installed", "enabled": False},
        ],
    )
    assert [strategy.id for strategy in plan.strategies] == ["t"]
    assert [(rule.id, rule.strategies) for rule in plan.rules] == [("cap", ("t",))]


def test_what_is_switched_off_is_in_no_resolved_configuration(tmp_path, installed):
    from framework.engine.outcome import resolved

    risk = [{"use": "cap", "strategies": ["off", "t"]}, {"use": "sizer", "enabled": False}]
    written = resolved(composed(tmp_path, installed, strategies=[OFF, *node()["strategies"]], risk=risk))
    assert [entry["id"] for entry in written["strategies"]] == ["t"]
    assert [(entry["use"], entry["strategies"]) for entry in written["risk"]] == [("cap", ["t"])]


def test_a_node_with_every_strategy_switched_off_is_refused(tmp_path, installed):
    with pytest.raises(CompositionError, match="every strategy is switched off") as refused:
        composed(tmp_path, installed, strategies=[OFF])
    assert refused.value.path == "strategies[0].enabled"


def test_relative_paths_start_at_the_file_and_absolute_ones_stay(tmp_path, installed):
    plan = composed(tmp_path, installed, catalog="../data", report={"directory": str(tmp_path / "away")})
    assert plan.catalog == tmp_path / "data"
    assert plan.report == tmp_path / "away"


def test_rules_cover_the_strategies_they_name_or_all(tmp_path, installed):
    plan = composed(
        tmp_path,
        installed,
        strategies=[
            {"id": "a", "use": "trend", "config": {"bar_types": [BARS]}},
            {"id": "b", "use": "trend", "config": {"bar_types": [BARS]}},
        ],
        risk=[{"use": "cap"}, {"use": "cap", "id": "mine", "strategies": ["b"]}],
    )
    assert [(rule.id, rule.strategies) for rule in plan.rules] == [("cap", ("a", "b")), ("mine", ("b",))]


INTERNAL = "EUR/USD.SIM-4-HOUR-LAST-INTERNAL"


@pytest.mark.parametrize(
    ("data", "wants"),
    [
        ([{"bars": BARS}], f"{INTERNAL}@1-HOUR-EXTERNAL"),
        ([{"trades": "EUR/USD.SIM"}], INTERNAL),
        ([{"quotes": "EUR/USD.SIM"}], "EUR/USD.SIM-4-HOUR-MID-INTERNAL"),
    ],
)
def test_bars_the_engine_can_build_from_the_data_count_as_provided(tmp_path, installed, data, wants):
    strategies = [{"id": "t", "use": "trend", "config": {"bar_types": [wants]}}]
    assert composed(tmp_path, installed, data=data, strategies=strategies).strategies


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        (
            {"venues": [{"name": "SIM", "use": "nowhere"}]},
            CompositionError,
            ['venue "SIM" cannot run in mode backtest', "venues[0].use", "supports: none"],
        ),
        (
            {"venues": [{"name": "OTHER", "use": "simulated"}]},
            CompositionError,
            ['trades at venue "SIM", which is not under venues', "data[0].bars", "In venues: OTHER"],
        ),
        (
            {
                "strategies": [
                    {"id": "t", "use": "trend", "config": {"bar_types": [BARS.replace("HOUR", "MINUTE")]}}
                ]
            },
            CompositionError,
            [
                'strategy "t" needs EUR/USD.SIM-1-MINUTE',
                "strategies[0].config.bar_types[0]",
                f"Did you mean {BARS}?",
            ],
        ),
        (
            {"strategies": [{"id": "t", "use": "trend", "config": {"bar_types": [INTERNAL]}}]},
            CompositionError,
            [f'strategy "t" needs {INTERNAL}'],
        ),
        (
            {"risk": [{"use": "cap", "config": {"instruments": ["GBP/USD.SIM"]}}]},
            CompositionError,
            ['risk rule "cap" names GBP/USD.SIM', "risk[0].config.instruments[0]"],
        ),
        (
            {"risk": [{"use": "cap", "strategies": ["tt"]}]},
            CompositionError,
            ['covers strategy "tt", which is not in the file', "risk[0].strategies[0]", "Did you mean t?"],
        ),
        (
            {"strategies": [{"id": "t", "use": "trendd"}]},
            PluginNotFound,
            ['did you mean "trend"?', "strategies[0].use"],
        ),
        (
            {"strategies": [{"id": "t", "use": "trend", "config": {"bar_types": [BARS], "perid": 3}}]},
            ConfigError,
            ["strategy plugin trend (framework-offers 1.2)", 'did you mean "period"?'],
        ),
    ],
)
def test_parts_that_do_not_fit_are_an_error_with_a_place_and_a_way_out(
    tmp_path, installed, changes, error, says
):
    with pytest.raises(error) as caught:
        composed(tmp_path, installed, **changes)
    message = str(caught.value)
    assert all(part in message for part in says), message
    file, line, column = caught.value.where.rsplit(":", 2)
    assert Path(file).name == "node.yaml"
    assert int(line) > 1
    assert int(column) >= 1


def test_the_mode_of_the_command_line_wins(tmp_path, installed):
    with pytest.raises(CompositionError, match="cannot run in mode live"):
        composed(tmp_path, installed, mode="live")


def test_an_explanation_shows_defaults_and_who_judges_whom_sizers_first(tmp_path, installed):
    plan = composed(tmp_path, installed, risk=[{"use": "cap"}, {"use": "sizer"}])
    told = explanation(plan)
    assert told["strategies"][0]["config"] == {"bar_types": [BARS], "period": 10}
    assert told["strategies"][0]["judged_by"] == ["sizer", "cap"]
    assert [rule["id"] for rule in told["risk"]] == ["sizer", "cap"]
    assert told["data"] == [{"kind": "bars", "name": BARS}]


def test_an_explanation_is_drawn_as_a_tree(tmp_path, installed):
    from rich.console import Console

    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render(composed(tmp_path, installed, risk=[{"use": "cap"}])))
    text = console.export_text()
    assert "t: trend (framework-offers 1.2)" in text
    assert "judged by, in order: cap" in text
    assert "period: 10" in text


class Kind(PluginConfig, frozen=True, kw_only=True, tag_field="model", tag="one"):
    pass


class Many(PluginConfig, frozen=True, kw_only=True):
    needed: BarType
    maybe: Annotated[float | None, msgspec.Meta(description="Perhaps.")] = None
    choice: Annotated[str, msgspec.Meta(description="A word.")] = "x"
    kinds: Kind | None = None
    by_name: dict[str, int] = {}
    several: tuple[InstrumentId, ...] = ()


def test_settings_are_told_field_by_field():
    rows = {row["name"]: row for row in settings(Many)}
    assert rows["needed"] == {
        "name": "needed",
        "type": "BarType",
        "required": True,
        "default": None,
        "description": "",
    }
    assert rows["maybe"]["type"] == "float or null"
    assert rows["maybe"]["description"] == "Perhaps."
    assert rows["choice"]["default"] == "x"
    assert rows["kinds"]["type"] == "model: one or null"
    assert rows["by_name"]["type"] == "mapping of str to int"
    assert rows["several"]["type"] == "list of InstrumentId"
