"""The table of a sweep: a line a point, ranked by a figure, and written so that others read it."""

from decimal import Decimal

import pyarrow.csv
import pyarrow.parquet
import pytest

from framework.errors import ConfigError
from framework.sweep import table
from framework.sweep.grid import Axis, Grid
from framework.sweep.row import Failure, Row

GRID = Grid(
    (Axis("strategies.x.config.band", ("1", "2.5")), Axis("strategies.x.config.side", ("both", "null")))
)


def row(number, sharpe, **more):
    return Row(
        number=number,
        statistics={
            "pnl": {"USD": {"PnL (total)": 1.5}},
            "returns": {"Sharpe Ratio (252 days)": sharpe},
            "general": {"Long Ratio": 0.5},
        },
        equity={"USD": Decimal("100.25")},
        orders=3,
        **more,
    )


FAILED = Row(number=2, failure=Failure(error="RunError", message="no"))


def test_a_line_has_the_settings_the_counts_and_every_figure():
    lines = table.lines(GRID, [FAILED, row(1, 0.5, elapsed=0.12345, result_hash="h")])

    assert lines[0] == {
        "point": 1,
        "band": 1,
        "side": None,
        "orders": 3,
        "positions": 0,
        "denials": 0,
        "equity USD": 100.25,
        "PnL (total) USD": 1.5,
        "Sharpe Ratio (252 days)": 0.5,
        "Long Ratio": 0.5,
        "elapsed": 0.123,
        "result_hash": "h",
        "error": None,
    }
    assert lines[1] == {"point": 2, "band": 2.5, "side": "both", "elapsed": 0.0, "error": "RunError: no"}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.b.x", "a.b.y"], ["x", "y"]),
        (["s.one.config.x", "s.two.config.x", "seed"], ["one.config.x", "two.config.x", "seed"]),
        (["x", "a.x"], ["x", "a.x"]),
    ],
)
def test_a_setting_is_called_by_what_tells_it_from_the_others(paths, names):
    assert list(table.short_names(paths).values()) == names


@pytest.mark.parametrize("wanted", ["Sharpe Ratio (252 days)", "sharpe RATIO", "sharpe", "ratio (2"])
def test_an_objective_is_found_by_a_part_of_its_name(wanted):
    assert table.find_objective(wanted, row(0, 1.0)) == "Sharpe Ratio (252 days)"


@pytest.mark.parametrize(
    ("wanted", "words"), [("ratio", "may be any of"), ("", "may be any of"), ("profit", "no fig")]
)
def test_an_objective_that_is_none_or_several_is_refused(wanted, words):
    with pytest.raises(ConfigError, match=words):
        table.find_objective(wanted, row(0, 1.0))


def test_the_best_come_first_and_what_has_no_figure_not_at_all():
    lines = table.lines(GRID, [row(0, 0.5), row(1, 2.0), FAILED, row(3, None)])

    assert [line["point"] for line in table.ranked(lines, "Sharpe Ratio (252 days)")] == [1, 0]
    assert [line["point"] for line in table.ranked(lines, "Sharpe Ratio (252 days)", minimize=True)] == [0, 1]


def test_equal_points_keep_the_order_of_the_grid():
    lines = table.lines(GRID, [row(3, 1.0), row(0, 1.0), row(1, 1.0)])

    for minimize in (False, True):
        ranked = table.ranked(lines, "Sharpe Ratio (252 days)", minimize=minimize)
        assert [line["point"] for line in ranked] == [0, 1, 3]


@pytest.mark.parametrize(
    ("name", "read"), [("t.parquet", pyarrow.parquet.read_table), ("t.CSV", pyarrow.csv.read_csv)]
)
def test_the_file_holds_every_line(tmp_path, name, read):
    path = tmp_path / name
    path.write_text("old")

    table.write(path, table.lines(GRID, [row(0, 0.5), row(1, None), FAILED]))

    held = read(path).to_pydict()
    assert held["point"] == [0, 1, 2]
    assert held["band"] == [1.0, 1.0, 2.5]
    assert held["Sharpe Ratio (252 days)"] == [0.5, None, None]
    assert held["error"][2] == "RunError: no"
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["t.xlsx", "t", "folder.csv"])
def test_other_files_are_refused_before_anything_runs(tmp_path, name):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError):
        table.check_format(tmp_path / name)
