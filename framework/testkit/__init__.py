"""What a plugin's tests may import: conformance kits, simulated markets, and real backtests in one line.

Nothing at run time imports this package; it needs pytest.
"""

from framework.engine.asked import Asked, Record
from framework.testkit.filter_kit import FilterKit
from framework.testkit.market import SimulatedMarket, simulate
from framework.testkit.nodes import run_node, run_strategy
from framework.testkit.readme_kit import ReadmeKit
from framework.testkit.rule_bench import RuleBench
from framework.testkit.rule_kit import RiskRuleKit
from framework.testkit.strategy_bench import StrategyBench
from framework.testkit.strategy_kit import StrategyKit
from framework.testkit.venue_kit import VenueKit

__all__ = [
    "Asked",
    "FilterKit",
    "ReadmeKit",
    "Record",
    "RiskRuleKit",
    "RuleBench",
    "SimulatedMarket",
    "StrategyBench",
    "StrategyKit",
    "VenueKit",
    "run_node",
    "run_strategy",
    "simulate",
]
