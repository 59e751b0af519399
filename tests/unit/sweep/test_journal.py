"""The journal: what was kept before is there after, and never mistaken for something else."""

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from framework.errors import ConfigError, DataError
from framework.sweep.journal import Journal, Subject, fingerprint
from framework.sweep.row import Failure, Row

SUBJECT = Subject(node="n", axes=["a=1,2,3"], numbers=3, fingerprint="f")
ROW = Row(number=1, equity={"USD": Decimal("1000028.65")}, statistics={"returns": {"x": 0.1, "y": None}})


def kept(path, *rows, data=None, subject=SUBJECT):
    journal = Journal(path, subject, resume=False)
    if data:
        journal.check(data)
    for row in rows:
        journal.add(row)
    journal.close()
    return path


@pytest.fixture
def journal(path):
    """Opens the journal, and closes it at the end."""
    with contextlib.ExitStack() as stack:

        def begin(subject=SUBJECT, *, resume=True):
            held = Journal(path, subject, resume=resume)
            stack.callback(held.close)
            return held

        yield begin


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "rows.journal.jsonl"


def test_rows_come_back_as_they_were(path, journal):
    kept(path, ROW)

    assert journal().rows == {1: ROW}


def test_rows_that_failed_are_run_again(path, journal):
    kept(path, ROW, Row(number=2, failure=Failure(error="RunError", message="m")))

    assert list(journal().rows) == [1]


def test_resuming_what_never_began_begins(path, journal):
    assert journal().rows == {}


def test_an_unfinished_sweep_is_not_overwritten(path, journal):
    kept(path, ROW)
    held = path.read_bytes()

    with pytest.raises(ConfigError, match="unfinished sweep of 3 points is here, 1 of them done") as caught:
        journal(resume=False)

    assert "--resume" in caught.value.remedy
    assert path.read_bytes() == held


def test_a_finished_sweep_is_begun_again(path, journal):
    kept(path, *(Row(number=number) for number in range(3)))

    assert journal(resume=False).rows == {}
    assert len(path.read_bytes().splitlines()) == 1


def test_the_journal_of_another_sweep_is_refused(path, journal):
    kept(path, ROW)
    other = Subject(node="n", axes=["a=1,2,3"], numbers=3, fingerprint="g")

    with pytest.raises(ConfigError, match="another sweep"):
        journal(other)


def test_a_line_cut_short_is_dropped_and_written_over(path, journal):
    kept(path, ROW)
    with path.open("ab") as file:
        file.write(b'{"row":{"number":2,"stati')

    held = journal()
    held.add(Row(number=2))
    held.close()

    assert sorted(journal().rows) == [1, 2]


@pytest.mark.parametrize(
    "damage", [b"x\n", b"\n", b"{}\n{}\n", b'{"row":{"number":"x"}}\n', b"\xff\n", b"[]\n"]
)
def test_what_is_no_journal_is_refused_with_its_line(path, damage, journal):
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)

    with pytest.raises(DataError, match=r"journal") as caught:
        journal()

    assert caught.value.where == f"{path}:1"
    assert path.read_bytes() == damage


def test_damage_in_the_middle_is_refused_with_its_line(path, journal):
    kept(path, ROW, Row(number=2))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"#" + lines[1] + lines[2])

    with pytest.raises(DataError) as caught:
        journal()

    assert caught.value.where == f"{path}:2"


def test_rows_from_other_data_are_not_gone_on_with(path, journal):
    kept(path, ROW, data={"bars": "aa"})
    held = journal()
    held.check({"bars": "aa", "more": "bb"})

    with pytest.raises(DataError, match="data has changed") as caught:
        held.check({"bars": "ab"})

    assert caught.value.where == "bars"


def test_two_sweeps_do_not_write_one_journal(path, journal):
    first = journal()

    with pytest.raises(ConfigError, match="another sweep is writing"):
        journal()

    first.close()
    journal().close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be written"):
        Journal(tmp_path / "file" / "rows.journal.jsonl", SUBJECT, resume=False)


def test_a_device_or_folder_is_no_journal(tmp_path):
    for path in (Path("/dev/full"), tmp_path):
        with pytest.raises(ConfigError, match="no file"):
            Journal(path, SUBJECT, resume=True)


def test_a_full_disk_says_how_to_go_on(path, journal):
    held = journal()
    held._file.close()
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the journal closes it
    held._file = full

    with pytest.raises(DataError, match="No space left") as caught:
        held.add(ROW)

    assert "--resume" in caught.value.remedy


def test_a_fingerprint_does_not_depend_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
