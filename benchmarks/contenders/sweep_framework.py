"""`framework sweep`: every point composed, then run on the event engine by its workers on all cores."""

import os

import grid
from protocol import OF_WORKERS, serve

from framework.sweep import pool


def work(job, folder):
    points, plan_of = grid.of(job, folder)

    def run():
        plans = [(number, plan_of(point)) for number, point in enumerate(points.points())]
        rows = sorted(pool.run(plans, workers=os.process_cpu_count()), key=lambda row: row.number)
        return lambda: {
            "counts": [row.orders for row in rows],
            "equities": [str(row.equity["USD"]) for row in rows],
            **OF_WORKERS,
        }

    return run


if __name__ == "__main__":
    serve(work)
