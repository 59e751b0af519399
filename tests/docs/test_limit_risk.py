"""The set of rules to start from runs as it stands in the how-to."""

import re
from pathlib import Path

from framework.config import document
from framework.testkit import run_node, simulate
from framework.testkit.nodes import VENUE
from framework.testkit.traders import RANDOM_FLOW

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "limit-risk.md"


def test_the_set_to_start_from_lets_a_flow_trade_and_intervenes(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    written = document.parse(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1], "limit-risk.md").value
    market = simulate(tmp_path / "catalog", ("EURUSD",), step="1-HOUR", length=500)
    flow = {
        "bar_types": [str(bar_type) for bar_type in market.bar_types],
        "smallest": 1_000,
        "largest": 80_000,
    }
    result = run_node(
        {
            "mode": "backtest",
            "name": "limit-risk",
            "catalog": str(market.catalog),
            "venues": [{"name": "SIM", "use": VENUE.name}],
            "data": list(market.streams()),
            "strategies": [{"id": "flow", "use": RANDOM_FLOW.name, "config": flow}],
            "log": {"level": "off"},
            **written,
        },
        specs=(VENUE, RANDOM_FLOW),
    )
    assert len(result.fills) > 20
    assert {decision.rule for decision in result.denials} >= {"order_limits", "exposure_limit"}


def test_every_rule_it_names_is_installed_and_every_rule_of_a_limiting_package_is_named():
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", text.split("## A set")[0]))
    root = PAGE.parents[2] / "plugins" / "risk"
    offered = {
        name
        for package in ("limits", "exposure", "throttle", "market_guards", "drawdown")
        for file in (root / package / "src").glob("*/__init__.py")
        for name in re.findall(r'name="([a-z_]+)"', file.read_text(encoding="utf-8"))
    }
    assert offered - {"order_rate"} <= named
    assert named - {"risk"} <= offered | {"node"}
