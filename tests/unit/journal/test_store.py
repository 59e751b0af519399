"""Writing: what is there afterwards, who may write, and how it ends when it cannot."""

import json
import subprocess
import sys
import threading

import apsw
import pytest

from framework.errors import JournalError
from framework.journal import KINDS, Journal, follow, read, verify
from framework.journal.heads import heads_path, mark_path, read_days, read_mark
from framework.journal.reading import opened

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


def test_rows_come_back_as_they_were_written(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        row = journal.append("intent", {"price": "1.10"}, strategy="vwap", order_id="O-1")
        clock.now += 5
        journal.append("event", {"type": "OrderAccepted"}, order_id="O-1")
    first, second = read(path)
    assert first == row
    assert (first.seq, first.ts, first.kind, first.session) == (1, clock.now - 5, "intent", "s1")
    assert (first.strategy, first.order_id, first.fields()) == ("vwap", "O-1", {"price": "1.10"})
    assert (second.seq, second.ts, second.strategy) == (2, clock.now, "")


def test_a_journal_goes_on_where_it_ended(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        journal.append("session_started", {})
    with Journal.open(path, session="s2", clock=clock) as journal:
        journal.append("session_started", {})
    assert [(row.seq, row.session) for row in read(path)] == [(1, "s1"), (2, "s2")]
    assert verify(path).errors == ()


def test_the_same_things_written_at_the_same_times_have_the_same_hashes(tmp_path, clock):
    ends = []
    for name in ("a.db", "b.db"):
        with Journal.open(tmp_path / name, session="s", clock=clock) as journal:
            journal.append("event", {"b": 1, "a": 2})
            ends.append(journal.end)
    assert ends[0] == ends[1]


def test_several_rows_are_one_commit(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        rows = journal.append_many([("intent", {}, "vwap", f"O-{number}") for number in range(3)])
        assert [row.order_id for row in rows] == ["O-0", "O-1", "O-2"]
        assert journal.append_many([]) == []
    assert list(read(path)) == rows
    assert verify(path).errors == ()


def test_one_bad_entry_writes_none_of_them_and_the_journal_goes_on(path):
    with Journal.open(path, session="s1") as journal:
        with pytest.raises(ValueError, match="no kind of row"):
            journal.append_many([("intent", {}, "", ""), ("nonsense", {}, "", "")])
        with pytest.raises(ValueError, match="one line of text"):
            journal.append("intent", {}, order_id="O\n1")
        with pytest.raises(ValueError, match="one line of text"):
            journal.append("intent", {}, strategy="\ud800")
        journal.append("intent", {})
    assert len(list(read(path))) == 1


def test_every_kind_can_be_written(path):
    with Journal.open(path, session="s1") as journal:
        for kind in KINDS:
            journal.append(kind, {})
    assert tuple(row.kind for row in read(path)) == KINDS


def test_rows_can_be_chosen(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        for number in range(4):
            clock.now += 1
            journal.append("intent", {}, strategy="ab"[number % 2], order_id=f"O-{number}")
            journal.append("sent", {}, order_id=f"O-{number}")
    start = clock.now - 4
    assert [row.seq for row in read(path, kinds=["intent"])] == [1, 3, 5, 7]
    assert [row.seq for row in read(path, strategy="b")] == [3, 7]
    assert [row.seq for row in read(path, order_id="O-2")] == [5, 6]
    assert [row.seq for row in read(path, since=start + 3)] == [5, 6, 7, 8]
    assert [row.seq for row in read(path, after=6, kinds=["sent", "intent"])] == [7, 8]
    assert list(read(path, order_id="' OR 1=1 --")) == []


def test_more_rows_than_a_reader_takes_at_once(path):
    with Journal.open(path, session="s1") as journal:
        journal.append_many([("event", {"n": number}, "", "") for number in range(4_001)])
    assert [row.seq for row in read(path)] == list(range(1, 4_002))


def test_another_process_reads_while_it_is_written(path):
    with Journal.open(path, session="s1") as journal:
        journal.append("intent", {"n": 1})
        script = "import sys; from pathlib import Path; from framework.journal import read, verify\n"
        script += "p = Path(sys.argv[1]); print(len(list(read(p))), len(verify(p).errors))"
        for rows in (1, 2):
            done = subprocess.run(
                [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
            )
            assert done.stdout.split() == [str(rows), "0"]
            journal.append("event", {"n": 2})


def test_a_follower_gets_rows_as_they_are_written(path):
    with Journal.open(path, session="s1") as journal:
        journal.append("intent", {})
        rows = follow(path, pause=0.01)
        assert next(rows).seq == 1
        timer = threading.Timer(0.05, journal.append, ("event", {}))
        timer.start()
        assert next(rows).seq == 2
        timer.join()


def test_one_process_writes(path):
    with Journal.open(path, session="s1"):
        script = "import sys; from pathlib import Path; from framework.journal import Journal\n"
        script += "Journal.open(Path(sys.argv[1]), session='s2')"
        done = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "another process writes this journal" in done.stderr
        with pytest.raises(JournalError, match="another process"):
            Journal.open(path, session="s2")
    Journal.open(path, session="s3").close()


def test_threads_may_write_at_once(path):
    with Journal.open(path, session="s1") as journal:
        threads = [
            threading.Thread(target=lambda: [journal.append("event", {}) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [row.seq for row in read(path)] == list(range(1, 201))
    assert verify(path).errors == ()


def test_a_closed_journal_takes_nothing(path):
    journal = Journal.open(path, session="s1")
    journal.append("intent", {})
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append("intent", {})
    with pytest.raises(JournalError, match="closed"):
        journal.flush()


def test_what_cannot_be_written_ends_the_journal(path):
    """A foreign writer holds the file: no row can be written, and none is later, even when it could be."""
    journal = Journal.open(path, session="s1")
    journal.append("intent", {"n": 1})
    foreign = apsw.Connection(str(path))
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="can no longer be written: BusyError") as caught:
        journal.append("intent", {"n": 2})
    assert caught.value.exit_code == 6
    assert "No new order leaves" in caught.value.remedy
    foreign.execute("ROLLBACK")
    foreign.close()
    for attempt in (
        lambda: journal.append("operator", {}),
        lambda: journal.append("event", {}, durable=False),
        lambda: journal.append_many([("intent", {}, "", "")]),
        journal.flush,
    ):
        with pytest.raises(JournalError, match="can no longer be written"):
            attempt()
    assert journal.failure is not None
    journal.close()
    assert [row.fields() for row in read(path)] == [{"n": 1}]
    with Journal.open(path, session="s2") as again:
        again.append("intent", {"n": 2})
    assert verify(path).errors == ()


def test_a_second_writer_without_the_lock_ends_the_journal_too(path):
    journal = Journal.open(path, session="s1")
    journal.append("intent", {})
    foreign = apsw.Connection(str(path))
    foreign.execute("INSERT INTO rows SELECT 2, ts, kind, session, strategy, order_id, body, hash FROM rows")
    foreign.close()
    with pytest.raises(JournalError, match="ConstraintError"):
        journal.append("intent", {})
    journal.close()


def test_the_mark_says_what_is_on_the_disk(path):
    with Journal.open(path, session="s1") as journal:
        journal.append("intent", {})
        journal.append("event", {})
        journal.append("sent", {})
        mark = read_mark(path)
        assert (mark.written.count, mark.synced.count) == (3, 1)
        journal.append("intent", {})
        mark = read_mark(path)
        assert (mark.written.count, mark.synced.count) == (4, 4)
        journal.append("event", {})
        journal.flush()
        assert read_mark(path).synced.count == 5
        journal.append("event", {}, durable=True)
        assert read_mark(path).synced.count == 6
        journal.append("intent", {}, durable=False)
        assert read_mark(path).synced.count == 6
    assert read_mark(path).synced.count == 7


def test_each_day_that_is_over_has_a_head(written):
    """Rows at 0, 11, 22, 33, 44, 55 hours and one more at 55: two days are over."""
    heads = read_days(written)
    assert [(head.day, head.end.count, head.signed) for head in heads] == [
        ("2025-11-21", 3, False),
        ("2025-11-22", 5, False),
    ]
    hashes = {row.seq: row.hash for row in read(written)}
    assert [head.end.hash for head in heads] == [hashes[3], hashes[5]]


def test_a_day_that_ended_while_nothing_ran_gets_its_head_at_the_next_start(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        journal.append("intent", {})
    assert read_days(path) == []
    clock.now += 3 * DAY
    Journal.open(path, session="s2", clock=clock).close()
    assert [head.day for head in read_days(path)] == ["2025-11-21"]
    assert verify(path).errors == ()


def test_a_clock_set_back_over_midnight_does_no_harm(path, clock):
    with Journal.open(path, session="s1", clock=clock) as journal:
        for hours in (20, 26, 22, 27, 50):
            clock.now = 1_763_683_200_000_000_000 + hours * HOUR
            journal.append("intent", {})
    clock.now -= 40 * HOUR
    with Journal.open(path, session="s2", clock=clock) as journal:
        journal.append("intent", {})
        clock.now += 80 * HOUR
        journal.append("intent", {})
    assert verify(path).errors == ()
    assert [head.day for head in read_days(path)] == ["2025-11-21", "2025-11-22", "2025-11-23"]


def test_secrets_are_masked_before_they_are_written(path):
    with Journal.open(path, session="s1", mask=lambda text: text.replace("hunter2", "***")) as journal:
        journal.append("alert", {"message": "login with hunter2 failed"})
        assert b"hunter2" not in b"".join(file.read_bytes() for file in path.parent.glob("journal.db*"))
    assert next(read(path)).fields() == {"message": "login with *** failed"}


@pytest.mark.parametrize("content", [b"", b"no database, but long enough to be looked at" * 100, b"SQLite"])
def test_a_file_that_is_no_journal_is_refused(path, content):
    path.write_bytes(content)
    if content:
        with pytest.raises(JournalError, match="cannot be opened|damaged"):
            Journal.open(path, session="s1")
        assert path.read_bytes() == content
    with pytest.raises(JournalError, match="cannot be read" if content else "there is no journal: the file"):
        list(read(path))


def test_a_file_of_another_version_is_refused(written, tamper):
    tamper(written, "UPDATE meta SET value = '2' WHERE name = 'format'")
    with pytest.raises(JournalError, match="its format is '2'"):
        list(read(written))
    with pytest.raises(JournalError, match="its format is '2'"):
        Journal.open(written, session="s2")


def test_a_missing_journal_is_not_made_by_looking_for_it(path):
    with pytest.raises(JournalError, match="there is no journal"):
        list(read(path))
    with pytest.raises(JournalError, match="there is no journal"):
        verify(path)
    assert list(path.parent.iterdir()) == []


def test_a_reader_cannot_write(written):
    with opened(written) as connection, pytest.raises(apsw.ReadOnlyError):
        connection.execute("DELETE FROM rows")


def test_a_journal_that_vanished_is_not_begun_again(written):
    written.unlink()
    with pytest.raises(JournalError, match="it is gone, and there were 7 rows"):
        Journal.open(written, session="s2")


def test_a_journal_emptied_by_somebody_is_not_begun_again(written):
    written.write_bytes(b"")
    with pytest.raises(JournalError, match="it holds nothing, and there were 7 rows"):
        Journal.open(written, session="s2")


@pytest.mark.parametrize("arguments", [{"session": "a\nb"}, {"session": "s", "synchronous": "fast"}])
def test_wrong_arguments_are_refused(path, arguments):
    with pytest.raises(ValueError, match=r"session|synchronous"):
        Journal.open(path, **arguments)
    assert not mark_path(path).exists()
    assert not heads_path(path).exists()


def test_the_mark_is_json_for_other_programs(written):
    mark = json.loads(mark_path(written).read_text())
    assert (mark["count"], mark["synced_count"]) == (7, 7)
