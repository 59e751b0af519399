import json
import re
import shutil
import time
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from framework import config
from framework.config import DataEntry, LogEntry, ReportEntry, RiskEntry, StrategyEntry, load
from framework.config.document import dump, parse
from framework.config.values import dec_hook, to_plain
from framework.errors import ConfigError
from framework.secret import Secret

MINIMAL = """\
catalog: data
venues:
  - {name: SIM, use: simulated}
strategies:
  - {id: one, use: vwap}
data:
  - bars: EUR/USD.SIM-1-HOUR-LAST-EXTERNAL
"""
FULL = """\
# Everything a node may say.
name: demo
mode: paper
catalog: ../catalog
start: 2017-01-02
end: 2017-12-29T22:00:00-05:00
seed: 7
venues:
  - name: SIM
    use: simulated
    config:
      balances: ["100000 USD"]
      fees: {model: maker_taker, maker: "0", taker: "0.00002"}
  - name: XNAS
    use: simulated
strategies:
  - id: fade-eurusd
    use: vwap
    config:
      bar_types: [EUR/USD.SIM-1-HOUR-LAST-EXTERNAL]
      quantity: "1000"
      entry_band: 2.5
  - id: fade-aapl
    use: vwap
risk:
  - use: order_limits
    config: {max_quantity: "5000"}
  - id: caps
    use: order_limits
    strategies: [fade-aapl]
data:
  - bars: EUR/USD.SIM-1-HOUR-LAST-EXTERNAL
  - quotes: AAPL.XNAS
  - trades: AAPL.XNAS
report: {directory: out, html: false}
paper: {speed: max}
state: run
journal: {retention: 30, key: "env:JOURNAL_KEY"}
guard: {patience: 5}
promotion: {directory: proofs, key: "env:PROMOTION_KEY"}
log: {level: debug}
"""


@pytest.fixture
def node(tmp_path):
    def write(text):
        file = tmp_path / "node.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def refused(file):
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.remedy
    return caught.value


def attempt(read, *arguments):
    """What a reader gives, and the error it raises; one of them is None."""
    try:
        return read(*arguments), None
    except ConfigError as error:
        return None, error


def at(error):
    return tuple(int(number) for number in error.where.rsplit(":", 2)[1:])


def test_the_shortest_node_has_every_default(node):
    read = load(node(MINIMAL)).node
    assert (read.mode, read.name, read.start, read.end, read.seed, read.risk) == (
        "backtest",
        None,
        None,
        None,
        0,
        [],
    )
    assert read.report == ReportEntry(directory="reports", html=True)
    assert read.log == LogEntry()
    assert read.strategies == [StrategyEntry(id="one", use="vwap", config={})]
    assert read.data == [DataEntry(bars="EUR/USD.SIM-1-HOUR-LAST-EXTERNAL")]


def test_everything_that_a_node_says_is_read(node):
    read = load(node(FULL)).node
    assert (read.name, read.mode, read.catalog, read.seed) == ("demo", "paper", "../catalog", 7)
    assert (read.start, read.end) == ("2017-01-02", "2017-12-29T22:00:00-05:00")
    assert [venue.name for venue in read.venues] == ["SIM", "XNAS"]
    assert read.strategies[0].config["entry_band"] == 2.5
    assert read.risk == [
        RiskEntry(use="order_limits", config={"max_quantity": "5000"}),
        RiskEntry(use="order_limits", id="caps", strategies=["fade-aapl"]),
    ]
    assert [(entry.bars, entry.quotes, entry.trades) for entry in read.data] == [
        ("EUR/USD.SIM-1-HOUR-LAST-EXTERNAL", None, None),
        (None, "AAPL.XNAS", None),
        (None, None, "AAPL.XNAS"),
    ]
    assert (read.report.html, read.log.level) == (False, "debug")
    assert (read.paper.speed, read.state) == ("max", "run")
    assert read.guard.patience == 5
    assert (read.journal.retention, read.journal.key) == (30, Secret("env:JOURNAL_KEY"))


def test_relative_paths_start_at_the_folder_of_the_file(node, tmp_path, monkeypatch):
    node(MINIMAL)
    monkeypatch.chdir(tmp_path)
    loaded = load("node.yaml")
    assert loaded.directory == tmp_path.resolve()
    assert loaded.document.file == "node.yaml"
    assert loaded.document.where(("strategies", 0, "use")) == "node.yaml:5:20"


