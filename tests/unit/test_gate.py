"""The gate's algorithm, with rules that answer what the test tells them to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.model import InstrumentId, OrderSide, OrderType, Quantity, TimeInForce

from framework import APPROVE, Deny, Flatten, Halt, Mark, PluginConfig, Proposal, Resize, RiskRule
from framework.risk.gate import BoundRule, Gate
from framework.risk.kill import Latch

INSTRUMENT = SimpleNamespace(id=InstrumentId.from_str("EUR/USD.SIM"))


class NoConfig(PluginConfig, frozen=True, kw_only=True):
    pass


class Says(RiskRule[Any]):
    """Answers every proposal with one verdict, and remembers what it was asked."""

    def __init__(self, verdict=APPROVE):
        super().__init__(NoConfig())
        self.verdict = verdict
        self.asked = []
        self.sent = []

    def check(self, proposal):
        self.asked.append(proposal)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict

    def on_sent(self, proposal):
        self.sent.append(proposal)


class Sizes(Says):
    sizes = True


class JudgesExits(Says):
    judges_exits = True


@dataclass
class Bench:
    """A gate over one or two strategies, with its failures and flattenings written down."""

    gate: Gate
    failures: list[tuple[str, BaseException]] = field(default_factory=list)
    flattened: list[list[str]] = field(default_factory=list)


def bench(*rules, strategies=("trend",), scopes=None):
    made = Bench.__new__(Bench)
    made.failures, made.flattened = [], []
    bound = [
        BoundRule(f"rule-{number}", rule, (scopes or {}).get(number, strategies))
        for number, rule in enumerate(rules)
    ]
    made.gate = Gate(bound, strategies, lambda rule, error: made.failures.append((rule, error)))
    made.gate.start(lambda scope: scope, lambda scope: made.flattened.append(list(scope)))
    return made


def quantity(value):
    return Quantity.from_str(str(value))


def proposal(
    size=1_000,
    *,
    reduces=False,
    reduce_only=False,
    action="submit",
    strategy="trend",
    position=0,
    kind=OrderType.MARKET,
    tif=TimeInForce.GTC,
):
    return Proposal(
        action=action,
        strategy_id=strategy,
        order=SimpleNamespace(
            client_order_id="O-1", is_reduce_only=reduce_only, order_type=kind, time_in_force=tif
        ),
        instrument=INSTRUMENT,
        side=OrderSide.BUY,
        quantity=quantity(size),
        price=None,
        trigger_price=None,
        stop_price=None,
        mark=None,
        position=Decimal(position),
        reduces=reduces,
        now=1_000,
    )


def test_without_rules_everything_is_approved_and_nothing_is_written_down():
    made = bench()
    assert made.gate.judge(proposal()) is APPROVE
    assert made.gate.decisions == []


def test_any_deny_wins_over_every_resize_and_leaves_its_reason():
    made = bench(Says(Resize(quantity(10), "smaller")), Says(Deny("never")), Says())
    assert made.gate.judge(proposal()) == Deny("never")
    (decision,) = made.gate.decisions
    assert (decision.verdict, decision.rule, decision.reason) == ("deny", "rule-1", "never")
    assert (decision.scope, decision.side, decision.quantity) == ("trend", "BUY", "1000")


def test_the_smallest_resize_wins_whatever_the_order_of_the_rules():
    small, large = Says(Resize(quantity(10), "ten")), Says(Resize(quantity(20), "twenty"))
    assert bench(small, large).gate.judge(proposal()) == Resize(quantity(10), "ten")
    made = bench(large, small)
    assert made.gate.judge(proposal()) == Resize(quantity(10), "ten")
    assert made.gate.decisions[0].resized_to == "10"


def test_limits_judge_what_the_sizer_decided_not_what_the_strategy_proposed():
    limit = Says()
    made = bench(limit, Sizes(Resize(quantity(5_000), "sized")))
    assert made.gate.judge(proposal(1)) == Resize(quantity(5_000), "sized")
    assert [asked.quantity for asked in limit.asked] == [quantity(5_000)]


def test_a_limit_may_shrink_what_a_sizer_grew():
    made = bench(Sizes(Resize(quantity(5_000), "sized")), Says(Resize(quantity(3_000), "capped")))
    assert made.gate.judge(proposal(1)) == Resize(quantity(3_000), "capped")


def test_a_sizer_that_agrees_with_the_proposal_changes_nothing():
    made = bench(Sizes(Resize(quantity(1_000), "sized")))
    assert made.gate.judge(proposal(1_000)) is APPROVE
    assert made.gate.decisions == []


def test_a_sizer_has_no_say_in_changes_to_a_working_order():
    sizer = Sizes(Resize(quantity(5_000), "sized"))
    assert bench(sizer).gate.judge(proposal(action="modify")) is APPROVE
    assert sizer.asked == []


def test_a_resize_to_nothing_is_a_denial():
    assert bench(Says(Resize(quantity(0), "no room"))).gate.judge(proposal()) == Deny(
        "no room: nothing is left of it"
    )


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (ValueError("broken"), "rule failed: ValueError: broken"),
        (Resize(quantity(9_999), "more"), "resized 1000 up to 9999"),
        (None, "is no verdict"),
        (True, "is no verdict"),
    ],
)
def test_a_rule_that_cannot_be_trusted_denies_and_stops_everything(verdict, says):
    made = bench(Says(verdict), strategies=("trend", "other"))
    denied = made.gate.judge(proposal())
    assert isinstance(denied, Deny)
    assert says in denied.reason
    assert [rule for rule, _ in made.failures] == ["rule-0"]
    later = made.gate.judge(proposal(strategy="other"))
    assert isinstance(later, Deny)
    assert "halted by rule-0" in later.reason
    assert [decision.verdict for decision in made.gate.decisions] == ["halt", "deny", "deny"]


def test_a_rule_only_judges_the_strategies_it_covers():
    rule = Says(Deny("not you"))
    made = bench(rule, strategies=("trend", "other"), scopes={0: ("other",)})
    assert made.gate.judge(proposal()) is APPROVE
    assert made.gate.judge(proposal(strategy="other")) == Deny("not you")
    assert made.gate.covers("other")
    assert not made.gate.covers("trend")


def test_true_exits_pass_every_rule_but_those_that_judge_exits():
    made = bench(Says(Deny("no entries")))
    assert made.gate.judge(proposal(reduces=True, reduce_only=True, position=-1_000)) is APPROVE
    strict = bench(JudgesExits(Deny("not even exits")))
    assert strict.gate.judge(proposal(reduces=True, position=-1_000)) == Deny("not even exits")


def test_a_reduce_only_order_that_reduces_nothing_is_denied_without_asking_a_rule():
    rule = JudgesExits()
    made = bench(rule)
    assert made.gate.judge(proposal(reduce_only=True)) == Deny("reduce-only 1000 with a position of 0")
    assert rule.asked == []
    assert made.gate.decisions[0].rule == "gate"


class Watches(RiskRule[Any]):
    """Reacts to marks and fills with what the test tells it to."""

    def __init__(self, on_mark=None, on_fill=None):
        super().__init__(NoConfig())
        self.reactions = {"mark": on_mark, "fill": on_fill}

    def on_mark(self, mark):
        return self._react("mark")

    def on_fill(self, fill):
        return self._react("fill")

    def _react(self, what):
        reaction = self.reactions[what]
        if isinstance(reaction, Exception):
            raise reaction
        return reaction


MARK = Mark(INSTRUMENT.id, None, 5_000)
FILL = SimpleNamespace(ts_event=6_000)


def test_flatten_closes_and_trading_goes_on():
    made = bench(Watches(on_mark=Flatten("end of day")))
    made.gate.mark(MARK)
    assert made.flattened == [["trend"]]
    assert made.gate.judge(proposal()) is APPROVE
    assert [(d.verdict, d.reason, d.ts) for d in made.gate.decisions] == [("flatten", "end of day", 5_000)]


def test_halt_flattens_denies_entries_lets_exits_out_and_is_written_down_once():
    made = bench(Watches(on_fill=Halt("too much lost")))
    made.gate.fill("trend", FILL)
    made.gate.fill("trend", FILL)
    assert made.flattened == [["trend"]]
    assert made.gate.judge(proposal()) == Deny("halted by rule-0: too much lost")
    assert made.gate.judge(proposal(reduces=True, position=-1_000)) is APPROVE
    assert [d.verdict for d in made.gate.decisions] == ["halt", "deny"]


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.MARKET_TO_LIMIT])
@pytest.mark.parametrize("action", ["submit", "modify"])
def test_an_exit_that_could_outlive_the_position_does_not_pass_a_halt(kind, action):
    made = bench(Watches(on_fill=Halt("too much lost")))
    made.gate.fill("trend", FILL)
    exits = {"reduces": True, "position": -1_000, "kind": kind, "action": action}
    assert made.gate.judge(proposal(**exits)) == Deny(
        "halted by rule-0: too much lost; an exit that rests has to be reduce-only"
    )
    assert made.gate.judge(proposal(**exits, reduce_only=True)) is APPROVE
    assert made.gate.judge(proposal(**exits, tif=TimeInForce.IOC)) is APPROVE


def test_a_halted_strategy_is_kept_flat_at_every_price():
    made = bench(Watches(on_fill=Halt("stop")), strategies=("trend", "other"), scopes={0: ("trend",)})
    made.gate.mark(MARK)
    assert made.flattened == []
    made.gate.fill("trend", FILL)
    made.gate.mark(MARK)
    assert made.flattened == [["trend"], ["trend"]]


def test_fills_of_strategies_out_of_scope_are_not_shown():
    made = bench(Watches(on_fill=Halt("stop")), strategies=("trend", "other"), scopes={0: ("trend",)})
    made.gate.fill("other", FILL)
    assert made.gate.decisions == []


@pytest.mark.parametrize("event", ["mark", "fill"])
def test_a_rule_that_raises_while_watching_stops_everything(event):
    made = bench(Watches(**{f"on_{event}": RuntimeError("lost")}))
    made.gate.mark(MARK) if event == "mark" else made.gate.fill("trend", FILL)
    assert made.failures[0][0] == "rule-0"
    assert isinstance(made.gate.judge(proposal()), Deny)


def test_what_was_sent_is_told_to_the_rules_in_scope_at_its_final_size():
    mine, other = Says(), Says()
    made = bench(mine, other, strategies=("trend", "other"), scopes={0: ("trend",), 1: ("other",)})
    made.gate.sent(proposal(250))
    assert [sent.quantity for sent in mine.sent] == [quantity(250)]
    assert other.sent == []


def test_a_rule_that_raises_in_on_sent_stops_everything():
    class Breaks(Says):
        def on_sent(self, proposal):
            raise KeyError("count")

    made = bench(Breaks())
    made.gate.sent(proposal())
    assert made.failures
    assert isinstance(made.gate.judge(proposal()), Deny)


def test_exits_of_a_flattening_pass_even_rules_that_judge_exits():
    class Refuses(JudgesExits):
        def on_mark(self, mark):
            return Flatten("now")

    made = bench(Refuses(Deny("no")))
    seen = []
    made.gate.start(
        lambda scope: scope,
        lambda scope: seen.append(made.gate.judge(proposal(reduces=True, position=-1_000))),
    )
    made.gate.mark(MARK)
    assert seen == [APPROVE]


def test_rules_are_started_with_the_market_of_their_scope():
    rule = Says()
    made = bench(rule, strategies=("trend", "other"), scopes={0: ("other",)})
    assert rule.market == ("other",)
    assert made.gate.rules[0].rule is rule


class Hears(Says):
    """Remembers what it was told, and answers with what the test put into `reactions`."""

    def __init__(self, verdict=APPROVE, reaction=None):
        super().__init__(verdict)
        self.reaction = reaction
        self.heard = []

    def on_denied(self, proposal, *, mine):
        self.heard.append(("denied", proposal.strategy_id, mine))
        return self.reaction

    def on_cancel(self, strategy_id, orders, now):
        self.heard.append(("cancel", strategy_id, orders, now))

    def on_order(self, event):
        self.heard.append(("ended", event.client_order_id))
        return self.reaction


def test_a_denial_is_told_to_every_rule_in_scope_and_its_author_knows_it_was_his():
    author, other, elsewhere = Hears(Deny("no")), Hears(), Hears()
    made = bench(author, other, elsewhere, strategies=("trend", "fade"), scopes={2: ("fade",)})
    made.gate.judge(proposal())
    assert author.heard == [("denied", "trend", True)]
    assert other.heard == [("denied", "trend", False)]
    assert elsewhere.heard == []


def test_approvals_and_resizes_are_no_denials():
    rule = Hears(Resize(quantity(1), "less"))
    made = bench(rule)
    made.gate.judge(proposal())
    assert rule.heard == []


def test_a_halt_over_a_denial_holds_at_once_and_flattens_when_the_order_is_out_of_the_way():
    made = bench(Hears(Deny("no"), Halt("enough")))
    made.gate.judge(proposal())
    assert made.gate.kill.holds("trend").reason == "enough"
    assert made.flattened == []
    made.gate.settle()
    made.gate.settle()
    assert made.flattened == [["trend"]]


def test_a_halt_may_concern_one_strategy_of_those_a_rule_covers():
    made = bench(Hears(Deny("no"), Halt("enough", ("fade",))), strategies=("trend", "fade"))
    made.gate.judge(proposal(strategy="fade"))
    made.gate.settle()
    assert made.flattened == [["fade"]]
    assert made.gate.kill.holds("trend") is None
    assert [decision.scope for decision in made.gate.decisions if decision.verdict == "halt"] == ["fade"]


def test_a_rule_that_halts_a_strategy_it_does_not_cover_is_broken():
    made = bench(
        Hears(Deny("no"), Halt("enough", ("fade",))), strategies=("trend", "fade"), scopes={0: ("trend",)}
    )
    made.gate.judge(proposal())
    assert "does not cover fade" in str(made.failures[0][1])
    assert made.gate.kill.holds("fade") is not None


def test_cancels_and_orders_that_ended_reach_the_rules_in_scope():
    here, elsewhere = Hears(), Hears()
    made = bench(here, elsewhere, strategies=("trend", "fade"), scopes={0: ("trend",), 1: ("fade",)})
    made.gate.canceling("trend", 3, 1_000)
    made.gate.ended("trend", SimpleNamespace(client_order_id="O-1", ts_event=1_000))
    assert here.heard == [("cancel", "trend", 3, 1_000), ("ended", "O-1")]
    assert elsewhere.heard == []


def test_a_rule_that_raises_over_a_cancel_latches_everything():
    class Breaks(Says):
        def on_cancel(self, strategy_id, orders, now):
            raise ValueError("broken")

    made = bench(Breaks())
    made.gate.canceling("trend", 1, 1_000)
    assert made.gate.kill.holds("trend").reason == "rule failed: ValueError: broken"


def test_nothing_is_asked_of_a_node_whose_rules_listen_to_nothing():
    gate = bench(Says()).gate
    assert (gate.wants_cancels, gate.wants_orders, gate.wants_marks) == (False, False, False)
    gate = bench(Hears()).gate
    assert (gate.wants_cancels, gate.wants_orders, gate.wants_marks) == (True, True, True)


def test_prices_are_asked_for_where_a_latch_of_before_keeps_something_flat():
    made = bench(Says())
    made.gate.kill.latch(Latch("trend", "a test", "somebody", 1, flat=False))
    assert not made.gate.wants_marks
    made.gate.kill.latch(Latch("trend", "a test", "a rule that is gone", 1, flat=True))
    assert made.gate.wants_marks


class Counts(RiskRule[Any]):
    """Remembers what it is given, or does otherwise."""

    def __init__(self, kept=None):
        super().__init__(None)
        self.kept = kept

    def remember(self):
        if isinstance(self.kept, Exception):
            raise self.kept
        return self.kept

    def recall(self, memory):
        if memory["count"] == "other":
            raise ValueError("of other settings")
        self.kept = dict(memory) if memory["count"] != "broken" else self.kept[0]


def test_rules_are_asked_what_to_keep_and_given_it_back():
    gate = bench(Counts({"count": "3"}), Says(), Counts({})).gate
    assert gate.remember() == {"rule-0": {"count": "3"}, "rule-2": {}}
    fresh = bench(Counts(), Says(), Counts()).gate
    assert fresh.recall({"rule-0": {"count": "3"}, "rule-1": {"count": "1"}, "gone": {"count": "9"}}) == {}
    assert fresh.remember() == {"rule-0": {"count": "3"}}
    assert fresh.recall({"rule-2": {"count": "other"}}) == {"rule-2": "of other settings"}
    assert not fresh.kill.latches


@pytest.mark.parametrize("kept", [LookupError("lost"), {"size": Decimal(1)}])
def test_a_rule_that_cannot_say_what_to_keep_stops_everything(kept):
    made = bench(Counts(kept))
    assert made.gate.remember() == {}
    assert made.gate.kill.latches


def test_a_rule_that_breaks_over_what_it_kept_stops_everything():
    made = bench(Counts())
    assert made.gate.recall({"rule-0": {"count": "broken"}}) == {}
    assert made.gate.kill.latches


def test_an_order_on_its_way_is_recalled_by_a_latch_and_an_exit_only_by_the_end_of_the_node():
    gate = bench(Says()).gate
    assert gate.recalls("trend", "SIM", leaves=False) == ""
    gate.kill.latch(Latch("trend", "enough", "anna", 5))
    assert gate.recalls("trend", "SIM", leaves=False) == "halted by anna: enough"
    assert gate.recalls("trend", "SIM", leaves=True) == ""
    assert gate.recalls("fade", "SIM", leaves=False) == ""
    gate.kill.close("the node failed")
    assert gate.recalls("trend", "SIM", leaves=True) == "the node failed"
