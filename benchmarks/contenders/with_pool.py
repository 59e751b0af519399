"""The floor of a sweep: the engine wired by hand in each task of a `ProcessPoolExecutor` on all cores.

Every task builds a node, lets it read the catalog, runs it and gives back what a table of a sweep shows.
"""

import os
from concurrent.futures import ProcessPoolExecutor

from nautilus_trader.model import Currency, Venue
from protocol import OF_WORKERS, serve
from with_engine import built


def point(job, folder):
    """Fills and final equity of one point."""
    node = built(job, folder)
    node.run()
    fills = len(node.generate_fills_report("run"))
    total = node.get_engine_portfolio("run").account(Venue("SIM")).balance_total(Currency.from_str("USD"))
    node.dispose()
    return fills, str(total.as_decimal())


def work(job, folder):
    return lambda: run(job, folder)


def run(job, folder):
    jobs = [{**job, "rule": "cross", "fast": fast, "slow": slow} for fast, slow in job["points"]]
    with ProcessPoolExecutor(os.process_cpu_count()) as pool:
        found = list(pool.map(point, jobs, [folder] * len(jobs)))
    return lambda: {
        "counts": [count for count, _ in found],
        "equities": [equity for _, equity in found],
        **OF_WORKERS,
    }


if __name__ == "__main__":
    serve(work)