def test_a_node_cannot_be_changed(node):
    with pytest.raises(AttributeError):
        load(node(MINIMAL)).node.seed = 1


def test_the_resolved_node_written_to_yaml_is_the_same_node(node):
    read = load(node(FULL)).node
    assert load(node(dump(to_plain(read)))).node == read


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(node):
    error = refused(
        node(MINIMAL.replace("catalog: data", "catalog: 5\nsead: 1").replace("id: one", "id: a b"))
    )
    assert at(error) == (1, 10)
    assert error.path == "catalog"
    lines = error.remedy.splitlines()
    assert lines[0] == 'Write it in quotes: "5".'
    assert [line.strip().partition("node.yaml:")[2] for line in lines[1:]] == [
        '2:1: unknown key "sead"; did you mean "seed"?',
        "6:10: expected text matching regex '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?!\\\\n)$', got \"a b\"",
    ]


def test_the_same_name_twice_cites_both_lines(node):
    text = FULL.replace("id: fade-aapl\n", "id: fade-eurusd\n").replace("name: XNAS", "name: SIM")
    error = refused(node(text))
    assert at(error) == (14, 11)
    assert error.message == 'venue "SIM" is already on line 9'
    assert error.remedy.splitlines()[0] == "Lines 9 and 14: Rename or remove one."
    assert 'strategy "fade-eurusd" is already on line 17' in error.remedy


def test_a_risk_rule_is_called_by_its_plugin_unless_it_has_an_id(node):
    error = refused(node(FULL.replace("  - id: caps\n    use", "  - use")))
    assert error.message == 'risk rule "order_limits" is already on line 26'
    assert "id" in error.remedy


def test_the_same_data_twice_is_refused_however_it_is_spelt(node):
    text = MINIMAL + "  - bars: EUR/USD.SIM-1-hour-last-external\n"
    assert at(refused(node(text))) == (8, 11)
    assert load(node(MINIMAL + "  - quotes: EUR/USD.SIM\n  - trades: EUR/USD.SIM\n")).node.data[2].trades


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [
        ("2017-01-02", "2017-01-02", True),
        ("2017-01-02", "2017-01-01", False),
        ("2017-01-02T10:00", "2017-01-02T10:00", False),
        ("2017-01-02T10:00", "2017-01-02T10:00:00.000000001", True),
        ("2017-01-02T10:00", "2017-01-02T11:00+02:00", False),
        ("2017-01-02T23:59", "2017-01-02", True),
    ],
)
def test_the_start_must_be_before_the_end_and_a_date_ends_with_its_day(node, start, end, fits):
    file = node(f"start: {start}\nend: {end}\n{MINIMAL}")
    if fits:
        assert load(file).node.end == end
    else:
        error = refused(file)
        assert (at(error), error.path) == ((1, 8), "start")


@pytest.mark.parametrize("path", ["~/data", "'~'", "'~trader/data'"])
def test_a_home_directory_is_not_expanded_and_says_so(node, path):
    error = refused(node(MINIMAL.replace("catalog: data", f"catalog: {path}")))
    assert (at(error), error.path) == ((1, 10), "catalog")
    assert "not expanded" in error.message
    error = refused(node(f"report: {{directory: {path}}}\n{MINIMAL}"))
    assert (at(error), error.path) == ((1, 21), "report.directory")


@pytest.mark.parametrize("path", ["/data/catalog", "../catalog", ".", "a folder/with spaces"])
def test_paths_may_be_absolute_or_relative(node, path):
    assert load(node(MINIMAL.replace("data\nvenues", f"{path}\nvenues"))).node.catalog == path


@pytest.mark.parametrize("name", ["a", "7", "vwap_eurusd-2", "A" * 64])
def test_names_that_the_engine_takes(node, name):
    assert load(node(MINIMAL.replace("id: one", f'id: "{name}"'))).node.strategies[0].id == name


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a.b", "é", "a/b", "A" * 65, "EXTERNAL", "external"])
def test_names_that_the_engine_or_a_file_system_would_stumble_over(node, name):
    assert at(refused(node(MINIMAL.replace("id: one", f'id: "{name}"')))) == (5, 10)


def test_the_settings_of_a_plugin_stay_as_they_are_written(node):
    read = load(node(MINIMAL.replace("use: vwap", "use: vwap, config: {anything: [1, {at: all}]}"))).node
    assert read.strategies[0].config == {"anything": [1, {"at": "all"}]}


