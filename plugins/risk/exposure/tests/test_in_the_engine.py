"""The rules in front of the real engine, with a venue that answers, and with one that never does."""

from __future__ import annotations

from decimal import Decimal

import framework_exposure
import pytest
from framework_exposure.capital_budget import CapitalBudgetConfig
from framework_exposure.correlation_guard import CorrelationGuardConfig
from framework_exposure.exposure_limit import ExposureLimitConfig
from framework_exposure.margin_guard import MarginGuardConfig
from framework_exposure.net_position import NetPositionConfig
from nautilus_trader.backtest import BacktestVenueConfig
from nautilus_trader.execution import MakerTakerFeeModel, StaticLatencyModel
from nautilus_trader.model import BarType, Currency, InstrumentId, Money, OrderSide, Quantity, Venue
from nautilus_trader.trading import Strategy

from framework import PluginConfig, StrategySpec, VenueSpec
from framework.testkit import run_strategy, simulate
from framework.testkit.nodes import VENUE, TestVenueConfig
from framework.testkit.traders import RANDOM_FLOW, RandomFlowConfig

SPECS = {spec.name: spec for spec in framework_exposure.register_risk()}
MONTH = 30 * 24 * 3_600 * 1_000_000_000


class BuyerConfig(PluginConfig, frozen=True, kw_only=True):
    bar_types: list[BarType]


class Buyer(Strategy):
    """Buys a thousand of everything on every bar."""

    def on_start(self):
        for bar_type in self.config.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        head = (bar.bar_type.instrument_id, OrderSide.BUY, Quantity.from_int(1_000))
        self.submit_order(self.order_factory.market(*head))


BUYER = StrategySpec(name="buyer", strategy=Buyer, config=BuyerConfig)


def silent(name, config, seed):
    """A venue whose answers come only after the last bar."""
    del config, seed
    return BacktestVenueConfig(
        name=name,
        oms_type="NETTING",
        account_type="MARGIN",
        starting_balances=["10000000 USD"],
        fee_model=MakerTakerFeeModel(Decimal(0), Decimal(0)),
        latency_model=StaticLatencyModel(MONTH),
    )


SILENT = VenueSpec(name="silent", config=TestVenueConfig, backtest=silent)


@pytest.fixture
def buy(tmp_path):
    def run(rule, config, *, presets=("EURUSD",), length=12, venue=VENUE):
        market = simulate(tmp_path / "catalog", presets, length=length, step="1-HOUR")
        return run_strategy(
            BUYER,
            BuyerConfig(bar_types=list(market.bar_types)),
            catalog=market.catalog,
            rules=[(SPECS[rule], config)],
            venue=(venue, TestVenueConfig()),
        )

    return run


def net_of(units):
    return NetPositionConfig(
        underlying="EUR",
        instruments=[InstrumentId.from_str("EUR/USD.SIM")],
        max_net=Decimal(units),
        max_mark_age="2h",
    )


def test_entries_stop_at_the_cap(buy):
    result = buy("net_position", net_of(3_000))
    assert len(result.fills) == 3
    assert len(result.denials) == 9
    assert result.denials[0].reason == "the net position in EUR could become 4000, and max_net is 3000"


def test_orders_whose_fate_is_unknown_use_up_the_cap(buy):
    """Nothing is heard of any order before the last bar, so none is known to have ended: three leave."""
    result = buy("net_position", net_of(3_000), venue=SILENT)
    assert result.orders["status"].value_counts().to_dict() == {"FILLED": 3, "DENIED": 9}
    assert result.fills["ts_event"].min().value > result.denials[-1].ts


def test_gross_exposure_stops_at_the_cap(buy):
    config = ExposureLimitConfig(max_gross=Money.from_str("5000 USD"), max_mark_age="2h")
    result = buy("exposure_limit", config)
    # a thousand euros cost more than 1,000 and less than 1,250 dollars in this market: four fit
    assert len(result.fills) == 4
    assert result.denials[0].reason.startswith("gross exposure could become ")


def test_a_budget_stops_at_its_capital(buy):
    config = CapitalBudgetConfig(capital=Money.from_str("2500 USD"), max_mark_age="2h")
    assert len(buy("capital_budget", config).fills) == 2


def test_a_leverage_stop_halts_and_closes(buy):
    config = MarginGuardConfig(
        venue=Venue("SIM"),
        currency=Currency.from_str("USD"),
        stop_leverage=Decimal("0.0003"),  # of ten million: 3,000 dollars
        max_mark_age="2h",
    )
    result = buy("margin_guard", config)
    (halt,) = [decision for decision in result.decisions if decision.verdict == "halt"]
    assert "reached stop_leverage 0.0003" in halt.reason
    assert list(result.fills["order_side"])[-1] == "SELL"
    assert int(result.fills["last_qty"].astype(float).iloc[-1]) == 3_000


def test_two_instruments_of_unknown_correlation_share_a_cap(buy):
    config = CorrelationGuardConfig(max_exposure=Money.from_str("500000 USD"), max_mark_age="2h")
    result = buy("correlation_guard", config, presets=("EURUSD", "equity:AAPL"))
    assert any("up in EUR/USD.SIM together with AAPL.SIM" in denial.reason for denial in result.denials)
    fills = result.fills["last_qty"].astype(float) * result.fills["last_px"].astype(float)
    assert 300_000 < fills.sum() <= 505_000  # prices move a little after an order is judged


def most_held(result, instrument_id):
    """The largest position on either side, added up from the fills alone."""
    held = most = Decimal(0)
    for row in result.fills.sort_values("ts_event").itertuples():
        if row.instrument_id == instrument_id:
            held += Decimal(str(row.last_qty)) * (1 if row.order_side == "BUY" else -1)
            most = max(most, abs(held))
    return most


def random_flow(folder, seed):
    market = simulate(folder / f"flow-{seed}", ("EURUSD",), step="1-HOUR", length=250, seed=seed)
    flow = RandomFlowConfig(bar_types=list(market.bar_types), smallest=100, largest=2_500, seed=seed)
    return run_strategy(
        RANDOM_FLOW,
        flow,
        catalog=market.catalog,
        data=market.streams(),
        rules=[(SPECS["net_position"], net_of(3_000))],
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_random_flow_never_holds_more_than_the_cap(tmp_path, seed):
    result = random_flow(tmp_path, seed)
    assert len(result.denials) >= 3
    assert 1_000 < most_held(result, "EUR/USD.SIM") <= 3_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 40))
def test_many_random_flows_never_hold_more_than_the_cap(tmp_path, seed):
    assert most_held(random_flow(tmp_path, seed), "EUR/USD.SIM") <= 3_000
