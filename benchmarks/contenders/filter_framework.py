"""A VWAP strategy whose entries a model judges, or judges not: what the judging costs a backtest.

The model is trained before the clock starts, on bars that end before the row's begin. When it has stopped,
the same node runs with everything worked out bar by bar, as on paper, and has to send the same orders.
"""

import tempfile
from pathlib import Path

import numpy as np
from framework_models import keys, recipe, registry, training
from framework_models.features import (
    Atr,
    Bollinger,
    Calendar,
    ChangePoint,
    Ema,
    LogReturn,
    Macd,
    Markov,
    Rsi,
    Volatility,
    Vwap,
    ZScore,
)
from framework_models.labels import TripleBarrier
from framework_models.learners import XGBoost
from framework_models.validation import Validation
from nautilus_trader.model import BarType
from protocol import serve
from with_framework import specs

from framework import Bars, load_bars
from framework.engine import backtest
from framework.testkit.nodes import plan_node

BARS = "{}.SIM-1-MINUTE-LAST-EXTERNAL"
LEARNT = 3_000
"""Bars the model learns from."""
FEATURES = [
    LogReturn(),
    LogReturn(bars=10),
    Rsi(),
    Ema(),
    Macd(),
    Atr(),
    Vwap(),
    Bollinger(),
    ZScore(),
    Volatility(period=20, history=100),
    Calendar(),
    Rsi(every="15m"),
    Markov(learn_from=500),
    ChangePoint(window=50),
]
MADE = {}


class Nothing:
    """Has no feature worked out, as on paper and live."""

    def __call__(self, feature, bar_type):
        return None


def work(job, folder):
    bar_type = BARS.format(job["symbols"][0])
    chosen = trained(folder, bar_type) if job["filtered"] else None
    plan = plan_node(node_of(job, folder, bar_type, chosen), specs=specs())

    def run():
        result = backtest.run(plan)
        result.fills  # noqa: B018 - tables are made when they are asked for, and this one is part of the work
        return lambda: read(job, folder, plan, result)

    return run


def read(job, folder, plan, result):
    """How much was traded, and whether bar by bar it would have been the same."""
    answer = {"fills_count": len(result.fills), "same": True}
    if job["filtered"] and folder not in MADE:
        node = backtest.build(plan, precomputed=Nothing())
        try:
            outcome = backtest.replay(node)
            again = backtest.collect(plan, node, outcome, 0.0)
            answer["same"] = MADE[folder] = again.result_hash == result.result_hash
        finally:
            node.engine.dispose()
    return answer


def trained(folder, bar_type):
    """The settings of a filter whose model knows bars until just before the first of the row."""
    if (folder, "filter") not in MADE:
        bars = load_bars(folder / "catalog", BarType.from_str(bar_type))
        count = min(LEARNT, len(bars))
        part = bars.first(count)
        before = part.ts - (int(part.ts[-1]) - int(part.ts[0])) - 60_000_000_000
        names = ("open", "high", "low", "close", "volume")
        earlier = Bars(bars.instrument, ts=before, **{name: np.array(getattr(part, name)) for name in names})
        wanted = recipe.Recipe(
            name="bench",
            catalog="-",
            bars=BarType.from_str(bar_type),
            end="2017-01-01",
            features=FEATURES,
            label=TripleBarrier(horizon=10),
            model=XGBoost(trees=100, depth=2),
            validation=Validation(folds=3, embargo=10),
        )
        made = training.train(wanted, earlier)
        home = Path(tempfile.mkdtemp())
        trusted = keys.make(home / "key")
        store = registry.Registry(home / "registry")
        model_id = store.add(made.manifest, made.model, keys.signing_key(home / "key"))
        middle = float(np.median(made.unseen.given[:, -1]))
        MADE[folder, "filter"] = {
            "registry": str(store.folder),
            "model": model_id,
            "trust": str(trusted),
            "threshold": round(middle, 4),
        }
    return MADE[folder, "filter"]


def node_of(job, folder, bar_type, chosen):
    """What node.yaml would hold."""
    strategy = {
        "id": "subject",
        "use": "vwap",
        "config": {"bar_types": [bar_type], "quantity": "10000", "mode": "fade", "warmup_bars": 30},
    }
    if chosen:
        strategy["filter"] = {"use": "model", "config": chosen}
    return {
        "catalog": str(folder / "catalog"),
        "start": "2017-07-14T02:40:30",
        "venues": [{"name": "SIM", "use": "bench", "config": {"cash": job["cash"], "fee": job["fee"]}}],
        "data": [{"bars": bar_type}],
        "strategies": [strategy],
        "log": {"level": "off"},
    }


if __name__ == "__main__":
    serve(work)
