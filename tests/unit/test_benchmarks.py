"""The benchmark's oracle against sums done by hand, and what happens when a contender does other work."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the benchmark belongs to the checkout, not to the distribution
try:
    from benchmarks import __main__ as command
    from benchmarks import count, data, goals, measure, oracle, peers, rows
finally:
    sys.path.remove(str(ROOT))


def liar(tmp_path, body):
    """A contender's script that gives the answer the body makes."""
    script = tmp_path / "liar.py"
    script.write_text(
        "import json, sys\n"
        "import numpy as np\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)\n"
        f"    {body}\n"
        "    print(json.dumps(answer), flush=True)\n"
    )
    return str(script)


HONEST = 'answer = {"seconds": 1.0, "cpu": 1.0, "rss": 1, "equity": "1"}'


# The oracle


def test_the_average_begins_with_a_simple_one():
    # (1 + 2) / 2 = 1.5; then 2/3 of the way to 3, and 2/3 of the way to 0.
    found = list(oracle.ema([1.0, 2.0, 3.0, 0.0], 2))
    assert found[0] is None
    assert found[1:] == pytest.approx([1.5, 2.5, 2.5 / 3])


def test_crossing_averages_turn_at_the_close_and_end_flat():
    # Averages of 1 and 2 closes: 100 200 300 200 100 100 and -, 150, 250, 216.7, 138.9, 113.0.
    found = oracle.cross([100, 200, 300, 200, 100, 100], 1, 2, 2, 10)
    assert found == [(2, 10, 300), (3, -20, 200), (4, 10, 100)]


def test_nothing_is_decided_before_the_first_row_that_may():
    assert oracle.cross([100, 200, 300, 400, 500, 600], 1, 2, 3, 10)[0] == (3, 10, 400)


def test_alternating_orders_leave_out_the_first_row_and_the_last_two():
    assert oracle.alternate([10, 11, 12, 13, 14], 5) == [(1, 5, 11), (2, -5, 12)]


def test_quotes_are_bought_at_the_ask_and_sold_at_the_bid():
    assert oracle.every_nth([10, 11, 12, 13], [20, 21, 22, 23], 2, 5) == [(1, 5, 21), (3, -5, 13)]


def test_fees_are_rounded_to_the_cent_for_one_equity_and_not_for_the_other():
    # Bought for 11,000.00 and sold for 11,010.00; fees 0.2343 and 0.234513, in cents 0.23 each.
    truth = oracle.settle([[(1, 10_000, 110_000), (4, -10_000, 110_100)]], 1_000_000, "0.0000213")
    assert truth.equity == Decimal("1000009.54")
    assert truth.unrounded == Decimal("1000009.531187")
    assert truth.fills.tolist() == [[0, 1, 10_000, 110_000], [0, 4, -10_000, 110_100]]


def test_a_fee_of_half_a_cent_is_refused():
    with pytest.raises(ValueError, match="half a cent"):
        oracle.settle([[(1, 10_000, 100_000), (2, -10_000, 100_000)]], 0, "0.0000005")


def test_a_rule_that_does_not_end_flat_is_refused():
    with pytest.raises(ValueError, match="does not end flat"):
        oracle.settle([[(1, 10, 100_000)]], 0, "0")


TRUTH = oracle.settle([[(1, 10_000, 110_000), (4, -10_000, 110_100)]], 1_000_000, "0.0000213")


@pytest.mark.parametrize(
    ("fills", "equity", "rounds", "said"),
    [
        (TRUTH.fills, "1000009.54", True, None),
        (TRUTH.fills, "1000009.531187", False, None),
        (TRUTH.fills, "1000009.55", True, "final equity"),
        (TRUTH.fills, "1000009.52", False, "final equity"),
        (TRUTH.fills, "nan", False, "final equity"),
        (TRUTH.fills[:1], "1000009.54", True, "1 fills instead of 2"),
        (
            TRUTH.fills + np.array([0, 0, 0, 1]),
            "1000009.54",
            True,
            "2 fills differ, first number 0: .* ticks 110001",
        ),
        (TRUTH.fills + np.array([0, 1, 0, 0]), "1000009.54", True, "row 2, .* instead of .* row 1,"),
    ],
)
def test_a_difference_in_any_fill_or_in_equity_is_told(fills, equity, rounds, said):
    tolerance = "0" if rounds else rows.TOLERANCE
    found = oracle.difference(TRUTH, fills, equity, rounds=rounds, tolerance=tolerance)
    if said is None:
        assert found is None
    else:
        assert re.search(said, str(found))


