"""Fault 1 and all of them together: seeds, each a schedule of kills and trouble, each judged by the checker.

`pytest tests/faults --seeds N` runs the first N, `--seed K` one; `.ci/run` runs two hundred.
"""

import pytest

from framework.cli.installed import installed
from framework.drill.drills import simulator_of
from framework.drill.schedule import draw
from framework.drill.storm import storm


def run(seed, folder):
    use, simulator = simulator_of(installed(), "simexchange")
    schedule = draw(seed)
    outcome = storm(schedule, simulator, use, folder)
    assert outcome.ok, "\n".join(
        [
            *map(str, outcome.breaches[:10]),
            *outcome.problems,
            str(schedule),
            f"repeat with: pytest tests/faults --seed {seed}",
            f"         or: framework drill recovery --seed={seed} --keep FOLDER",
        ]
    )
    return outcome


def test_fault_01_killed_at_random_moments(storm_seed, tmp_path):
    run(storm_seed, tmp_path)


@pytest.mark.slow
def test_fault_01_killed_at_random_moments_many_times(storm_seed, tmp_path):
    run(storm_seed, tmp_path)
