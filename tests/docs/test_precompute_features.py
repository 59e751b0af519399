"""The feature of the how-to runs in a backtest, and its test passes."""

import re
from pathlib import Path
from typing import Annotated

import msgspec
from nautilus_trader.model import BarType

from framework import PluginConfig, StrategySpec
from framework.testkit import simulate
from framework.testkit.nodes import run_strategy

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "precompute-features.md"


class FollowsConfig(PluginConfig, frozen=True, kw_only=True):
    """Settings of the page's strategy."""

    bar_type: Annotated[BarType, msgspec.Meta(description="Bars to follow.")]


def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_page_runs(tmp_path):
    names = {"__name__": "page"}
    for block in blocks():
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - the page is ours
    names["test_momentum_is_one_feature"](tmp_path / "test")
    market = simulate(tmp_path / "market", step="1-MINUTE", length=1_200)
    spec = StrategySpec(name="follows", strategy=names["Follows"], config=FollowsConfig)
    result = run_strategy(spec, FollowsConfig(bar_type=market.bar_types[0]), catalog=market.catalog)
    assert result.bars == 1_200
