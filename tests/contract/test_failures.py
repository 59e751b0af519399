"""What becomes of an exception, a signal and a request to stop."""

from __future__ import annotations

import datetime as dt

import pytest
from nautilus_trader.model import OrderSide

GUARD = "framework/engine/guard.py wraps every handler and framework/engine/faults.py keeps the exception; "


def boom(*_):
    raise ValueError("boom")


@pytest.mark.contract(
    "C-101",
    says="An exception in on_bar is logged and swallowed: run() returns normally and the next bar comes.",
    leans=GUARD + "without it a broken strategy is a successful run.",
)
def test_an_exception_in_on_bar_is_swallowed(lab):
    probe, engine = lab.run({3: boom}, bars=lab.wavy(10))
    assert probe.n == 10
    assert engine.get_result().iterations == 10


@pytest.mark.contract(
    "C-102",
    says="A misspelt attribute in on_bar gives a successful run with no fills.",
    leans=GUARD + "this is the commonest way to get a beautiful backtest of nothing.",
)
def test_a_misspelt_attribute_is_a_successful_run_with_no_orders(lab):
    def misspelt(strategy, bar):
        strategy.order_facktory.market(strategy.bar_type.instrument_id, OrderSide.BUY, 1)

    probe, engine = lab.run({"every": misspelt}, bars=lab.wavy(10))
    assert probe.n == 10
    assert engine.cache.orders() == []


@pytest.mark.contract(
    "C-103",
    says="Exceptions in on_order_filled, on_order_event, on_position_event, on_stop and timers "
    "are swallowed too.",
    leans=GUARD + "HANDLERS lists them all and GuardedClock wraps the callbacks.",
)
@pytest.mark.parametrize(
    "handler", ["on_order_filled", "on_order_event", "on_position_opened", "on_position_event", "on_stop"]
)
def test_exceptions_in_event_handlers_are_swallowed(lab, handler):
    called = []

    def broken(self, *_):
        called.append(handler)
        raise ValueError(handler)

    broken_class = type("Broken", (lab.Probe,), {handler: broken})
    probe, engine = lab.run(
        strategy=broken_class(plan={2: lambda s, bar: s.market(OrderSide.BUY, 1000)}), bars=lab.wavy(10)
    )
    assert called, f"{handler} was never called"
    assert probe.n == 10
    assert engine.cache.orders()[0].is_closed


@pytest.mark.contract(
    "C-104",
    says="An exception in a timer or alert callback is swallowed; the timer keeps firing.",
    leans="framework/engine/guard.py GuardedClock.",
)
def test_an_exception_in_a_timer_is_swallowed(lab):
    ticks = []

    def tick(event):
        ticks.append(event.name)
        raise ValueError("tick")

    def started(strategy):
        strategy.clock.set_timer("beat", dt.timedelta(minutes=2), callback=tick)

    probe, _ = lab.run(strategy=lab.Probe(started=started), bars=lab.wavy(10))
    assert len(ticks) >= 4
    assert probe.n == 10


@pytest.mark.contract(
    "C-105",
    says="An exception in on_start is not swallowed: run() raises RuntimeError with the message.",
    leans="framework/engine/backtest.py replay turns it into a RunError.",
)
def test_an_exception_in_on_start_ends_the_run_with_an_error(lab):
    engine = lab.engine(data=lab.wavy(5), strategies=[lab.Probe(started=boom)])
    with pytest.raises(RuntimeError, match="boom"):
        engine.run()


@pytest.mark.contract(
    "C-106",
    says="An exception in on_reset is swallowed: engine.reset() returns normally.",
    leans="framework/testkit: the reset-and-rerun test looks at what the strategy does, not for "
    "an exception.",
)
def test_an_exception_in_on_reset_is_swallowed(lab):
    called = []

    def broken(self):
        called.append("on_reset")
        raise ValueError("reset")

    _, engine = lab.run(strategy=type("Broken", (lab.Probe,), {"on_reset": broken})(), bars=lab.wavy(5))
    engine.reset()
    assert called == ["on_reset"]


@pytest.mark.contract(
    "C-107",
    says="KeyboardInterrupt and SystemExit raised in a handler are swallowed like any other exception.",
    leans=GUARD + "it must catch BaseException, or Ctrl-C does nothing.",
)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_raised_in_a_handler_is_swallowed(lab, error):
    def interrupt(strategy, bar):
        raise error

    probe, _ = lab.run({3: interrupt}, bars=lab.wavy(10))
    assert probe.n == 10


@pytest.mark.contract(
    "C-108",
    says="SIGINT while a handler runs is raised in that handler and swallowed; the run goes to its end.",
    leans=GUARD + "it is the only place that sees Ctrl-C in time.",
)
def test_a_signal_that_arrives_in_a_handler_is_swallowed(lab):
    done = lab.script("""
        import os, signal
        probe, engine = lab.run({3: lambda s, bar: os.kill(os.getpid(), signal.SIGINT)}, bars=lab.wavy(10))
        print(probe.n)
    """)
    assert done.stdout.strip() == "10"


