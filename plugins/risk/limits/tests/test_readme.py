"""The README's YAML runs on the shipped sample, and its tables are the settings."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import framework_limits
import msgspec
import pytest
import yaml
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import BarType, OrderSide, Price, Quantity
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, VenueSpec
from framework.testkit import run_node

HERE = Path(__file__).parent
README = (HERE.parent / "README.md").read_text(encoding="utf-8")
SAMPLE = HERE.parents[3] / "catalog" / "sample"
SPECS = {spec.name: spec for spec in framework_limits.register_risk()}
BARS = "EUR/USD.SIM-1-HOUR-LAST-EXTERNAL"


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


def small_account(name, config, seed):
    return BacktestVenueConfig(
        name=name,
        oms_type="NETTING",
        account_type="MARGIN",
        starting_balances=["5000 USD"],
        default_leverage=Decimal(100),
        fee_model=MakerTakerFeeModel(Decimal(0), Decimal("0.00002")),
    )


class BracketsConfig(PluginConfig, frozen=True, kw_only=True):
    bar_type: Annotated[BarType, msgspec.Meta(description="Bars.")]


class Brackets(Strategy):
    """Every hundred bars a bracket around the close, 100 ticks each way, in growing size."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = 0

    def on_start(self):
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar):
        self.seen += 1
        if self.seen % 100 == 0:
            close = bar.close.as_decimal()
            self.submit_order_list(
                self.order_factory.bracket(
                    bar.bar_type.instrument_id,
                    OrderSide.BUY,
                    Quantity.from_int(2_000 * self.seen // 100),
                    sl_trigger_price=Price.from_decimal_dp(close - Price.from_str("0.00100").as_decimal(), 5),
                    tp_price=Price.from_decimal_dp(close + Price.from_str("0.00100").as_decimal(), 5),
                )
            )


def test_the_readmes_yaml_runs_and_intervenes():
    if not SAMPLE.exists():
        pytest.skip("catalog/sample is not in this checkout")
    node = {
        "catalog": str(SAMPLE),
        "venues": [{"name": "SIM", "use": "small"}],
        "data": [{"bars": BARS}],
        "strategies": [{"id": "brackets", "use": "brackets", "config": {"bar_type": BARS}}],
        **yaml.safe_load(re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]),
    }
    result = run_node(
        node,
        specs=[
            StrategySpec(name="brackets", strategy=Brackets, config=BracketsConfig),
            VenueSpec(name="small", config=NoConfig, backtest=small_account),
        ],
    )
    assert len(result.fills) > 10
    assert {decision.rule for decision in result.decisions} & SPECS.keys()


@pytest.mark.parametrize("name", SPECS)
def test_the_readmes_table_has_every_setting_and_its_default(name):
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)[1]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    fields = {field.name: field for field in msgspec.structs.fields(SPECS[name].config)}
    assert {name for name, _ in rows} == set(fields)
    for setting, shown in rows:
        field = fields[setting]
        if field.required:
            assert shown == "required"
        elif field.default is None:
            assert shown == "none"
        else:
            default = [] if field.default is msgspec.NODEFAULT else field.default
            assert yaml.safe_load(shown.strip("`")) == default
