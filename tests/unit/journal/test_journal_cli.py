"""`framework journal` as a person and a script use it."""

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from framework.cli import main
from framework.journal import Journal, read, verify
from framework.journal.archives import archive_path
from framework.journal.state import load


@pytest.fixture
def run(capfd):
    def command(*arguments):
        code = 0
        try:
            main(["journal", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code or 0
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return command


def test_an_intact_journal(run, written):
    assert run("verify", written) == (0, f"{written}: 7 rows, as they were written\n", "")
    code, out, _ = run("verify", written, "--json")
    assert code == 0
    verdict = json.loads(out)
    assert (verdict["ok"], verdict["rows"], verdict["findings"]) == (True, 7, [])


def test_a_damaged_journal_ends_with_the_documented_code(run, written, tamper):
    tamper(written, "DELETE FROM rows WHERE seq = 4")
    code, out, err = run("verify", written)
    assert code == 7
    assert "row 5: 1 rows before it are missing" in out
    assert "intact up to row 3" in err
    assert "--repair" in err
    code, out, _ = run("verify", written, "--json")
    assert code == 7
    assert json.loads(out)["intact"]["count"] == 3


def test_repair_writes_a_copy(run, written, tamper, tmp_path):
    tamper(written, "DELETE FROM rows WHERE seq = 4")
    copy = tmp_path / "copy.db"
    code, out, _ = run("verify", written, "--repair", copy)
    assert code == 0
    assert f"{copy}: 3 rows kept, 3 rows after them cut" in out
    assert run("verify", copy)[0] == 0
    assert run("verify", written)[0] == 7
    code, _, err = run("verify", written, "--repair", copy)
    assert code == 6
    assert "something already" in err


@pytest.mark.parametrize("arguments", [["verify"], ["show"], ["archive", "--keep-days", "1"]])
def test_a_journal_that_is_not_there(run, tmp_path, arguments):
    code, out, err = run(arguments[0], tmp_path / "none.db", *arguments[1:])
    assert (code, out) == (6, "")
    assert "there is no journal" in err
    assert list(tmp_path.iterdir()) == []


def test_show_prints_a_line_a_row(run, written):
    code, out, _ = run("show", written, "--last", "2")
    assert code == 0
    assert out.splitlines() == [
        '       6 2025-11-23 07:00:00.000 intent          vwap O-5 {"action":"cancel"}',
        "       7 2025-11-23 07:00:00.000 session_ended    {}",
    ]


def test_show_chooses_rows(run, written):
    def shown(*options):
        return [json.loads(line)["seq"] for line in run("show", written, "--json", *options)[1].splitlines()]

    assert shown() == [1, 2, 3, 4, 5, 6, 7]
    assert shown("--order", "O-3") == [4]
    assert shown("--strategy", "vwap") == [2, 3, 4, 5, 6]
    assert shown("--kind", "session_started", "--kind", "session_ended") == [1, 7]
    assert shown("--since", "2025-11-23") == [6, 7]
    assert shown("--since", "2025-11-22T22:00+02:00") == [5, 6, 7]
    assert shown("--since", "1s") == []
    assert shown("--since", "9" * 30 + "d") == [1, 2, 3, 4, 5, 6, 7]
    assert shown("--since", "9999-12-31") == []


@pytest.mark.parametrize("since", ["yesterday", "", "5x", "2025-13-01", "²d", "-1d"])
def test_a_time_that_is_none(run, written, since):
    code, out, err = run("show", written, "--since", since)
    assert (code, out) == (2, "")
    assert "is no time" in err


def test_a_kind_that_is_none(run, written):
    code, _, err = run("show", written, "--kind", "orders")
    assert code == 2
    assert "Kinds are session_started, " in err


def test_what_a_row_says_cannot_drive_the_terminal(run, path):
    with Journal.open(path, session="s") as journal:
        journal.append("alert", {"message": "\x1b[2Jgone\nsecond"}, strategy="vwap")
    _, out, _ = run("show", path)
    assert "\x1b" not in out
    assert len(out.splitlines()) == 1


def test_a_follower_prints_rows_as_they_come_and_ends_with_ctrl_c(path):
    with Journal.open(path, session="s") as journal:
        journal.append("intent", {})
        command = "from framework.cli import main; main()"
        follower = subprocess.Popen(
            [sys.executable, "-c", command, "journal", "show", path, "-f", "--json"],
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        journal.append("event", {"n": 2})
        assert [json.loads(follower.stdout.readline())["seq"] for _ in range(2)] == [1, 2]
        journal.append("event", {"n": 3})
        assert json.loads(follower.stdout.readline())["body"] == {"n": 3}
        try:
            for _ in range(5):  # one that arrives inside SQLite may be lost
                follower.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    follower.wait(timeout=10)
                    break
        finally:
            follower.kill()
        _, err = follower.communicate(timeout=10)
    assert follower.returncode == 130
    assert err == "interrupted\n"


def test_an_export_in_json_lines_can_be_verified_again(run, written, tmp_path):
    out = tmp_path / "out.jsonl"
    assert run("export", written, out)[:2] == (0, f"{out}: 7 rows\n")
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[1]["body"] == {"action": "cancel"}
    code, text, _ = run("verify", out)
    assert code == 0
    assert "cut off its end cannot be noticed" in text
    lines[2]["body"]["action"] = "submit"
    out.write_text("\n".join(map(json.dumps, lines)))
    assert run("verify", out)[0] == 7
    out.write_text("{}\n")
    code, _, err = run("verify", out)
    assert code == 6
    assert f"{out}:1" in err


def test_an_export_in_parquet(run, written, tmp_path):
    out = tmp_path / "out.parquet"
    assert run("export", written, out, "--json")[0] == 0
    table = pq.read_table(out)
    assert table.schema.field("ts").type == pa.timestamp("ns", "UTC")
    rows = list(read(written))
    assert table["seq"].to_pylist() == [row.seq for row in rows]
    assert table["hash"].to_pylist() == [row.hash.hex() for row in rows]
    assert [json.loads(body) for body in table["body"].to_pylist()] == [row.fields() for row in rows]
    assert table["ts"].cast(pa.int64()).to_pylist() == [row.ts for row in rows]


def test_an_export_replaces_nothing_unless_told(run, written, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    assert run("export", written, out)[0] == 6
    assert out.read_text() == "mine"
    assert run("export", written, out, "--force")[0] == 0
    assert run("export", written, tmp_path / "out.csv")[0] == 2
    assert run("export", written, tmp_path / "no" / "out.jsonl")[0] == 6
    assert not any(file.name.endswith(".part") for file in tmp_path.iterdir())


@pytest.fixture
def old(path, clock):
    """Ten days of four rows: an order bought on the first of them, and cancellations ever since."""
    with Journal.open(path, session="s1", clock=clock) as journal:
        order = {"instrument_id": "EUR/USD.SIM", "side": "BUY", "quantity": "1000"}
        journal.append("intent", {"action": "submit", "order": order}, strategy="vwap", order_id="O-1")
        fill = {"type": "OrderFilled", "instrument_id": "EUR/USD.SIM", "order_side": "BUY", "trade_id": "T-1"}
        fill |= {"last_qty": "1000", "last_px": "1.10", "ts_event": clock.now, "commission": "0.02 USD"}
        journal.append("event", fill, order_id="O-1")
        for number in range(40):
            clock.now += 6 * 3_600_000_000_000
            journal.append("intent", {"action": "cancel", "n": number}, order_id="O-9")
    return path


def test_old_days_are_archived_and_the_chain_stays_whole(run, old):
    rows = list(read(old))
    first = dt.date(2025, 11, 21)
    days = [(first + dt.timedelta(days=number)).isoformat() for number in range(11)]
    code, out, _ = run("archive", old, "--keep-days", "0", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["days"] == days
    assert not archive_path(old).exists()
    before = load(old)
    assert run("archive", old, "--keep-days", "0")[0] == 0
    assert sorted(file.name for file in archive_path(old).iterdir()) == [f"{day}.jsonl.gz" for day in days]
    assert [row.kind for row in read(old)] == ["checkpoint"]
    assert run("verify", old)[0] == 0
    assert verify(old).rows == len(rows) + 1
    shown = [json.loads(line)["hash"] for line in run("show", old, "--json")[1].splitlines()]
    assert shown[:-1] == [row.hash.hex() for row in rows]
    assert run("archive", old, "--keep-days", "0")[1] == f"{old}: no day to archive\n"
    assert load(old).positions == before.positions == {"vwap": {"EUR/USD.SIM": 1000}}


def test_days_that_are_kept_stay(run, old):
    ago = (dt.datetime.now(dt.UTC).date() - dt.date(2025, 11, 23)).days
    code, out, _ = run("archive", old, "--keep-days", ago, "--json")
    assert json.loads(out)["days"] == ["2025-11-21", "2025-11-22"]
    assert code == 0


def test_a_changed_and_a_missing_archive_are_found(run, old):
    run("archive", old, "--keep-days", "0")
    file = archive_path(old) / "2025-11-23.jsonl.gz"
    content = file.read_bytes()
    file.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    assert run("verify", old)[0] == 7
    assert run("verify", old, "--no-archives")[0] == 0
    file.unlink()
    assert run("verify", old)[0] == 7
    with Journal.open(old, session="s2") as journal:
        journal.append("intent", {})
    code, out, _ = run("verify", old, "--no-archives")
    assert code == 0
    assert re.search(r"remark: row \d+: rows 1 to \d+ are archived: not checked", out)


def test_a_written_archive_whose_day_was_not_removed_is_finished_the_next_time(run, old, tmp_path):
    """As a process killed between the two leaves it."""
    before = {file.name: file.read_bytes() for file in old.parent.glob("journal.db*") if file.is_file()}
    run("archive", old, "--keep-days", "0")
    for name, content in before.items():
        (old.parent / name).write_bytes(content)
    (old.parent / "journal.db-wal").unlink(missing_ok=True)
    assert run("verify", old)[0] == 0
    assert run("archive", old, "--keep-days", "0")[0] == 0
    assert run("verify", old)[0] == 0
    assert next(read(old)).seq == 43


def test_an_archive_that_is_another_day_stops_the_archiving(run, old):
    archive_path(old).mkdir()
    (archive_path(old) / "2025-11-21.jsonl.gz").write_bytes(b"")
    code, _, err = run("archive", old, "--keep-days", "0")
    assert code == 6
    assert "not the day it is named after" in err
    assert next(read(old)).seq == 1


def test_heads_are_checked_with_a_key_from_the_environment(run, path, monkeypatch):
    monkeypatch.setenv("HEADS", "k" * 40)
    with Journal.open(path, session="s", key=b"k" * 40) as journal:
        journal.append("intent", {})
    assert run("verify", path, "--key", "env:HEADS")[0] == 0
    monkeypatch.setenv("HEADS", "x" * 40)
    assert run("verify", path, "--key", "env:HEADS")[0] == 7
    for wrong, message in (("k" * 40, "never written"), ("env:NONE", "not set"), ("env:", "never written")):
        code, out, err = run("verify", path, "--key", wrong)
        assert code == 2
        assert message in err
        assert "k" * 40 not in out + err
    monkeypatch.setenv("HEADS", "short")
    assert "shorter than 32" in run("verify", path, "--key", "env:HEADS")[2]


def test_it_works_from_another_folder_and_in_an_odd_one(run, tmp_path, monkeypatch):
    folder = tmp_path / "a folder ?#%41 ü"
    folder.mkdir()
    with Journal.open(folder / "j.db", session="s") as journal:
        journal.append("intent", {})
    monkeypatch.chdir(folder)
    assert run("verify", "j.db")[0] == 0
    assert run("show", "j.db")[0] == 0


def test_a_folder_is_no_journal(run, tmp_path):
    assert run("verify", tmp_path)[0] == 6
    assert run("show", tmp_path)[0] == 6
