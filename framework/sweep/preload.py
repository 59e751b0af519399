"""What every worker needs, imported once by the process that they are forked from."""

from nautilus_trader import backtest, model, persistence

import framework.compose
import framework.engine.backtest

__all__ = ["backtest", "framework", "model", "persistence"]
