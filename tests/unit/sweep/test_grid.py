"""Axes, the grid they span, and the plan of each of its points."""

import itertools

import pytest

from framework import config
from framework.compose import compose
from framework.errors import ConfigError, FrameworkError
from framework.sweep.grid import Axis, Grid, compose_point, parse


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,2,3", ["1", "2", "3"]),
        ("a= 1 , 2 ", ["1", "2"]),
        ("a=10:30:5", ["10", "15", "20", "25", "30"]),
        ("a=10:29:5", ["10", "15", "20", "25"]),
        ("a=3:1:-1", ["3", "2", "1"]),
        ("a=7:7:1", ["7"]),
        ("a=0:1:0.1", ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]),
        ("a=0.10:0.14:0.02", ["0.10", "0.12", "0.14"]),
        ("a=true,null,word", ["true", "null", "word"]),
        ("a='x,y',\"12:30:00\"", ["'x,y'", '"12:30:00"']),
        ('a="12:30:00"', ['"12:30:00"']),
        ("a=1 USD,2 USD", ["1 USD", "2 USD"]),
        ("a=EUR/USD.SIM-1-HOUR-LAST-EXTERNAL", ["EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"]),
    ],
)
def test_values_are_listed_or_counted_with_both_ends(text, values):
    assert parse(text) == Axis("a", tuple(values))


