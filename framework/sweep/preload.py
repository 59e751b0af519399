"""What every worker needs, imported once by the process that they are forked from.

Arrow's allocator keeps a thread of its own, and knows what to do when its process is forked.
"""

import pandas as pd
import pyarrow.parquet as pq
from nautilus_trader import backtest, model, persistence

import framework.compose
import framework.engine.asked
import framework.engine.backtest
import framework.engine.figures

__all__ = ["backtest", "framework", "model", "pd", "persistence", "pq"]
