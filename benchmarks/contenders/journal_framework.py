"""Intents into the journal, one commit each, with the three events that follow an order between them."""

import time

from journal_rows import EVENTS, INTENT, kept
from practice import place, sized
from protocol import serve

from framework.journal import Journal, verify


def work(job, folder):
    def run():
        taken = []
        with place(job) as home:
            path = home / "journal.db"
            with Journal.open(path, session="benchmark") as journal:
                for number in range(sized(folder)):
                    order = f"O-{number}"
                    began = time.perf_counter_ns()
                    journal.append("intent", INTENT, strategy="subject", order_id=order)
                    taken.append((time.perf_counter_ns() - began) / 1e9)
                    for event in EVENTS:
                        journal.append("event", event, strategy="subject", order_id=order)
            wrong = verify(path).errors
            rows = kept(path)
        if wrong:
            raise RuntimeError(f"{wrong}")
        return lambda: {"samples": {"committed": taken}, "kept": rows}

    return run


if __name__ == "__main__":
    serve(work)
