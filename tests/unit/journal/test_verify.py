"""Whatever is done to a journal behind the writer's back is found; what is intact can be saved."""
# ruff: noqa: S608 - the numbers put into the statements are the tests' own

import itertools
import json
import random
import shutil

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.errors import JournalError
from framework.journal import Journal, read, verify
from framework.journal.heads import heads_path, mark_path
from framework.journal.repair import repair

KEY = b"k" * 32
COLUMNS = {
    "seq": "seq + 100",
    "ts": "ts + 1",
    "kind": "'sent'",
    "session": "'s2'",
    "strategy": "'trend'",
    "order_id": "'O-9'",
    "body": '\'{"action":"submit"}\'',
    "hash": "randomblob(32)",
}


def checks(path, **options):
    return {finding.check for finding in verify(path, **options).errors}


def test_an_untouched_journal_is_what_was_written(written):
    verdict = verify(written)
    assert verdict.findings == ()
    assert (verdict.rows, verdict.intact.count) == (7, 7)
    assert verdict.intact.hash == list(read(written))[-1].hash


@pytest.mark.parametrize("row", range(1, 8))
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_of_any_row_is_found(written, tamper, row, column):
    tamper(written, f"UPDATE rows SET {column} = {COLUMNS[column]} WHERE seq = {row}")
    verdict = verify(written)
    assert verdict.errors
    assert verdict.intact.count == row - 1


@pytest.mark.parametrize("row", range(1, 8))
def test_a_deleted_row_is_found_and_so_is_the_last(written, tamper, row):
    tamper(written, f"DELETE FROM rows WHERE seq = {row}")
    assert verify(written).errors


@pytest.mark.parametrize("row", range(1, 8))
def test_a_deleted_row_is_found_when_the_rest_moves_up(written, tamper, row):
    tamper(
        written,
        f"DELETE FROM rows WHERE seq = {row}",
        f"UPDATE rows SET seq = -(seq - 1) WHERE seq > {row}",
        "UPDATE rows SET seq = -seq WHERE seq < 0",
    )
    assert verify(written).errors


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(1, 8), 2)))
def test_two_rows_in_each_others_place_are_found(written, tamper, one, other):
    tamper(
        written,
        f"UPDATE rows SET seq = -1 WHERE seq = {one}",
        f"UPDATE rows SET seq = {one} WHERE seq = {other}",
        f"UPDATE rows SET seq = {other} WHERE seq = -1",
    )
    assert verify(written).intact.count == one - 1


@pytest.mark.parametrize("row", range(1, 8))
def test_a_row_that_was_put_in_is_found(written, tamper, row):
    tamper(
        written,
        f"UPDATE rows SET seq = -(seq + 1) WHERE seq >= {row}",
        "UPDATE rows SET seq = -seq WHERE seq < 0",
        f"INSERT INTO rows SELECT {row}, ts, kind, session, strategy, order_id, body, hash FROM rows LIMIT 1",
    )
    assert verify(written).errors


@pytest.mark.parametrize("keep", range(7))
def test_rows_cut_off_the_end_are_found(written, tamper, keep):
    tamper(written, f"DELETE FROM rows WHERE seq > {keep}")
    verdict = verify(written)
    assert any("were on the disk" in finding.message for finding in verdict.errors)
    assert verdict.intact.count == keep
    with pytest.raises(JournalError, match="damaged"):
        Journal.open(written, session="s2")


def test_a_chain_made_anew_is_found_by_the_heads(written, clock, tmp_path):
    """Somebody without the key writes a whole other journal in its place: every hash in it fits."""
    other = tmp_path / "other.db"
    clock.now -= 55 * 3_600_000_000_000
    with Journal.open(other, session="s1", clock=clock) as journal:
        for _ in range(7):
            journal.append("intent", {"action": "submit"})
    shutil.copy(other, written)
    assert checks(written) == {"mark"}


def test_a_forged_journal_with_forged_heads_is_found_with_the_key(tmp_path, clock):
    real, forged = tmp_path / "real.db", tmp_path / "forged" / "real.db"
    for path, key in ((real, KEY), (forged, None)):
        with Journal.open(path, session="s1", clock=clock, key=key) as journal:
            journal.append("intent", {"action": "cancel" if key else "submit"})
    assert verify(real, key=KEY).errors == ()
    assert verify(real).errors == ()
    assert verify(forged).errors == ()
    assert checks(forged, key=KEY) == {"mark"}
    with pytest.raises(JournalError, match="not signed with this key"):
        Journal.open(forged, session="s2", key=KEY)
    assert checks(real, key=b"x" * 32) == {"mark"}


