"""The run's folder: complete or absent, and the tables as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from framework import RunError
from framework.report import write as module
from framework.report.write import resolve, write

FILES = {
    "report.html",
    "orders.parquet",
    "fills.parquet",
    "positions.parquet",
    "equity.parquet",
    "decisions.parquet",
    "result.json",
}


def refuse_constants(name):
    raise AssertionError(f"{name} is not JSON")


def test_a_run_leaves_one_folder_with_everything_in_it(a_run, tmp_path):
    folder = write(a_run(), tmp_path / "reports")
    assert {path.name for path in folder.iterdir()} == FILES
    assert folder.name.endswith("Z-01234567")
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {folder.name, "latest"}


def test_the_record_is_strict_json_with_the_promised_keys(a_run, tmp_path):
    statistics = {
        "pnl": {"USD": {"PnL (total)": float("nan")}},
        "returns": {"x": float("inf")},
        "general": {},
    }
    folder = write(a_run(statistics=statistics), tmp_path)
    record = json.loads((folder / "result.json").read_text("utf-8"), parse_constant=refuse_constants)
    assert record["statistics"]["pnl"]["USD"]["PnL (total)"] is None
    assert record["statistics"]["returns"]["x"] is None
    assert record["instruments"] == ["AAA.SIM", "BBB.SIM"]
    assert (record["start"], record["end"]) == ("2024-01-02T10:00:00Z", "2024-04-30T10:00:00Z")
    counts = {name: record[name] for name in ("bars", "quotes", "trades", "orders", "fills", "denials")}
    assert counts == {"bars": 1234, "quotes": 0, "trades": 5, "orders": 10, "fills": 7, "denials": 1}
    assert record["report"] == str(folder)
    assert record["result_hash"] == "0123456789abcdef" * 4
    assert record["elapsed"] == 0.25


def test_tables_come_back_as_they_were(a_run, tmp_path):
    run = a_run()
    folder = write(run, tmp_path)
    orders = pd.read_parquet(folder / "orders.parquet")
    assert orders["client_order_id"].tolist() == run.orders.index.tolist()
    assert orders["tags"].iloc[0].tolist() == ["ENTRY"]
    assert orders["price"].iloc[-1] == "1.10"
    fills = pd.read_parquet(folder / "fills.parquet")
    assert fills["last_px"].tolist() == ["1.00"] * 7
    assert fills["info"].iloc[0] == "{}"
    equity = pd.read_parquet(folder / "equity.parquet")
    assert equity["USD"].tolist() == [100.0, 110.0, 104.5, 99.0, 106.5]
    assert equity["ts"].tolist() == run.equity.index.tolist()
    positions = pd.read_parquet(folder / "positions.parquet")
    assert positions["position_id"].tolist() == ["P-1", "P-2", "P-3", "P-4"]
    assert positions["ts_closed"].isna().tolist() == [False, False, False, True]
    decisions = pd.read_parquet(folder / "decisions.parquet")
    assert decisions["ts"].dt.tz is not None
    decisions["ts"] = decisions["ts"].astype("int64")
    assert decisions.to_dict("records") == [run.decisions[0].to_dict()]


def test_a_run_in_which_nothing_happened_has_readable_tables(an_empty_run, tmp_path):
    folder = write(an_empty_run, tmp_path)
    for name in ("orders", "fills", "positions", "decisions"):
        assert pd.read_parquet(folder / f"{name}.parquet").empty


def test_the_same_run_twice_in_a_second_has_two_folders(a_run, tmp_path):
    folders = {write(a_run(), tmp_path) for _ in range(3)}
    assert len(folders) == 3
    assert all(
        json.loads((folder / "result.json").read_text("utf-8"))["report"] == str(folder) for folder in folders
    )


def test_latest_leads_to_the_newest(a_run, tmp_path):
    write(a_run(), tmp_path)
    second = write(a_run(), tmp_path)
    latest = tmp_path / "latest"
    assert latest.readlink() == Path(second.name)  # relative, so that the reports can be moved
    assert (resolve(latest) / "result.json").samefile(second / "result.json")


def test_latest_is_a_text_file_where_there_are_no_links(a_run, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("links need a privilege here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = write(a_run(), tmp_path)
    assert (tmp_path / "latest").read_text("utf-8") == f"{folder.name}\n"
    assert resolve(tmp_path / "latest") == folder


def test_extra_files_are_part_of_the_folder(a_run, tmp_path):
    folder = write(
        a_run(), tmp_path, extra=lambda draft: (draft / "node.yaml").write_text("mode: backtest\n")
    )
    assert (folder / "node.yaml").read_text() == "mode: backtest\n"


def test_the_page_can_be_left_out_and_nothing_else_is(a_run, tmp_path):
    folder = write(a_run(), tmp_path, html=False)
    assert {path.name for path in folder.iterdir()} == FILES - {"report.html"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_nothing_behind(a_run, tmp_path, stop):
    def interrupted(draft):
        assert (draft / "report.html").exists()
        raise stop

    with pytest.raises(stop):
        write(a_run(), tmp_path, extra=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_keeps_what_earlier_runs_left(a_run, tmp_path):
    first = write(a_run(), tmp_path)

    def interrupted(draft):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(a_run(), tmp_path, extra=interrupted)
    assert resolve(tmp_path / "latest").name == first.name


def test_a_place_that_cannot_be_written_is_a_run_error_with_a_remedy(a_run, tmp_path):
    taken = tmp_path / "reports"
    taken.write_text("a file")
    with pytest.raises(RunError, match="could not be written") as caught:
        write(a_run(), taken)
    assert caught.value.where == str(taken)
    assert "report:" in caught.value.remedy


def test_a_full_disk_is_a_run_error_and_leaves_nothing(a_run, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.parquet, "write", full)
    with pytest.raises(RunError, match="No space left on device"):
        write(a_run(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_users_own_named_latest_is_not_replaced_and_the_report_is_kept(a_run, tmp_path):
    own = tmp_path / "latest"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="the report is complete in") as caught:
        write(a_run(), tmp_path)
    assert caught.value.where == str(own)
    assert (own / "notes.txt").read_text() == "mine"
    (folder,) = [path for path in tmp_path.iterdir() if path != own]
    assert {path.name for path in folder.iterdir()} == FILES


def test_columns_of_one_plain_kind_keep_it_and_mixed_ones_become_text(a_run, tmp_path):
    orders = pd.DataFrame(
        {
            "is_post_only": [True, None],
            "count": np.array([1, None], dtype=object),
            "commissions": [["1.10 USD"], None],
            "params": [{"a": 1}, "text"],
            "nothing": [None, None],
        },
        index=pd.Index(["O-1", "O-2"], name="client_order_id"),
    )
    folder = write(a_run(orders=orders.assign(strategy_id="x", status="FILLED", reason=None)), tmp_path)
    table = parquet.read_table(folder / "orders.parquet")
    kinds = {name: str(table.schema.field(name).type) for name in orders.columns}
    assert kinds == {
        "is_post_only": "bool",
        "count": "int64",
        "commissions": "list<element: string>",
        "params": "string",
        "nothing": "string",
    }
    assert table["params"].to_pylist() == ['{"a":1}', "text"]
    assert table["is_post_only"].to_pylist() == [True, None]


def test_a_folder_without_a_report_is_said_so(tmp_path):
    with pytest.raises(RunError, match="no report here"):
        resolve(tmp_path / "latest")
