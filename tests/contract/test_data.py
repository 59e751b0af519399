"""Data on its way to a strategy: order, clocks, indicators, precision, files."""

from __future__ import annotations

import datetime as dt
import pickle

import pytest
from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    ActorId,
    Bar,
    Money,
    OrderSide,
    OrderStatus,
    Price,
    PriceType,
    Quantity,
    QuoteTick,
    StrategyId,
)
from nautilus_trader.persistence import ParquetDataCatalog

BUY = OrderSide.BUY
FEED = "framework/engine/feed.py "


@pytest.mark.contract(
    "C-701",
    says="Bars, quotes and trades reach on_bar, on_quote and on_trade; at equal times in the "
    "order they were added.",
    leans=FEED + "adds streams in the order of node.yaml, so equal timestamps are not a matter of chance.",
)
@pytest.mark.parametrize("order", ["BQT", "TQB"])
def test_streams_arrive_in_the_order_they_were_added(lab, order):
    seen = []

    class All(lab.Probe):
        def on_start(self):
            self.subscribe_bars(self.bar_type)
            self.subscribe_quotes(lab.id)
            self.subscribe_trades(lab.id)

        def on_bar(self, bar):
            seen.append("B")

        def on_quote(self, quote):
            seen.append("Q")

        def on_trade(self, trade):
            seen.append("T")

    streams = {
        "B": lab.bars(1.1, 1.1),
        "Q": [lab.quote(n, 1.1, 1.1002) for n in (1, 2)],
        "T": [lab.trade(n, 1.1) for n in (1, 2)],
    }
    lab.run(strategy=All(), bars=[streams[key] for key in order])
    assert "".join(seen) == order * 2


@pytest.mark.contract(
    "C-702",
    says="A strategy sees a bar before any actor does, although the actor was added and started first.",
    leans="framework/engine/watch.py Conductor: prices reach the gate first only because it makes them.",
)
def test_strategies_get_a_bar_before_actors(lab):
    seen = []

    class Watcher(DataActor):
        def on_start(self):
            seen.append("actor starts")
            self.subscribe_bars(lab.bar_type)

        def on_bar(self, bar):
            seen.append(("actor", [order.status for order in self.cache.orders()]))

    def step(strategy, bar):
        seen.append("strategy")
        strategy.market(BUY, 1000)

    actor = Watcher(DataActorConfig(actor_id=ActorId("WATCH-001")))
    probe = lab.Probe(plan={1: step}, started=lambda s: seen.append("strategy starts"))
    lab.run(strategy=probe, actors=[actor], bars=lab.wavy(2))
    assert seen[:4] == [
        "actor starts",
        "strategy starts",
        "strategy",
        ("actor", [OrderStatus.INITIALIZED]),
    ], "and the order waits until the actor has seen the bar"
    assert seen[4] == ("actor", [OrderStatus.FILLED])


SERVED = """
    class Named(Probe):
        def on_bar(self, bar):
            served.append(self.name)
    served = []
    names = ["s%d-%d" % (n, n) for n in range(5)]
    probes = []
    for name in names:
        probe = Named(Settings(strategy_id=StrategyId(name)), started=lambda s: started.append(s.name))
        probe.name = name
        probes.append(probe)
    started = []
    lab.engine(data=lab.wavy(2), strategies=probes).run()
    print(",".join(started), ",".join(served))
"""


@pytest.mark.contract(
    "C-703",
    says="Strategies start in the order they were added but get one bar in an order that is "
    "random in each process.",
    leans="framework/engine/watch.py Conductor puts strategies in the order of node.yaml; without it two "
    "processes disagree.",
)
def test_strategies_that_share_a_stream_are_served_in_random_order(lab):
    runs = [lab.script(SERVED).stdout.split() for _ in range(4)]
    assert {started for started, _ in runs} == {"s0-0,s1-1,s2-2,s3-3,s4-4"}
    served = {order for _, order in runs}
    for order in served:
        once, again = order.split(",")[:5], order.split(",")[5:]
        assert sorted(once) == ["s0-0", "s1-1", "s2-2", "s3-3", "s4-4"]
        assert once == again, "constant within a process"
    assert len(served) > 1, "four processes agreed by chance (1 in 1 728 000), or the engine is in order now"