def test_heads_of_days_are_signed_too(path, clock):
    with Journal.open(path, session="s1", clock=clock, key=KEY) as journal:
        journal.append("intent", {})
        clock.now += 90_000_000_000_000
        journal.append("intent", {})
    head = heads_path(path) / "2025-11-21.json"
    assert verify(path, key=KEY).findings == ()
    facts = json.loads(head.read_text())
    head.write_text(json.dumps({**facts, "mac": "0" * 64}))
    assert verify(path).errors == ()
    assert checks(path, key=KEY) == {"day"}
    head.write_text(json.dumps({**facts, "count": 2}))
    assert checks(path) == {"day"}


def test_a_missing_mark_and_a_missing_day_are_found(written):
    mark_path(written).rename(written.parent / "elsewhere")
    assert checks(written) == {"mark"}
    (written.parent / "elsewhere").rename(mark_path(written))
    (heads_path(written) / "2025-11-22.json").unlink()
    assert checks(written) == {"day"}


def test_a_day_under_another_days_name_is_found(written):
    folder = heads_path(written)
    (folder / "2025-11-22.json").write_bytes((folder / "2025-11-21.json").read_bytes())
    assert checks(written) == {"day"}


def rows_of(path):
    try:
        return list(read(path))
    except JournalError:
        return None


@pytest.fixture
def small(tmp_path, clock):
    """A journal, and the same one as a killed process leaves it, its rows in SQLite's log."""
    shut, killed = tmp_path / "shut" / "j.db", tmp_path / "killed" / "j.db"
    with Journal.open(shut, session="s1", clock=clock) as journal:
        for number in range(6):
            journal.append("intent", {"n": number}, order_id=f"O-{number}")
            clock.now += 9 * 3_600_000_000_000
        killed.parent.mkdir()
        for file in shut.parent.glob("j.db*"):
            if file.is_dir():
                shutil.copytree(file, killed.parent / file.name)
            elif not file.name.endswith("shm"):
                shutil.copy(file, killed.parent)
    return [shut, killed]


