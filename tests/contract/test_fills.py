"""What a backtest fills, at which price and how much, with every price worked out by hand from the bars."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.execution import FeeModel, FillModel, MakerTakerFeeModel, OneTickSlippageFillModel
from nautilus_trader.model import Currency, Money, OrderSide, Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
MARKET = "Every number in a report rests on it; "


def fills(probe):
    return [
        (n, str(event.last_qty), str(event.last_px)) for n, name, event in probe.seen if name == "OrderFilled"
    ]


@pytest.mark.contract(
    "C-501",
    says="A market order sent in on_bar fills at once, at the close of that very bar, not at the next open.",
    leans=MARKET + "so a bar stamped at its open would be the future: framework/engine/feed.py refuses "
    "those.",
)
def test_a_market_order_fills_at_the_close_of_the_bar_that_caused_it(lab):
    bars = lab.bars(1.1, (1.1, 1.102, 1.099, 1.101), (1.105, 1.106, 1.104, 1.1055), 1.1)
    probe, _ = lab.run({2: lambda s, bar: s.market(BUY, 1000)}, bars=bars)
    assert fills(probe) == [(2, "1000", "1.10100")]


@pytest.mark.contract(
    "C-502",
    says="Nothing tells the engine whether a bar is stamped at its open: such a bar trades at "
    "a price of the future.",
    leans="framework/catalog asks for the stamp on import, framework/engine/feed.py refuses bars without it.",
)
def test_an_open_stamped_bar_trades_at_a_future_price(lab):
    closes = [1.1, 1.2, 1.3]
    shifted = [
        lab.bar(n - 1, (close, close, close, close)) for n, close in enumerate(closes, 1)
    ]  # stamped one minute early: at its open
    probe, engine = lab.run({2: lambda s, bar: s.market(BUY, 1000)}, bars=shifted)
    (order,) = engine.cache.orders()
    assert fills(probe) == [(2, "1000", "1.20000")]
    assert order.ts_last == lab.START + 1 * lab.MINUTE, "1.2 is only known one minute later"


@pytest.mark.contract(
    "C-503",
    says="Each of a bar's four prices carries a quarter of its volume; the rest of a market "
    "order fills one tick worse.",
    leans=MARKET + "volumes must be real: made-up ones decide how much is filled at the price.",
)
def test_a_quarter_of_the_volume_fills_at_the_price(lab):
    bars = lab.bars(1.1, 1.101, 1.1, 1.1, volume=1000)
    probe, _ = lab.run({2: lambda s, bar: s.market(BUY, 1000)}, bars=bars)
    assert fills(probe) == [(2, "250", "1.10100"), (2, "750", "1.10101")]


@pytest.mark.contract(
    "C-504",
    says="A resting limit fills a quarter of the bar's volume each time its price is reached.",
    leans=MARKET + "partial fills are usual on thin bars, so framework/risk counts what is filled, not "
    "what was sent.",
)
def test_a_resting_limit_fills_piece_by_piece(lab):
    dip = (1.101, 1.101, 1.0995, 1.101)
    bars = lab.bars(1.101, 1.101, dip, dip, dip, 1.101, volume=1000)
    probe, _ = lab.run({2: lambda s, bar: s.limit(BUY, 1000, "1.10000")}, bars=bars)
    assert fills(probe) == [(n, "250", "1.10000") for n in (2, 3, 4)], "before on_bar of bars 3, 4 and 5"


@pytest.mark.contract(
    "C-505",
    says="A limit that is only touched is filled, at its own price; a gap through it gives no better price.",
    leans=MARKET + "touch fills are optimistic, which plugins/venues/simulated lets the user change.",
)
@pytest.mark.parametrize(
    "bar", [(1.101, 1.101, 1.1, 1.101), (1.095, 1.096, 1.094, 1.095)], ids=["touched", "gapped through"]
)
def test_a_limit_fills_at_its_own_price(lab, bar):
    bars = lab.bars(1.101, 1.101, bar, 1.101)
    probe, _ = lab.run({2: lambda s, _: s.limit(BUY, 1000, "1.10000")}, bars=bars)
    assert fills(probe) == [(2, "1000", "1.10000")]


@pytest.mark.contract(
    "C-506",
    says="A stop fills at its trigger inside a bar, and at the open when the bar gaps over it.",
    leans=MARKET + "so a stop's loss can exceed the stop distance that plugins/risk/sizing counts with.",
)
@pytest.mark.parametrize(
    ("bar", "price"), [((1.101, 1.104, 1.101, 1.102), "1.10300"), ((1.107, 1.108, 1.106, 1.107), "1.10700")]
)
def test_a_stop_fills_at_its_trigger_or_at_the_gap(lab, bar, price):
    def step(strategy, _):
        strategy.submit_order(
            strategy.order_factory.stop_market(lab.id, BUY, Quantity(1000, 0), Price.from_str("1.10300"))
        )

    probe, _ = lab.run({2: step}, bars=lab.bars(1.101, 1.101, bar, 1.101))
    assert fills(probe) == [(2, "1000", price)]


@pytest.mark.contract(
    "C-507",
    says="A stop whose trigger the market has already passed is rejected.",
    leans="Strategies must look at OrderRejected: a bracket placed too tight loses its stop.",
)
def test_a_stop_in_the_market_is_rejected(lab):
    def step(strategy, _):
        strategy.submit_order(
            strategy.order_factory.stop_market(lab.id, BUY, Quantity(1000, 0), Price.from_str("1.10000"))
        )

    probe, _ = lab.run({2: step}, bars=lab.bars(1.101, 1.101, 1.101))
    assert probe.events()[-1] == "OrderRejected"
    assert "was in the market" in probe.seen[-1][2].reason


@pytest.mark.contract(
    "C-508",
    says="A bar that reaches stop and target is walked open, high, low, close: a long bracket "
    "takes its target.",
    leans="plugins/venues/simulated: adaptive_high_low must be known to the user, the default "
    "flatters longs.",
)
@pytest.mark.parametrize(("adaptive", "exit_price"), [(False, "1.10300"), (True, "1.09900")])
def test_the_high_comes_before_the_low(lab, adaptive, exit_price):
    def step(strategy, _):
        strategy.submit_order_list(
            strategy.order_factory.bracket(
                lab.id,
                BUY,
                Quantity(1000, 0),
                sl_trigger_price=Price.from_str("1.09900"),
                tp_price=Price.from_str("1.10300"),
            )
        )

    both = (1.0995, 1.104, 1.098, 1.1)  # opens nearer its low than its high
    probe, _ = lab.run(
        {2: step}, bars=lab.bars(1.101, 1.101, both, 1.1), venue={"bar_adaptive_high_low_ordering": adaptive}
    )
    assert fills(probe) == [(2, "1000", "1.10100"), (2, "1000", exit_price)]


class OnQuotes:
    def on_start(self):
        self.subscribe_quotes(self.bar_type.instrument_id)

    def on_quote(self, quote):
        self.on_bar(quote)


class OnTrades:
    def on_start(self):
        self.subscribe_trades(self.bar_type.instrument_id)

    def on_trade(self, trade):
        self.on_bar(trade)


@pytest.mark.contract(
    "C-509",
    says="With quotes a buy fills at the ask and a sell at the bid; past the quoted size, one tick worse.",
    leans=MARKET + "the spread is paid in full on quotes and not at all on bars.",
)
def test_quotes_fill_at_the_other_side(lab):
    probe = type("Quotes", (OnQuotes, lab.Probe), {})(
        plan={2: lambda s, q: s.market(BUY, 3000), 3: lambda s, q: s.market(SELL, 1000)}
    )
    lab.run(strategy=probe, bars=[lab.quote(n, 1.1, 1.1002, size=1000) for n in range(1, 5)])
    assert fills(probe) == [(2, "1000", "1.10020"), (2, "2000", "1.10021"), (3, "1000", "1.10000")]


@pytest.mark.contract(
    "C-510",
    says="With trades a market order fills at the last trade's price.",
    leans=MARKET + "there is no spread on trades.",
)
def test_trades_fill_at_the_last_price(lab):
    probe = type("Trades", (OnTrades, lab.Probe), {})(plan={2: lambda s, t: s.market(BUY, 1000)})
    lab.run(strategy=probe, bars=[lab.trade(n, 1.1 + n / 1000) for n in range(1, 5)])
    assert fills(probe) == [(2, "1000", "1.10200")]


@pytest.mark.contract(
    "C-511",
    says="A venue without an explicit fee_model is refused.",
    leans="plugins/venues/simulated always names one, and asks the user for it.",
)
def test_a_venue_needs_a_fee_model(lab):
    with pytest.raises(ValueError, match="explicit fee_model"):
        lab.engine(venue={"fee_model": None})


@pytest.mark.contract(
    "C-512",
    says="MakerTakerFeeModel charges rate x notional: 0.0002 x 100 000 x 1.1 = 22.00.",
    leans="plugins/venues/simulated offers it by name.",
)
def test_a_taker_fee_is_a_share_of_the_notional(lab):
    fee = MakerTakerFeeModel(Decimal("0.0001"), Decimal("0.0002"))
    probe, _ = lab.run(
        {2: lambda s, bar: s.market(BUY, 100_000)}, bars=lab.bars(*[1.1] * 4), venue={"fee_model": fee}
    )
    (commission,) = [event.commission for _, name, event in probe.seen if name == "OrderFilled"]
    assert str(commission) == "22.00 USD"


@pytest.mark.contract(
    "C-513",
    says="A FeeModel written in Python is called for every fill and its Money is the commission.",
    leans="plugins/venues: a venue plugin may bring its own fee schedule.",
)
def test_a_fee_model_written_in_python_is_used(lab):
    class Ticket(FeeModel):
        def get_commission(self, _order, _fill_quantity, _fill_px, _instrument):
            return Money(1.25, Currency.from_str("USD"))

    probe, _ = lab.run({2: lambda s, bar: s.market(BUY, 1000)}, venue={"fee_model": Ticket()})
    assert [str(e.commission) for _, name, e in probe.seen if name == "OrderFilled"] == ["1.25 USD"]


@pytest.mark.contract(
    "C-514",
    says="OneTickSlippageFillModel worsens every market fill by one tick.",
    leans="plugins/venues/simulated offers it by name.",
)
def test_one_tick_of_slippage(lab):
    probe, _ = lab.run(
        {2: lambda s, bar: s.market(BUY, 1000), 3: lambda s, bar: s.market(SELL, 1000)},
        bars=lab.bars(*[1.1] * 5),
        venue={"fill_model": OneTickSlippageFillModel(1.0, 0.0, None)},
    )
    assert fills(probe) == [(2, "1000", "1.10001"), (3, "1000", "1.09999")]


@pytest.mark.contract(
    "C-515",
    says="A FillModel written in Python is asked for a limit that was touched, and may refuse the fill.",
    leans="plugins/venues: a venue plugin may bring its own.",
)
def test_a_fill_model_written_in_python_is_used(lab):
    asked = []

    class Refusing(FillModel):
        def is_limit_filled(self):
            asked.append(1)
            return False

        def is_slipped(self):
            return False

    bars = lab.bars(1.101, 1.101, (1.101, 1.101, 1.1, 1.101), 1.101)
    probe, _ = lab.run(
        {2: lambda s, bar: s.limit(BUY, 1000, "1.10000")}, bars=bars, venue={"fill_model": Refusing()}
    )
    assert asked
    assert fills(probe) == []
