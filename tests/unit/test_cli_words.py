"""What the command line shows: nothing that drives the terminal, and values as node.yaml has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from framework.cli.plain import plain
from framework.explain import in_yaml

ROOT = Path(__file__).parents[2]


def framework(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", "from framework.cli import main; main()", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def test_control_and_invisible_characters_are_spelled_out():
    assert plain("\x1b[31mred\x07") == r"\x1b[31mred\x07"
    assert plain("safe\u202egnol") == r"safe\u202egnol"
    assert plain("Größe\nzwei") == "Größe\nzwei"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (False, "false"),
        ("30", "'30'"),
        (30, "30"),
        ([], "[]"),
        ({"model": "maker_taker", "maker": "0.00004"}, "{model: maker_taker, maker: '0.00004'}"),
        (["100000.00 USD"], "[100000.00 USD]"),
    ],
)
def test_a_value_is_shown_as_node_yaml_has_it(value, written):
    assert in_yaml(value) == written
    assert yaml.safe_load(written) == value


def test_a_long_value_stays_on_one_line():
    assert "\n" not in in_yaml([f"SERIES-{number}" for number in range(50)])


@pytest.mark.parametrize("columns", ["80", "40"])
def test_the_list_of_plugins_cuts_no_name_off(columns):
    done = framework("plugins", "list", COLUMNS=columns, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert {"framework-mean-reversion 0.1.0", "framework-simulated 0.1.0"} <= set(done.stdout.splitlines())
    assert "strategy  mean_reversion" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= int(columns)


def test_a_kind_that_does_not_exist_is_an_error_not_an_empty_list():
    done = framework("plugins", "list", "--kind", "strateg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "One of: strategy, filter, risk, venue, importer, command." in done.stderr


def test_an_empty_catalog_says_what_to_do(tmp_path):
    done = framework("data", "list", "--catalog", tmp_path)
    assert done.returncode == 0
    assert "framework data import" in done.stdout


def test_the_catalogs_series_are_a_table_without_decoration():
    done = framework("data", "list", "--catalog", "catalog/sample", PYTHONIOENCODING="ascii")
    assert done.stdout.splitlines()[0].split() == [
        "series",
        "first",
        "(UTC)",
        "last",
        "(UTC)",
        "rows",
        "stamp",
    ]
    assert "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL 2017-01-01 23:00 2017-12-29 22:00 6,225 close" in done.stdout
