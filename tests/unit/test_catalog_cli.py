"""`framework data` as a user meets it: output, JSON, exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from framework import CheckFailed, ConfigError, DataError, PluginNotFound
from framework.catalog.builtin import register_importers
from framework.cli.data import build, parse_columns

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample"
CSV = "time,open,high,low,close,volume\n2024-01-02 10:00,1,1,1,1,5\n2024-01-02 11:00,1,1,1,1,6\n"
STATED = ("--instrument", "EURUSD", "--bars", "1-HOUR-LAST", "--stamp", "open", "--timezone", "UTC")


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.csv").write_text(CSV)

    def run(*arguments):
        app = build(lambda: {spec.name: spec for spec in register_importers()})
        result = CliRunner().invoke(app, arguments, catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_importing_says_what_it_did_and_the_second_time_that_there_is_nothing_to_do(invoke):
    first = invoke("import", "csv", "f.csv", *STATED)
    assert "imported 2 rows into EUR/USD.SIM-1-HOUR-LAST-EXTERNAL" in first.output
    assert "2024-01-02T11:00:00Z to 2024-01-02T12:00:00Z" in first.output
    assert "already in the catalog, nothing to do" in invoke("import", "csv", "f.csv", *STATED).output


def test_importing_speaks_json(invoke):
    document = json.loads(invoke("import", "csv", "f.csv", *STATED, "--json").stdout)
    (report,) = document["imports"]
    assert (report["status"], report["rows"], report["rounded"]) == ("imported", 2, 0)
    assert all((Path(document["catalog"]) / name).is_file() for name in report["files"])


def test_a_dry_run_writes_nothing(invoke, tmp_path):
    assert "would import 2 rows" in invoke("import", "csv", "f.csv", *STATED, "--dry-run").output
    assert not (tmp_path / "catalog").exists()


def test_several_files_are_imported_one_after_the_other(invoke, tmp_path):
    (tmp_path / "g.csv").write_text(CSV.replace("01-02", "01-03"))
    document = json.loads(invoke("import", "csv", "f.csv", "g.csv", *STATED, "--json").stdout)
    assert [report["status"] for report in document["imports"]] == ["imported", "imported"]
    (stream,) = json.loads(invoke("list", "--json").stdout)["streams"]
    assert (stream["rows"], len(stream["files"]), stream["stamp"]) == (4, 2, "close")


def test_every_option_reaches_the_import(invoke, tmp_path):
    (tmp_path / "odd.txt").write_text("2.1.2024\t11:00\t1.23456789\t2\n1.1.2024\t10:00\t1\t2\n")
    result = invoke(
        "import", "csv", "odd.txt", "--instrument", "EURUSD", "--venue", "OANDA", "--quotes", "--no-header",
        "--delimiter", "tab", "--columns", "time=1+2,bid=3,ask=4", "--time-format", "%d.%m.%Y %H:%M",
        "--timezone", "Etc/GMT+5", "--volume", "9", "--round", "--sort", "--catalog", "other", "--json",
    )  # fmt: skip
    (report,) = json.loads(result.stdout)["imports"]
    assert report["streams"] == ["EUR/USD.OANDA quotes"]
    assert (report["first"], report["last"]) == ("2024-01-01T15:00:00Z", "2024-01-02T16:00:00Z")
    assert report["rounded"] == 1


def test_listing_shows_the_sample(invoke):
    output = invoke("list", "--catalog", str(SAMPLE)).output
    assert "2017-01-01 23:00" in output
    assert "6,225" in output
    streams = json.loads(invoke("list", "--catalog", str(SAMPLE), "--json").stdout)["streams"]
    assert {stream["instrument"]: stream["rows"] for stream in streams} == {
        "EUR/USD.SIM": 6225,
        "AAPL.XNAS": 2015,
        "FB.XNAS": 196,
        "GOOG.XNAS": 2015,
        "IBM.XNYS": 2015,
        "MSFT.XNAS": 2015,
    }


def test_verifying_a_sound_catalog_succeeds(invoke):
    result = invoke("verify", "--catalog", str(SAMPLE))
    assert result.exit_code == 0
    assert "no errors" in result.output
    assert json.loads(invoke("verify", "--catalog", str(SAMPLE), "--json").stdout)["errors"] == 0


def test_verifying_a_damaged_catalog_fails_with_7(invoke, tmp_path):
    catalog = Path(shutil.copytree(SAMPLE, tmp_path / "broken"))
    next(catalog.rglob("*.parquet")).write_bytes(b"")
    with pytest.raises(CheckFailed, match="1 error in the catalog"):
        invoke("verify", "--catalog", str(catalog))
    result = invoke("verify", "--catalog", str(catalog), "--json")
    assert result.exit_code == 7
    document = json.loads(result.stdout)
    assert document["errors"] == 1
    assert document["findings"][0]["check"] == "hash"


def test_adopting_needs_bars_stamped_at_their_close(invoke, tmp_path):
    catalog = Path(shutil.copytree(SAMPLE, tmp_path / "foreign"))
    (catalog / "manifest.json").unlink()
    with pytest.raises(DataError, match="cannot be adopted"):
        invoke("adopt", "--stamp", "open", "--catalog", str(catalog))
    assert "recorded 12 files" in invoke("adopt", "--stamp", "close", "--catalog", str(catalog)).output
    assert (
        json.loads(invoke("adopt", "--stamp", "close", "--catalog", str(catalog), "--json").stdout)["files"]
        == []
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("import", "cvs", "f.csv", *STATED), PluginNotFound, 'Did you mean "csv"?'),
        (("import", "csv", "f.csv", "--instrument", "EURUSD"), DataError, "--bars"),
        (("import", "csv", "f.csv", *STATED, "--quotes"), DataError, "more than once"),
        (("import", "csv", "f.csv", *STATED[:-4], "--stamp", "middle"), DataError, "--stamp open"),
        (("import", "csv", "f.csv", *STATED, "--delimiter", "::"), DataError, "one character"),
        (("import", "csv", "f.csv", *STATED, "--columns", "time"), ConfigError, "OURS=THEIRS"),
        (("import", "csv", "none.csv", *STATED), DataError, "no such file"),
        (("import", "csv", ".", *STATED), DataError, "no such file"),
        (("list", "--catalog", "none"), DataError, "framework data import"),
        (("verify", "--catalog", "none"), DataError, "framework data import"),
    ],
)
def test_a_mistake_is_a_typed_error_with_its_remedy(invoke, arguments, error, words):
    with pytest.raises(error) as caught:
        invoke(*arguments)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        ("time=Date,open=Open", {"time": "Date", "open": "Open"}),
        (" a = b+c ", {"a": "b+c"}),
    ],
)
def test_a_column_mapping_is_read(text, expected):
    assert parse_columns(text) == expected


@pytest.mark.parametrize("text", ["time", "=x", "a=", "a=b,a=c", ",", "a=b,"])
def test_a_broken_column_mapping_is_refused(text):
    with pytest.raises(ConfigError):
        parse_columns(text)


def test_the_how_to_guides_first_example_works(invoke, tmp_path):
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "import-data.md").read_text(encoding="utf-8")
    (tmp_path / "eurusd.csv").write_text(guide.partition("```text\n")[2].partition("```")[0])
    command = guide.partition("```\nframework data import csv")[2].partition("```")[0].replace("\\\n", " ")
    output = invoke("import", "csv", *shlex.split(command)).output
    assert "imported 2 rows" in output
    assert "2024-01-02T11:00:00Z to 2024-01-02T12:00:00Z" in output


def test_the_whole_program_exits_as_documented(tmp_path):
    def framework(*arguments):
        command = [sys.executable, "-c", "from framework.cli import main; main()", "data", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    (tmp_path / "f.csv").write_text(CSV)
    assert framework("import", "csv", "f.csv", *STATED, "--json").returncode == 0
    unstated = framework("import", "csv", "f.csv", *STATED[:4], "--timezone", "UTC")
    assert unstated.returncode == 5
    assert "--stamp open or --stamp close" in unstated.stderr
    assert "Traceback" not in unstated.stderr
    next((tmp_path / "catalog" / "data" / "bars").rglob("*.parquet")).write_bytes(b"")
    assert framework("verify").returncode == 7
    assert framework("verify", "--json").returncode == 7
    assert framework("import", "nope", "f.csv", *STATED).returncode == 3


def test_describing_the_commands_loads_no_heavy_library():
    script = (
        "import sys; from typer.testing import CliRunner; from framework.cli.data import build;"
        "assert CliRunner().invoke(build(), ['import', '--help']).exit_code == 0;"
        "print(sorted({'pandas', 'pyarrow', 'numpy', 'nautilus_trader'} & set(sys.modules)))"
    )
    child = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert child.stdout.strip() == "[]"
