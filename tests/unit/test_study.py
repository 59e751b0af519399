"""A node.yaml opened for research: other settings, other stretches, other data, and what rows keep."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from framework import ConfigError, DataError, Row, Study, run_plan
from framework.catalog import tape
from framework.engine.asked import Asked, before, judged
from framework.risk.decision import Decision
from framework.sweep.outside import Outside

CHECKOUT = Path(__file__).parents[2]
QUICKSTART = CHECKOUT / "examples" / "quickstart" / "node.yaml"
SAMPLE = CHECKOUT / "catalog" / "sample"
MONTH = {"end": "2017-02-01"}
EURUSD = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


@pytest.fixture(scope="module")
def study():
    return Study.open(QUICKSTART)


@pytest.fixture(scope="module")
def january(study):
    plan = study.plan(MONTH)
    (row,) = Study.rows([(0, plan)], workers=1, keep=["asked", "equity", "trades"])
    return plan, row, Study.result(plan)


def test_settings_and_stretches_take_the_place_of_the_files(study):
    plan = study.plan({"strategies.vwap-eurusd.config.entry_band": "2.5", "mode": "paper"}, start=5, end=7)
    assert (plan.mode, plan.start, plan.end) == ("backtest", 5, 7)
    assert plan.strategies[0].config.entry_band == 2.5
    assert study.plan().start == 1_483_315_200_000_000_000  # 2017-01-02, as the file says


def test_another_catalog_takes_the_place_of_the_files(tmp_path):
    assert Study.open(QUICKSTART, catalog=tmp_path).plan().catalog == tmp_path.resolve()


def test_a_mistake_in_a_setting_is_found_before_anything_runs(study):
    with pytest.raises(ConfigError, match="entri_band"):
        study.plan({"strategies.vwap-eurusd.config.entri_band": "2.5"})


def test_axes_span_a_grid():
    grid = Study.grid(["strategies.a.config.x=1:3:1", "seed=4,5"])
    assert len(grid) == 6
    assert grid.point(5) == {"strategies.a.config.x": "3", "seed": "5"}


def test_a_row_has_the_figures_the_curve_and_the_trades_of_a_report(january):
    _, row, result = january
    closed = result.positions[result.positions["ts_closed"].notna()]
    assert len(row.trades) == len(closed) > 5
    totals = sum((Decimal(str(text).split()[0]) for text in closed["realized_pnl"]), Decimal(0))
    assert sum((trade.profit for trade in row.trades), Decimal(0)) == totals
    paid = [money for cell in closed["commissions"] for money in cell]
    assert sum((trade.commission for trade in row.trades), Decimal(0)) == sum(
        (Decimal(str(money).split()[0]) for money in paid), Decimal(0)
    )
    assert {(trade.strategy, trade.instrument_id) for trade in row.trades} == {("vwap-eurusd", "EUR/USD.SIM")}
    times = [ts for ts, _ in row.curve["USD"]]
    assert times == [stamp.value for stamp in result.equity.index.as_unit("ns")]
    assert [amount for _, amount in row.curve["USD"]] == result.equity["USD"].tolist()


def test_a_row_has_what_was_asked_for(january):
    _, row, result = january
    submitted = [one for one in row.asked if one.what.startswith("submit_order")]
    assert 0 < len(submitted) <= len(result.orders)
    assert row.reads == []


def test_a_row_keeps_nothing_that_was_not_asked_for(january):
    plan, row, _ = january
    (bare,) = Study.rows([(3, plan)], workers=1)
    assert (bare.number, bare.asked, bare.trades, bare.curve) == (3, [], [], {})
    assert bare.statistics == row.statistics


def test_the_same_row_is_had_in_this_process(january):
    plan, row, _ = january
    here = run_plan(0, plan, ["trades"])
    assert (here.trades, here.statistics, here.equity) == (row.trades, row.statistics, row.equity)


def test_a_machine_with_other_data_refuses(january):
    plan, *_ = january
    row = run_plan(1, plan, hashes={"data/bars/EURUSD.SIM": "0" * 64})
    assert row.failure is not None
    assert row.failure.error == "DataError"
    assert "another one on this machine" in row.failure.message


def test_a_plan_that_cannot_run_is_a_row_with_a_failure(january, tmp_path):
    plan, *_ = january
    row = run_plan(1, replace(plan, catalog=tmp_path / "none"))
    assert isinstance(row, Row)
    assert row.failure is not None
    assert row.failure.error == "DataError"
    assert run_plan(2, replace(plan, end=1)).failure is not None


def test_data_read_and_written_again_gives_the_same_decisions(january, tmp_path):
    plan, row, _ = january
    tapes = Study.tapes(plan)
    copied = Study.on(plan, tapes, tmp_path / "copy")
    (again,) = Study.rows([(0, copied)], workers=1, keep=["asked"], fresh=True)
    assert again.asked == row.asked
    assert tape.read(tmp_path / "copy", "bars", EURUSD) == tapes[0]


def test_settings_that_name_the_catalog_follow_it(january, tmp_path):
    from framework.study import _moved

    plan, *_ = january
    inside = str(plan.catalog / "data" / "notes.csv")
    assert _moved([{"file": inside}, "plain", 3], plan.catalog.resolve(), tmp_path) == [
        {"file": str(tmp_path / "data" / "notes.csv")},
        "plain",
        3,
    ]
    assert _moved("/elsewhere/notes.csv", plan.catalog.resolve(), tmp_path) == "/elsewhere/notes.csv"


def test_a_failing_run_keeps_what_was_asked_until_then(study, tmp_path):
    plan = study.plan(MONTH)
    tapes = Study.tapes(plan)
    tiny = tuple(replace(held, rows=held.rows[:3]) for held in tapes)
    (row,) = Study.rows([(0, Study.on(plan, tiny, tmp_path / "tiny"))], workers=1, keep=["asked"])
    assert row.failure is None
    assert before(row.asked, 2**62) == []


# tapes of quotes and trades, and of prices between two increments


@pytest.mark.parametrize("kind", ["quotes", "trades"])
def test_ticks_come_back_as_they_were(tmp_path, kind):
    from framework.testkit import simulate

    market = simulate(tmp_path / "market", ["EURUSD"], kind=kind, step="30-SECOND", length=50)
    name = market.tapes[0].name
    read = tape.read(market.catalog, kind, name)
    assert [row[:3] for row in read.rows] == [row[:3] for row in market.tapes[0].rows]
    tape.write(tmp_path / "again", [read])
    assert tape.read(tmp_path / "again", kind, name) == read


def test_prices_between_two_increments_are_counted_in_digits(tmp_path):
    from framework.testkit import simulate

    market = simulate(tmp_path / "market", ["ES"], length=5)
    held = market.tapes[0]
    fine = replace(held, digits=True, rows=tuple(row._replace(prices=(500_001,) * 4) for row in held.rows))
    tape.write(tmp_path / "fine", [fine])
    read = tape.read(tmp_path / "fine", "bars", held.name)
    assert read.digits
    assert read.rows[0].prices == (500_001,) * 4


def test_a_stream_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no instrument XAU/USD"):
        tape.read(SAMPLE, "bars", "XAU/USD.SIM-1-HOUR-LAST-EXTERNAL")
    with pytest.raises(DataError, match="no data in the range"):
        tape.read(SAMPLE, "bars", EURUSD, start=1, end=2)


def test_holes_leave_the_past_alone():
    held = tape.read(SAMPLE, "bars", EURUSD)
    cut = held.rows[3_000].ts
    holed = held.holed_after(cut, 1)
    assert holed.until(cut) == held.until(cut)
    assert 0.45 < len(holed.since(cut + 1).rows) / len(held.since(cut + 1).rows) < 0.55
    assert holed == held.holed_after(cut, 1)


# decisions of the gate, and what lies outside


def test_the_gates_decisions_stand_among_the_strategies_by_time():
    asked = [Asked(1, "submit_order", "{}", False), Asked(3, "submit_order", "{}", False)]
    deny = Decision(ts=2, verdict="deny", rule="cap", reason="too much", scope="a", client_order_id="O-1")
    both = judged(asked, [deny])
    assert [one.what for one in both] == ["submit_order", "gate deny", "submit_order"]
    assert "O-1" not in both[1].details


def test_what_python_code_turns_to_is_noted_once_and_the_systems_own_is_not(tmp_path):
    catalog, other = tmp_path / "catalog", tmp_path / "other"
    for folder in (catalog, other):
        folder.mkdir()
        (folder / "notes.csv").write_text("1", encoding="utf-8")
    outside = Outside(catalog)
    (other / "before.csv").write_text("1", encoding="utf-8")
    with outside.watching():
        for _ in range(2):
            (other / "notes.csv").read_text(encoding="utf-8")
        (catalog / "notes.csv").read_text(encoding="utf-8")
        Path(__file__).read_text(encoding="utf-8")  # code
        sqlite3.connect(other / "notes.db").close()
        subprocess.run([sys.executable, "-c", ""], check=True)
        with socket.socket() as plug, pytest.raises(OSError, match="refused"):
            plug.connect(("127.0.0.1", 9))
    (other / "after.csv").write_text("1", encoding="utf-8")
    assert outside.seen == [
        str(other / "notes.csv"),
        str(other / "notes.db"),
        f"program {sys.executable}",
        "host ('127.0.0.1', 9)",
    ]
