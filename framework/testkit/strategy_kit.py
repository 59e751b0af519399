"""The conformance kit for strategies.

A plugin's tests hold one subclass:

    class TestConformance(StrategyKit):
        spec = next(iter(framework_trend.register_strategies()))

        def config(self, market):
            return TrendConfig(bar_type=market.bar_types[0], quantity=Quantity.from_int(10_000))
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pytest

from framework.testkit import settings
from framework.testkit.conduct import Conduct
from framework.testkit.kit import Kit, expect, needs
from framework.testkit.lab import Lab
from framework.testkit.market import SimulatedMarket, simulate
from framework.testkit.nodes import offered

if TYPE_CHECKING:
    from framework.specs import DataKind, PluginConfig, StrategySpec

UNSOUND = "there is no good plain run to compare with; see test_it_runs and the two tests after it"
WAVERS = (
    "two runs differ by themselves; see test_same_input_gives_same_orders and test_it_reads_no_clock_or_dice"
)


class StrategyKit(Kit):
    """What every strategy must do; subclass it in the plugin's tests.

    Everything runs on the real engine over a simulated market. Set the class attributes so that the strategy
    trades there: a strategy that does nothing shows nothing.
    """

    spec: ClassVar[StrategySpec]
    """The strategy, as the plugin registers it."""

    presets: ClassVar[tuple[str, ...]] = ("EURUSD",)
    """The instruments it trades, as `framework.testkit.simulate` names them."""

    kind: ClassVar[DataKind] = "bars"
    """What it listens to."""

    step: ClassVar[str] = "1-HOUR"
    """The size of a bar, or the mean time between two quotes or trades."""

    length: ClassVar[int] = 1_000
    """Events of each instrument."""

    seed: ClassVar[int] = 0
    """Another seed, another market, other cuts."""

    cuts: ClassVar[int] = 6
    """Moments at which causality is tried."""

    minimum_orders: ClassVar[int] = 4
    """Orders, changes and cancels it must ask for, so that the tests have something to judge."""

    thin_steps: ClassVar[int] = 4
    """Size steps an event of the thin market trades; an order must be larger to be filled in parts."""

    size_tolerance: ClassVar[float] = 1.5
    """How much larger its orders and positions may become when fills come in parts."""

    @abstractmethod
    def config(self, market: SimulatedMarket) -> PluginConfig:
        """Settings with which it trades on the market: see `market.bar_types` and `market.instrument_ids`."""

    @pytest.fixture(scope="class")
    @classmethod
    def conduct(cls, tmp_path_factory: pytest.TempPathFactory) -> Conduct:
        """The strategy's runs, shared by the tests of the class."""
        kit = cls()
        folder = tmp_path_factory.mktemp("kit")
        market = simulate(
            folder / "market", kit.presets, kind=kit.kind, step=kit.step, length=kit.length, seed=kit.seed
        )
        return Conduct(Lab(folder, market, kit.spec, kit.config), kit.seed, kit.cuts, kit.minimum_orders)

    def test_the_framework_loads_it(self) -> None:
        """Loading the spec is refused for the same reasons as when it is installed."""
        offered([self.spec])

    def test_its_settings_are_closed(self, conduct: Conduct) -> None:
        """A misspelt key in node.yaml is an error, and nothing changes settings afterwards."""
        problem = settings.not_closed(self.spec.config) or settings.takes_unknown(conduct.lab.config)
        expect(problem, if_fails="a typing mistake in node.yaml would silently change how it trades.")

    def test_its_settings_are_documented(self) -> None:
        """Every field says what it is for."""
        expect(
            settings.not_documented(self.spec.config),
            if_fails="`framework plugins show` has nothing to say about a setting.",
        )

    def test_its_settings_survive_yaml(self, conduct: Conduct) -> None:
        """Written with every default filled in and read again, they are the same settings."""
        expect(
            settings.not_readable(conduct.lab.config),
            if_fails="a run bundle cannot repeat its run: a default is out of bounds, or a field changes.",
        )

    def test_it_runs(self, conduct: Conduct) -> None:
        """An ordinary run ends without an exception."""
        needs(conduct.refused, because="it does not load, or its settings do not; see the tests above")
        expect(conduct.crash, if_fails="the strategy raises in an ordinary run.")

    def test_no_order_passes_the_gate_by(self, conduct: Conduct) -> None:
        """Every order leaves through self.submit_order and its sisters."""
        expect(conduct.passes_the_gate_by, if_fails="risk rules cannot stop this strategy.")

    def test_it_trades(self, conduct: Conduct) -> None:
        """It does enough to be judged."""
        needs(conduct.crash or conduct.passes_the_gate_by, because=UNSOUND)
        expect(
            conduct.idle,
            if_fails="the other tests show nothing: set presets, length or config so that it trades.",
        )

    def test_no_bug_is_swallowed(self, conduct: Conduct) -> None:
        """No TypeError, NameError and the like was raised in its files and caught there."""
        needs(conduct.unsound, because=UNSOUND)
        expect(
            conduct.swallowed_bugs,
            if_fails="the strategy catches a mistake in its own code and trades on half a decision.",
        )

    def test_it_reads_no_clock_or_dice(self, conduct: Conduct) -> None:
        """Time comes from self.clock, randomness from a generator seeded in the settings."""
        needs(conduct.unsound, because=UNSOUND)
        expect(
            conduct.forbidden_reads,
            if_fails="a backtest cannot be repeated: use self.clock, and a generator seeded in the settings.",
        )

    def test_same_input_gives_same_orders(self, conduct: Conduct) -> None:
        """A second run in the same process asks for the same orders."""
        needs(conduct.unsound, because=UNSOUND)
        needs(conduct.forbidden_reads, because="see test_it_reads_no_clock_or_dice")
        expect(
            conduct.wavers,
            if_fails="something outlives a run: a module-level variable, a class attribute, a cache, a file.",
        )

    def test_a_fresh_process_gives_the_same_orders(self, conduct: Conduct) -> None:
        """Another process with another hash seed, global random state and clock asks for the same orders."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.differs_when_fresh,
            if_fails="the orders depend on the order of a set, on an identity, or on the process's state.",
        )

    def test_reset_and_rerun_gives_the_same_orders(self, conduct: Conduct) -> None:
        """After the engine was reset, the same object trades as if it were new."""
        self._needs_a_steady_run(conduct)
        expect(conduct.differs_after_reset, if_fails="on_reset does not restore what the run changed.")

    def test_it_survives_no_data(self, conduct: Conduct) -> None:
        """It starts and stops without an event of its own."""
        needs(conduct.unsound, because=UNSOUND)
        expect(conduct.dies_without_data, if_fails="the strategy takes for granted that data comes.")

    def test_it_survives_short_data(self, conduct: Conduct) -> None:
        """The data ends after one, two or five events."""
        needs(conduct.unsound, because=UNSOUND)
        expect(
            conduct.dies_on_short_data((1, 2, 5)), if_fails="the strategy needs more data than it may get."
        )

    def test_it_survives_every_order_denied(self, conduct: Conduct) -> None:
        """A risk rule denies every order, exits included."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.dies_of_denials, if_fails="one denied order ends the strategy, or makes it ask for ever."
        )

    def test_it_survives_every_entry_halved(self, conduct: Conduct) -> None:
        """A risk rule halves every entry, and the exits match what was got."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.dies_of_resizing,
            if_fails="the strategy believes it holds what it asked for: size exits by the position.",
        )

    def test_it_survives_partial_fills(self, conduct: Conduct) -> None:
        """Orders are filled in parts, and no order or position grows for it."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.mistakes_partial_fills(self.thin_steps, self.size_tolerance),
            if_fails="the strategy takes every fill for the whole order: read fill.last_qty or the position.",
        )

    def test_cutting_the_data_changes_nothing_before(self, conduct: Conduct) -> None:
        """Causality: decisions up to a moment are the same when the data ends there."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.sees_past_the_end,
            if_fails="a decision used data from after it; in live trading that data is not there.",
        )

    def test_another_future_changes_nothing_before(self, conduct: Conduct) -> None:
        """Causality: decisions up to a moment are the same whatever comes after it."""
        self._needs_a_steady_run(conduct)
        needs(
            conduct.sees_past_the_end,
            because="it sees the future already; see test_cutting_the_data_changes_nothing_before",
        )
        expect(
            conduct.sees_the_future,
            if_fails="a decision used data from after it; in live trading that data is not there.",
        )

    def test_its_signals_do_not_look_ahead(self, conduct: Conduct) -> None:
        """Causality of the array form: targets up to a bar are the same when the bars end there."""
        self._needs_a_steady_run(conduct)
        expect(
            conduct.signals_look_ahead,
            if_fails="`framework screen` would rank by knowledge of the future: element n of the target may "
            "depend on bars 0 to n only.",
        )

    def test_its_signals_trade_like_the_engine(self, conduct: Conduct) -> None:
        """The array form gives the fills of the class, one for one, to the last cent."""
        self._needs_a_steady_run(conduct)
        needs(conduct.signals_look_ahead, because="see test_its_signals_do_not_look_ahead")
        expect(
            conduct.signals_trade_otherwise,
            if_fails="`framework screen` would rank another strategy than the one that trades.",
        )

    @staticmethod
    def _needs_a_steady_run(conduct: Conduct) -> None:
        needs(conduct.unsound, because=UNSOUND)
        needs(conduct.forbidden_reads or conduct.wavers, because=WAVERS)
