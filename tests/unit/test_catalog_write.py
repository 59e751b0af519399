"""Importing twice, overlapping, merging, and being killed at every step."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys

import pytest
from nautilus_trader.persistence import ParquetDataCatalog

from framework import DataError
from framework.catalog.builtin import register_importers
from framework.catalog.commit import writing
from framework.catalog.instruments import find_instrument
from framework.catalog.manifest import read_manifest, verify_hashes
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file

CSV_IMPORTER = next(spec for spec in register_importers() if spec.name == "csv")
HEADER = "time,open,high,low,close,volume\n"


def hours(first, last, price=1.1):
    rows = (
        f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{price},{price},{price},{price},{n}"
        for n in range(first, last)
    )
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def catalog(tmp_path):
    return tmp_path / "catalog"


@pytest.fixture
def load(tmp_path, catalog):
    def run(text, name="f.csv", *, merge=False, dry_run=False, settings=None, **changes):
        (tmp_path / name).write_text(text)
        stated = {
            "instrument": find_instrument("EURUSD"),
            "bars": "1-HOUR-LAST",
            "stamp": "open",
            "timezone": "UTC",
        }
        settings = settings or ImportSettings(**(stated | changes))
        return import_file(catalog, CSV_IMPORTER, settings, tmp_path / name, merge=merge, dry_run=dry_run)

    return run


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def volumes(catalog):
    return [int(bar.volume) for bar in ParquetDataCatalog(str(catalog)).query_bars()]


def test_the_manifest_lists_every_file_with_its_hash(load, catalog):
    report = load(hours(0, 30))
    manifest = read_manifest(catalog)
    on_disk = {name: digest for name, digest in tree(catalog).items() if name.endswith(".parquet")}
    assert {name: entry.sha256 for name, entry in manifest.files.items()} == on_disk == verify_hashes(catalog)
    assert sorted(report.files) == sorted(on_disk)
    assert sum(entry.rows for name, entry in manifest.files.items() if "/bars/" in name) == 30


def test_importing_the_same_file_again_changes_nothing_and_says_so(load, catalog):
    assert load(hours(0, 30)).status == "imported"
    before = tree(catalog)
    assert load(hours(0, 30)).status == "unchanged"
    assert load(hours(0, 30), name="renamed.csv").status == "unchanged"
    assert tree(catalog) == before


def test_the_same_file_with_other_settings_is_another_import(load):
    load(hours(0, 30))
    with pytest.raises(DataError, match="already holds"):
        load(hours(0, 30), stamp="close")


def test_two_catalogs_from_the_same_source_are_equal_to_the_byte(load, catalog, tmp_path):
    load(hours(0, 100))
    catalog.rename(tmp_path / "first")
    load(hours(0, 100))
    assert tree(catalog) == tree(tmp_path / "first")


def test_a_file_that_continues_the_series_is_added(load, catalog):
    load(hours(0, 10), "a.csv")
    load(hours(10, 20), "b.csv")
    assert volumes(catalog) == list(range(20))
    assert len(read_manifest(catalog).imports) == 2


def test_an_overlap_is_refused_and_changes_nothing(load, catalog):
    load(hours(0, 10), "a.csv")
    before = tree(catalog)
    with pytest.raises(DataError) as caught:
        load(hours(9, 20), "b.csv")
    assert "--merge" in caught.value.remedy
    assert tree(catalog) == before


def test_a_merge_adds_what_is_missing_and_keeps_the_rest(load, catalog):
    load(hours(0, 10), "a.csv")
    load(hours(20, 30), "b.csv")
    load(hours(40, 50), "c.csv")
    load(hours(5, 25), "d.csv", merge=True)
    assert volumes(catalog) == [*range(30), *range(40, 50)]
    assert verify_hashes(catalog)
    assert len([name for name in read_manifest(catalog).files if "/bars/" in name]) == 2


def test_a_merge_inside_what_is_there_changes_no_data(load, catalog):
    load(hours(0, 30), "a.csv")
    before = {name: digest for name, digest in tree(catalog).items() if name.endswith(".parquet")}
    assert load(hours(5, 10), "b.csv", merge=True).status == "unchanged"
    assert {name: digest for name, digest in tree(catalog).items() if name.endswith(".parquet")} == before


def test_a_merge_that_contradicts_what_is_there_is_refused(load, catalog):
    load(hours(0, 10), "a.csv")
    before = tree(catalog)
    with pytest.raises(DataError, match="contradicts"):
        load(hours(9, 20, price=1.2), "b.csv", merge=True)
    assert tree(catalog) == before


def test_a_merge_with_a_damaged_file_is_refused(load, catalog):
    load(hours(0, 10), "a.csv")
    (file,) = (catalog / "data" / "bars").rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="SHA-256 differs"):
        load(hours(9, 20), "b.csv", merge=True)


def test_trades_merge_by_their_identifier_and_keep_equal_instants(load, catalog):
    header = "time,price,size,side,id\n"
    rows = [f"2024-01-02T00:00:0{n // 2}Z,1.{n},1,buy,{n}\n" for n in range(8)]
    settings = ImportSettings(instrument=find_instrument("EURUSD"), kind="trades")
    load(header + "".join(rows[:5]), "a.csv", settings=settings)
    load(header + "".join(rows[3:]), "b.csv", settings=settings, merge=True)
    found = ParquetDataCatalog(str(catalog)).query_trade_ticks()
    assert [str(trade.trade_id) for trade in found] == list("01234567")
    assert {trade.aggressor_side.name for trade in found} == {"BUY"}
    with pytest.raises(DataError, match="contradicts"):
        load(header + "2024-01-02T00:00:03Z,9,1,buy,3\n", "c.csv", settings=settings, merge=True)


def test_a_dry_run_checks_everything_and_writes_nothing(load, catalog):
    report = load(hours(0, 30), dry_run=True)
    assert (report.status, report.rows) == ("checked", 30)
    assert not catalog.exists()
    with pytest.raises(DataError):
        load(hours(0, 30) + "x\n", dry_run=True)
    load(hours(0, 30))
    before = tree(catalog)
    with pytest.raises(DataError, match="already holds"):
        load(hours(5, 40), dry_run=True)
    assert tree(catalog) == before


def test_an_instrument_is_not_redefined_under_rows_that_are_there(load, catalog, tmp_path):
    load(hours(0, 10), "a.csv")
    file = tmp_path / "x.yaml"
    file.write_text("preset: EURUSD\nprice_increment: 0.0001\n")
    before = tree(catalog)
    with pytest.raises(DataError, match="another definition"):
        load(hours(10, 20), "b.csv", instrument=find_instrument(str(file)))
    file.write_text("preset: ES\nid: EUR/USD.SIM\n")
    with pytest.raises(DataError, match="another definition"):
        load(hours(10, 20), "b.csv", instrument=find_instrument(str(file)))
    assert tree(catalog) == before


def test_two_writers_at_once_are_refused(load, catalog):
    with writing(catalog), pytest.raises(DataError, match="another process is writing"):
        load(hours(0, 10))


def test_a_missing_source_is_refused(catalog, tmp_path):
    settings = ImportSettings(instrument=find_instrument("EURUSD"), bars="1-HOUR-LAST", stamp="open")
    with pytest.raises(DataError, match="no such file"):
        import_file(catalog, CSV_IMPORTER, settings, tmp_path / "none.csv")
    assert not catalog.exists()


def test_a_folder_that_cannot_be_written_is_refused(load, catalog):
    catalog.write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        load(hours(0, 10))


def test_a_full_disk_is_refused_and_leaves_the_old_catalog(load, catalog, monkeypatch):
    load(hours(0, 10), "a.csv")
    before = tree(catalog)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        load(hours(10, 20), "b.csv")
    assert tree(catalog) == before


# -- killed half way ------------------------------------------------------------------------------

KILLED_IMPORT = """
import os, signal, sys
from framework.catalog.builtin import register_importers
from framework.catalog.instruments import find_instrument
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file

