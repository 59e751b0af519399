"""Nothing that has changed since it was imported reaches the engine."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nautilus_trader.model import Bar, BarType, Price, Quantity
from nautilus_trader.persistence import ParquetDataCatalog

from framework import DataError
from framework.catalog.instruments import find_instrument
from framework.catalog.manifest import bar_stamp, read_manifest, verify_hashes
from framework.catalog.streams import adopt, list_streams

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample"
EURUSD = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


@pytest.fixture
def catalog(tmp_path):
    return Path(shutil.copytree(SAMPLE, tmp_path / "catalog"))


@pytest.fixture
def bars(catalog):
    (file,) = (catalog / "data/bars/EURUSD.SIM-1-HOUR-LAST-EXTERNAL").glob("*.parquet")
    return file


def test_every_file_is_given_with_the_hash_of_its_bytes(catalog):
    expected = {
        path.relative_to(catalog).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in catalog.rglob("*.parquet")
    }
    assert verify_hashes(catalog) == expected
    assert len(expected) == 12


def test_files_may_be_named_relative_to_the_catalog_or_by_their_path(catalog, bars, monkeypatch):
    name = bars.relative_to(catalog).as_posix()
    expected = {name: hashlib.sha256(bars.read_bytes()).hexdigest()}
    assert verify_hashes(catalog, [name]) == expected
    assert verify_hashes(str(catalog), [str(bars)]) == expected
    monkeypatch.chdir(catalog.parent)
    assert verify_hashes("catalog", [Path("catalog") / name]) == expected


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGE = {
    "one bit": (flip, "SHA-256 differs"),
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-100]), "and was imported with"),
    "longer": (lambda file: file.write_bytes(file.read_bytes() + b"\0"), "and was imported with"),
    "empty": (lambda file: file.write_bytes(b""), "is empty"),
    "missing": (lambda file: file.unlink(), "is missing"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "is missing"),
    "unlisted": (
        lambda file: shutil.copy(file, file.with_name("2030.parquet")),
        "not in the catalog's manifest",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named(catalog, bars, damage):
    act, message = DAMAGE[damage]
    act(bars)
    with pytest.raises(DataError, match=message) as caught:
        verify_hashes(catalog)
    assert "EURUSD.SIM" in caught.value.where
    assert caught.value.remedy


def test_damage_in_files_that_are_not_read_does_not_stop_a_run(catalog, bars):
    flip(bars)
    assert verify_hashes(catalog, [name for name in read_manifest(catalog).files if "AAPL" in name])


def test_a_file_outside_the_catalog_is_refused(catalog, tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match="not inside the catalog"):
        verify_hashes(catalog, ["../x.parquet"])


def test_a_missing_catalog_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        verify_hashes(tmp_path / "none")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1, "files": {"a": {}}}', '{"surprise": 1}', "\xff", "null"]
)
def test_a_damaged_manifest_is_refused(catalog, content):
    (catalog / "manifest.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match="manifest is damaged"):
        verify_hashes(catalog)


def test_a_manifest_of_a_later_version_is_refused(catalog):
    path = catalog / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(DataError, match="version 2"):
        read_manifest(catalog)


def test_why_hashes_come_first_the_engine_does_not_survive_some_damage(catalog, bars):
    """The engine ends the process, or errs, on the damage that verify_hashes names. It must not read it."""
    content = bytearray(bars.read_bytes())
    content[100:60_000] = b"\xff" * 59_900
    bars.write_bytes(content)
    with pytest.raises(DataError):
        verify_hashes(catalog)
    script = (
        "import sys; from nautilus_trader.persistence import ParquetDataCatalog;"
        "print(len(ParquetDataCatalog(sys.argv[1]).query_bars([sys.argv[2]])))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(catalog), EURUSD], check=False, capture_output=True, text=True
    )
    assert child.returncode != 0 or child.stdout.strip() != "6225"


# -- catalogs made by others -------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path):
    """A catalog written with the engine's own writer: no manifest."""
    folder = tmp_path / "foreign"
    folder.mkdir()
    catalog = ParquetDataCatalog(str(folder))
    catalog.write_instruments([find_instrument("EURUSD")])
    price = Price.from_str("1.10000")
    kind = BarType.from_str(EURUSD)
    catalog.write_bars(
        [Bar(kind, price, price, price, price, Quantity.from_int(1), n * 10**18, n * 10**18) for n in (1, 2)]
    )
    return folder


def test_bars_of_a_catalog_nobody_vouched_for_have_no_known_stamp(foreign):
    assert bar_stamp(foreign, EURUSD) is None
    (stream,) = list_streams(foreign)
    assert (stream.stamp, stream.rows, stream.first) == (None, 2, "2001-09-09T01:46:40Z")
    with pytest.raises(DataError, match="not in the catalog's manifest") as caught:
        verify_hashes(foreign)
    assert "framework data adopt" in caught.value.remedy


def test_adopting_records_files_and_stamp_and_leaves_the_files_alone(foreign):
    before = {path: path.read_bytes() for path in foreign.rglob("*.parquet")}
    assert len(adopt(foreign, stamp="close")) == 2
    assert bar_stamp(foreign, EURUSD) == "close"
    assert len(verify_hashes(foreign)) == 2
    assert {path: path.read_bytes() for path in foreign.rglob("*.parquet")} == before
    assert adopt(foreign, stamp="close") == []


def test_adopting_does_not_bless_a_file_that_changed_after_it_was_recorded(catalog, bars):
    flip(bars)
    assert adopt(catalog, stamp="close") == []
    with pytest.raises(DataError, match="SHA-256 differs"):
        verify_hashes(catalog)


def test_adopting_what_is_not_parquet_is_refused(foreign):
    (foreign / "data/bars/x").mkdir()
    (foreign / "data/bars/x/y.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not readable as Parquet"):
        adopt(foreign, stamp="close")
    assert read_manifest(foreign).files == {}
