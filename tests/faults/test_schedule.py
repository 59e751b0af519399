"""A seed decides everything, in any process, and says so."""

import subprocess
import sys

from framework.drill.schedule import draw, draw_outages


def test_a_seed_gives_the_same_schedule_in_another_process():
    code = "from framework.drill.schedule import draw; s = draw(7); print(s.hash); print(s)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    mine = draw(7)
    assert said == f"{mine.hash}\n{mine}\n"


def test_seeds_differ_and_together_know_every_kind_of_trouble():
    schedules = [draw(seed) for seed in range(200)]
    assert len({schedule.hash for schedule in schedules}) == 200
    steps = [step for schedule in schedules for life in schedule.lives for step in life.steps]
    assert {step.what for step in steps} >= {
        *("fault", "cut", "trade", "cancel", "skew", "jump"),
        *("drop", "half_open", "delay", "throttle", "truncate"),
        *("pause", "latch"),
    }
    faults = {step.how["kind"] for step in steps if step.what == "fault"}
    assert faults == {
        *("timeout", "slow", "status", "rate_limit", "drop", "garbage"),
        *("duplicate", "reorder", "lose", "late"),
    }
    lives = [life for schedule in schedules for life in schedule.lives]
    assert {(life.begins, life.ends) for life in lives} == {
        ("process", "kill"),
        ("process", "stop"),
        ("ready", "kill"),
        ("ready", "stop"),
        ("ready", "settle"),
    }


def test_the_last_life_is_left_in_peace():
    for seed in range(50):
        *lives, last = draw(seed).lives
        assert 1 <= len(lives) <= 4
        assert (last.steps, last.ends) == ((), "settle")


def test_the_number_of_kills_and_the_places_of_trouble_can_be_said():
    schedule = draw(3, kills=9, trouble=["network"])
    assert len(schedule.lives) == 10
    steps = [step for life in schedule.lives for step in life.steps]
    assert {step.where for step in steps} == {"network"}
    assert [step.at for step in schedule.lives[0].steps] == sorted(
        step.at for step in schedule.lives[0].steps
    )
    assert all(not life.steps for life in draw(3, trouble=[]).lives)


def test_a_schedule_of_outages_is_one_life_on_a_bad_network():
    schedule = draw_outages(5)
    assert (schedule.hash, len(schedule.lives)) == (draw_outages(5).hash, 1)
    [life] = schedule.lives
    assert (life.begins, life.ends, len(life.steps)) == ("ready", "settle", 9)
    assert {step.where for step in life.steps} == {"network", "exchange"}


def test_every_option_that_was_drawn_is_printed():
    schedule = draw(11)
    said = str(schedule)
    for name, value in schedule.options.items():
        assert f"{name}={value}" in said
    assert said.count("life ") == len(schedule.lives)
