"""The conformance kit for filters of a strategy's entries.

A plugin's tests hold one subclass:

    class TestConformance(FilterKit):
        spec = next(iter(framework_quiet.register_filters()))

        def config(self, market):
            return WeekdaysConfig(days=["mon", "tue"])
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import pytest
from nautilus_trader.model import BarType, OrderSide, Quantity
from nautilus_trader.trading import Strategy

from framework.engine.asked import difference
from framework.engine.filtering import filtering
from framework.signals.filter import Signal, SignalFilter
from framework.specs import PluginConfig, StrategySpec
from framework.testkit import settings
from framework.testkit.conduct import Conduct
from framework.testkit.kit import Kit, expect, needs
from framework.testkit.lab import Lab
from framework.testkit.market import simulate
from framework.testkit.nodes import offered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model import Bar

    from framework.specs import FilterSpec
    from framework.testkit.market import SimulatedMarket

UNSOUND = "there is no good plain run to compare with; see test_it_runs and the test after it"
WAVERS = (
    "two runs differ by themselves; see test_same_bars_give_same_answers and test_it_reads_no_clock_or_dice"
)


class AskerConfig(PluginConfig, frozen=True, kw_only=True):
    """What the kit's strategy asks about."""

    bar_types: Annotated[list[BarType], msgspec.Meta(description="One bar type for each instrument.")]


