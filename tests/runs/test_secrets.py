"""Fault 40: credentials in the environment, and a strategy and a rule that say them wherever they can."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest
import yaml

from framework.journal import read

ROOT = Path(__file__).parents[2]
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"
CANARY = 'canary/ä"7f3b+secret of the venue'
ANOTHER = "canary-9d1c-secret-of-the-rule"
PHRASE = "canary-the-passphrase-of-the-vault"
KEYRING = """
import os
from keyring.backend import KeyringBackend


class OneEntry(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        return os.environ["IN_THE_KEYRING"] if (service, username) == ("desk", "rule") else None

    def set_password(self, service, username, password):
        raise NotImplementedError
"""
FORMS = [CANARY, ANOTHER, json.dumps(CANARY)[1:-1], quote(CANARY, safe=""), "canary"]
TALKS = """
import logging
import sys
import warnings

from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework import APPROVE, PluginConfig, RiskRule, RiskSpec, RunError, Secret, StrategySpec, hookimpl


class TalksConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: BarType
    api_key: Secret
    ends: str = "quietly"


class Talks(Strategy):
    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)
        if self.config.ends == "at the start":
            raise LookupError(self.config.api_key.reveal())

    def on_bar(self, bar):
        self.seen += 1
        key = self.config.api_key.reveal()
        if self.seen == 10:
            print("printed", key)
            print("complained", key, file=sys.stderr)
            print(self.config)
            self.log.error(f"told the engine {key}")
            logging.getLogger("somebody").error("logged %s", key)
            try:
                raise ValueError(f"GET https://venue.example/?key={key}")
            except ValueError:
                logging.getLogger("somebody").exception("caught")
            warnings.warn(f"warned {key}", stacklevel=1)
        if self.seen == 20:
            size = Quantity.from_str("1000")
            self.submit_order(self.order_factory.market(bar.bar_type.instrument_id, OrderSide.BUY, size))
        if self.seen == 30:
            raise LookupError(f"raised {key}")


class GossipsConfig(PluginConfig, frozen=True, kw_only=True):
    token: Secret


class Gossips(RiskRule):
    seen = 0

    def check(self, proposal):
        Gossips.seen += 1
        if Gossips.seen > 5:
            raise LookupError(f"the rule says {self.config.token.reveal()}")
        return APPROVE


@hookimpl
def register_strategies():
    yield StrategySpec(name="talks", strategy=Talks, config=TalksConfig)


@hookimpl
def register_risk():
    yield RiskSpec(name="gossips", rule=Gossips, config=GossipsConfig)


@hookimpl
def run_started(plan, node):
    if plan.strategies[0].config.ends == "in the hook":
        raise LookupError(plan.strategies[0].config.api_key.reveal())
    if plan.strategies[0].config.ends == "as a run error":
        key = plan.strategies[0].config.api_key.reveal()
        try:
            raise LookupError(key)
        except LookupError as error:
            raise RunError(f"with {key}", where=key, path=key, remedy=key) from error
"""


@pytest.fixture(scope="module")
def framework(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "talks-1.0.dist-info"
    info.mkdir()
    (folder / "talks.py").write_text(TALKS)
    (folder / "one_entry.py").write_text(KEYRING)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: talks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[framework]\ntalks = talks\n")
    environment = os.environ | {"PYTHONPATH": str(folder), "VENUE_KEY": CANARY, "RULE_TOKEN": ANOTHER}

    def call(*arguments, given=None, **more):
        return subprocess.run(
            [sys.executable, "-m", "framework", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            input=given,
            env=environment | more,
        )

    return call


def written(folder, rules="env:RULE_TOKEN", **settings):
    node = yaml.safe_load((ROOT / "examples" / "quickstart" / "node.yaml").read_text())
    node |= {"catalog": str(ROOT / "catalog" / "sample"), "start": "2017-01-02", "end": "2017-01-13"}
    node["log"] = {"level": "info", "format": "json", "file": {"level": "info"}}
    talks = {"bar_type": BARS, "api_key": "env:VENUE_KEY"} | settings
    node["strategies"].insert(0, {"id": "talks", "use": "talks", "config": talks})
    node["risk"].append({"use": "gossips", "config": {"token": rules}})
    path = folder / "node.yaml"
    path.write_text(json.dumps(node))
    return path


def everything(folder):
    """Whatever is in the files of a folder, tables read and bytes as they are."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "node.yaml":
            yield file.name, file.read_bytes().decode(errors="replace")
            if file.suffix == ".parquet":
                yield file.name, pd.read_parquet(file).to_json(date_format="iso")
            if file.name == "journal.db":
                yield file.name, "".join(row.body for row in read(file))


