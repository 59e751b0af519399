"""What of a new file a running node may take: told without a node, from two plans."""

import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from nautilus_trader.model import Money

from framework import PluginConfig, config, plugins
from framework.compose import compose
from framework.config import document as documents
from framework.engine import outside, parity
from framework.engine.reload import Reload, tighter
from framework.errors import CompositionError, RunError

EXAMPLE = Path(__file__).parents[2] / "examples" / "two_strategies_shared_risk"
INSTALLED = plugins.load()
SAID = yaml.safe_load((EXAMPLE / "node.yaml").read_text())


class Limits(PluginConfig, frozen=True, kw_only=True):
    max_orders: int | None = None
    max_notional: Money | None = None
    max_age: str = ""
    min_size: int = 0


@pytest.fixture(scope="module")
def plan():
    return composed(SAID)


def composed(said):
    document = documents.parse(documents.dump(said))
    return compose(config.understand(document, EXAMPLE), INSTALLED, "paper")


def asked(plan, change, *, approved=False):
    said = deepcopy(SAID)
    change(said)
    answer = Reload(None, plan).take(composed(said), approved=approved, dry=True)
    assert not answer["taken"]
    return answer


def test_a_file_that_says_the_same_changes_nothing(plan):
    answer = asked(plan, lambda said: None)
    assert answer["changes"] == []
    assert answer["why"] == "the file says what the node does already"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda said: said.update(seed=99), "seed"),
        (lambda said: said.update(promotion={"directory": "elsewhere"}), "promotion"),
        (lambda said: said.update(log={"level": "info"}), "log"),
        (lambda said: said["risk"].pop(), "risk "),
        (lambda said: said["risk"].reverse(), "risk their order"),
        (lambda said: said["venues"][0]["config"].update(leverage="3"), "venue SIM: leverage"),
        (lambda said: said.update(guard={"patience": None}), "guard: patience"),
    ],
)
def test_what_a_node_is_made_of_needs_a_restart_and_is_named(plan, change, named):
    answer = asked(plan, change, approved=True)
    assert answer["why"].startswith("this needs a restart: " + named)


def test_a_strategy_without_a_reconfigure_needs_a_restart(plan, monkeypatch):
    monkeypatch.delattr(INSTALLED.find("strategy", "vwap").spec.strategy, "reconfigure")
    answer = asked(plan, lambda said: said["strategies"][0]["config"].update(entry_band=3.0), approved=True)
    assert answer["why"] == "this needs a restart: strategy breakout: entry_band"


def test_a_longer_patience_is_to_be_approved_and_a_shorter_one_is_not(plan):
    assert (
        "not approved: guard: patience from 2.0 to 3.0"
        in asked(plan, lambda said: said.update(guard={"patience": 3}))["why"]
    )
    for seconds, approved in ((3, True), (1, False)):
        answer = asked(plan, lambda said, s=seconds: said.update(guard={"patience": s}), approved=approved)
        assert answer["why"] == "it was only asked about"


@pytest.mark.parametrize(
    ("field", "old", "new", "expected"),
    [
        ("max_orders", 10, 9, True),
        ("max_orders", 10, 11, False),
        ("max_orders", None, 11, True),
        ("max_orders", 10, None, False),
        ("max_notional", "10 USD", "9 USD", True),
        ("max_notional", "10 USD", "9 EUR", False),
        ("max_notional", "10 USD", "10.01 USD", False),
        ("max_age", "2h", "1h", False),
        ("min_size", 1, 2, False),
    ],
)
def test_only_a_lower_most_is_shown_to_be_tighter(field, old, new, expected):
    money = field == "max_notional"
    was, becomes = (Limits(**{field: Money.from_str(value) if money else value}) for value in (old, new))
    assert tighter(field, was, becomes) is expected