def every_flip(journal, step, start, tmp_path):
    """One bit changed at every so many bytes of every file; what was found and what was read then."""
    rows = rows_of(journal)
    assert len(rows) == 6
    draw = random.Random(start)
    broken = tmp_path / f"broken-{journal.parent.name}"
    shutil.copytree(journal.parent, broken, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    contents = {file: file.read_bytes() for file in sorted(broken.rglob("*")) if file.is_file()}
    seen = 0
    for file, content in contents.items():
        for spot in range(start, len(content), step):
            changed = bytearray(content)
            changed[spot] ^= 1 << draw.randrange(8)
            file.write_bytes(changed)
            found = verify(broken / journal.name).errors
            if not found and rows_of(broken / journal.name) != rows:
                pytest.fail(
                    f"byte {spot} of {file.name} was changed, other rows are read, and nothing was found"
                )
            seen += bool(found)
            for left in broken.glob("*-shm"):
                left.unlink()
            assert {
                other for other in contents if other != file and other.read_bytes() != contents[other]
            } == set()
        file.write_bytes(content)
    return seen


def test_a_changed_bit_is_found_wherever_it_changes_what_is_read(small, tmp_path):
    assert every_flip(small[0], 61, 7, tmp_path) > 20
    assert every_flip(small[1], 151, 11, tmp_path) > 20


@pytest.mark.slow
@pytest.mark.more
def test_a_bit_of_every_fourth_byte(small, tmp_path):
    for journal in small:
        every_flip(journal, 4, 3, tmp_path)


def test_a_log_cut_anywhere_is_found(small, tmp_path):
    """What a file system that lost writes leaves; every row here was acknowledged as being on the disk."""
    log = small[1].with_name("j.db-wal")
    content = log.read_bytes()
    rows = rows_of(small[1])
    for length in range(0, len(content), 997):
        log.write_bytes(content[:length])
        small[1].with_name("j.db-shm").unlink(missing_ok=True)
        verdict = verify(small[1])
        assert verdict.errors or rows_of(small[1]) == rows


def test_events_lost_with_the_power_are_reported_and_the_journal_goes_on(path, clock, tmp_path):
    """Two events follow the last intent; the log is cut before, between and inside them."""
    with Journal.open(path, session="s1", clock=clock) as journal:
        journal.append("intent", {"n": 1})
        log = path.with_name("journal.db-wal")
        synced = log.stat().st_size
        journal.append("event", {"n": 2})
        middle = log.stat().st_size
        journal.append("event", {"n": 3})
        whole = log.read_bytes()
        database, mark = path.read_bytes(), mark_path(path).read_bytes()
    assert synced < middle < len(whole)
    for length, lost in ((synced, 2), (synced + 100, 2), (middle, 1), (middle + 2_000, 1), (len(whole), 0)):
        after = tmp_path / str(length) / "journal.db"
        after.parent.mkdir()
        after.write_bytes(database)
        mark_path(after).write_bytes(mark)
        after.with_name("journal.db-wal").write_bytes(whole[:length])
        assert checks(after) == ({"tail"} if lost else set())
        Journal.open(after, session="s2", clock=clock).close()
        assert verify(after).errors == ()
        rows = list(read(after))
        assert [row.kind for row in rows] == ["intent"] + ["event"] * (2 - lost) + ["recovery"] * bool(lost)
        if lost:
            assert rows[-1].fields()["lost"] == lost
            assert rows[-1].fields()["first_lost"] == 4 - lost


def test_an_intent_lost_with_the_power_is_refused(path, clock):
    """The disk lied: it said the log was on it."""
    with Journal.open(path, session="s1", clock=clock) as journal:
        journal.append("intent", {"n": 1})
        log = path.with_name("journal.db-wal")
        short = log.stat().st_size
        journal.append("intent", {"n": 2})
        kept = [(file, file.read_bytes()) for file in (path, mark_path(path), log)]
    for file, content in kept:
        file.write_bytes(content[:short] if file == log else content)
    with pytest.raises(JournalError, match="the last 1 rows are missing, and they were on the disk"):
        Journal.open(path, session="s2")


@pytest.mark.parametrize("row", [1, 2, 4, 7])
def test_what_is_intact_is_saved_into_a_copy_and_the_rest_beside_it(written, tamper, tmp_path, row):
    tamper(
        written,
        f"UPDATE rows SET body = 'no json' WHERE seq = {row}",
        f"DELETE FROM rows WHERE seq = {row + 1}",
    )
    before = {file: file.read_bytes() for file in written.parent.glob("journal.db*") if file.is_file()}
    copy = tmp_path / "copy" / "journal.db"
    copy.parent.mkdir()
    report = repair(written, copy)
    assert report.kept == row - 1
    assert verify(copy).errors == ()
    rows = list(read(copy))
    assert rows[: row - 1] == list(itertools.islice(read(written), row - 1))
    assert rows[row - 1].kind == "recovery"
    assert rows[row - 1].fields()["findings"] == list(report.findings)
    cut = copy.with_name("journal.db.cut.jsonl")
    cut = cut.read_text().splitlines() if row < 6 else []
    assert report.cut == len(cut)
    assert [json.loads(line)["seq"] for line in cut] == list(range(row + 2, 8))
    after = {file: file.read_bytes() for file in before}
    assert {f.name for f in before if before[f] != after[f]} <= {"journal.db-shm"}


def test_a_journal_without_signatures_gets_them_in_a_copy(written, tmp_path):
    copy = tmp_path / "copy.db"
    report = repair(written, copy, key=KEY)
    assert (report.kept, report.cut) == (7, 0)
    assert verify(copy, key=KEY).errors == ()
    with Journal.open(copy, session="s2", key=KEY) as journal:
        journal.append("intent", {})


def test_a_copy_replaces_nothing(written, tmp_path):
    taken = tmp_path / "copy.db"
    taken.write_text("mine")
    with pytest.raises(JournalError, match="something already"):
        repair(written, taken)
    with pytest.raises(JournalError, match="something already"):
        repair(written, written)
    assert taken.read_text() == "mine"


def test_a_file_whose_beginning_is_gone_cannot_be_saved(written, tmp_path):
    content = written.read_bytes()
    written.write_bytes(b"\x00" * 4096 + content[4096:])
    assert checks(written) == {"file"}
    with pytest.raises(JournalError, match="cannot be read"):
        repair(written, tmp_path / "copy.db")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(min_size=1, max_size=600), spot=st.integers(0, 20_000), extend=st.booleans())
def test_junk_written_anywhere_never_goes_unseen_or_ends_in_a_bug(
    small, tmp_path_factory, junk, spot, extend
):
    journal = small[0]
    rows = rows_of(journal)
    broken = tmp_path_factory.mktemp("junk") / "j"
    shutil.copytree(journal.parent, broken)
    file = broken / journal.name
    content = bytearray(file.read_bytes())
    spot %= len(content)
    content[spot : spot if extend else spot + len(junk)] = junk
    file.write_bytes(content)
    assert verify(file).errors or rows_of(file) == rows


def test_sqlite_used_here_does_not_have_the_wal_reset_defect():
    """Fixed in 3.51.3; before, two connections could lose what was committed."""
    assert tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) >= (3, 51, 3)
