"""A node that is killed again and again in bad weather: from the start of a process until its strategies run.

The drill forks its nodes from a process that has imported everything, so what a new process needs for that
is timed beside it and added to each.
"""

import subprocess
import sys
import time

from practice import place, simulator, sized
from protocol import serve

from framework.drill.schedule import draw
from framework.drill.storm import storm


def work(job, folder):
    def run():
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import framework.drill.process"], check=True)
        importing = time.perf_counter() - began
        spec, use = simulator()
        with place(job) as home:
            outcome = storm(draw(job["seed"], kills=sized(folder)), spec, use, home)
        if not outcome.ok:
            raise RuntimeError(f"{[*map(str, outcome.breaches), *outcome.problems]}")
        taken = [importing + seconds for seconds in outcome.recoveries]
        return lambda: {"samples": {"recovered": taken}, "kills": outcome.kills}

    return run


if __name__ == "__main__":
    serve(work)