@pytest.mark.contract(
    "C-718",
    says="Handlers run later, from an actor on the same stream, in an order of ours: orders "
    "and indicators are right.",
    leans="framework/engine/watch.py Conductor does exactly this.",
)
def test_an_actor_can_put_strategies_in_order(lab):
    queue = []

    class Conductor(DataActor):
        def on_start(self):
            self.subscribe_bars(lab.bar_type)

        def on_bar(self, bar):
            for _, probe in sorted(queue, key=lambda entry: entry[0]):
                probe.act(bar)
            queue.clear()

    class Conducted(lab.Probe):
        def on_start(self):
            self.ema = ExponentialMovingAverage(1)
            self.register_indicator_for_bars(self.bar_type, self.ema)
            super().on_start()

        def on_bar(self, bar):
            queue.append((self.rank, self))

        def act(self, bar):
            assert self.ema.value == pytest.approx(float(bar.close))
            assert self.clock.timestamp_ns() == bar.ts_event
            self.market(BUY, 1000)

    probes = []
    for rank in range(5):
        probe = Conducted(lab.Settings(strategy_id=StrategyId(f"s{rank}-{rank}")))
        probe.rank = rank
        probes.append(probe)
    actor = Conductor(DataActorConfig(actor_id=ActorId("CONDUCTOR-001")))
    engine = lab.engine(data=lab.wavy(1), strategies=probes, actors=[actor])
    engine.run()
    orders = sorted(engine.cache.orders(), key=lambda order: str(order.strategy_id))
    assert [str(order.venue_order_id) for order in orders] == [f"SIM-1-{n}" for n in range(1, 6)]
    assert {order.status for order in orders} == {OrderStatus.FILLED}


@pytest.mark.contract(
    "C-719",
    says="Timers of several strategies due at the same time fire in the order the strategies were started.",
    leans="framework/engine/guard.py GuardedClock leaves their order to the engine.",
)
def test_timers_of_several_strategies_fire_in_order(lab):
    done = lab.script("""
        import datetime as dt
        fired, probes = [], []
        for n in range(6):
            def started(s, n=n):
                s.clock.set_timer("same", dt.timedelta(minutes=1), callback=lambda event: fired.append(n))
            probe = Probe(Settings(strategy_id=StrategyId("s%d-%d" % (n, n))), started=started)
            probes.append(probe)
        lab.engine(data=lab.wavy(2), strategies=probes).run()
        print(fired)
    """)
    assert done.stdout.strip() == "[0, 1, 2, 3, 4, 5]"


@pytest.mark.contract(
    "C-704",
    says="The clock shows the time of the data; a timer due at a bar's time fires after that bar.",
    leans="framework/risk rules that reset at midnight see the bar of midnight first.",
)
def test_a_timer_fires_after_the_bar_of_the_same_time(lab):
    seen = []

    def started(strategy):
        strategy.clock.set_timer("t", dt.timedelta(minutes=1), callback=lambda event: seen.append("timer"))

    def bar(strategy, bar):
        assert strategy.clock.timestamp_ns() == bar.ts_event
        seen.append("bar")

    lab.run(strategy=lab.Probe(plan={"every": bar}, started=started), bars=lab.wavy(4))
    assert seen == ["bar", "bar", "timer", "bar", "timer", "bar", "timer"]


