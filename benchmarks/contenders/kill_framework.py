"""One pull of the kill switch while many orders rest: when the exchange had cancelled the last of them.

The exchange's own record says when; that it also had to work through all of them is in the figure.
"""

import time

from practice import BY, place, resting_node, sized, until
from protocol import serve

from framework.drill.site import VENUE
from framework.engine import outside


def work(job, folder):
    def run():
        count = sized(folder)
        with place(job) as home, resting_node(home, count) as site:
            until(lambda: resting(site) >= count, lambda: f"{resting(site)} rest: {site.log()}", look=0.5)
            began = time.time_ns()
            outside.kill(site.state, "all", **BY)
            until(lambda: not resting(site), lambda: f"{resting(site)} rest: {site.log()}", look=0.5)
            over = [row.ts for row in site.exchange.record(VENUE) if row.what == "over"]
        taken = (max(over) - began) / 1e9
        return lambda: {"samples": {"cancelled": [taken]}, "cancels": sum(ts >= began for ts in over)}

    return run


def resting(site):
    """How many orders work, as the exchange has it."""
    return sum(order["status"] == "OPEN" for order in site.exchange.truth()["orders"])


if __name__ == "__main__":
    serve(work)
