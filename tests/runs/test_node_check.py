"""`framework node check` on every file of `tests/broken`: a typed error with its place, code and remedy.

The line and column in `expected.json` are where the fault was put into a sound file, not what a loader said.
"""

import json
import time
from pathlib import Path

import pytest

from framework.cli import main
from framework.config.document import LARGEST_FILE

BROKEN = Path(__file__).parents[1] / "broken"
EXPECTED = json.loads((BROKEN / "expected.json").read_text(encoding="utf-8"))
SOUND = """
mode: backtest
catalog: ../../catalog/sample
start: 2017-03-01
end: 2017-03-31
venues:
  - name: SIM
    use: simulated
    config: {account_type: margin, balances: ["100000 USD"], fees: {model: none}}
strategies:
  - id: fade
    use: vwap
    config: {bar_types: [EURUSD.SIM-1-HOUR-LAST-EXTERNAL], quantity: "1000", mode: fade}
risk:
  - use: order_limits
    config: {max_quantity: "5000"}
data:
  - bars: EURUSD.SIM-1-HOUR-LAST-EXTERNAL
"""


@pytest.fixture(autouse=True, scope="module")
def loaded_plugins(tmp_path_factory):
    """Load the plugins once, so that the time of a check is the check's own."""
    file = tmp_path_factory.mktemp("sound") / "node.yaml"
    file.write_text(SOUND, encoding="utf-8")
    main_code(["node", "check", str(file)])


def main_code(arguments):
    try:
        main(arguments)
    except SystemExit as ended:
        return ended.code or 0
    return 0


def check(path, capsys):
    capsys.readouterr()
    start = time.process_time()
    code = main_code(["node", "check", str(path), "--json"])
    elapsed = time.process_time() - start
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err, elapsed


def test_the_file_that_the_broken_ones_were_made_from_is_sound(tmp_path, capsys):
    file = tmp_path / "node.yaml"
    file.write_text(SOUND, encoding="utf-8")
    code, answer, _, _ = check(file, capsys)
    assert (code, answer["ok"]) == (0, True)


def test_the_corpus_and_its_expectations_name_the_same_files():
    assert {path.stem for path in BROKEN.glob("*.yaml")} == set(EXPECTED)
    assert len(EXPECTED) >= 100


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_is_refused_with_its_place_code_and_remedy(name, capsys):
    expected = EXPECTED[name]
    code, error, stderr, elapsed = check(BROKEN / f"{name}.yaml", capsys)
    assert (code, error["error"]) == (expected["exit_code"], expected["error"])
    file, line, column = error["where"].rsplit(":", 2)
    assert file.endswith(f"broken/{name}.yaml")
    assert (int(line), int(column)) == (expected["line"], expected["column"])
    assert expected["message"] in f"{error['message']} {error['remedy']}"
    assert error["remedy"]
    assert not stderr
    assert elapsed < 1.0


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_person_reads_the_same_error_without_a_traceback(name, capsys):
    capsys.readouterr()
    code = main_code(["node", "check", str(BROKEN / f"{name}.yaml")])
    captured = capsys.readouterr()
    assert code == EXPECTED[name]["exit_code"]
    assert captured.err.startswith(f"{EXPECTED[name]['error']}: ")
    assert "Traceback" not in captured.err
    assert len(captured.err) < 3000
    assert not captured.out


def test_a_file_of_ten_megabytes_is_refused_without_being_read_through(tmp_path, capsys):
    file = tmp_path / "huge.yaml"
    file.write_text("data:\n" + "  - bars: EURUSD.SIM-1-HOUR-LAST-EXTERNAL\n" * 240_000, encoding="utf-8")
    assert file.stat().st_size > 9 * LARGEST_FILE
    code, error, _, elapsed = check(file, capsys)
    assert (code, error["error"]) == (2, "ConfigError")
    assert "larger than 1024 KiB" in error["message"]
    assert elapsed < 1.0


def test_a_file_that_is_not_there_is_a_typed_error(tmp_path, capsys):
    code, error, stderr, _ = check(tmp_path / "absent.yaml", capsys)
    assert (code, error["error"], error["message"]) == (2, "ConfigError", "there is no such file")
    assert not stderr


def test_a_folder_is_a_typed_error_that_names_the_file_to_give(tmp_path, capsys):
    code, error, stderr, _ = check(tmp_path, capsys)
    assert (code, error["error"]) == (2, "ConfigError")
    assert error["remedy"].endswith("node.yaml.")
    assert not stderr
