"""As many bytes as an intent's, appended to a file and forced onto the disk: the limit of any commit."""

import json
import os
import time

from journal_rows import EVENTS, INTENT
from practice import place, sized
from protocol import serve


def work(job, folder):
    intent, *events = (json.dumps(body).encode() for body in (INTENT, *EVENTS))

    def run():
        taken = []
        with place(job) as home, (home / "log").open("wb", buffering=0) as log:
            for _ in range(sized(folder)):
                began = time.perf_counter_ns()
                log.write(intent)
                os.fdatasync(log.fileno())
                taken.append((time.perf_counter_ns() - began) / 1e9)
                for event in events:
                    log.write(event)
            lines = log.tell()
        wanted = sized(folder) * sum(map(len, (intent, *events)))
        if lines != wanted:
            raise RuntimeError(f"{lines} bytes instead of {wanted}")
        return lambda: {
            "samples": {"committed": taken},
            "kept": {"intent": sized(folder), "event": sized(folder) * len(events)},
        }

    return run


if __name__ == "__main__":
    serve(work)
