"""What imported data does in the engine: the facts the catalog's advice rests on."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from nautilus_trader.backtest import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestNode,
    BacktestRunConfig,
    BacktestVenueConfig,
)
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import BarType, NautilusDataType, OrderSide, Quantity, StrategyId
from nautilus_trader.trading import Strategy

from framework.catalog.builtin import register_importers
from framework.catalog.instruments import find_instrument
from framework.catalog.settings import ImportSettings
from framework.catalog.write import import_file

CSV_IMPORTER = next(spec for spec in register_importers() if spec.name == "csv")


class BuyOnceConfig(msgspec.Struct, frozen=True):
    bar_types: list[BarType]
    quantity: int
    strategy_id: StrategyId = StrategyId("buyer-1")
    order_id_tag: str | None = None


class BuyOnce(Strategy):
    """Buys on the fifth bar and keeps what became of the order."""

    def __init__(self, config):
        super().__init__(config)
        self.seen = []
        self.outcome = []

    def on_start(self):
        for bar_type in self.config.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        self.seen.append(bar.ts_init)
        if len(self.seen) == 5:
            instrument_id = bar.bar_type.instrument_id
            quantity = Quantity.from_int(self.config.quantity)
            self.submit_order(self.order_factory.market(instrument_id, OrderSide.BUY, quantity))

    def on_order_event(self, event):
        name = type(event).__name__
        if name == "OrderFilled":
            self.outcome.append((name, str(event.last_qty), str(event.last_px)))
        elif name in {"OrderRejected", "OrderDenied"}:
            self.outcome.append((name, event.reason))


@pytest.fixture
def trade(tmp_path):
    """Imports ten hourly bars for each price type and runs `BuyOnce` on them."""

    def run(preset, *, price="100", price_types=("LAST",), volume="1000", quantity=1):
        instrument = find_instrument(preset)
        text = "time,open,high,low,close\n" + "".join(
            f"2024-01-02 {n:02d}:00,{price},{price},{price},{price}\n" for n in range(10)
        )
        (tmp_path / "f.csv").write_text(text)
        for price_type in price_types:
            settings = ImportSettings(
                instrument=instrument,
                bars=f"1-HOUR-{price_type}",
                stamp="open",
                timezone="UTC",
                volume=volume,
            )
            import_file(tmp_path / "c", CSV_IMPORTER, settings, tmp_path / "f.csv")
        bar_types = [BarType.from_str(f"{instrument.id}-1-HOUR-{kind}-EXTERNAL") for kind in price_types]
        venue = BacktestVenueConfig(
            str(instrument.id.venue),
            "NETTING",
            "MARGIN",
            [f"10000000 {instrument.quote_currency}"],
            fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
            default_leverage=Decimal(1),
        )
        config = BacktestRunConfig(
            venues=[venue],
            data=[
                BacktestDataConfig(
                    NautilusDataType.Bar,
                    str(tmp_path / "c"),
                    instrument_ids=[instrument.id],
                    bar_types=[str(kind) for kind in bar_types],
                )
            ],
            engine=BacktestEngineConfig(bypass_logging=True),
            id="run",
            dispose_on_completion=False,
            raise_exception=True,
        )
        node = BacktestNode([config])
        node.build()
        strategy = BuyOnce(BuyOnceConfig(bar_types, quantity))
        node.add_strategy("run", strategy)
        node.run()
        return strategy

    return run


@pytest.mark.parametrize(
    ("preset", "price"),
    [
        ("EURUSD", "1.1"),
        ("XAUUSD", "2000.125"),
        ("BTCUSDT", "42000.01"),
        ("BTCUSDT-PERP", "42000.1"),
        ("ES", "4700.25"),
        ("6E", "1.10005"),
        ("UB", "123.03125"),
    ],
)
def test_every_preset_trades_in_the_engine_at_the_price_imported(trade, preset, price):
    strategy = trade(preset, price=price)
    ((name, quantity, filled),) = strategy.outcome
    assert (name, Decimal(quantity), Decimal(filled)) == ("OrderFilled", Decimal(1), Decimal(price))
    assert len(strategy.seen) == 10


def test_a_bar_reaches_the_strategy_at_its_close(trade):
    one_o_clock = 1_704_157_200_000_000_000  # date -u -d '2024-01-02 01:00' +%s
    assert trade("EURUSD").seen[0] == one_o_clock


def test_a_bar_without_volume_fills_nothing(trade):
    assert trade("EURUSD", volume="0").outcome == [("OrderRejected", "No market for EUR/USD.SIM")]


@pytest.mark.parametrize("price_type", ["ASK", "BID", "MID"])
def test_bars_of_one_side_or_of_the_middle_make_no_market(trade, price_type):
    """Why the ask-only sample is stored as LAST."""
    ((name, _),) = trade("EURUSD", price_types=(price_type,)).outcome
    assert name in {"OrderRejected", "OrderDenied"}


def test_bid_and_ask_bars_together_make_a_market(trade):
    assert trade("EURUSD", price_types=("BID", "ASK")).outcome == [("OrderFilled", "1", "100.00000")]


def test_a_quarter_of_a_bars_volume_fills_at_its_price_and_the_rest_a_tick_away(trade):
    assert trade("EURUSD", volume="1000", quantity=600).outcome == [
        ("OrderFilled", "250", "100.00000"),
        ("OrderFilled", "350", "100.00001"),
    ]