def assert_clean(name, text):
    for form in FORMS:
        assert form not in text, f"{form!r} is in {name}"


@pytest.mark.slow
def test_credentials_are_in_nothing_that_a_session_leaves(framework, tmp_path):
    node = written(tmp_path)
    ran = framework("node", "run", node, "--mode", "paper", "--speed", "max", "--json")
    assert ran.returncode == 0, ran.stderr
    assert "printed [env:VENUE_KEY]" in ran.stderr
    assert "told the engine [env:VENUE_KEY]" in ran.stderr
    assert "raised [env:VENUE_KEY]" in ran.stderr
    assert "the rule says [env:RULE_TOKEN]" in ran.stderr
    journal = tmp_path / "state" / "journal.db"
    said = [
        ran,
        framework("node", "run", node, "--mode", "backtest", "--json"),
        framework("node", "status", node),
        framework("node", "status", node, "--json"),
        framework("node", "explain", node),
        framework("node", "explain", node, "--json"),
        framework("node", "check", node, "--json"),
        framework("journal", "show", journal),
        framework("journal", "export", journal, tmp_path / "state" / "export.jsonl"),
        framework("journal", "export", journal, tmp_path / "state" / "export.parquet"),
        framework("node", "parity", node, "--json"),
    ]
    for done in said:
        assert_clean(str(done.args), done.stdout + done.stderr)
    files = [*everything(tmp_path / "state"), *everything(tmp_path / "reports")]
    names = {name for name, _ in files}
    assert {
        "journal.db",
        "heartbeat.json",
        "node.log",
        "report.html",
        "fills.parquet",
        "bundle.json",
    } <= names
    for name, text in files:
        assert_clean(name, text)
    log = next(text for name, text in files if name == "node.log")
    lines = [json.loads(line) for line in log.splitlines()]
    loggers = {line["logger"] for line in lines}
    assert {"somebody", "framework.live", "print"} <= loggers
    assert any(name.startswith("engine.TRADER-001.") for name in loggers)
    assert any("[env:VENUE_KEY]" in line.get("traceback", "") for line in lines)


def test_what_the_vault_and_the_keyring_hold_is_in_nothing_either(framework, tmp_path):
    given = {"FRAMEWORK_VAULT": str(tmp_path / "vault"), "FRAMEWORK_VAULT_PASSPHRASE": PHRASE}
    given |= {
        "PYTHON_KEYRING_BACKEND": "one_entry.OneEntry",
        "IN_THE_KEYRING": ANOTHER,
        "VENUE_KEY": "",
        "RULE_TOKEN": "",
    }
    kept = framework("secret", "set", "venue-key", given=CANARY, **given)
    assert kept.returncode == 0, kept.stderr
    node = written(tmp_path, rules="keyring:desk/rule", api_key="vault:venue-key")
    ran = framework("node", "run", node, "--mode", "paper", "--speed", "max", "--json", **given)
    assert ran.returncode == 0, ran.stderr
    assert "printed [vault:venue-key]" in ran.stderr
    assert "told the engine [vault:venue-key]" in ran.stderr
    assert "the rule says [keyring:desk/rule]" in ran.stderr
    for name, text in [("stdout", ran.stdout), ("stderr", ran.stderr), *everything(tmp_path / "state")]:
        assert_clean(name, text)


@pytest.mark.parametrize(
    "ends",
    [
        "at the start",
        *(pytest.param(end, marks=pytest.mark.slow) for end in ("in the hook", "as a run error")),
    ],
)
def test_an_exception_that_holds_a_credential_is_told_without_it(framework, tmp_path, ends):
    node = written(tmp_path, ends=ends)
    for more in ([], ["--json"]):
        done = framework("node", "run", node, "--mode", "paper", "--speed", "max", *more)
        assert_clean(str(done.args), done.stdout + done.stderr)
        assert "[env:VENUE_KEY]" in done.stdout + done.stderr
        assert done.returncode == (0 if ends == "at the start" else 6)
    for name, text in everything(tmp_path / "state"):
        assert_clean(name, text)


def test_a_credential_in_the_file_stops_the_node_and_is_not_repeated(framework, tmp_path):
    node = written(tmp_path, api_key="canary-written-into-the-file")
    for command in ("run", "check", "explain"):
        done = framework("node", command, node)
        assert done.returncode == 2
        assert "never written" in done.stderr
        assert "canary" not in done.stdout + done.stderr.replace(str(node), "")
