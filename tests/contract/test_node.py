"""BacktestNode over the catalog: the way the framework runs a backtest."""

from __future__ import annotations

import pytest
from nautilus_trader.backtest import SimulationModule
from nautilus_trader.model import Money, OrderSide, Price, Quantity

BUY, SELL = OrderSide.BUY, OrderSide.SELL
BACKTEST = "framework/engine/backtest.py "


def trading(lab, **kwargs):
    """A probe that enters and leaves often enough to notice any difference."""

    def step(strategy, bar):
        if strategy.n % 7 == 3:
            strategy.submit_order_list(
                strategy.order_factory.bracket(
                    lab.id,
                    BUY if strategy.n % 2 else SELL,
                    Quantity(1000, 0),
                    sl_trigger_price=Price(float(bar.close) + (-0.002 if strategy.n % 2 else 0.002), 5),
                    tp_price=Price(float(bar.close) + (0.002 if strategy.n % 2 else -0.002), 5),
                )
            )

    return lab.Probe(plan={"every": step}, **kwargs)


def story(node):
    """What happened, without what is random by design (see C-901)."""
    fills = node.generate_fills_report("run").reset_index()
    keep = [name for name in fills.columns if name not in {"event_id", "causation_id", "trade_id", "ts_init"}]
    return fills[keep].astype(str).values.tolist()


@pytest.mark.contract(
    "C-801",
    says="Strategies added by hand after node.build() run, and dispose_on_completion=False "
    "keeps cache and reports.",
    leans=BACKTEST + "builds the node this way; framework/engine/outcome.py reads the reports afterwards.",
)
def test_a_strategy_added_to_a_built_node_runs(lab):
    probe = lab.Probe(plan={2: lambda s, bar: s.market(BUY, 1000)})
    node = lab.node(lab.catalog(lab.wavy(10)), [probe])
    (result,) = node.run()
    assert probe.n == result.iterations == 10
    assert result.total_orders == len(node.get_engine_cache("run").orders()) == 1
    assert len(node.generate_orders_report("run")) == 1
    assert len(node.generate_fills_report("run")) == 1
    assert len(node.generate_positions_report("run")) == 1
    assert node.get_engine_portfolio("run").equity(lab.instrument.id.venue)


@pytest.mark.contract(
    "C-802",
    says="An empty catalog, or a range without data, is a run with 0 iterations and no error.",
    leans="framework/engine/feed.py counts rows before the run and raises DataError.",
)
@pytest.mark.parametrize("case", ["empty", "outside"])
def test_a_run_over_nothing_succeeds(lab, case):
    folder = lab.catalog(None if case == "empty" else lab.wavy(10))
    run = {} if case == "empty" else {"start": "2021-01-01", "end": "2021-02-01"}
    (result,) = lab.node(folder, [lab.Probe()], **run).run()
    assert (result.iterations, result.total_orders) == (0, 0)


@pytest.mark.contract(
    "C-803",
    says="start and end of a BacktestRunConfig are both inclusive.",
    leans="framework/engine/feed.py counts rows from start to end with both ends.",
)
def test_a_range_includes_both_ends(lab):
    folder = lab.catalog(lab.wavy(10))
    probe = lab.Probe()
    (result,) = lab.node(
        folder, [probe], start=lab.START + 3 * lab.MINUTE, end=lab.START + 6 * lab.MINUTE
    ).run()
    assert probe.n == result.iterations == 4


@pytest.mark.contract(
    "C-804",
    says="chunk_size streams the catalog in pieces with the same orders, fills and iterations as one piece.",
    leans=BACKTEST + "may stream big data; the result must not depend on it.",
)
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_give_the_same_result(lab, chunk):
    folder = lab.catalog(lab.wavy(200))
    whole = lab.node(folder, [trading(lab)])
    (one,) = whole.run()
    pieces = lab.node(folder, [trading(lab)], chunk_size=chunk)
    (many,) = pieces.run()
    assert one.iterations == many.iterations == 200
    assert one.total_positions > 10, "a comparison of nothing shows nothing"
    assert story(whole) == story(pieces)
    assert one.stats_pnls == many.stats_pnls


@pytest.mark.contract(
    "C-805",
    says="Two nodes run one after the other in a process, each from a clean state, with equal results.",
    leans="framework/testkit runs a strategy many times in one process.",
)
def test_two_nodes_in_one_process_do_not_touch_each_other(lab):
    folder = lab.catalog(lab.wavy(100))
    stories = []
    for _ in range(2):
        node = lab.node(folder, [trading(lab)])
        node.run()
        stories.append(story(node))
        node.dispose()
    assert len(stories[0]) > 10
    assert stories[0] == stories[1]