catalog, source, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
changes = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}

def count(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if (event in changes or writes) and str(arguments[0]).startswith(catalog):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

importer = next(spec for spec in register_importers() if spec.name == "csv")
instrument = find_instrument("EURUSD")
settings = ImportSettings(instrument=instrument, bars="1-HOUR-LAST", stamp="open", timezone="UTC")
sys.addaudithook(count)
import_file(catalog, importer, settings, source, merge=True)
"""


def state(catalog, before, after):
    """Whether a reader meets the catalog as it was, as it will be, or is told that it is neither."""
    if (catalog / ".import" / "commit.json").exists():
        with pytest.raises(DataError, match="interrupted"):
            verify_hashes(catalog)
        return "detected"
    hashes = verify_hashes(catalog)
    known = {
        name: {file: digest for file, digest in tree.items() if file.endswith(".parquet")}
        for name, tree in (("old", before), ("new", after))
    }
    (name,) = (name for name, files in known.items() if files == hashes)
    return name


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_killed_before_any_change_to_the_disk_the_catalog_is_whole_and_the_next_import_completes_it(
    load, catalog, tmp_path
):
    """Kills an import that also merges, before its 1st, 2nd, ... change, until one run survives."""
    load(hours(0, 10), "a.csv")
    before = tree(catalog)
    load(hours(5, 20), "b.csv", merge=True)
    after = tree(catalog)
    source = tmp_path / "b.csv"
    shutil.rmtree(catalog)
    outcomes = set()
    for step in range(60):
        restored = tmp_path / f"at{step}"
        load(hours(0, 10), "a.csv")
        catalog.rename(restored)
        assert tree(restored) == before
        child = subprocess.run(
            [sys.executable, "-c", KILLED_IMPORT, str(restored), str(source), str(step)],
            check=False,
            capture_output=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()
        outcomes.add(state(restored, before, after))
        restored.rename(catalog)
        load(hours(5, 20), "b.csv", merge=True)
        assert tree(catalog) == after
        assert volumes(catalog) == list(range(20))
        shutil.rmtree(catalog)
    else:
        pytest.fail("the import never survived")
    assert tree(restored) == after
    assert outcomes == {"old", "detected", "new"}