# The data


def test_the_data_are_the_same_every_time_and_another_instrument_is_another_walk():
    assert data.hash_of([data.bars(500)]) == data.hash_of([data.bars(500)])
    assert data.hash_of([data.bars(500, 1)]) != data.hash_of([data.bars(500)])


def test_bars_are_possible_bars():
    columns = data.bars(20_000).columns
    prices = np.array([columns[name] for name in ("open", "high", "low", "close")])
    assert (columns["high"] == prices.max(axis=0)).all()
    assert (columns["low"] == prices.min(axis=0)).all()
    assert (columns["open"][1:] == columns["close"][:-1]).all()
    assert prices.min() >= data.LOW - 10
    assert prices.max() <= data.HIGH + 10


def test_a_walk_is_reflected_at_both_ends_and_left_alone_between():
    walk = np.array([data.LOW - 5, data.LOW, data.LOW + 7, data.HIGH - 1, data.HIGH, data.HIGH + 3])
    assert data.folded(walk).tolist() == [
        data.LOW + 5, data.LOW, data.LOW + 7, data.HIGH - 1, data.HIGH, data.HIGH - 3
    ]  # fmt: skip


# The turns


def test_contenders_take_turns_and_the_order_turns_too(tmp_path):
    script = liar(tmp_path, HONEST)
    entries = {name: measure.Entry(Path(sys.executable), script, {}, lambda *_: None) for name in "ab"}
    told = []
    found = measure.take_turns(entries, tmp_path, 3, fresh=False, note=told.append)
    assert [text[-9] for text in told if text.endswith(", 1.00 s")] == list("abbaab")
    assert [text for text in told if text.startswith("about ")] == ["about 4 s more"]
    assert found["a"].seconds == [1.0, 1.0, 1.0]


