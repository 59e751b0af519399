"""The page of a sweep: every field of its map is what its points say, and what a file says is only text."""

import json
import re

import pytest

from framework.sweep import table
from framework.sweep.grid import Axis, Grid
from framework.sweep.page import Swept, render
from framework.sweep.row import Failure, Row

SHARPE = "Sharpe Ratio (252 days)"
FAST = Axis("strategies.x.config.fast", ("5", "10"))
SLOW = Axis("strategies.x.config.slow", ("30", "40", "50"))
SIDE = Axis("strategies.x.config.side", ("both", "long", "short"))
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def row(number, sharpe):
    return Row(
        number=number,
        statistics={"pnl": {"USD": {"PnL (total)": 1_234.5}}, "returns": {SHARPE: sharpe}, "general": {}},
        orders=7,
    )


def page(axes, rows, **more):
    grid = Grid(axes)
    facts = {"name": "two", "objective": SHARPE, "minimize": False, "elapsed": 1.0, "file": "two.parquet"}
    return render(Swept(grid=grid, table=table.lines(grid, rows), **{**facts, **more}))


def charts_of(text):
    return json.loads(re.search(r'id="charts">(.*?)</script>', text, re.DOTALL)[1])


def cells_of(text):
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", text, re.DOTALL)]


def test_a_map_has_a_field_for_every_pair_in_the_order_of_the_grid():
    (variant,) = charts_of(page((FAST, SLOW), [row(n, n / 10) for n in range(6)]))["map"]
    (trace,) = variant["data"]
    assert (trace["x"], trace["y"]) == (["30", "40", "50"], ["5", "10"])
    assert trace["z"] == [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]]
    assert trace["reversescale"] is False
    assert variant["note"] == ""


def test_a_third_setting_makes_three_maps_of_medians():
    # fast 5, slow 30, and both, long, short have the numbers 0, 1 and 2, whose median is 1.
    rows = [row(n, float(n)) for n in range(18)]
    text = page((FAST, SLOW, SIDE), rows)
    variants = charts_of(text)["map"]
    assert re.findall(r"<option[^>]*>([^<]*)", text) == ["fast and slow", "fast and side", "slow and side"]
    assert variants[0]["data"][0]["z"] == [[1.0, 4.0, 7.0], [10.0, 13.0, 16.0]]
    assert variants[2]["data"][0]["z"][0] == [4.5, 5.5, 6.5]  # 0 and 9, 1 and 10, 2 and 11
    assert variants[0]["note"] == "A field is the median over up to 3 points that differ in side."


def test_what_failed_or_was_not_drawn_leaves_its_field_empty_and_is_said():
    rows = [row(0, 0.5), row(5, 0.1), Row(number=2, failure=Failure(error="RunError", message="it broke"))]
    text = page((FAST, SLOW), rows)
    assert charts_of(text)["map"][0]["data"][0]["z"] == [[0.5, None, None], [None, None, 0.1]]
    assert "3 of 6 points were drawn" in text
    assert "1 point failed" in text
    assert "RunError: it broke" in cells_of(text)


def test_a_point_without_the_figure_is_said():
    text = page((FAST, SLOW), [row(0, 0.5), row(1, None), *(row(n, 0.1) for n in range(2, 6))])
    assert "1 point had no Sharpe" in text
    assert charts_of(text)["map"][0]["data"][0]["z"][0] == [0.5, None, 0.1]


def test_one_setting_is_a_curve_in_its_own_order():
    (variant,) = charts_of(page((SLOW,), [row(2, 0.3), row(0, 0.1), row(1, 0.9)]))["curve"]
    assert variant["data"][0]["x"] == ["30", "40", "50"]
    assert variant["data"][0]["y"] == [0.1, 0.9, 0.3]


@pytest.mark.parametrize(("minimize", "first"), [(False, "5"), (True, "0")])
def test_points_are_listed_the_best_first_with_their_settings_as_written(minimize, first):
    text = page((FAST, SLOW), [row(n, n / 10) for n in range(6)], minimize=minimize)
    listed = cells_of(text[text.index('id="points"') :])
    settings = {"5": ["10", "50"], "0": ["5", "30"]}[first]
    start = listed.index(first)
    assert listed[start : start + 5] == [
        first,
        *settings,
        f"{int(first) / 10:,.3f}".replace("0.000", "0"),
        "1,234.50",
    ]
    assert charts_of(text)["map"][0]["data"][0]["reversescale"] is minimize


def test_nothing_to_rank_is_a_page_without_charts():
    text = page((FAST, SLOW), [Row(number=0, failure=Failure(error="RunError", message="no"))])
    assert charts_of(text) == {}
    assert "plotly.js" not in text


def test_many_points_are_cut_to_those_that_fit_and_a_large_map_has_no_numbers():
    fast = Axis("strategies.x.config.fast", tuple(str(n) for n in range(30)))
    slow = Axis("strategies.x.config.slow", tuple(str(n) for n in range(100, 120)))
    text = page((fast, slow), [row(n, n / 1_000) for n in range(600)])
    assert "The best 500 of 600" in text
    assert charts_of(text)["map"][0]["data"][0]["texttemplate"] == ""
    assert "0 to 29, 30 values" in text


def test_names_and_messages_are_only_text():
    rows = [row(0, 0.1), Row(number=1, failure=Failure(error="RunError", message=HOSTILE))]
    axis = Axis(f'strategies.x.config["{HOSTILE}"]', ("1", "2"))
    text = page((axis,), rows, name=HOSTILE, objective=SHARPE, file=HOSTILE)
    assert "<img" not in text
    assert text.count("<script") == 3  # the data, the library and the page's own
