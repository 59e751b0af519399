"""The conformance kit for venues with a simulated twin.

A plugin's tests hold one subclass:

    class TestConformance(VenueKit):
        spec = next(iter(framework_exchange.register_venues()))
        starts_with = ("100000 USD",)

        def config(self, *, hedging=False):
            return ExchangeConfig(fee=Decimal("0.0001"))
"""

from __future__ import annotations

from abc import abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from nautilus_trader.model import Money

from framework.testkit import settings
from framework.testkit.kit import Kit, expect, needs
from framework.testkit.market import VENUE, simulate
from framework.testkit.nodes import offered
from framework.testkit.trial import Trial

if TYPE_CHECKING:
    from framework.result import Result
    from framework.specs import PluginConfig, VenueSpec

SEEDS = range(1, 7)
CENT = Decimal("0.01")
UNTRADED = "the round trip does not run; see test_a_round_trip_runs"


class VenueKit(Kit):
    """What every venue must do in a backtest; subclass it in the plugin's tests.

    Two entries, one exit and a resting order run at the venue on the real engine, and the account is worked
    out again from the fills alone.
    """

    spec: ClassVar[VenueSpec]
    """The venue, as the plugin registers it."""

    starts_with: ClassVar[tuple[str, ...]]
    """What the account holds at first with the kit's settings, such as `("100000 USD",)`."""

    preset: ClassVar[str] = "EURUSD"
    """What is traded; it is quoted in the first currency of `starts_with`."""

    steps: ClassVar[int] = 1_000
    """Size steps of an order."""

    hedging: ClassVar[bool] = False
    """True for a venue whose settings can keep one position for each opening order."""

    random_fills: ClassVar[bool] = False
    """True when, with the kit's settings, fills depend on the run's seed."""

    @abstractmethod
    def config(self, *, hedging: bool = False) -> PluginConfig:
        """Settings of the venue; with one position for each opening order when `hedging`."""

    @pytest.fixture(scope="class")
    @classmethod
    def trial(cls, tmp_path_factory: pytest.TempPathFactory) -> Trial:
        """The venue's runs, shared by the tests of the class."""
        catalog = tmp_path_factory.mktemp("kit") / "catalog"
        kit = cls()
        return Trial(
            kit.spec,
            kit.config,
            kit.steps,
            simulate(catalog, [cls.preset], step="1-HOUR", length=120, seed=5),
        )

    def test_the_framework_loads_it(self) -> None:
        """Loading the spec is refused for the same reasons as when it is installed."""
        offered([self.spec])

    def test_its_settings_are_closed(self) -> None:
        """A misspelt key in node.yaml is an error, and nothing changes settings afterwards."""
        problem = settings.not_closed(self.spec.config) or settings.takes_unknown(self.config())
        expect(problem, if_fails="a typing mistake in node.yaml would silently change what trading costs.")

    def test_its_settings_are_documented(self) -> None:
        """Every field says what it is for."""
        expect(
            settings.not_documented(self.spec.config),
            if_fails="`framework plugins show` has nothing to say about a setting.",
        )

    def test_its_settings_survive_yaml(self) -> None:
        """Written with every default filled in and read again, they are the same settings."""
        expect(
            settings.not_readable(self.config()),
            if_fails="a run bundle cannot repeat its run: a default is out of bounds, or a field changes.",
        )

    def test_it_is_called_what_the_node_calls_it(self) -> None:
        """The engine's venue has the name given in node.yaml, whatever that is."""
        names = [(name, str(self._built(name).name)) for name in (VENUE, "ELSEWHERE")]
        wrong = [f"{name} became {got}" for name, got in names if got != name]
        expect("\n".join(wrong) or None, if_fails="instruments of the node's venue have nowhere to trade.")

    def test_its_fees_are_stated(self) -> None:
        """The engine's venue has a fee model, even one of nothing."""
        missing = None if self._built(VENUE).fee_model is not None else "fee_model is None"
        expect(missing, if_fails="what trading costs is left to the engine's defaults.")

    def test_a_round_trip_runs(self, trial: Trial) -> None:
        """Two entries, one exit and a resting order are filled."""
        missing = None if self._built(VENUE).fee_model is not None else "no fees"
        needs(missing, because="the engine refuses it; see test_its_fees_are_stated")
        expect(trial.crash, if_fails="nothing can be traded at this venue with the kit's settings.")

    def test_the_account_starts_with_what_it_should(self, trial: Trial) -> None:
        """The first balances are those the settings state, in their currencies."""
        needs(trial.crash, because=UNTRADED)
        wanted = {money.currency.code: money.as_decimal() for money in map(Money.from_str, self.starts_with)}
        held = trial.trip[1].before
        expect(
            None if held == wanted else f"settings state {_said(wanted)}, the account holds {_said(held)}",
            if_fails="every figure of the report starts from the wrong account.",
        )

    def test_the_books_balance(self, trial: Trial) -> None:
        """The last balance is the first one, plus what the fills brought, less what they cost."""
        needs(trial.crash, because=UNTRADED)
        result, trip = trial.trip
        instrument = trial.market.instruments[0]
        quote = instrument.quote_currency.code
        expected = dict(trip.before)
        expected[quote] = expected.get(quote, Decimal(0)) + _cash_of(result, instrument)
        for commission in result.fills["commission"]:
            money = Money.from_str(str(commission))
            expected[money.currency.code] = expected.get(money.currency.code, Decimal(0)) - money.as_decimal()
        tolerance = CENT * max(1, len(result.fills))
        wrong = [
            f"{code}: the fills say {expected.get(code, 0)}, the account {trip.after.get(code, 0)}"
            for code in sorted({*expected, *trip.after})
            if abs(expected.get(code, Decimal(0)) - trip.after.get(code, Decimal(0))) > tolerance
        ]
        expect("\n".join(wrong) or None, if_fails="profit, fees and balance of a backtest do not add up.")

    def test_the_same_seed_gives_the_same_fills(self, trial: Trial) -> None:
        """Two runs of the same seed have the same result."""
        needs(trial.crash, because=UNTRADED)
        again = trial.run(repeat=1)
        hashes = [trial.trip[0].result_hash, again if isinstance(again, str) else again[0].result_hash]
        expect(
            None if hashes[0] == hashes[1] else f"{hashes[0]} became {hashes[1]}",
            if_fails="a backtest at this venue cannot be repeated: draw from the seed that is given.",
        )

    def test_another_seed_matters_only_if_declared(self, trial: Trial) -> None:
        """With `random_fills`, some seed of six gives other fills; without, none does."""
        needs(trial.crash, because=UNTRADED)
        runs = [trial.run(seed) for seed in SEEDS]
        hashes = {run if isinstance(run, str) else run[0].result_hash for run in runs}
        differ = len(hashes | {trial.trip[0].result_hash}) > 1
        problem = f"random_fills = {self.random_fills}, and other seeds {'do' if differ else 'do not'} matter"
        expect(
            None if differ == self.random_fills else problem,
            if_fails="randomness does not come from the run's seed, or comes in without being declared.",
        )

    def test_it_nets_positions(self, trial: Trial) -> None:
        """Two entries make one position, unless the settings ask for hedging."""
        needs(trial.crash, because=UNTRADED)
        count = trial.trip[1].open_positions
        expect(
            None if count == 1 else f"{count} open positions after two entries",
            if_fails="a strategy finds other positions than the ones it opened.",
        )

    def test_it_keeps_positions_apart_when_hedging(self, trial: Trial) -> None:
        """Two entries make two positions when the settings ask for it."""
        needs(trial.crash, because=UNTRADED)
        needs(None if self.hedging else "no", because="the kit declares hedging = False")
        hedged = trial.run(hedging=True)
        problem = hedged if isinstance(hedged, str) else None
        if not isinstance(hedged, str) and hedged[1].open_positions != 2:  # noqa: PLR2004 - two entries
            problem = f"{hedged[1].open_positions} open positions after two entries"
        expect(problem, if_fails="the venue claims hedging and nets.")

    def _built(self, name: str) -> Any:
        build = self.spec.backtest
        if build is None:
            pytest.fail("If this fails, the venue has no simulated twin: VenueSpec.backtest is None")
        return build(name, self.config(), 0)


def _cash_of(result: Result, instrument: Any) -> Decimal:
    """What buying and selling brought, from the fills: flat at the end, so nothing is left to value."""
    cash = Decimal(0)
    for _, fill in result.fills.iterrows():
        amount = Decimal(str(fill["last_qty"])) * Decimal(str(fill["last_px"]))
        cash += amount if str(fill["order_side"]) == "SELL" else -amount
    return cash * Decimal(str(instrument.multiplier))


def _said(balances: dict[str, Any]) -> str:
    return ", ".join(f"{value} {code}" for code, value in sorted(balances.items())) or "nothing"
