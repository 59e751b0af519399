"""The conformance kit for risk rules.

A plugin's tests hold one subclass:

    class TestConformance(RiskRuleKit):
        spec = next(iter(framework_quiet.register_risk()))

        def config(self, market):
            return QuietConfig(start_hour=21, end_hour=23)
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pytest

from framework.testkit import settings
from framework.testkit.judgement import Judgement
from framework.testkit.kit import Kit, expect, needs
from framework.testkit.market import simulate
from framework.testkit.nodes import offered
from framework.testkit.traders import RandomFlowConfig

if TYPE_CHECKING:
    from framework.specs import PluginConfig, RiskSpec
    from framework.testkit.market import SimulatedMarket


class RiskRuleKit(Kit):
    """What every risk rule must do; subclass it in the plugin's tests.

    A seeded flow of market, limit, stop and bracket orders, changes, cancels and exits runs through the
    rule on the real engine. Choose settings with which the rule intervenes.
    """

    spec: ClassVar[RiskSpec]
    """The rule, as the plugin registers it."""

    presets: ClassVar[tuple[str, ...]] = ("EURUSD", "equity:AAPL")
    """What the flow trades."""

    step: ClassVar[str] = "1-HOUR"
    """The size of a bar."""

    length: ClassVar[int] = 400
    """Bars of each instrument."""

    sizes: ClassVar[tuple[int, int]] = (100, 5_000)
    """The smallest and the largest order of the flow, in size steps."""

    seed: ClassVar[int] = 0
    """Another seed, another market and another flow."""

    may_deny_exits: ClassVar[bool] = False
    """True for a rule that on purpose can keep a position from being closed."""

    @abstractmethod
    def config(self, market: SimulatedMarket) -> PluginConfig:
        """Settings with which the rule intervenes in the flow, and not in all of it."""

    @pytest.fixture(scope="class")
    @classmethod
    def judgement(cls, tmp_path_factory: pytest.TempPathFactory) -> Judgement:
        """The rule's runs, shared by the tests of the class."""
        kit = cls()
        folder = tmp_path_factory.mktemp("kit")
        market = simulate(folder / "catalog", kit.presets, step=kit.step, length=kit.length, seed=kit.seed)
        flow = RandomFlowConfig(
            bar_types=list(market.bar_types), smallest=kit.sizes[0], largest=kit.sizes[1], seed=kit.seed
        )
        return Judgement(market, kit.spec, kit.config(market), flow)

    def test_the_framework_loads_it(self) -> None:
        """Loading the spec is refused for the same reasons as when it is installed."""
        offered([self.spec])

    def test_its_settings_are_closed(self, judgement: Judgement) -> None:
        """A misspelt key in node.yaml is an error, and nothing changes settings afterwards."""
        problem = settings.not_closed(self.spec.config) or settings.takes_unknown(judgement.config)
        expect(problem, if_fails="a typing mistake in node.yaml would silently change a limit.")

    def test_its_settings_are_documented(self) -> None:
        """Every field says what it is for."""
        expect(
            settings.not_documented(self.spec.config),
            if_fails="`framework plugins show` has nothing to say about a setting.",
        )

    def test_its_settings_survive_yaml(self, judgement: Judgement) -> None:
        """Written with every default filled in and read again, they are the same settings."""
        expect(
            settings.not_readable(judgement.config),
            if_fails="a run bundle cannot repeat its run: a default is out of bounds, or a field changes.",
        )

    def test_it_never_raises(self, judgement: Judgement) -> None:
        """No proposal, fill or mark of an ordinary run makes it raise."""
        problem = judgement.problem("raises") or judgement.plain[1].failure
        expect(problem, if_fails="the gate denies everything and halts: a rule that raises is no limit.")

    def test_it_intervenes(self, judgement: Judgement) -> None:
        """It does enough to be judged."""
        needs(self._broken(judgement), because="it answers wrongly; see the other tests")
        done = judgement.plain[0].interventions
        expect(
            None if done else f"{len(judgement.plain[0].verdicts)} proposals, all approved; no reaction",
            if_fails="the other tests show nothing: choose settings, presets or sizes that make it act.",
        )

    def test_every_answer_is_a_verdict(self, judgement: Judgement) -> None:
        """`check` answers Approve, Resize or Deny, and never None."""
        expect(judgement.problem("no verdict"), if_fails="the gate takes the rule for broken, and halts.")

    def test_every_intervention_has_a_reason(self, judgement: Judgement) -> None:
        """A trader reads why in the report."""
        expect(judgement.problem("no reason"), if_fails="nobody can tell why an order was not sent.")

    def test_it_never_enlarges_an_order(self, judgement: Judgement) -> None:
        """Only a rule with `sizes = True` may."""
        expect(judgement.problem("growth"), if_fails="a limit adds risk instead of limiting it.")

    def test_its_sizes_fit_the_instrument(self, judgement: Judgement) -> None:
        """A resized quantity has the instrument's precision and steps."""
        expect(judgement.problem("misfit"), if_fails="the venue rejects the order instead of filling it.")

    def test_its_reactions_are_reactions(self, judgement: Judgement) -> None:
        """`on_mark` and `on_fill` answer None, Flatten or Halt, with a reason; `on_sent` nothing."""
        expect(judgement.problem("no reaction"), if_fails="the gate ignores what the rule wants done.")

    def test_it_knows_after_a_restart_what_it_remembered(self, judgement: Judgement) -> None:
        """What `remember` gives is JSON, and a new rule that recalls it remembers the same."""
        expect(
            judgement.problem("forgets"), if_fails="a live node that is restarted forgets a limit's state."
        )

    def test_it_lets_positions_be_closed(self, judgement: Judgement) -> None:
        """An order that can only shrink a position is not denied, unless that is the rule's purpose."""
        needs("it may" if self.may_deny_exits else None, because="the kit declares may_deny_exits = True")
        expect(judgement.problem("trap"), if_fails="the rule keeps a trader from getting out.")

    def test_it_survives_a_missing_price(self, judgement: Judgement) -> None:
        """Before the first price, `proposal.mark` is None: deny, but do not raise."""
        needs(judgement.problem("raises"), because="it raises; see test_it_never_raises")
        expect(
            judgement.asked_oddly.problems.get("unpriced"),
            if_fails="an order before the first price halts the whole node.",
        )

    def test_it_survives_an_unknown_instrument(self, judgement: Judgement) -> None:
        """An instrument the settings do not name, and the market has no price of, is no surprise."""
        needs(
            judgement.problem("raises") or judgement.asked_oddly.problems.get("unpriced"),
            because="it raises already; see the tests above",
        )
        expect(
            judgement.asked_oddly.problems.get("stranger"),
            if_fails="an order in another instrument halts the whole node.",
        )

    def test_it_reads_no_clock_or_dice(self, judgement: Judgement) -> None:
        """Time is `proposal.now` or `self.market.now()`."""
        expect(
            "\n".join(judgement.plain[2].reads) or None,
            if_fails="a backtest judges by today's clock: use proposal.now and self.market.now().",
        )

    def test_no_bug_is_swallowed(self, judgement: Judgement) -> None:
        """No TypeError, NameError and the like was raised in its files and caught there."""
        needs(judgement.problem("raises"), because="it raises; see test_it_never_raises")
        expect(
            "\n".join(judgement.plain[2].bugs) or None,
            if_fails="the rule catches a mistake in its own code, and goes on approving.",
        )

    def test_asking_twice_changes_nothing(self, judgement: Judgement) -> None:
        """`check` is pure: state belongs into on_sent, on_fill and on_mark."""
        needs(self._unsteady(judgement), because="two runs differ by themselves")
        notes, differs = judgement.asked_twice
        expect(
            notes.problems.get("impure") or differs,
            if_fails="check() changes what the rule answers next: an order that was only considered counts.",
        )

    def test_same_flow_gives_same_verdicts(self, judgement: Judgement) -> None:
        """A second run of the same flow is judged the same."""
        needs("\n".join(judgement.plain[2].reads), because="it reads a clock or dice")
        expect(judgement.again, if_fails="something outlives a run: a variable of the module or the class.")

    def test_a_fresh_process_gives_the_same_orders(self, judgement: Judgement) -> None:
        """Another process with another hash seed, global random state and clock judges the same."""
        needs(self._unsteady(judgement) or self._broken(judgement), because="it is not steady or not sound")
        expect(judgement.fresh, if_fails="verdicts depend on the order of a set or on the process's state.")

    def _broken(self, judgement: Judgement) -> str | None:
        allowed = {"trap"} if self.may_deny_exits else set()
        problems = judgement.plain[0].problems
        return next((problems[name] for name in problems if name not in allowed), judgement.plain[1].failure)

    @staticmethod
    def _unsteady(judgement: Judgement) -> str | None:
        return "\n".join(judgement.plain[2].reads) or judgement.again
