"""The limit of loading: pyarrow reading the same Parquet files into columns, with no records made."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from protocol import TICK, serve


def work(job, folder):
    files = sorted(folder.glob("catalog/data/bars/*/*.parquet"))

    def run():
        table = pa.concat_tables(pq.read_table(file) for file in files)
        return lambda: sums(table)

    return run


def sums(table):
    """What the row compares: rows, the sum of all closes in ticks, and the last time."""
    close = np.rint(table["close"].cast(pa.float64()).to_numpy() * TICK).astype(np.int64)
    last = int(table["ts_event"].cast(pa.int64()).to_numpy().max())
    return {"rows": len(close), "ticks": int(close.sum()), "last": last}


if __name__ == "__main__":
    serve(work)
