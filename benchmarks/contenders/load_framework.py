"""Loading as this framework does: every file hashed, counted and compared, then read as records."""

from load_engine import records, sums
from protocol import serve
from with_framework import plan_of

from framework.engine.feed import open_feed


def work(job, folder):
    plan = plan_of({**job, "rule": "cross", "first": 1}, folder)

    def run():
        open_feed(plan)
        bars = records(job, folder)
        return lambda: sums(bars)

    return run


if __name__ == "__main__":
    serve(work)
