"""This framework's import of a CSV file into a catalog: every value exact, every row checked, all hashed."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nautilus_trader.model import Venue
from nautilus_trader.testkit.providers import TestInstrumentProvider
from protocol import TICK, serve

from framework.catalog.builtin import register_importers
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file


def work(job, folder):
    catalog = Path(job["out"]) / "catalog"
    shutil.rmtree(catalog, ignore_errors=True)
    settings = ImportSettings(
        instrument=TestInstrumentProvider.default_fx_ccy(job["symbols"][0], Venue("SIM")),
        bars="1-MINUTE-LAST",
        stamp="close",
    )
    spec = next(spec for spec in register_importers() if spec.name == "csv")

    def run():
        import_file(catalog, spec, settings, folder / "bars.csv")
        return lambda: sums(catalog.glob("data/bars/*/*.parquet"))

    return run


def sums(files):
    """What the row compares: rows, the sum of all closes in ticks, and the last time."""
    table = pa.concat_tables(pq.read_table(file, columns=["close", "ts_event"]) for file in sorted(files))
    close = np.rint(table["close"].cast(pa.float64()).to_numpy() * TICK).astype(np.int64)
    last = int(table["ts_event"].cast(pa.int64()).to_numpy().max())
    return {"rows": len(close), "ticks": int(close.sum()), "last": last}


if __name__ == "__main__":
    serve(work)
