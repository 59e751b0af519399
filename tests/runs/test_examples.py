"""Every example, through the command line, in processes of its own: as a user runs it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NODES = sorted(EXAMPLES.glob("*/node.yaml"))
KEYS = {
    "instruments",
    "start",
    "end",
    "bars",
    "orders",
    "fills",
    "denials",
    "statistics",
    "report",
    "result_hash",
}

EVERY = pytest.mark.parametrize("node", NODES, ids=[node.parent.name for node in NODES])
RUN = pytest.mark.parametrize(
    "node",
    [
        pytest.param(node, id=node.parent.name, marks=[pytest.mark.slow] * (node.parent.name != "quickstart"))
        for node in NODES
    ],
)
"""Every day the one that most people copy; `.ci/run` runs them all."""


def framework(*arguments, cwd=None):
    command = [sys.executable, "-c", "from framework.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd=cwd)


def fresh_checkout(folder):
    """The examples and the sample in a folder of their own, with nothing that a run leaves behind.

    The sample is a copy: `framework check` notices whoever opens a file of the catalog, another test too.
    """
    shutil.copytree(EXAMPLES.parent / "catalog" / "sample", folder / "catalog" / "sample")
    left_out = shutil.ignore_patterns("reports", "registry", "promotions", "*.key", "*.pub")
    shutil.copytree(EXAMPLES, folder / "examples", ignore=left_out)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The examples in a folder of their own."""
    folder = tmp_path_factory.mktemp("checkout")
    fresh_checkout(folder)
    return folder / "examples"


@pytest.fixture
def placed(node, home):
    """The example's file where what it needs has been made: a model, trained as it says."""
    here = home / node.relative_to(EXAMPLES)
    recipe = here.with_name("train.yaml")
    if recipe.exists() and not recipe.with_name("registry").exists():
        key, registry = recipe.with_name("model.key"), recipe.with_name("registry")
        for words in (
            ("keygen", key),
            ("train", recipe, "--key", key, "--registry", registry, "--json"),
            ("verify", "--trust", f"{key}.pub", "--registry", registry),
        ):
            done = framework("model", *words)
            assert done.returncode == 0, done.stderr
    return here


def run(node, reports):
    done = framework("node", "run", node, "--json", "--report", reports)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def results():
    return {}


@pytest.fixture
def result(placed, results, tmp_path_factory):
    if placed not in results:
        results[placed] = run(placed, tmp_path_factory.mktemp("reports"))
    return results[placed]


@RUN
def test_it_trades_and_reports(node, result):
    assert result.keys() >= KEYS
    assert result["fills"] > 0
    report = Path(result["report"])
    assert (report / "report.html").stat().st_size > 100_000, "a page that carries its own charts"
    assert json.loads((report / "result.json").read_text())["result_hash"] == result["result_hash"]
    for table in ("orders", "fills", "positions"):
        assert (report / f"{table}.parquet").is_file()


@RUN
def test_its_readme_states_what_the_run_gives(node, result):
    text = (node.parent / "README.md").read_text()
    row = re.search(r"^\| *(\d+) *\| *(\d+) *\| *(\d+) *\| *(-?[\d.]+) (\w+) *\|$", text, re.MULTILINE)
    profit = result["statistics"]["pnl"][row[5]]["PnL (total)"]
    given = (result["orders"], result["fills"], result["denials"], f"{profit:.2f}")
    assert (int(row[1]), int(row[2]), int(row[3]), row[4]) == given


@RUN
def test_its_profit_is_the_sum_of_its_positions_fills_and_fees(node, result):
    """Cash in less cash out, from the fills alone: every example ends flat."""
    import pyarrow.parquet as pq

    cash = fees = quantity = 0.0
    for fill in pq.read_table(Path(result["report"]) / "fills.parquet").to_pylist():
        sign = 1 if fill["order_side"] == "SELL" else -1
        cash += sign * float(fill["last_qty"]) * float(fill["last_px"])
        quantity += sign * float(fill["last_qty"])
        fees += float(str(fill["commission"]).split()[0])
    assert quantity == 0
    assert result["statistics"]["pnl"]["USD"]["PnL (total)"] == pytest.approx(
        cash - fees, abs=0.01 * result["fills"]
    )


@RUN
def test_another_process_gives_the_same_hash(placed, result, tmp_path):
    assert run(placed, tmp_path)["result_hash"] == result["result_hash"]


@RUN
def test_its_bundle_repeats_it(node, result, tmp_path):
    kept = sorted(Path(result["report"]).rglob("*"))
    done = framework("node", "run", "--bundle", result["report"], "--json", "--report", tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(Path(result["report"]).rglob("*")) == kept, "a repetition adds nothing to what it repeats"
    assert json.loads(done.stdout)["result_hash"] == result["result_hash"]


@EVERY
def test_its_readme_says_how_to_run_it(node):
    command = f"framework node run examples/{node.parent.name}/node.yaml"
    assert command in (node.parent / "README.md").read_text()


@EVERY
def test_each_command_of_its_readme_is_one(node):
    """The words after `framework`; what they do is run in the fixtures and in the tests of each command."""
    commands = re.findall(r"^framework (\w+ \w+)", (node.parent / "README.md").read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        assert framework(*command.split(), "--help").returncode == 0, command


@EVERY
@pytest.mark.slow
@pytest.mark.timeout(1800)  # one of them walks forward
def test_the_commands_of_its_readme_end_as_it_says(node, tmp_path, monkeypatch):
    """All of them, in their order, on a fresh checkout: with what exit code, and what a walk prints."""
    monkeypatch.delenv("FRAMEWORK_UNPROVEN", raising=False)  # which lets the other tests go live
    fresh_checkout(tmp_path)
    text = (node.parent / "README.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert lines
    for line in lines:
        command, _, comment = line.partition(" # ")
        expected = int(comment.removeprefix("exit code ").partition(":")[0]) if comment else 0
        words = command.split()
        assert words[0] == "framework"
        done = framework(*words[1:], cwd=tmp_path)
        assert done.returncode == expected, (line, done.stdout, done.stderr)
        if words[1] == "walkforward":
            said = done.stdout.partition("  record: ")[0]
            assert said in text, said
        if "live" in words:
            refused = done.stderr.splitlines()[0]
            assert refused[refused.index("strategy ") :] in text, refused


@EVERY
@pytest.mark.slow
def test_on_paper_it_sends_the_orders_of_the_backtest(node, placed):
    if not placed.with_name("train.yaml").exists():
        pytest.skip("only where a model is asked bar by bar on paper: test_paper has the others")
    done = framework("node", "run", placed, "--mode", "paper", "--speed", "max", "--json")
    assert done.returncode == 0, done.stderr
    parity = framework("node", "parity", placed)
    assert parity.returncode == 0, parity.stdout + parity.stderr
    assert "the same in the backtest" in parity.stdout
