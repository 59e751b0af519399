"""Fault 1 and all of them together: seeds, each a schedule of kills and trouble, each judged by the checker.

`pytest tests/faults --seeds N` runs the first N, `--seed K` one; `.ci/run` runs two hundred, some at once: a
storm waits more than it works.
"""

import pytest

from framework.cli.installed import installed
from framework.drill import drills
from framework.drill.schedule import draw


def held(seeds, folder, jobs=1):
    use, simulator = drills.simulator_of(installed(), "simexchange")
    broken = [
        [
            f"seed {outcome.seed}",
            *map(str, outcome.breaches[:10]),
            *outcome.problems,
            str(draw(outcome.seed)),
            f"repeat with: pytest tests/faults --seed {outcome.seed}",
            f"         or: framework drill recovery --seed={outcome.seed} --keep FOLDER",
        ]
        for outcome in drills.run("recovery", seeds, simulator, use, folder, jobs=jobs)
        if not outcome.ok
    ]
    assert not broken, "\n".join(line for lines in broken for line in lines)


def test_fault_01_killed_at_random_moments(storm_seed, tmp_path):
    held([storm_seed], tmp_path)


@pytest.mark.slow
@pytest.mark.more
def test_fault_01_killed_at_random_moments_many_times(storm_batch, tmp_path):
    held(storm_batch, tmp_path, jobs=3)
