"""What a plugin's tests may import: conformance kits, simulated markets, and real backtests in one line.

Nothing at run time imports this package; it needs pytest.
"""

from framework.testkit.market import SimulatedMarket, simulate
from framework.testkit.nodes import run_node, run_strategy
from framework.testkit.record import Asked, Record
from framework.testkit.strategy_kit import StrategyKit

__all__ = ["Asked", "Record", "SimulatedMarket", "StrategyKit", "run_node", "run_strategy", "simulate"]