def test_the_schema_describes_every_key_and_takes_the_file_that_says_everything():
    schema = config.schema()
    json.dumps(schema)
    definitions = schema["$defs"]
    assert set(definitions) == {
        "DataEntry",
        "FilterEntry",
        "GuardEntry",
        "JournalEntry",
        "LogEntry",
        "LogFileEntry",
        "NodeConfig",
        "PaperEntry",
        "PromotionEntry",
        "ReportEntry",
        "RiskEntry",
        "StrategyEntry",
        "VenueEntry",
    }
    keys = definitions["NodeConfig"]["properties"]
    assert set(keys) == set(parse(FULL).value)
    for definition in definitions.values():
        assert definition["additionalProperties"] is False
        for name, key in definition["properties"].items():
            assert name in {"report", "paper", "journal", "log", "guard", "promotion"} or key.get(
                "description"
            ), name


def test_a_normal_file_is_loaded_about_as_fast_as_yaml_is_read(node):
    """It is checked, typed and located in less than twice the time PyYAML takes to read the same text.

    They take turns, so that a slow machine is slow for both.
    """
    file = node(FULL)
    text = file.read_text(encoding="utf-8")
    ours, theirs = [], []
    for _ in range(20):
        for times, read in ((ours, lambda: load(file)), (theirs, lambda: yaml.load(text, yaml.SafeLoader))):
            start = time.process_time()
            read()
            times.append(time.process_time() - start)
    assert min(ours) < 2.0 * min(theirs)


TOKENS = st.sampled_from(
    [
        *":[]{}'\"#|>%@~é \\\t\n\x00\u2028\u00a0",
        *(": ", "- ", "? ", "&a ", "*a", "!!str ", "<<: ", "---\n"),
        *("no", "12:30", "010", "1e999", ".nan", "null"),
    ]
)


@st.composite
def mutations(draw):
    """A good file after a few slips of the hand."""
    text = FULL
    for _ in range(draw(st.integers(1, 4))):
        lines = text.splitlines(keepends=True)
        where = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["delete", "insert", "swap", "repeat", "cut", "indent"])):
            case "delete":
                text = text[:where] + text[where + draw(st.integers(1, 3)) :]
            case "insert":
                text = text[:where] + draw(TOKENS) + text[where:]
            case "swap" if len(lines) > 1:
                one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
                lines[one], lines[other] = lines[other], lines[one]
                text = "".join(lines)
            case "repeat" if lines:
                one = draw(st.integers(0, len(lines) - 1))
                text = "".join([*lines[:one], lines[one], *lines[one:]])
            case "indent" if lines:
                one = draw(st.integers(0, len(lines) - 1))
                lines[one] = draw(st.sampled_from([" ", "  ", "\t"])) + lines[one]
                text = "".join(lines)
            case _:
                text = text[:where]
    return text


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations())
@example("a: [")
@example("? ")
@example(": ")
@example("- - - x")
def test_a_slip_of_the_hand_gives_a_node_or_an_error_with_a_line(node, text):
    loaded, error = attempt(load, node(text))
    if error is None:
        assert isinstance(loaded.node, config.NodeConfig)
        return
    line, column = at(error)
    assert 1 <= line <= text.count("\n") + 2
    assert column >= 1
    assert error.remedy
    assert len(str(error)) < 4000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(parse(FULL).value)), JSON)
def test_any_value_under_any_key_is_read_or_refused_at_that_key(key, value):
    written = {**parse(FULL).value, key: value}
    try:
        text = dump(written)
        text.encode()
    except UnicodeEncodeError:
        return
    document, refusal = attempt(parse, text)
    if refusal is None:
        _, refusal = attempt(config.decode, document, (), config.NodeConfig)
        # `start` stands for its comparison with `end`.
        assert refusal is None or re.split(r"[.\[]", refusal.path)[0] in {key, "start"}


def test_what_is_decoded_is_what_msgspec_decodes(node):
    read = load(node(FULL)).node
    assert read == msgspec.convert(parse(FULL).value, config.NodeConfig, dec_hook=dec_hook)


def test_the_shipped_examples_load():
    examples = sorted((Path(__file__).parents[2] / "examples").glob("*/node.yaml"))
    assert examples
    for example_file in examples:
        assert load(example_file).node.strategies


def test_a_file_that_was_loaded_may_be_moved(node, tmp_path):
    loaded = load(node(MINIMAL))
    shutil.move(tmp_path / "node.yaml", tmp_path / "moved.yaml")
    assert loaded.node.catalog == "data"