@pytest.mark.contract(
    "C-109",
    says="SIGINT while no Python code runs is raised as KeyboardInterrupt only after run() has "
    "finished the data.",
    leans="framework/engine/backtest.py replay lets KeyboardInterrupt pass, for runs no "
    "handler was called in.",
)
def test_a_signal_during_a_run_without_handlers_waits_for_its_end(lab):
    done = lab.script("""
        import signal
        engine = lab.engine(data=lab.wavy(100_000))
        caught = False
        signal.signal(signal.SIGPROF, signal.default_int_handler)  # what SIGINT does, at a known time
        signal.setitimer(signal.ITIMER_PROF, 0.02)  # of computing, whoever else computes; the run needs 0.2
        try:
            engine.run()
            for _ in range(1000): pass
        except KeyboardInterrupt:
            caught = True
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(caught, engine.iteration)
    """)
    assert done.stdout.strip() == "True 100000"


@pytest.mark.contract(
    "C-110",
    says="shutdown_system() in a handler stops a backtest after the current data item; run() "
    "returns normally.",
    leans="framework/engine/faults.py stops the run with it at the first exception.",
)
def test_shutdown_system_stops_the_run_at_once(lab):
    folder = lab.catalog(lab.wavy(50))
    probe = lab.Probe(plan={7: lambda s, bar: s.shutdown_system("enough")})
    node = lab.node(folder, [probe])
    (result,) = node.run()
    assert probe.n == 7
    assert result.iterations == 7
    assert probe.is_stopped()


@pytest.mark.contract(
    "C-111",
    says="shutdown_system() also works from on_start, a timer and on_order_filled.",
    leans="framework/engine/faults.py is called from every one of them.",
)
def test_shutdown_system_stops_the_run_from_any_handler(lab):
    def from_start(strategy):
        strategy.shutdown_system("start")

    def from_timer(strategy):
        strategy.clock.set_timer(
            "stop", dt.timedelta(minutes=4), callback=lambda event: strategy.shutdown_system("timer")
        )

    class FromFill(lab.Probe):
        def on_order_filled(self, event):
            self.shutdown_system("fill")

    for probe, bars_seen in (
        (lab.Probe(started=from_start), {0}),
        (lab.Probe(started=from_timer), {4, 5}),
        (FromFill(plan={6: lambda s, bar: s.market(OrderSide.BUY, 1000)}), {6}),
    ):
        lab.run(strategy=probe, bars=lab.wavy(30))
        assert probe.n in bars_seen


@pytest.mark.contract(
    "C-112",
    says="An order submitted before shutdown_system() in the same handler still reaches the venue.",
    leans="framework/engine/faults.py: a run that failed may hold one more fill than the traceback suggests.",
)
def test_an_order_submitted_before_the_shutdown_is_still_executed(lab):
    def last_words(strategy, bar):
        strategy.market(OrderSide.BUY, 1000)
        strategy.shutdown_system("enough")

    probe, engine = lab.run({5: last_words}, bars=lab.wavy(20))
    assert probe.n == 5
    assert probe.events() == ["OrderInitialized", "OrderSubmitted", "OrderFilled"]
    assert len(engine.cache.positions_open()) == 1


@pytest.mark.contract(
    "C-113",
    says="shutdown_on_error=True stops the run at the first ERROR of any component, a "
    "swallowed exception too.",
    leans="A second net: framework/engine/backtest.py compares iterations with the rows it counted.",
)
@pytest.mark.parametrize("logger", ["stdout_level=LogLevel.OFF", "bypass_logging=True"])
def test_shutdown_on_error_stops_the_run_with_any_logger(lab, logger):
    done = lab.script(f"""
        def boom(s, bar): raise ValueError("boom")
        config = dict(logging=LoggerConfig({logger}), shutdown_on_error=True)
        probe, engine = lab.run({{3: boom}}, bars=lab.wavy(10), **config)
        print(probe.n, engine.get_result().iterations)
    """)
    assert done.stdout.strip() == "3 3"


@pytest.mark.contract(
    "C-114",
    says="node.dispose() inside a handler raises `Already borrowed` and does not end the run.",
    leans="framework/engine/faults.py uses shutdown_system, the only way out.",
)
def test_a_node_cannot_be_disposed_from_a_handler(lab):
    notes = []

    def dispose(strategy, bar):
        try:
            nodes[0].dispose()
        except RuntimeError as error:
            notes.append(str(error))

    nodes = [lab.node(lab.catalog(lab.wavy(10)), [lab.Probe(plan={3: dispose})])]
    (result,) = nodes[0].run()
    assert notes == ["Already borrowed"]
    assert result.iterations == 10


@pytest.mark.contract(
    "C-115",
    says="strategy.stop() in a handler stops that strategy only; the data runs to its end.",
    leans="framework/engine/faults.py does not use it: the rest of the run would go on.",
)
def test_stopping_one_strategy_does_not_stop_the_run(lab):
    probe, engine = lab.run({3: lambda s, bar: s.stop()}, bars=lab.wavy(10))
    assert probe.n == 3
    assert engine.get_result().iterations == 10
