"""`framework screen`: every point over arrays, and the best three run and compared on the event engine."""

import grid
from protocol import serve

from framework.screen import screen


def work(job, folder):
    points, plan_of = grid.of(job, folder)

    def run():
        screened = screen(enumerate(points.points()), plan_of, top=3)
        if len(screened.confirmed) != 3:
            raise RuntimeError(f"{len(screened.confirmed)} points were confirmed")
        scores = sorted(screened.scores, key=lambda score: score.number)
        return lambda: {
            "counts": [score.account.fills for score in scores],
            "equities": [score.amount(score.account.balance) for score in scores],
        }

    return run


if __name__ == "__main__":
    serve(work)