def test_a_slow_peer_takes_part_once_and_what_is_ours_in_every_round(tmp_path):
    slow = HONEST.replace('"seconds": 1.0', '"seconds": 61.0')
    names = {"framework": False, "peer": True}
    entries = {
        name: measure.Entry(Path(sys.executable), liar(tmp_path, slow), {}, lambda *_: None, peer=peer)
        for name, peer in names.items()
    }
    found = measure.take_turns(entries, tmp_path, 3, fresh=False)
    assert [len(found[name].seconds) for name in names] == [3, 1]
    assert measure.ratios(found["framework"].seconds, found["peer"].seconds) == [1.0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('it broke')", "liar: it ended: RuntimeError: it broke"),
        ("sys.exit(3)", "liar: it ended: without a word"),
        ('answer = {"error": "Traceback\\nValueError: no such thing"}', "liar: ValueError: no such thing"),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_contender_that_breaks_fails_the_row_with_its_own_words(tmp_path, body, said, fresh):
    entry = measure.Entry(Path(sys.executable), liar(tmp_path, body), {}, lambda *_: None)
    with pytest.raises(measure.FailedError) as failed:
        measure.take_turns({"liar": entry}, tmp_path, 3, fresh=fresh)
    assert str(failed.value) == said


def test_a_contender_that_hangs_is_given_up_and_killed(tmp_path):
    entry = measure.Entry(
        Path(sys.executable), liar(tmp_path, "import time; time.sleep(60)"), {}, lambda *_: None
    )
    with measure.Worker(entry, tmp_path, patience=0.5) as worker:
        with pytest.raises(measure.FailedError, match="no answer in 0.5 s"):
            worker.ask({})
        process = worker._process
    assert process.returncode is not None


# The command


def test_a_row_whose_work_differs_is_void_and_the_command_fails(tmp_path, monkeypatch, capsys):
    script = liar(tmp_path, HONEST + '; np.save(job["fills"], np.zeros((3, 4), dtype=np.int64))')
    row = rows.Row(
        "bars-small", "{count} bars", "bars", 200, 200, rows.crossing,
        ("framework",), scripts={"framework": (None, script)},
    )  # fmt: skip
    monkeypatch.setattr(command, "ROWS", (row,))
    assert command.main(["--quick"]) == command.VOID
    out = capsys.readouterr().out
    assert "VOID: framework: 3 fills instead of" in out


def test_a_void_row_meets_no_goal(tmp_path, monkeypatch, capsys):
    script = liar(tmp_path, HONEST)  # it gives no fills at all
    row = rows.Row(
        "bars-medium", "{count} bars", "bars", 200, 200, rows.crossing,
        ("framework", "engine"), scripts={"framework": (None, script)},
    )  # fmt: skip
    monkeypatch.setattr(command, "ROWS", (row,))
    assert command.main(["--quick", "--json", "--contenders", "framework"]) == command.VOID
    found = json.loads(capsys.readouterr().out)
    assert found["rows"][0]["void"] == "framework: no fills were given"
    assert {goal["met"] for goal in found["goals"]} == {None}


def test_a_peer_that_cannot_be_installed_leaves_its_place_empty(monkeypatch, capsys):
    def refuse(name):
        raise peers.NotInstalledError(f"{name}: no such package")

    monkeypatch.setattr(command, "python_of", refuse)
    assert command.main(["--quick", "--scale", "0.01", "--rows", "bars-small", "--contenders", "numba"]) == 0
    assert "could not be installed: numba: no such package" in capsys.readouterr().out


@pytest.mark.fresh
def test_a_failed_installation_is_told_and_not_taken_for_a_finished_one(tmp_path, monkeypatch):
    (tmp_path / "none.txt").write_text("no-such-distribution @ file:///no/such/place\n")
    monkeypatch.setattr(peers, "PINS", tmp_path)
    for _ in range(2):
        with pytest.raises(peers.NotInstalledError, match="^none: "):
            peers.python_of("none", tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


POINTS = [oracle.settle([[(1, 10_000, 110_000), (4, -10_000, 110_100)]], rows.CASH, "0")] * len(rows.POINTS)


@pytest.mark.parametrize(
    ("counts", "equities", "said"),
    [
        ([2] * 64, ["1000010.00"] * 64, None),
        ([2] * 63, ["1000010.00"] * 63, "63 points instead of 64"),
        ([2] * 63 + [3], ["1000010.00"] * 64, "point (25, 150): 3 fills"),
        ([2] * 64, ["1000010.01"] + ["1000010.00"] * 63, "point (5, 30): 2 fills, equity 1000010.01"),
        ([2] * 64, ["nan"] + ["1000010.00"] * 63, "point (5, 30): 2 fills, equity nan"),
    ],
)
def test_every_point_of_a_grid_is_checked(counts, equities, said):
    found = rows._grid_check(POINTS)("framework", {"counts": counts, "equities": equities}, None)
    assert (found is None) if said is None else str(found).startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rows", "bars-tiny"], 'no row "bars-tiny"; there are bars-small'),
        (["--rounds", "2"], "--rounds must be at least 3"),
        (["--rounds", "5"], "--rounds must be even"),
        (["--contenders", "freqtrade"], 'no contender "freqtrade"'),
        (["--scale", "0"], "--scale must be above 0"),
        (["--count", "--quick"], "--count has sizes and contenders of its own"),
        (["--count", "--rows", "sweep"], 'row "sweep" is not counted; there are bars-small, '),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        command.parse(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_the_document_holds_every_figure_and_the_work_is_right():
    """The framework and the raw engine on a small row, through the command, checked by the oracle."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--json", "--scale", "0.04",
         "--rows", "bars-small,gate", "--contenders", "framework;engine;framework, one rule"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    assert found.keys() == {"machine", "versions", "quick", "scale", "rounds", "noise", "rows", "goals"}
    assert found["versions"].keys() >= {"framework", "nautilus_trader"}
    bars, gate = found["rows"]
    assert [bars["name"], gate["name"]] == ["bars-small", "gate"]
    assert [bars["count"], gate["count"]] == [403, 123]
    assert len(bars["data_sha256"]) == 64
    for row in found["rows"]:
        assert row["void"] is None
        for figures in row["contenders"].values():
            assert len(figures["seconds"]) == 3
            assert figures["median_seconds"] == pytest.approx(sorted(figures["seconds"])[1])
            assert figures["peak_rss_bytes"] > 50 * 2**20
    engine = bars["contenders"]["engine"]
    each = [
        ours / theirs
        for ours, theirs in zip(bars["contenders"]["framework"]["seconds"], engine["seconds"], strict=True)
    ]
    assert engine["framework_ratio"] == pytest.approx(sorted(each)[1], rel=0.01)
    assert gate["contenders"]["engine"]["p50_us"] > 0
    assert {goal["goal"] for goal in found["goals"]} >= {
        "bars-small: framework / engine",
        "gate: framework, one rule, us added to an order at p50",
    }


def test_commits_are_counted_by_somebody_else_and_their_percentiles_told(capsys):
    assert command.main(["--quick", "--json", "--scale", "0.2", "--rows", "journal"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert row["contenders"].keys() == {"framework", "disk"}
    for figures in row["contenders"].values():
        told = figures["samples_ms"]["committed"]
        assert told["count"] == 3 * 100
        assert 0 < told["p50"] <= told["p95"] <= told["p99"] <= told["p100"]
    (goal,) = found["goals"]
    assert goal["goal"] == "journal: committed, ms at p99"
    assert goal["value"] == row["contenders"]["framework"]["samples_ms"]["committed"]["p99"]


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("journal", {"kept": {"event": 30, "intent": 10}}, None),
        (
            "journal",
            {"kept": {"event": 29, "intent": 10}},
            "{'kept': {'event': 29, 'intent': 10}} instead of",
        ),
        ("latch", {"pulls": 9}, "{'pulls': 9} instead of {'pulls': 10}"),
        ("kill", {"cancels": 11}, None),
        ("kill", {"cancels": 9}, "cancels 9 of 10"),
        ("recovery", {"kills": 4}, "kills 4 of 5"),
    ],
)
def test_a_live_row_counts_only_when_all_of_it_was_done(tmp_path, name, answer, said):
    row = next(row for row in rows.ROWS if row.name == name)
    found = row.case(row, 10, tmp_path).check("framework", answer, None)
    assert (found is None) if said is None else str(found).startswith(said)


@pytest.mark.slow
@pytest.mark.more
def test_the_live_rows_do_their_work_on_a_node_and_an_exchange(capsys):
    assert command.main(["--quick", "--json", "--scale", "0.2", "--rows", "latch,kill,recovery"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["void"] for row in found["rows"]] == [None, None, None]
    assert all(goal["value"] > 0 for goal in found["goals"])


# The goals


def took(*seconds, rss=2**30, p50=()):
    return measure.Rounds(list(seconds), list(seconds), [rss] * len(seconds), list(p50))


# Counting


EVENTS = "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n"


def test_cycles_are_instructions_and_what_misses_cost():
    # 1,000 instructions; 3 + 2 + 1 misses of the first level at 10, 1 + 1 + 0 of the last at 100.
    found = count.read(EVENTS + "fn=(0)\ntotals: 1000 300 200 3 2 1 1 1 0\n", "engine")
    assert found == count.Count(1_000, 1_260)


@pytest.mark.parametrize(
    "text", ["", EVENTS, EVENTS + "totals: 0 0 0 0 0 0 0 0 0\n", EVENTS + "totals: 1 2\n"]
)
def test_a_file_that_counts_nothing_is_no_count(text):
    with pytest.raises(measure.FailedError, match="engine: callgrind counted nothing"):
        count.read(text, "engine")


def test_the_counted_goal_is_about_the_median_of_cycles():
    counts = {
        "framework": [count.Count(2_000, n) for n in (1_000, 1_040, 1_030)],
        "engine": [count.Count(1_000, 1_000)] * 3,
    }
    row = count.Counted("quotes", "quotes", "", counts, None)
    assert row.ratios("cycles") == [1.0, 1.03, 1.04]
    assert row.met
    assert not count.Counted("quotes", "", "", {**counts, "framework": [count.Count(1, 1_031)] * 3}, None).met
    assert "2.000 (2.000-2.000)    1.030 (1.000-1.040)   met" in count.text([row])
    void = count.Counted("quotes", "quotes", "", {}, "engine: it ended")
    assert void.met is None
    assert "VOID: engine: it ended" in count.text([void])


FAKE = """#!{python}
import os, subprocess, sys
out = next(word.split("=", 1)[1] for word in sys.argv if word.startswith("--callgrind-out-file="))
rest = [word for word in sys.argv[1:] if not word.startswith("-")]
code = subprocess.run(rest).returncode
moved = sum(name.startswith("BENCHMARK_MOVES_") for name in os.environ)
total = 1_010 if rest[-1].endswith("with_framework.py") else 1_000
totals = "totals: %d 0 0 %d 0 0 0 0 0\\n" % (total, moved)
open(out, "w").write("events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\\n" + totals)
sys.exit(code)
"""


@pytest.mark.slow
def test_both_sides_are_counted_while_they_work_and_their_work_is_checked(tmp_path, monkeypatch, capsys):
    """A valgrind that counts nothing itself; what is counted for real is a test among the slow ones."""
    told = tmp_path / "told"
    for name, body in {
        "valgrind": FAKE.format(python=sys.executable),
        "callgrind_control": f'#!/bin/sh\necho "$2" >> {told}\n',
    }.items():
        (tmp_path / name).write_text(body)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert command.main(["--count", "--json", "--rows", "orders", "--scale", "0.02"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["counted"]
    assert row["void"] is None
    assert row["framework_ratio"] == [1.01, 1.01, 1.01]
    moved = [one["cycles"] - one["instructions"] for one in row["contenders"]["engine"]]
    assert moved == [0, 10 * count.MOVES, 20 * count.MOVES]
    assert row["met"]
    # Two contenders in three rounds; nobody counts their warming up.
    assert sorted(told.read_text().split()) == ["off"] * 6 + ["on"] * 6


def test_without_valgrind_nothing_is_counted_and_it_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(count.shutil, "which", lambda name: None)
    assert command.main(["--count", "--rows", "orders", "--scale", "0.02"]) == command.ABSENT
    assert "needs valgrind" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.more
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="there is no valgrind, which no index of packages has"
)
def test_what_is_counted_for_real_is_the_same_twice():
    command = [sys.executable, "-m", "benchmarks", "--count", "--json", "--rows", "orders", "--scale", "0.02"]
    done = subprocess.run(
        [*command, "--rounds", "3"], cwd=ROOT, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)["counted"][0]
    ratios = entry["framework_cycles_ratio"]  # a round has processes of its own
    assert len(ratios) == 3
    assert 0.5 < min(ratios) <= max(ratios) < 2.0
    assert max(ratios) == pytest.approx(min(ratios), rel=0.02)


# Ratios and goals


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    # 1.2/1, 2/2, 3/4: the median is 1.0, while the ratio of the medians is the same only by chance.
    found = {"bars-small": {"framework": took(1.2, 2.0, 3.0), "engine": took(1.0, 2.0, 4.0)}}
    goal = goals.Goal("bars-small", "framework", "engine", 1.03)
    assert goals.value_of(goal, found) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("goal", "value"),
    [
        (goals.Goal("large", "framework", "small", 11, "growth"), 10.0),
        (goals.Goal("large", "framework", None, 1.5, "rss"), 2.0),
        (goals.Goal("large", "framework", "engine", 1.05, "rss"), 4.0),
        (goals.Goal("large", "framework", "engine", 20, "added"), 15.0),
        (goals.Goal("large", "framework", "backtrader", 0.1), None),
        (goals.Goal("other", "framework", "engine", 1.0), None),
        (goals.Goal("latch", "framework", None, 10, "p99", "latched"), 98.0),
        (goals.Goal("latch", "framework", None, 10, "p100", "latched"), 99.0),
        (goals.Goal("latch", "framework", None, 10, "p99", "cancelled"), None),
        (goals.Goal("kill", "framework", None, 10, "p99", "cancelled"), None),
    ],
)
def test_every_kind_of_goal_is_read_from_its_own_figures(goal, value):
    found = {
        "small": {"framework": took(1.0, 2.0, 3.0)},
        "large": {
            "framework": took(10.0, 20.0, 90.0, rss=2 * 2**30, p50=(20.0, 18.0, 17.0)),
            "engine": took(1.0, 1.0, 1.0, rss=2**29, p50=(3.0, 3.0, 3.0)),
        },
        "latch": {"framework": took(1.0)},
    }
    # One hundred samples, 0 to 99 ms: ninety-nine of them are not above 98 ms.
    for part in (range(50, 100), range(50)):
        answer = {"seconds": 1.0, "cpu": 1.0, "rss": 1, "samples": {"latched": [ms / 1e3 for ms in part]}}
        found["latch"]["framework"].add(answer)
    assert goals.value_of(goal, found) == (None if value is None else pytest.approx(value))


def test_every_goal_is_about_a_row_and_a_contender_that_exist():
    known = {row.name: row for row in rows.ROWS}
    for goal in goals.GOALS:
        assert goal.of in known[goal.row].contenders
        assert goal.to is None or goal.to in known or goal.to in known[goal.row].contenders
        assert math.isfinite(goal.limit)
