"""Money: equity marked to market, the curve the engine keeps, several currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model import (
    AccountType,
    BarType,
    Currency,
    Money,
    OrderSide,
    Quantity,
    Venue,
)
from nautilus_trader.portfolio import PortfolioConfig

BUY = OrderSide.BUY
SIM = Venue("SIM")
OUTCOME = "framework/engine/outcome.py equity; "


def amounts(monies):
    return sorted(str(money) for money in monies)


@pytest.mark.contract(
    "C-851",
    says="portfolio.equity marks open positions at the last bar's close: 100 000 x 0.01 makes 1 000 more.",
    leans="framework/engine/books.py equity(): drawdown rules look at it on every bar.",
)
def test_equity_is_marked_at_the_close(lab):
    def look(strategy, bar):
        strategy.notes[strategy.n] = amounts(strategy.portfolio.equity(SIM).values())
        strategy.notes["upnl"] = str(strategy.portfolio.unrealized_pnl(lab.id))

    probe, _ = lab.run({1: lambda s, bar: s.market(BUY, 100_000), 3: look}, bars=lab.bars(1.1, 1.1, 1.11))
    assert probe.notes == {3: ["1001000.00 USD"], "upnl": "1000.00 USD"}


@pytest.mark.contract(
    "C-852",
    says="With bar_updates=False the open position counts for nothing and the snapshot says is_stale.",
    leans=OUTCOME + "bar_updates stays at its default, True.",
)
def test_without_bar_updates_equity_ignores_the_position(lab):
    _probe, engine = lab.run(
        {1: lambda s, bar: s.market(BUY, 100_000)},
        bars=lab.bars(1.1, 1.1, 1.11),
        portfolio=PortfolioConfig(bar_updates=False),
    )
    snapshot = engine.portfolio.snapshots(engine.cache.account_id(SIM))[-1]
    assert amounts(engine.portfolio.equity(SIM).values()) == ["1000000.00 USD"]
    assert snapshot.is_stale
    assert snapshot.unpriced_instruments == [lab.id]


@pytest.mark.contract(
    "C-853",
    says="portfolio.snapshots(account) has one entry at the start, one at each UTC midnight, one at the end.",
    leans=OUTCOME + "this is the least an equity curve consists of.",
)
def test_by_default_there_is_a_snapshot_a_day(lab):
    bars = lab.bars(*[1.1] * 3000)  # 2 days and 2 hours from 12:28
    _, engine = lab.run({}, bars=bars)
    stamps = [snapshot.ts_event for snapshot in engine.portfolio.snapshots(engine.cache.account_id(SIM))]
    day = 86_400 * 10**9
    assert stamps[0] == bars[0].ts_event
    assert stamps[-1] == bars[-1].ts_event
    assert [stamp % day for stamp in stamps[1:-1]] == [0, 0]


@pytest.mark.contract(
    "C-854",
    says="PortfolioConfig(snapshot_interval_ms=n) adds a snapshot every n ms; total_equity is "
    "Money, marked to market.",
    leans=OUTCOME + "framework/engine/backtest.py asks for some 2 000 of them.",
)
def test_snapshots_follow_the_interval_and_the_price(lab):
    bars = lab.bars(*[1.1 + n / 1000 for n in range(30)])
    _, engine = lab.run(
        {1: lambda s, bar: s.market(BUY, 100_000)},
        bars=bars,
        portfolio=PortfolioConfig(snapshot_interval_ms=600_000),
    )
    snapshots = engine.portfolio.snapshots(engine.cache.account_id(SIM))
    minutes = [(snapshot.ts_event - lab.START) // lab.MINUTE for snapshot in snapshots]
    assert minutes == [1, 11, 21, 30]
    assert [amounts(snapshot.total_equity) for snapshot in snapshots] == [
        ["1000000.00 USD"],
        ["1001000.00 USD"],  # ten bars of 0.001 on 100 000
        ["1002000.00 USD"],
        ["1002900.00 USD"],
    ]
    assert amounts(snapshots[-1].unrealized_pnls) == ["2900.00 USD"]


@pytest.mark.contract(
    "C-855",
    says="equity_curve=False leaves no snapshots and empties the return statistics.",
    leans=OUTCOME + "never switched off.",
)
def test_without_the_equity_curve_there_are_no_returns(lab):
    bars = lab.bars(*[1.1 + n / 100_000 for n in range(3000)])
    plan = {1: lambda s, bar: s.market(BUY, 100_000)}
    _, on = lab.run(plan, bars=bars)
    _, off = lab.run(plan, bars=bars, portfolio=PortfolioConfig(equity_curve=False))
    assert len(on.get_result().returns_series) > 1
    assert off.get_result().returns_series == {}
    assert off.portfolio.snapshots(off.cache.account_id(SIM)) == []


@pytest.mark.contract(
    "C-856",
    says="A position is marked in its instrument's quote currency; equity has one amount a "
    "currency, unconverted.",
    leans=OUTCOME + "a column a currency, never a sum over currencies.",
)
def test_equity_has_one_amount_a_currency(lab):
    yen = lab.pair("USD/JPY", price_precision=3)
    yen_bars = BarType.from_str(f"{yen.id}-1-MINUTE-LAST-EXTERNAL")
    bars = [
        lab.bar(n, price, precision=3, bar_type=yen_bars) for n, price in enumerate([150.0, 150.0, 151.0], 1)
    ]

    def buy(strategy, bar):
        strategy.submit_order(strategy.order_factory.market(yen.id, BUY, Quantity(1000, 0)))

    probe = lab.Probe(plan={1: buy})
    probe.bar_type = yen_bars
    usd, jpy = Currency.from_str("USD"), Currency.from_str("JPY")
    _, engine = lab.run(
        strategy=probe,
        bars=bars,
        instruments=[yen],
        venue={"starting_balances": [Money(10_000, usd), Money(1_000_000, jpy)]},
    )
    assert amounts(engine.portfolio.equity(SIM).values()) == ["10000.00 USD", "1001000 JPY"]


@pytest.mark.contract(
    "C-857",
    says="base_currency converts at the cross rate when the cache has quotes for it.",
    leans="plugins/venues/simulated base_currency; framework/report shows that currency.",
)
def test_the_base_currency_account_converts_profit(lab):
    usd = Currency.from_str("USD")
    _, engine = lab.run(
        {1: lambda s, bar: s.market(BUY, 100_000)},
        bars=lab.bars(1.1, 1.1, 1.11),
        venue={"base_currency": usd},
    )
    snapshot = engine.portfolio.snapshots(engine.cache.account_id(SIM))[-1]
    assert str(snapshot.base_currency_equity) == "1001000.00 USD"


@pytest.mark.contract(
    "C-858",
    says="A cash account refuses an order its free balance cannot pay (OrderDenied), a margin "
    "account its margin.",
    leans="framework/risk leaves affordability to the engine's own risk checks.",
)
@pytest.mark.parametrize(
    ("account", "size"), [(AccountType.CASH, 1_000_000), (AccountType.MARGIN, 400_000_000)]
)
def test_an_order_that_cannot_be_paid_is_refused(lab, account, size):
    venue = {"account_type": account, "starting_balances": [Money(1_000_000, Currency.from_str("USD"))]}
    if account == AccountType.CASH:
        venue["default_leverage"] = None
    probe, engine = lab.run({2: lambda s, bar: s.market(BUY, size)}, bars=lab.bars(*[1.1] * 4), venue=venue)
    assert probe.events()[-1] in {"OrderDenied", "OrderRejected"}
    assert engine.cache.positions_open() == []
    assert (
        Decimal(1_000_000)
        == engine.portfolio.account(SIM).balance_total(Currency.from_str("USD")).as_decimal()
    )
