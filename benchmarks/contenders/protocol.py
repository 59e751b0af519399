"""How a contender's process talks: one JSON job a line on stdin, one JSON answer a line on stdout.

Only the standard library and numpy, because this runs in the peers' environments too.
"""

import gc
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np

TICK = 100_000
"""Ticks in 1.0: prices are the integer divided by this."""
OF_WORKERS = {"cpu": None, "rss": None}
"""Not known where workers of workers did the work."""


def serve(work):
    """Answer jobs until stdin ends.

    Args:
        work: From the job and a data set's folder to a function without arguments, which is what gets
            timed. That returns a function without arguments, called when the clock has stopped, which gives
            a dictionary: `fills` (int64 rows of series, row, signed quantity, ticks), `equity` and whatever
            the row compares.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is not an answer
    warm = True
    for line in sys.stdin:
        job = json.loads(line)
        try:
            if warm:  # compiles, fills caches and imports lazily, on a small data set
                work(job, Path(job["warm"]))()()
                warm = False
            answer = timed(work(job, Path(job["data"])), job)
        except Exception:  # noqa: BLE001 - the benchmark prints it and voids the row
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def timed(run, job):
    """Run once, with the clock on the run alone."""
    gc.collect()
    counting(job, "on")
    cpu, began = cpu_seconds(), time.perf_counter()
    read = run()
    seconds = time.perf_counter() - began
    cpu = cpu_seconds() - cpu
    counting(job, "off")
    answer = {"seconds": seconds, "cpu": cpu, "rss": peak_rss(), **read()}
    fills = answer.pop("fills", None)
    if fills is not None:
        rows = np.asarray(fills, dtype="<i8").reshape(-1, 4)
        np.save(job["fills"], rows[np.lexsort((rows[:, 1], rows[:, 0]))])
    return answer


def counting(job, what):
    """Have callgrind, which runs this process when the job is to be counted, begin or end."""
    if job.get("counted"):
        command = ["callgrind_control", "-i", what, str(os.getpid())]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def cpu_seconds():
    """Of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_rss():
    """Bytes this process ever had resident, or the largest of its children that have ended.

    On Linux from /proc: `ru_maxrss` of a process begins with what its parent had when it was forked.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return max(children, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
    return max(children, int(status.partition("VmHWM:")[2].split()[0]) * 1024)


def load(folder, symbol, *names):
    """Columns of one series, int64."""
    home = Path(folder) / symbol.replace("/", "")
    return [np.load(home / f"{name}.npy") for name in names]