class Asker(Strategy):
    """Asks about one direction at every bar, the two in turn, and trades the smallest size when it may."""

    signal_filter = SignalFilter()

    def __init__(self, config: AskerConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._bars = 0

    def on_start(self) -> None:
        """Listen to every bar."""
        self._bars = 0
        for bar_type in self._settings.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Ask, and do as told."""
        self._bars += 1
        direction: Any = 1 if self._bars % 2 else -1
        signal = Signal(
            bar_type=bar.bar_type, direction=direction, ts_event=bar.ts_event, price=bar.close.as_double()
        )
        if self.signal_filter.accepts(signal):
            instrument: Any = self.cache.instrument(bar.bar_type.instrument_id)
            side = OrderSide.BUY if direction > 0 else OrderSide.SELL
            size = Quantity.from_str(str(instrument.size_increment))
            self.submit_order(self.order_factory.market(instrument.id, side, size))


class _BarByBar(SignalFilter):
    """The filter as paper and live have it: whatever it follows is worked out bar by bar."""

    def __init__(self, inner: SignalFilter) -> None:
        self._inner = inner

    def start(self, strategy: Strategy, bar_types: Sequence[BarType]) -> None:
        self._inner.start(_WithoutArrays(strategy), bar_types)  # type: ignore[arg-type]

    def on_bar(self, bar: Bar) -> None:
        self._inner.on_bar(bar)

    def accepts(self, signal: Signal) -> bool:
        return self._inner.accepts(signal)


class _WithoutArrays:
    """A strategy that has nothing worked out before."""

    _precomputed = None

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)


class FilterKit(Kit):
    """What every filter must do; subclass it in the plugin's tests.

    A strategy asks it about an entry at every bar of a simulated market, on the real engine. Choose settings
    with which it accepts some and refuses others.
    """

    spec: ClassVar[FilterSpec]
    """The filter, as the plugin registers it."""

    presets: ClassVar[tuple[str, ...]] = ("EURUSD",)
    """The instruments asked about, as `framework.testkit.simulate` names them."""

    step: ClassVar[str] = "1-HOUR"
    """The size of a bar."""

    length: ClassVar[int] = 1_000
    """Bars of each instrument."""

    seed: ClassVar[int] = 0
    """Another seed, another market, other cuts."""

    cuts: ClassVar[int] = 6
    """Moments at which causality is tried."""

    least: ClassVar[int] = 10
    """Entries it must accept, and entries it must refuse, so that the tests have something to judge."""

    @abstractmethod
    def config(self, market: SimulatedMarket) -> PluginConfig:
        """Settings, as composition leaves them, with which it accepts some entries and refuses others."""

    @pytest.fixture(scope="class")
    @classmethod
    def conduct(cls, tmp_path_factory: pytest.TempPathFactory) -> Conduct:
        """The runs, shared by the tests of the class."""
        return cls().over_a_market(tmp_path_factory, lambda chosen: chosen)

    @pytest.fixture(scope="class")
    @classmethod
    def bar_by_bar(cls, tmp_path_factory: pytest.TempPathFactory) -> Conduct:
        """The same with nothing worked out over arrays."""
        return cls().over_a_market(tmp_path_factory, _BarByBar)

    def test_the_framework_loads_it(self) -> None:
        """Loading the spec is refused for the same reasons as when it is installed."""
        offered([self.spec])

    def test_its_settings_are_closed(self, tmp_path: Any) -> None:
        """A misspelt key in node.yaml is an error, and nothing changes settings afterwards."""
        config = self.config(simulate(tmp_path / "market", self.presets, step=self.step, length=20))
        problem = settings.not_closed(self.spec.config) or settings.takes_unknown(config)
        expect(problem, if_fails="a typing mistake in node.yaml would silently change what is refused.")

    def test_its_settings_are_documented(self) -> None:
        """Every field says what it is for."""
        expect(
            settings.not_documented(self.spec.config),
            if_fails="`framework plugins show` has nothing to say about a setting.",
        )

    def test_its_settings_survive_yaml(self, tmp_path: Any) -> None:
        """Written with every default filled in and read again, they are the same settings."""
        config = self.config(simulate(tmp_path / "market", self.presets, step=self.step, length=20))
        expect(
            settings.not_readable(config),
            if_fails="a run bundle cannot repeat its run: a default is out of bounds, or a field changes.",
        )

    def test_it_runs(self, conduct: Conduct) -> None:
        """An ordinary run ends without an exception."""
        expect(conduct.crash, if_fails="the filter raises in an ordinary run.")

    def test_it_accepts_some_and_refuses_others(self, conduct: Conduct) -> None:
        """It does enough to be judged."""
        needs(conduct.crash, because="it raises; see test_it_runs")
        accepted = len(conduct.plain.record.asked)
        refused = len(conduct.lab.market.times) * len(self.presets) - accepted
        expect(
            None if min(accepted, refused) >= self.least else f"it accepted {accepted} and refused {refused}",
            if_fails="the other tests show nothing: choose settings with which it does both.",
        )

    def test_no_bug_is_swallowed(self, conduct: Conduct) -> None:
        """No TypeError, NameError and the like was raised in its files and caught there."""
        needs(conduct.unsound, because=UNSOUND)
        expect(
            conduct.swallowed_bugs,
            if_fails="the filter catches a mistake in its own code and answers anyway.",
        )

    def test_it_reads_no_clock_or_dice(self, conduct: Conduct) -> None:
        """Time is the signal's and the bar's."""
        needs(conduct.unsound, because=UNSOUND)
        expect(conduct.forbidden_reads, if_fails="a backtest cannot be repeated.")

    def test_same_bars_give_same_answers(self, conduct: Conduct) -> None:
        """A second run with the same object, started anew, gives the same answers."""
        needs(conduct.unsound, because=UNSOUND)
        expect(conduct.wavers, if_fails="`start` does not make the filter forget the run before.")

    def test_bar_by_bar_it_gives_the_same_answers(self, conduct: Conduct, bar_by_bar: Conduct) -> None:
        """What a backtest works out over arrays is what paper and live work out bar by bar."""
        needs(conduct.unsound or conduct.wavers, because=WAVERS)
        found = bar_by_bar.crash or difference(conduct.plain.record.asked, bar_by_bar.plain.record.asked)
        expect(found, if_fails="a backtest filters otherwise than paper and live do.")

    def test_it_survives_short_data(self, conduct: Conduct) -> None:
        """The data ends after one, two or five bars."""
        needs(conduct.unsound, because=UNSOUND)
        expect(conduct.dies_on_short_data((1, 2, 5)), if_fails="the filter needs more bars than it may get.")

    def test_cutting_the_data_changes_nothing_before(self, conduct: Conduct) -> None:
        """Causality: answers up to a moment are the same when the data ends there."""
        needs(conduct.unsound or conduct.wavers, because=WAVERS)
        expect(conduct.sees_past_the_end, if_fails="an answer used data from after it.")

    def test_another_future_changes_nothing_before(self, conduct: Conduct) -> None:
        """Causality: answers up to a moment are the same whatever comes after it."""
        needs(conduct.unsound or conduct.wavers, because=WAVERS)
        needs(conduct.sees_past_the_end, because="it sees the future already; see the test above")
        expect(conduct.sees_the_future, if_fails="an answer used data from after it.")

    def over_a_market(self, folders: pytest.TempPathFactory, wrap: Any) -> Conduct:
        """The filter, or what it is wrapped in, beside a strategy that asks at every bar."""
        folder = folders.mktemp("kit")
        market = simulate(folder / "market", self.presets, step=self.step, length=self.length, seed=self.seed)
        # Every version of the market is found where the lab puts it.
        placed = replace(market, catalog=folder / "catalog")
        chosen = wrap(self.spec.filter(self.config(placed)))  # type: ignore[call-arg]
        asks = type("Asks", (filtering(chosen, market.bar_types), Asker), {"__module__": _home(self.spec)})
        spec = StrategySpec(name="asks", strategy=asks, config=AskerConfig)
        lab = Lab(folder, market, spec, lambda market: AskerConfig(bar_types=list(market.bar_types)))
        return Conduct(lab, self.seed, self.cuts, self.least)


def _home(spec: FilterSpec) -> str:
    """Where the filter's own code is, which is watched for what it reads and swallows."""
    return spec.filter.__module__