def test_a_key_in_quotes_may_hold_dots_and_equal_signs():
    assert parse('risk[0].config["EUR/USD.SIM=1"]=2').path == 'risk[0].config["EUR/USD.SIM=1"]'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", "sets nothing"),
        ("", "sets nothing"),
        ("=1", "not a path"),
        ("a..b=1", "not a path"),
        ("a[x]=1", "not a path"),
        ("a=", "a value is missing"),
        ("a=1,", "a value is missing"),
        ("a=1,,2", "a value is missing"),
        ("a=1,2,1", "given twice"),
        ("a=no", "unquoted no is false"),
        ("a=1:2", "base 60"),
        ("a=010", "different number"),
        ("a=.nan", "not a number"),
        ("a=1:10:0", "never meets"),
        ("a=10:1:1", "never meets"),
        ("a=0:1e9:1e-9", "more than 100000 values"),
        ("a=0:1e999999:1", "more than 100000 values"),
        ("a=[1,2]", "not one value"),
        ("a={b: 1}", "not one value"),
        ("a=b: c", "not one value"),
        ("a=x # y", "not one value"),
        ("a=x\ny", "not one value"),
        ("a='x", "quote"),
        ("a=*x", "alias"),
        ("a=!!int 3", "tag"),
    ],
)
def test_what_has_no_reading_or_two_is_refused_with_its_text(text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse(text)
    assert caught.value.where.startswith("--set ")


def test_points_come_with_the_last_axis_fastest_and_are_found_by_number():
    grid = Grid((Axis("a", ("1", "2")), Axis("b", ("x", "y", "z"))))

    points = list(grid.points())

    assert points == [{"a": a, "b": b} for a, b in itertools.product("12", "xyz")]
    assert [grid.point(number) for number in range(len(grid))] == points


def test_two_axes_over_the_same_setting_are_refused():
    with pytest.raises(ConfigError, match="set the same thing"):
        Grid((parse("a.b=1"), parse("a.b=2")))
    with pytest.raises(ConfigError, match="set the same thing"):
        Grid((parse("a=1"), parse("a.b=2")))


def test_a_sample_is_drawn_without_repeats_and_the_same_for_a_seed():
    grid = Grid(tuple(Axis(name, tuple(map(str, range(100)))) for name in "abcdefghijkl"))  # 10 ** 24 points

    drawn = grid.choose(sample=500, seed=7, most=1000)

    assert len(set(drawn)) == 500
    assert drawn == sorted(drawn)
    assert drawn == grid.choose(sample=500, seed=7, most=1000)
    assert drawn != grid.choose(sample=500, seed=8, most=1000)
    assert max(drawn) > 10**23
    assert len(grid.point(drawn[0])) == 12


def test_a_sample_larger_than_the_grid_is_the_grid():
    assert list(Grid((Axis("a", ("1", "2")),)).choose(sample=9, most=10)) == [0, 1]


@pytest.mark.parametrize("sample", [None, 11])
def test_more_points_than_allowed_are_refused(sample):
    grid = Grid((Axis("a", tuple(map(str, range(50)))),))
    with pytest.raises(ConfigError, match="are more than 10"):
        grid.choose(sample=sample, most=10)


def test_a_sample_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least one"):
        Grid((Axis("a", ("1",)),)).choose(sample=0, most=10)


def test_an_empty_point_is_the_files_own_plan(desk):
    assert compose_point(desk.loaded, desk.plugins, {}) == compose(desk.loaded, desk.plugins)


@pytest.mark.parametrize(
    "path", ["strategies.turn.config.every", "strategies.swept.config.every", "strategies[0].config.every"]
)
def test_an_entry_is_named_by_its_id_its_plugin_or_its_number(desk, path):
    plan = compose_point(desk.loaded, desk.plugins, {path: "9"})

    assert plan.strategies[0].config.every == 9
    assert compose(desk.loaded, desk.plugins).strategies[0].config.every == 5


def test_a_point_is_what_the_file_would_be_with_its_values_written_in(desk, tmp_path):
    text = desk.file.read_text().replace("every: 5", "every: 9").replace("seed: 3", "seed: 11")
    (tmp_path / "node.yaml").write_text(text.replace("catalog: catalog", f"catalog: {desk.folder}/catalog"))
    written = compose(config.load(tmp_path / "node.yaml"), desk.plugins)

    plan = compose_point(desk.loaded, desk.plugins, {"strategies.turn.config.every": "9", "seed": "11"})

    assert (plan.seed, plan.strategies) == (written.seed, written.strategies)


def test_settings_that_the_file_leaves_out_can_be_set(desk):
    plan = compose_point(
        desk.loaded,
        desk.plugins,
        {"risk.order_limits.config.max_mark_age": "2h", "venues.SIM.config.leverage": '"3"'},
    )

    assert plan.rules[0].config.max_mark_age == "2h"
    assert plan.venues[0].config.leverage == 3


@pytest.mark.parametrize(
    ("point", "kind", "words", "where"),
    [
        (
            {"strategies.turn.config.evry": "2"},
            "ConfigError",
            'did you mean "every"',
            "--set strategies.turn.config.evry=2",
        ),
        (
            {"strategies.turn.config.every": "x"},
            "ConfigError",
            "expected a whole number",
            "--set strategies.turn.config.every=x",
        ),
        (
            {"strategies.tern.config.every": "2"},
            "ConfigError",
            'no entry of strategies is called "tern"',
            "--set strategies.tern",
        ),
        ({"strategies[4].config.every": "2"}, "ConfigError", "has no 4", "--set strategies[4]"),
        ({"seed": "-1"}, "ConfigError", "-1", "--set seed=-1"),
        ({"sed": "1"}, "ConfigError", 'did you mean "seed"', "--set sed=1"),
        ({"seed.x": "1"}, "ConfigError", "seed is a value", "--set seed.x=1"),
        ({"strategies.turn.use": "swopt"}, "PluginNotFound", "swept", "--set strategies.turn.use=swopt"),
        (
            {"strategies.turn.config.bar_type": "EUR/USD.SIM-1-DAY-LAST-EXTERNAL"},
            "CompositionError",
            "no data entry provides it",
            "--set strategies.turn.config.bar_type=",
        ),
        (
            {"strategies.turn.config.every": "2", "strategies[0].config.every": "3"},
            "ConfigError",
            "set twice",
            "--set strategies[0].config.every=3",
        ),
    ],
)
def test_an_error_is_that_of_the_file_and_names_the_set_that_is_wrong(desk, point, kind, words, where):
    with pytest.raises(FrameworkError) as caught:
        compose_point(desk.loaded, desk.plugins, point)

    assert type(caught.value).__name__ == kind
    assert words in str(caught.value)
    assert caught.value.where.startswith(where)


def test_values_that_do_not_go_together_name_the_point(desk):
    point = {"strategies.turn.config.last": "10", "strategies.turn.config.every": "20"}

    with pytest.raises(ConfigError, match="above last") as caught:
        compose_point(desk.loaded, desk.plugins, point)

    assert "every=20" in str(caught.value)