@pytest.mark.contract(
    "C-705",
    says="A time alert between two bars fires between them, at its own time.",
    leans="plugins/strategies close positions at a session's end with alerts.",
)
def test_an_alert_fires_between_bars(lab):
    seen = []
    due = lab.START + 2 * lab.MINUTE + lab.MINUTE // 2

    def started(strategy):
        when = dt.datetime.fromtimestamp(due / 1e9, dt.UTC)
        strategy.clock.set_time_alert("a", when, callback=lambda event: seen.append(event.ts_event))

    probe = lab.Probe(plan={"every": lambda s, bar: seen.append(s.n)}, started=started)
    lab.run(strategy=probe, bars=lab.wavy(4))
    assert seen == [1, 2, due, 3, 4]


@pytest.mark.contract(
    "C-706",
    says="A timer without a callback calls on_time_event.",
    leans="framework/engine/guard.py wraps on_time_event with the other handlers.",
)
def test_a_timer_without_a_callback_calls_on_time_event(lab):
    class Timed(lab.Probe):
        def on_time_event(self, event):
            self.notes.setdefault("names", []).append(event.name)

    probe, _ = lab.run(
        strategy=Timed(started=lambda s: s.clock.set_timer("x", dt.timedelta(minutes=1))), bars=lab.wavy(3)
    )
    assert probe.notes["names"] == ["x", "x"]


@pytest.mark.contract(
    "C-707",
    says="The EMA is seeded with the simple average of its first values: 1, 2, 6 gives 3, then 4 gives 3.5.",
    leans="plugins/strategies and their outside references must seed the same way.",
)
def test_the_ema_starts_from_a_simple_average():
    ema = ExponentialMovingAverage(3)
    values = []
    for value in (1.0, 2.0, 6.0, 4.0, 8.0):
        ema.update_raw(value)
        values.append((ema.value, ema.initialized))
    assert values == [(0.0, False), (0.0, False), (3.0, True), (3.5, True), (5.75, True)]


@pytest.mark.contract(
    "C-708",
    says="A registered indicator is updated before on_bar sees the bar.",
    leans="plugins/strategies read indicator values inside on_bar.",
)
def test_a_registered_indicator_is_updated_before_on_bar(lab):
    ema = ExponentialMovingAverage(2)
    values = []

    class Indicated(lab.Probe):
        def on_start(self):
            self.register_indicator_for_bars(self.bar_type, ema)
            super().on_start()

        def on_bar(self, bar):
            values.append((ema.value, self.indicators_initialized()))

    lab.run(strategy=Indicated(), bars=lab.bars(1.0, 2.0, 1.5))
    assert values[0] == (0.0, False)
    assert values[1] == (pytest.approx(1.5), True)
    assert values[2] == (pytest.approx(1.5), True)


@pytest.mark.contract(
    "C-709",
    says="Bars give cache.bar() only: cache.price, quote, trade and top_of_book know nothing of them.",
    leans="framework/engine/books.py mark() looks at bars itself.",
)
def test_bars_give_the_cache_no_price(lab):
    def look(strategy, bar):
        cache = strategy.cache
        strategy.notes["prices"] = {
            cache.price(lab.id, kind)
            for kind in (PriceType.LAST, PriceType.MID, PriceType.BID, PriceType.ASK)
        }
        strategy.notes["others"] = (cache.quote(lab.id), cache.trade(lab.id), cache.top_of_book(lab.id))
        strategy.notes["bar"] = cache.bar(lab.bar_type) == bar

    probe, _ = lab.run({3: look})
    assert probe.notes == {"prices": {None}, "others": (None, None, None), "bar": True}