def test_new_settings_of_a_strategy_trade_live_only_when_promoted(plan, monkeypatch):

    def smaller(said):
        said["strategies"][0]["config"]["entry_band"] = 3.0

    assert asked(plan, smaller)["why"] == "it was only asked about"

    def traded_elsewhere(said):
        said["strategies"][0]["config"]["bar_types"] = ["EUR/USD.SIM-2-HOUR-LAST-INTERNAL@1-HOUR-EXTERNAL"]

    assert asked(plan, traded_elsewhere)["why"] == "this needs a restart: strategy breakout"

    said = deepcopy(SAID)
    smaller(said)
    asks = []

    def promoted(plan, unproven, told):
        asks.append([strategy.id for strategy in told])
        assert len(plan.strategies) > len(told)  # records speak of those beside it too
        if unproven is None:
            raise CompositionError("not proven")
        return [{"command": "unproven", "why": unproven}]

    reload = Reload(None, plan, promoted)
    assert reload.take(composed(said), approved=False, dry=True)["why"].startswith("not proven")
    assert reload.take(composed(said), "a drill", approved=True, dry=True)["why"] == "it was only asked about"
    assert asks == [["breakout"], ["breakout"]]


class Told:
    """A strategy of a node that takes settings until it has had enough of them."""

    def __init__(self, patience):
        self.patience, self.configs = patience, []

    def reconfigure(self, config):
        if self.patience == len(self.configs):
            raise ValueError("enough")
        self.configs.append(config.entry_band)


@pytest.mark.parametrize(("patience", "halted"), [(0, ["breakout"]), (1, [])])
def test_a_strategy_that_cannot_be_put_back_is_halted(plan, monkeypatch, patience, halted):
    monkeypatch.setattr(INSTALLED.find("strategy", "vwap").spec.strategy, "reconfigure", Told.reconfigure)
    said = deepcopy(SAID)
    said["strategies"][0]["config"]["entry_band"] = 3.0
    told, latched = Told(patience), []
    fault = SimpleNamespace(disabled=False, strategys=lambda origin, function: function)
    node = SimpleNamespace(
        parts=SimpleNamespace(
            strategies={"breakout": told}, gate=SimpleNamespace(replace=lambda rules: None, remember=dict)
        ),
        faults={"breakout": fault},
        patience=SimpleNamespace(limit=2.0),
        halt=lambda scope, reason, by: latched.append(scope),
    )
    answer = Reload(node, plan).take(composed(said), approved=True)
    assert answer["taken"] is not bool(halted)
    assert latched == halted
    assert ("halted" in answer.get("why", "")) is bool(halted)
    fault.disabled = True
    assert "is disabled" in Reload(node, plan).take(composed(said), approved=True)["why"]


def test_a_command_is_withdrawn_or_answered_and_never_both(tmp_path):
    command = tmp_path / "1.json"
    command.write_text("{}")
    assert outside.answered(command, 0) is None
    assert not outside.begin(command)
    command.write_text("{}")
    assert outside.begin(command)
    outside.answer(command, {"taken": True})
    assert outside.answered(command, 0) == {"taken": True}
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_was_begun_and_never_answered_is_said_to_be_so(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "LONGEST_ANSWER", 0.1)
    command = tmp_path / "commands" / "1.json"
    command.parent.mkdir()
    command.write_text("{}")
    outside.begin(command)
    with pytest.raises(RunError, match="has not said"):
        outside.answered(command, 0)


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        ({"ts": 5, "rule": "gate", "reason": "halted by anna: a drill"}, "halted by anna: a drill"),
        ({"ts": 4, "rule": "gate", "reason": "halted by anna: a drill"}, None),
        ({"ts": 5, "rule": "size-cap", "reason": "too large"}, None),
    ],
)
def test_parity_explains_an_order_that_a_latch_stopped_before_it_was_noted(decided, expected):
    rows = [
        SimpleNamespace(kind=kind, strategy=strategy, body=json.dumps(body))
        for kind, strategy, body in (
            ("operator", "", {"at": 3, "command": "reload", "who": "anna", "answer": {"taken": False}}),
            ("decision", "breakout", decided),
            ("operator", "", {"at": 6, "command": "kill", "scope": "strategy:breakout", "who": "anna"}),
        )
    ]
    assert parity._reason("breakout", 5, rows) == expected
