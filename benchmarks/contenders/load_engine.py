"""Loading by the engine alone: its catalog's bars as records."""

from nautilus_trader.persistence import ParquetDataCatalog
from protocol import TICK, serve


def work(job, folder):
    def run():
        bars = records(job, folder)
        return lambda: sums(bars)

    return run


def records(job, folder):
    name = f"{job['symbols'][0]}.SIM-1-MINUTE-LAST-EXTERNAL"
    return ParquetDataCatalog(str(folder / "catalog")).query_bars([name])


def sums(bars):
    """What the row compares: rows, the sum of all closes in ticks, and the last time."""
    ticks = sum(round(bar.close.as_double() * TICK) for bar in bars)
    return {"rows": len(bars), "ticks": ticks, "last": bars[-1].ts_event}


if __name__ == "__main__":
    serve(work)
