"""Delimited text is read as Python's csv module reads it, whichever way it goes. Expected values: csv."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from framework import DataError
from framework.catalog import delimited
from framework.catalog.delimited import in_chunks, read

TEXT = "time,close\n" + "".join(f"{n},1.{n}\n" for n in range(500))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("delimited") / "f.csv"


def rows_of(tables):
    rows = []
    for table in tables:
        *fields, lines = (column.to_pylist() for column in table.columns)
        rows += zip(lines, zip(*fields, strict=True), strict=True)
    return rows


def by_csv(content, delimiter):
    """Rows with their lines, or why not; blank lines left out, every row as wide as the first."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    rows = []
    try:
        for row in reader:
            if row and rows and len(row) != len(rows[0][1]):
                return rows, reader.line_num
            if row:
                rows.append((reader.line_num, tuple(row)))
    except csv.Error:
        return rows, reader.line_num
    return rows, None


@pytest.fixture
def row_by_row(monkeypatch):
    """Lines at which the slow way began."""
    began, whole = [], delimited._row_by_row

    def noted(path, stream, delimiter, number=0, width=None):
        began.append(number)
        return whole(path, stream, delimiter, number, width)

    monkeypatch.setattr(delimited, "_row_by_row", noted)
    return began


LINES = st.lists(
    st.sampled_from(
        [
            "1,2", "a,b", " 1 , 2 ", ",", "", " ", '"a","b"', '"a\nb",c', '"a""b",c', 'a"b,c', '"a,b',
            "1,2,3", "é,ü", "\0,1", "\t,;", "x" * 200 + ",1", "\ufeff1,2", "-,+", "1;2", "'a','b'", "a\\,b",
            "NA,null", '""a,b',
        ]
    ),
    max_size=12,
)  # fmt: skip
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@given(LINES, ENDS, st.booleans(), st.sampled_from([",", ";", "\t"]), st.integers(1, 40))
@example(["1,2", "3,4", "", "5,6"], "\n", True, ",", 8)
@example(["1,2", "3,4", "", "5,6"], "\r\n", False, ",", 5)
@example(["\ufeff1,2", "3,4"], "\n", False, ",", 64)
@example(['"a","b"', "1,2", '"3","4"'], "\n", True, ",", 16)
def test_it_reads_what_csv_reads(file, lines, end, ends_with_one, delimiter, block):
    content = end.join(lines).encode() + (end.encode() if ends_with_one else b"")
    file.write_bytes(content or b"\n")
    wanted, wrong = by_csv(content, delimiter)
    whole, delimited.BLOCK = delimited.BLOCK, block
    tables = read(file, delimiter)
    got = []
    try:
        if wrong is None:
            got = list(tables)
            assert rows_of(got) == wanted
        else:
            with pytest.raises(DataError) as refused:
                got.extend(tables)
            assert refused.value.where == f"{file}:{wrong}"
            assert rows_of(got) == wanted[: len(rows_of(got))]
    finally:
        delimited.BLOCK = whole
    assert [table.num_rows for table in got[:1]] in ([], [1])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [1, 7, 64, 1_000, 1 << 20])
@pytest.mark.parametrize("last", [True, False])
def test_ordinary_text_is_never_read_row_by_row(file, monkeypatch, row_by_row, end, block, last):
    monkeypatch.setattr(delimited, "BLOCK", block)
    content = TEXT.replace("\n", end) if last else TEXT.replace("\n", end).removesuffix(end)
    file.write_bytes(content.encode())
    assert rows_of(read(file)) == by_csv(content.encode(), ",")[0]
    assert row_by_row == []


def test_a_header_in_quotes_is_ordinary(file, row_by_row):
    file.write_text('"time","close"\n' + TEXT.partition("\n")[2])
    assert rows_of(read(file)) == by_csv(TEXT.encode(), ",")[0]
    assert row_by_row == []


def test_text_in_other_alphabets_is_ordinary(file, row_by_row):
    file.write_text(TEXT + "ночь,昼\n", encoding="utf-8")
    assert rows_of(read(file))[-1] == (502, ("ночь", "昼"))
    assert row_by_row == []


@pytest.mark.parametrize(
    ("row", "read_as"),
    [
        ('"1","2"\n', ("1", "2")),
        ('"1\n1","2"\n', ("1\n1", "2")),
        ("\n1,2\n", ("1", "2")),
        ("1" * 100_001 + ",2\n", ("1" * 100_001, "2")),
        ("1,2\r3,4\n", ("1", "2")),
    ],
)
def test_what_is_not_is_read_from_its_block_on(file, monkeypatch, row_by_row, row, read_as):
    monkeypatch.setattr(delimited, "BLOCK", 400)
    file.write_bytes((TEXT + row + TEXT.partition("\n")[2]).encode())
    found = rows_of(read(file))
    assert found == by_csv(file.read_bytes(), ",")[0]
    assert found[501][1] == read_as
    assert len(row_by_row) == 1
    assert 400 < row_by_row[0] <= 501


def test_a_delimiter_of_several_bytes_is_left_to_csv(file, row_by_row):
    file.write_text("1é2\n3é4\n", encoding="utf-8")
    assert rows_of(read(file, "é")) == [(1, ("1", "2")), (2, ("3", "4"))]
    assert row_by_row == [0]


def test_bytes_that_are_no_text_are_named_by_their_line(file):
    file.write_bytes(TEXT.encode() * 20 + b"1,\xff\n" + TEXT.encode() * 20)
    with pytest.raises(DataError, match="not UTF-8") as refused:
        list(read(file))
    line = int(refused.value.where.rpartition(":")[2])
    assert 20 * 501 + 1 - 2_000 < line <= 20 * 501 + 1  # decoded some thousand characters at a time


def test_a_bomb_is_stopped(tmp_path):
    file = tmp_path / "f.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 20_000_000))
    with pytest.raises(DataError, match="more than 200 times"):
        for _ in read(file):
            pass


def test_chunks_are_of_one_size_but_the_last(file):
    file.write_text(TEXT)
    parts = list(in_chunks(read(file), 100))
    assert [part.num_rows for part in parts] == [100] * 5 + [1]
    assert rows_of(parts) == rows_of(read(file))
    assert list(in_chunks([], 100)) == []
