"""Arrays and engine on real bars: thin futures minutes, and coins with eight decimals of money."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.catalog.builtin import register_importers
from framework.catalog.instruments import find_instrument
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file
from framework.screen import Screen
from framework.testkit.nodes import plan_node

DATA = Path(__file__).parents[4] / "shared" / "data"
CSV = next(spec for spec in register_importers() if spec.name == "csv")
FILES = {
    "6E.XCME-1-MINUTE-LAST-EXTERNAL": ("6EH4-xcme_1m_2024-01.csv.gz", "6E", "open", "5"),
    "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL": (
        "btcusdt-perp_1m_2022-01.csv",
        "BTCUSDT-PERP",
        "close",
        "0.5",
    ),
}


@pytest.mark.parametrize("bars", FILES)
@pytest.mark.parametrize(
    ("strategy", "config"),
    [("trend", {"fast": 20, "slow": 90}), ("mean_reversion", {"lookback": 60, "entry": 2.2, "exit": 0.3})],
)
def test_they_are_the_same_on_a_month_of_real_minutes(tmp_path, bars, strategy, config):
    name, preset, stamp, quantity = FILES[bars]
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not on this machine: it lies beside the repository, in ../shared/data")
    instrument = find_instrument(preset)
    settings = ImportSettings(
        instrument=instrument, bars="1-MINUTE-LAST", stamp=stamp, timezone="UTC", round=True
    )
    import_file(tmp_path / "catalog", CSV, settings, DATA / name)
    venue = {
        "account_type": "margin",
        "balances": [f"10000000 {instrument.quote_currency}"],
        "leverage": "10",
        "fees": {"model": "maker_taker", "maker": "0", "taker": "0.0004"},
    }
    plan = plan_node(
        {
            "catalog": str(tmp_path / "catalog"),
            "venues": [{"name": str(instrument.id.venue), "use": "simulated", "config": venue}],
            "data": [{"bars": bars}],
            "strategies": [
                {"id": "s", "use": strategy, "config": {"bar_types": [bars], "quantity": quantity, **config}}
            ],
            "log": {"level": "off"},
        }
    )
    work = Screen()
    score = work.score(0, {}, plan)
    assert score.problem is None
    assert len(work.confirm(score, plan).fills) > 300