@pytest.mark.contract(
    "C-812",
    says="Two nodes that are both built before the first one runs: the second cannot start.",
    leans=BACKTEST + "builds a node and runs it before the next is built.",
)
def test_a_node_must_run_before_the_next_one_is_built(lab):
    folder = lab.catalog(lab.wavy(10))
    first, second = lab.node(folder, [lab.Probe()]), lab.node(folder, [lab.Probe()])
    first.run()
    with pytest.raises(RuntimeError, match="Invalid state trigger"):
        second.run()


@pytest.mark.contract(
    "C-806",
    says="engine.reset() and run() again: data and strategies stay, but client order ids go on counting.",
    leans="framework/testkit compares a rerun without the numbers of the orders.",
)
def test_a_reset_engine_runs_again_with_new_order_numbers(lab):
    probe, engine = lab.run({2: lambda s, bar: s.market(BUY, 1000)}, bars=lab.wavy(5))
    (first,) = engine.cache.orders()
    engine.reset()
    assert engine.cache.orders() == []
    assert probe.n == 5, "the strategy's own attributes are its own business (on_reset)"
    probe.n = 0
    engine.run()
    (second,) = engine.cache.orders()
    assert probe.n == 5
    assert str(first.client_order_id).endswith("-1")
    assert str(second.client_order_id).endswith("-2")


@pytest.mark.contract(
    "C-807",
    says="A SimulationModule written in Python is called once a data item and its Money is "
    "booked to the account.",
    leans="plugins/venues may charge swaps and funding this way.",
)
def test_a_simulation_module_changes_the_balance(lab):
    class Levy(SimulationModule):
        def __init__(self):
            self.calls = 0

        def process(self, _ts_now, _context):
            self.calls += 1
            return [Money.from_str("-100.00 USD")] if self.calls == 3 else None

    levy = Levy()
    _, engine = lab.run({}, bars=lab.wavy(5), venue={"modules": [levy]})
    (equity,) = engine.portfolio.equity(lab.instrument.id.venue).values()
    assert levy.calls == 5
    assert str(equity) == "999900.00 USD"


@pytest.mark.contract(
    "C-808",
    says="strategy.save() and load() call on_save and on_load directly, without a database.",
    leans="The journal of live runs will keep a strategy's state with them.",
)
def test_save_and_load_work_without_a_database(lab):
    class Saving(lab.Probe):
        def on_save(self):
            return {"count": str(self.n).encode()}

        def on_load(self, state):
            self.notes.update(state)

    probe, _ = lab.run(strategy=Saving(), bars=lab.wavy(4))
    assert probe.save() == {"count": b"4"}
    probe.load({"count": b"9"})
    assert probe.notes == {"count": b"9"}


@pytest.mark.contract(
    "C-809",
    says="subscribe_topic sees only what Python publishes: no data, no order event, even under '*'.",
    leans="framework/engine/guard.py watches through handlers, not through the bus.",
)
def test_a_topic_shows_only_messages_published_from_python(lab):
    got = []

    class Listening(lab.Probe):
        def on_start(self):
            super().on_start()
            for pattern in ("*", "events.*", "data.*", "ours.*"):
                self.subscribe_topic(pattern, lambda message, pattern=pattern: got.append((pattern, message)))

        def on_bar(self, bar):
            super().on_bar(bar)
            if self.n == 2:
                self.market(BUY, 1000)
                self.publish_message("ours.news", {"n": 2})

    lab.run(strategy=Listening(), bars=lab.wavy(4))
    assert sorted(got, key=str) == [("*", {"n": 2}), ("ours.*", {"n": 2})]


@pytest.mark.contract(
    "C-810",
    says="on_order_event of an order sent in on_start is not called for OrderInitialized; the order works.",
    leans="framework/engine/guard.py: an order in on_start passes the gate like any other.",
)
def test_an_order_in_on_start_is_executed_at_the_first_bar(lab):
    probe = lab.Probe(started=lambda s: s.market(BUY, 1000))
    _, engine = lab.run(strategy=probe, bars=lab.bars(1.1, 1.2))
    (order,) = engine.cache.orders()
    assert order.is_closed
    assert probe.events() == ["OrderSubmitted", "OrderFilled"]
    assert str(order.avg_px) == "1.10000"


@pytest.mark.contract(
    "C-811",
    says="Fifty runs in one process do not pile up memory: under 20 MB more after the first ten.",
    leans="framework/testkit and parameter studies run in one process.",
)
def test_fifty_runs_do_not_grow_the_process(lab):
    done = lab.script(f"""
        import gc
        folder = {lab.catalog(lab.wavy(2000))!r}

        def megabytes():
            gc.collect()
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            return pages * 4096 / 1e6

        for n in range(50):
            probe = Probe(plan={{"every": lambda s, bar: s.n % 20 or s.market(OrderSide.BUY, 10)}})
            node = lab.node(folder, [probe])
            node.run()
            node.dispose()
            if n == 9:
                start = megabytes()
        print(megabytes() - start)
    """)
    assert float(done.stdout) < 20