@pytest.mark.contract(
    "C-710",
    says="A quote gives cache.quote and cache.price for BID, ASK and MID; a trade gives "
    "cache.trade and LAST.",
    leans="framework/engine/books.py mark() takes the latest of quote, trade and bar.",
)
def test_quotes_and_trades_give_the_cache_a_price(lab):
    class Look(lab.Probe):
        def on_start(self):
            self.subscribe_quotes(lab.id)
            self.subscribe_trades(lab.id)

        def on_trade(self, trade):
            self.notes = {
                kind: str(self.cache.price(lab.id, getattr(PriceType, kind)))
                for kind in ("BID", "ASK", "MID", "LAST")
            }

    probe, _ = lab.run(strategy=Look(), bars=[[lab.quote(1, 1.1, 1.1002)], [lab.trade(2, 1.105)]])
    assert probe.notes["BID"] == "1.10000"
    assert probe.notes["ASK"] == "1.10020"
    assert probe.notes["LAST"] == "1.10500"
    assert probe.notes["MID"].startswith("1.1001")


def misfit(lab, price_precision, size_precision):
    return [
        Bar(
            lab.bar_type,
            *[Price(1.1, price_precision)] * 4,
            Quantity(1000, size_precision),
            lab.START + n * lab.MINUTE,
            lab.START + n * lab.MINUTE,
        )
        for n in range(1, 31)
    ]


@pytest.mark.contract(
    "C-711",
    says="Bars of another precision reach the strategy and count as iterations; the venue "
    "ignores them: no market.",
    leans=FEED + "_check_instrument compares precisions before the run, as iterations cannot show it.",
)
@pytest.mark.parametrize(("price_precision", "size_precision"), [(4, 0), (6, 0), (5, 1)])
def test_bars_of_another_precision_never_trade(lab, price_precision, size_precision):
    probe, engine = lab.run(
        {3: lambda s, bar: s.market(BUY, 1000)}, bars=misfit(lab, price_precision, size_precision)
    )
    assert probe.n == engine.get_result().iterations == 30
    assert probe.events()[-1] == "OrderRejected"
    assert probe.seen[-1][2].reason == "No market for EUR/USD.SIM"


@pytest.mark.contract(
    "C-712",
    says="Quotes of another precision are ignored by the venue in the same way.",
    leans=FEED + "_check_instrument looks at quotes and trades too.",
)
def test_quotes_of_another_precision_never_trade(lab):
    class OnQuotes(lab.Probe):
        def on_start(self):
            self.subscribe_quotes(lab.id)

        def on_quote(self, quote):
            self.on_bar(quote)

    quotes = [
        QuoteTick(
            lab.id, Price(1.1, 4), Price(1.2, 4), Quantity(1, 0), Quantity(1, 0), lab.START + n, lab.START + n
        )
        for n in range(1, 4)
    ]
    probe, _ = lab.run(strategy=OnQuotes(plan={2: lambda s, q: s.market(BUY, 1000)}), bars=quotes)
    assert probe.seen[-1][2].reason == "No market for EUR/USD.SIM"


@pytest.mark.contract(
    "C-713",
    says="The only trace of a precision mismatch is one ERROR line after 20 events; before that, none.",
    leans=FEED + "_check_instrument: short samples would show nothing at all.",
)
def test_a_precision_mismatch_is_one_line_after_twenty_events(lab):
    done = lab.script("""
        lab.silent = LoggerConfig(stdout_level=LogLevel.OFF)
        for rows in (19, 100):
            bars = [Bar(lab.bar_type, *[Price(1.1, 4)] * 4, Quantity(1, 0), n, n) for n in range(1, rows + 1)]
            lab.run({}, bars=bars)
            print("RUN", file=sys.stderr, flush=True)
    """)
    short, long, _ = done.stderr.split("RUN")
    assert "Precision" not in short
    assert long.count("Precision mismatches reached 20 consecutive events") == 1


@pytest.mark.contract(
    "C-714",
    says="Instruments cannot be pickled; ticks, bars, prices, identifiers and money can.",
    leans="Anything that crosses a process sends instruments by to_dict.",
)
def test_what_can_be_pickled(lab):
    for thing in (
        lab.quote(1, 1.1, 1.2),
        lab.trade(1, 1.1),
        lab.bar(1, 1.1),
        Price.from_str("1.1"),
        Quantity(5, 0),
        lab.id,
        lab.bar_type,
        Money.from_str("1.00 USD"),
    ):
        assert pickle.loads(pickle.dumps(thing)) == thing  # noqa: S301 - made here
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(lab.instrument)
    assert type(lab.instrument).from_dict(lab.instrument.to_dict()) == lab.instrument


