"""What counts as a clock, as dice and as a bug, and whose code is looked at."""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
import time
import uuid

import numpy as np
import pandas as pd
import pytest

from framework.testkit.sight import _forbidden, _note, home_of, watching
from framework.testkit.traders import RandomFlow

NOTHING = sys.monitoring.MISSING


@pytest.mark.parametrize(
    ("called", "first", "name"),
    [
        (time.time, NOTHING, "time.time"),
        (time.time_ns, NOTHING, "time.time_ns"),
        (time.gmtime, NOTHING, "time.gmtime"),
        (dt.datetime.now, dt.UTC, "datetime.now"),
        (dt.date.today, NOTHING, "date.today"),
        (pd.Timestamp.now, NOTHING, "Timestamp.now"),
        (os.urandom, 8, "os.urandom"),
        (uuid.uuid4, NOTHING, "uuid.uuid4"),
        (random.random, NOTHING, "random.random"),
        (random.Random.uniform, random._inst, "random.uniform"),
        (random.Random, NOTHING, "random.Random without a seed"),
        (np.random.normal, NOTHING, "numpy.random.normal"),
        (np.random.default_rng, NOTHING, "numpy.random.default_rng without a seed"),
    ],
)
def test_clocks_and_dice_are_known_by_whoever_is_called(called, first, name):
    assert _forbidden(called, first) == name


@pytest.mark.parametrize(
    ("called", "first"),
    [
        (time.gmtime, 0),
        (time.perf_counter, NOTHING),
        (dt.datetime.fromtimestamp, 0),
        (random.Random, 7),
        (random.Random(7).random, NOTHING),
        (np.random.default_rng, 7),
        (np.random.default_rng(7).normal, NOTHING),
        (len, []),
        ([].append, 1),
        ({}.get, "key"),
    ],
)
def test_seeded_generators_conversions_and_stopwatches_are_allowed(called, first):
    assert _forbidden(called, first) is None


def test_a_place_is_noted_once_with_its_line():
    places = []
    code = compile("\n\nx = 1\n", "somewhere/plugin.py", "exec")
    for _ in range(2):
        _note(places, code, 4, "calls time.time")
    assert len(places) == 1
    assert places[0].startswith("plugin.py:")
    assert places[0].endswith(": calls time.time")


def test_a_class_in_a_package_is_looked_at_with_all_of_its_package():
    assert home_of(RandomFlow).name == "framework"
    assert (home_of(RandomFlow) / "testkit" / "traders.py").is_file()


def test_a_class_in_a_lone_module_is_looked_at_with_its_file(tmp_path, monkeypatch):
    (tmp_path / "lone_plugin.py").write_text("class Lone: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import lone_plugin

    assert home_of(lone_plugin.Lone) == tmp_path / "lone_plugin.py"


def test_what_happens_in_a_file_is_seen_and_what_happens_elsewhere_is_not(tmp_path, monkeypatch):
    (tmp_path / "watched_plugin.py").write_text(
        "import time\n"
        "def read():\n"
        "    return time.time()\n"
        "def swallow():\n"
        "    try:\n"
        "        return None.nothing\n"
        "    except AttributeError:\n"
        "        return None\n"
        "def look_up():\n"
        "    try:\n"
        "        return {}['missing']\n"
        "    except KeyError:\n"
        "        return None\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    import watched_plugin

    with watching(tmp_path / "watched_plugin.py") as sight:
        watched_plugin.read()
        watched_plugin.swallow()
        watched_plugin.look_up()
        time.time()
    assert sight.reads == ["watched_plugin.py:3: calls time.time"]
    assert sight.bugs == ["watched_plugin.py:6: AttributeError: 'NoneType' object has no attribute 'nothing'"]


def test_watching_ends_with_its_block(tmp_path):
    with watching(tmp_path):
        pass
    with watching(tmp_path) as sight:
        pass
    assert sight.reads == []
    assert sys.monitoring.get_tool(4) is None
