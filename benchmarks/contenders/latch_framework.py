"""The kill switch, pulled again and again on a node that sends an order every 13 ms.

A pull is over when the command has returned and nothing more is sent: the later of the two is timed. Before
the latch is taken off, an order has been denied under it and a few more have been tried; before it is set
again, an order has left.
"""

import time

from practice import BY, denied, place, resting_node, sized, submitted, until
from protocol import serve

from framework.engine import outside

PLENTY = 100_000
"""Orders it would leave, if it were not latched all the time."""
TRIED = 0.05
"""Seconds in which three orders more are tried."""


def work(job, folder):
    def run():
        with place(job) as home, resting_node(home, PLENTY) as site:
            first = time.time_ns()
            pulls = [pull(site, number) for number in range(sized(folder))]
            sent = submitted(site, first)
        taken = [
            (max([returned, *(ts for ts in sent if began <= ts < ended)]) - began) / 1e9
            for began, returned, ended in pulls
        ]
        return lambda: {"samples": {"latched": taken}, "pulls": len(pulls)}

    return run


def pull(site, number):
    """When the switch was pulled, when the command returned, and until when it held; in nanoseconds."""
    before = time.time_ns()
    until(lambda: submitted(site, before), site.log)
    began = time.time_ns()
    outside.kill(site.state, "all", who="benchmark", why=f"pull {number}")
    returned = time.time_ns()
    until(lambda: denied(site, began), site.log)
    time.sleep(TRIED)
    ended = time.time_ns()
    outside.resume(site.state, "all", **BY)
    return began, returned, ended


if __name__ == "__main__":
    serve(work)
