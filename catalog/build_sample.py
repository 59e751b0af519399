# ruff: noqa: INP001, T201 - a script that talks to whoever runs it
"""Build `catalog/sample` from two data packages on PyPI, through the same importers a user has.

    pip install gym-anytrading==2.0.0 bokeh_sampledata==2026.1
    python catalog/build_sample.py                 # writes catalog/sample
    python catalog/build_sample.py --check         # builds elsewhere and compares with catalog/sample

What is in it, why it is stamped as it is, and its licences: see `README.md` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

from framework.catalog.builtin import register_importers
from framework.catalog.instruments import find_instrument
from framework.catalog.settings import ImportSettings
from framework.catalog.streams import list_streams
from framework.catalog.verify import verify_catalog
from framework.catalog.write import import_file

HERE = Path(__file__).parent
SAMPLE = HERE / "sample"
PACKAGES = {"gym-anytrading": "2.0.0", "bokeh_sampledata": "2026.1"}
VENUES = {"AAPL": "XNAS", "FB": "XNAS", "GOOG": "XNAS", "IBM": "XNYS", "MSFT": "XNAS"}
FIRST_DAY = "2005-03-01"
"""The day after Apple's split of 2005: from here to the end none of the five stocks splits."""


def main() -> int:
    """Builds the sample, or compares a fresh build with the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    for name, wanted in PACKAGES.items():
        found = importlib.metadata.version(name)
        if found != wanted:
            print(f"{name} is {found} and the sample was built from {wanted}", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory() as temporary:
        built = Path(temporary) / "sample"
        build(built, Path(temporary))
        if arguments.check:
            return compare(built, SAMPLE)
        if SAMPLE.exists():
            shutil.rmtree(SAMPLE)
        shutil.copytree(built, SAMPLE)
    for stream in list_streams(SAMPLE):
        print(f"{stream.bar_type}  {stream.first}  {stream.last}  {stream.rows} rows")
    return 0


def build(catalog: Path, work: Path) -> None:
    """Imports both sources into an empty catalog."""
    csv_importer = next(spec for spec in register_importers() if spec.name == "csv")
    forex = ImportSettings(
        instrument=find_instrument("EURUSD"),
        bars="1-HOUR-LAST",
        stamp="open",
        timezone="UTC",
        time_format="%d.%m.%Y %H:%M:%S.%f",
        round=True,
    )
    source = data_file("gym_anytrading", "datasets/data/FOREX_EURUSD_1H_ASK.csv")
    import_file(catalog, csv_importer, forex, source)
    for ticker, path in split_stocks(work).items():
        stock = ImportSettings(
            instrument=find_instrument(f"equity:{ticker}", VENUES[ticker]),
            bars="1-DAY-LAST",
            timezone="America/New_York",
            session_close="16:00",
            round=True,
        )
        import_file(catalog, csv_importer, stock, path)
    errors = [finding for finding in verify_catalog(catalog) if finding.severity == "error"]
    if errors:
        raise SystemExit("\n".join(finding.message for finding in errors))


def split_stocks(work: Path) -> dict[str, Path]:
    """One file for each stock, the rows as they stand in the package, from `FIRST_DAY` on."""
    rows: dict[str, list[list[str]]] = {ticker: [] for ticker in VENUES}
    with gzip.open(data_file("bokeh_sampledata", "_data/stocks.csv.gz"), "rt", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        ticker, day = header.index("Ticker"), header.index("Date")
        for row in reader:
            if row[day] >= FIRST_DAY:
                rows[row[ticker]].append(row)
    paths = {}
    for name, kept in sorted(rows.items()):
        paths[name] = work / f"{name}.csv"
        with paths[name].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *kept])
    return paths


def data_file(package: str, path: str) -> Path:
    """A file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(spec.origin).parent / path


def compare(built: Path, shipped: Path) -> int:
    """Byte by byte; 0 when equal."""
    names = {
        path.relative_to(root) for root in (built, shipped) for path in root.rglob("*") if path.is_file()
    }
    differing = [
        name
        for name in sorted(names)
        if not ((built / name).is_file() and (shipped / name).is_file())
        or (built / name).read_bytes() != (shipped / name).read_bytes()
    ]
    for name in differing:
        print(f"differs: {name.as_posix()}", file=sys.stderr)
    print(f"{len(names)} files, {len(differing)} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
