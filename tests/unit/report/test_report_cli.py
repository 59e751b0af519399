"""`framework report show`, through the command line."""

from __future__ import annotations

import json

import pytest

from framework.cli import main
from framework.report.write import write


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["report", *map(str, arguments)])
    return ended.value.code


def test_show_prints_the_summary_of_a_folder(a_run, tmp_path, capsys):
    folder = write(a_run(), tmp_path)
    assert run("show", folder) in {0, None}
    out = capsys.readouterr().out
    assert "a small run" in out
    assert "+6.50 USD" in out


def test_show_finds_the_latest_by_default(a_run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write(a_run(), tmp_path / "reports")
    assert run("show", "--json") in {0, None}
    record = json.loads(capsys.readouterr().out)
    assert record["result_hash"] == a_run().result_hash
    assert record["report"] == f"reports/{folder.name}"


def test_a_moved_folder_says_where_it_is_now(a_run, tmp_path, capsys):
    folder = write(a_run(), tmp_path)
    moved = folder.rename(tmp_path / "kept")
    run("show", moved, "--json")
    assert json.loads(capsys.readouterr().out)["report"] == str(moved)


def test_open_opens_the_page(a_run, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    folder = write(a_run(), tmp_path)
    run("show", folder, "--open")
    assert opened == [str(folder / "report.html")]


def test_open_without_a_page_says_how_to_get_one(a_run, tmp_path, capsys):
    folder = write(a_run(), tmp_path, html=False)
    assert run("show", folder, "--open") == 6
    assert "html: true" in capsys.readouterr().err


def test_no_report_is_exit_code_6_with_a_remedy(tmp_path, capsys):
    assert run("show", tmp_path) == 6
    said = capsys.readouterr().err
    assert "no report here" in said
    assert "framework node run" in said


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "x", "mode": "backtest", "instruments": 3}'])
def test_a_damaged_record_is_exit_code_6(a_run, tmp_path, capsys, text):
    folder = write(a_run(), tmp_path)
    (folder / "result.json").write_text(text)
    assert run("show", folder) == 6
    assert "cannot be read" in capsys.readouterr().err