@pytest.mark.contract(
    "C-715",
    says="The catalog refuses overlapping and unsorted writes; a write over the same interval "
    "is silently skipped.",
    leans="framework/catalog must remove the old file before it writes corrected data of the same interval.",
)
def test_what_the_catalog_refuses_to_write(lab):
    catalog = ParquetDataCatalog(lab.catalog(lab.wavy(5)))
    with pytest.raises(OSError, match="non-disjoint"):
        catalog.write_bars(lab.wavy(8)[3:])
    with pytest.raises(OSError, match="ascending order"):
        catalog.write_bars(lab.wavy(30)[:9:-1])
    catalog.write_bars(lab.bars(*[1.5] * 5))
    assert catalog.query_bars([str(lab.bar_type)]) == lab.wavy(5), "the first write stays, without a word"


@pytest.mark.contract(
    "C-716",
    says="Bars, quotes, trades and instruments come back from the catalog exactly as they were written.",
    leans="framework/catalog and framework/engine/feed.py keep all data there.",
)
def test_the_catalog_gives_back_what_it_was_given(lab):
    catalog = ParquetDataCatalog(lab.catalog(lab.wavy(5)))
    quotes = [lab.quote(n, 1.1, 1.1002) for n in range(3)]
    trades = [lab.trade(n, 1.1) for n in range(3)]
    catalog.write_quote_ticks(quotes)
    catalog.write_trade_ticks(trades)
    assert catalog.query_bars([str(lab.bar_type)]) == lab.wavy(5)
    assert catalog.query_quote_ticks([str(lab.id)]) == quotes
    assert catalog.query_trade_ticks([str(lab.id)]) == trades
    assert [item.to_dict() for item in catalog.instruments()] == [lab.instrument.to_dict()]


@pytest.mark.contract(
    "C-717",
    says="One flipped bit in a Parquet file may abort the process, raise, or change prices without a word.",
    leans=FEED + "verifies the hash of every file before the engine opens it.",
)
def test_a_corrupt_file_may_abort_or_lie(lab):
    folder = lab.catalog(lab.wavy(200))  # not in the script: the engine's threads do not survive a fork
    done = lab.script(f"""
        import hashlib, os, random, warnings
        import pandas, pyarrow  # the engine asks for their versions: once here is cheaper than in every child
        warnings.simplefilter("ignore")
        folder = {folder!r}
        (file,) = pathlib.Path(folder).glob("data/bars/*/*.parquet")
        whole = file.read_bytes()

        def trial():
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                seen = []
                probe = Probe(plan={{"every": lambda s, bar: seen.append(str(bar))}})
                try:
                    lab.node(folder, [probe]).run()
                    os.write(writer, hashlib.sha256(repr(seen).encode()).digest())
                except BaseException:
                    os.write(writer, b"raised")
                os._exit(0)
            os.close(writer)
            said = os.read(reader, 32)
            os.close(reader)
            _, status = os.waitpid(child, 0)
            return "aborted" if os.WIFSIGNALED(status) else said

        truth = trial()
        chance = random.Random(3)
        kinds = dict()
        for _ in range(24):
            damaged = bytearray(whole)
            damaged[chance.randrange(4, len(whole) - 8)] ^= 1 << chance.randrange(8)
            file.write_bytes(damaged)
            said = trial()
            kind = {{truth: "unharmed", b"raised": "raised", "aborted": "aborted"}}.get(said, "lied")
            kinds[kind] = kinds.get(kind, 0) + 1
        print(sorted(kinds), kinds)
    """)
    assert done.stdout.startswith("['aborted', 'lied', 'raised', 'unharmed']"), done.stdout
