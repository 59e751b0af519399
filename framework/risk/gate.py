"""The gate: the one place where a proposal becomes an order, another order, or nothing.

The algorithm, in the order it runs:

0. A node that is ending sends nothing.
1. A latched kill switch denies everything that is not a true exit; one that rests has to be reduce-only, or
   it would open a position when the one it reduces is gone.
2. A reduce-only order must have something to reduce, and no more than that.
3. An order that can only shrink a position passes, unless a rule asks to judge exits too.
4. Sizing rules set the quantity of new entries; the smallest wins.
5. Every other rule judges the sized proposal. Any Deny wins; the smallest Resize wins and only shrinks.

A rule that raises denies the order and latches the switch for everything: a limit that cannot be computed
is a limit that is not there.
"""

from __future__ import annotations

import functools
import json
from copy import replace
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_trader.model import OrderType, TimeInForce

from framework.errors import PluginError
from framework.risk.decision import Decision
from framework.risk.kill import KillSwitch, Latch
from framework.risk.rule import APPROVE, Approve, Deny, Halt, Resize, RiskRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from framework.risk.pulse import Pulse
    from framework.risk.rule import Mark, Market, Proposal, Reaction, Verdict

GATE = "gate"
"""The name under which the gate's own checks appear in decisions."""
HALTED = "halted by"
"""How the reason begins when a latch denies an order."""
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule as `node.yaml` places it.

    Attributes:
        id: The entry's `id:`, by default its `use:`.
        rule: The rule.
        strategies: The strategies it covers, by `id:`.
    """

    id: str
    rule: RiskRule[Any]
    strategies: tuple[str, ...]

    def watches(self, event: str) -> bool:
        """True when the rule overrides the method, such as `on_mark`."""
        return getattr(type(self.rule), event) is not getattr(RiskRule, event)


class Gate:
    """Judges proposals, feeds the rules what happened, and carries out their reactions.

    Args:
        rules: In the order of `node.yaml`.
        strategies: Every strategy of the node, by `id:`.
        failed: Told of an exception inside a rule, with the rule's id; the run decides what it means.
        kill: The kill switch; by default one that ends with the process.
        decisions: Where decisions go; by default a plain list.
        pulse: Doubts what was decided before the node slept; None where time is that of the data.
    """

    def __init__(
        self,
        rules: Sequence[BoundRule],
        strategies: Iterable[str],
        failed: Callable[[str, BaseException], None],
        *,
        kill: KillSwitch | None = None,
        decisions: list[Decision] | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._pulse = pulse
        self.kill = KillSwitch() if kill is None else kill
        self.decisions: list[Decision] = [] if decisions is None else decisions
        self._failed = failed
        self._flatten: Callable[[Iterable[str]], None] = lambda scope: None  # noqa: ARG005
        self._flattening = False
        self._owed: list[str] = []
        self._strategies = tuple(strategies)
        self._place(rules)

    def _place(self, rules: Sequence[BoundRule]) -> None:
        """Who judges whom, and who hears of what."""
        self._rules = tuple(rules)
        self._sizers: dict[str, tuple[BoundRule, ...]] = {}
        self._limits: dict[str, tuple[BoundRule, ...]] = {}
        for strategy_id in self._strategies:
            mine = [bound for bound in rules if strategy_id in bound.strategies]
            self._sizers[strategy_id] = tuple(bound for bound in mine if bound.rule.sizes)
            self._limits[strategy_id] = tuple(bound for bound in mine if not bound.rule.sizes)
        self._sent = tuple(bound for bound in self._rules if bound.watches("on_sent"))
        self._denied = tuple(bound for bound in self._rules if bound.watches("on_denied"))
        self._cancels = tuple(bound for bound in self._rules if bound.watches("on_cancel"))
        self._orders = tuple(bound for bound in self._rules if bound.watches("on_order"))
        self._fills = tuple(bound for bound in self._rules if bound.watches("on_fill"))
        self._marks = tuple(bound for bound in self._rules if bound.watches("on_mark"))
        self._remembering = tuple(bound for bound in self._rules if bound.watches("remember"))

    @property
    def rules(self) -> tuple[BoundRule, ...]:
        """The rules, in the order of `node.yaml`."""
        return self._rules

    @property
    def wants_marks(self) -> bool:
        """True when prices must be fed to `mark`: a rule wants them, or somebody has to be kept flat."""
        kept = any(latch.flat for latch in self.kill.latches)
        return bool(self._marks or self._fills or self._orders or self._denied or kept)

    @property
    def wants_fills(self) -> bool:
        """True when fills must be fed to `fill`."""
        return bool(self._fills)

    @property
    def wants_cancels(self) -> bool:
        """True when cancels must be fed to `canceling`."""
        return bool(self._cancels)

    @property
    def wants_orders(self) -> bool:
        """True when orders that end unfilled must be fed to `ended`."""
        return bool(self._orders)

    def covers(self, strategy_id: str) -> bool:
        """True when any rule judges the strategy's orders."""
        return bool(self._sizers[strategy_id] or self._limits[strategy_id])

    def start(
        self, market_for: Callable[[tuple[str, ...]], Market], flatten: Callable[[Iterable[str]], None]
    ) -> None:
        """Give every rule its view of the market, and the gate its way to cancel and close.

        Args:
            market_for: Builds the view for a scope of strategies.
            flatten: Cancels the resting orders and closes the positions of the strategies given.
        """
        self._flatten = flatten
        for bound in self._rules:
            try:
                bound.rule.start(market_for(bound.strategies))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
                self._break(bound, error, 0)

    def remember(self) -> dict[str, dict[str, Any]]:
        """What every rule wants kept over a restart, by the rule's id."""
        kept = {}
        for bound in self._remembering:
            try:
                memory = bound.rule.remember()
                if memory is not None:
                    kept[bound.id] = json.loads(json.dumps(memory))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
                self._break(bound, error, 0)
        return kept

    def recall(self, memories: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Give started rules back what they wanted kept.

        Returns:
            Why a rule did not take it, by its id.
        """
        refused = {}
        for bound in self._remembering:
            if memories.get(bound.id):
                try:
                    bound.rule.recall(memories[bound.id])
                except ValueError as error:
                    refused[bound.id] = str(error)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin
                    self._break(bound, error, 0)
        return refused

    def replace(self, rules: Mapping[str, RiskRule[Any]]) -> None:
        """Put started rules in the place of those with the same id, all at once.

        They are of the same classes: what the gate is fed was settled when the strategies were built.
        """
        self._place([replace(bound, rule=rules.get(bound.id, bound.rule)) for bound in self._rules])

    def judge(self, proposal: Proposal) -> Verdict:
        """The verdict on a proposal; anything but an approval leaves a decision behind.

        Whoever is given a denial calls `settle` once the order itself has been denied.
        """
        verdict, rule = self._verdict(proposal)
        if isinstance(verdict, Approve):
            return verdict
        resized = str(verdict.quantity) if isinstance(verdict, Resize) else ""
        self.decisions.append(
            Decision(
                ts=proposal.now,
                verdict="resize" if isinstance(verdict, Resize) else "deny",
                rule=rule,
                reason=verdict.reason,
                scope=proposal.strategy_id,
                action=proposal.action,
                instrument_id=str(proposal.instrument_id),
                client_order_id=str(proposal.order.client_order_id),
                side=proposal.side.name,
                quantity=str(proposal.quantity),
                resized_to=resized,
            )
        )
        if self._denied and isinstance(verdict, Deny):
            self._tell_denied(proposal, rule)
        return verdict

    def settle(self) -> None:
        """Cancel and close what a rule asked for when it was told of a denial."""
        if self._owed:
            owed, self._owed = self._owed, []
            self._flatten_now(dict.fromkeys(owed))

    def sent(self, proposal: Proposal) -> None:
        """Tell the rules in scope that an approved proposal, at its final quantity, is leaving."""
        for bound in self._sent:
            if proposal.strategy_id in bound.strategies:
                try:
                    bound.rule.on_sent(proposal)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
                    self._break(bound, error, proposal.now)

    def canceling(self, strategy_id: str, orders: int, now: int) -> None:
        """Tell the rules in scope that a strategy is cancelling so many orders."""
        for bound in self._cancels:
            if strategy_id in bound.strategies:
                try:
                    bound.rule.on_cancel(strategy_id, orders, now)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
                    self._break(bound, error, now)

    def ended(self, strategy_id: str, event: Any) -> None:
        """Tell the rules in scope of an order that ended unfilled, and carry out what they answer."""
        for bound in self._orders:
            if strategy_id in bound.strategies:
                self._react(bound, bound.rule.on_order, event, event.ts_event)

    def fill(self, strategy_id: str, fill: Any) -> None:
        """Tell the rules in scope of a fill, and carry out what they answer."""
        for bound in self._fills:
            if strategy_id in bound.strategies:
                self._react(bound, bound.rule.on_fill, fill, fill.ts_event)

    def mark(self, mark: Mark) -> None:
        """Tell the rules of a price, carry out what they answer, and keep halted strategies flat."""
        for bound in self._marks:
            self._react(bound, bound.rule.on_mark, mark, mark.ts_event)
        if self.kill.latches:
            self._flatten_now([sid for sid in self._limits if (held := self.kill.holds(sid)) and held.flat])

    def _verdict(self, proposal: Proposal) -> tuple[Verdict, str]:
        stopped = self._stopped(proposal) if self.kill.armed else ""
        if stopped:
            return Deny(stopped), GATE
        if self._flattening and proposal.reduces:
            return APPROVE, GATE
        if proposal.order.is_reduce_only and not proposal.reduces:
            return Deny(f"reduce-only {proposal.quantity} with a position of {proposal.position}"), GATE
        sized, sizer, sizing = proposal, "", ""
        sizers = self._sizers[proposal.strategy_id]
        if sizers and proposal.action == "submit" and not proposal.reduces:
            verdict, sizer = self._smallest(sizers, proposal, may_grow=True)
            if isinstance(verdict, Deny):
                return verdict, sizer
            if isinstance(verdict, Resize):
                sized = replace(proposal, quantity=verdict.quantity)
                sizing = verdict.reason
        verdict, limit = self._smallest(self._limits[proposal.strategy_id], sized, may_grow=False)
        if isinstance(verdict, Approve) and sized is not proposal and sized.quantity != proposal.quantity:
            return Resize(sized.quantity, sizing), sizer
        return verdict, limit

    def recalls(self, strategy_id: str, venue: str, *, leaves: bool) -> str:
        """Why an approved order that has not left yet must not leave any more, or an empty string.

        Args:
            strategy_id: Whose it is.
            venue: Where it would go.
            leaves: Whether it is one that a latch lets through, as `exits` says.
        """
        if self.kill.closed:
            return self.kill.closed
        latch = None if leaves else self.kill.holds(strategy_id, venue)
        return f"{HALTED} {latch.rule}: {latch.reason}" if latch else ""

    def _stopped(self, proposal: Proposal) -> str:
        """Why nothing of the kind may be sent at all, or an empty string."""
        stopped = self.recalls(
            proposal.strategy_id, str(proposal.instrument_id.venue), leaves=exits(proposal)
        )
        if stopped:
            resting = proposal.reduces and not self.kill.closed
            return f"{stopped}; an exit that rests has to be reduce-only" if resting else stopped
        return self._pulse.doubt(proposal) if self._pulse is not None else ""

    def _smallest(
        self, rules: Iterable[BoundRule], proposal: Proposal, *, may_grow: bool
    ) -> tuple[Verdict, str]:
        smallest: Resize | None = None
        author = ""
        for bound in rules:
            if proposal.reduces and not bound.rule.judges_exits:
                continue
            try:
                verdict = bound.rule.check(proposal)
                if verdict is APPROVE:
                    continue
                self._refuse_nonsense(bound, verdict, proposal, may_grow=may_grow)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
                self._break(bound, error, proposal.now)
                return Deny(f"rule failed: {type(error).__name__}: {error}"), bound.id
            if isinstance(verdict, Deny):
                return verdict, bound.id
            if isinstance(verdict, Resize):
                if verdict.quantity.as_decimal() <= 0:
                    return Deny(f"{verdict.reason}: nothing is left of it"), bound.id
                if smallest is None or _size(verdict) < _size(smallest):
                    smallest, author = verdict, bound.id
        return smallest or APPROVE, author

    @staticmethod
    def _refuse_nonsense(bound: BoundRule, verdict: Any, proposal: Proposal, *, may_grow: bool) -> None:
        if not isinstance(verdict, Approve | Deny | Resize):
            raise PluginError(f'rule "{bound.id}" answered {verdict!r}, which is no verdict')
        if isinstance(verdict, Resize) and not may_grow and _size(verdict) > proposal.quantity.as_decimal():
            raise PluginError(
                f'rule "{bound.id}" resized {proposal.quantity} up to {verdict.quantity}',
                remedy="Only a rule with `sizes = True` may enlarge an order.",
            )

    def _tell_denied(self, proposal: Proposal, author: str) -> None:
        """A halt holds from here on; its flattening waits until the denied order is out of the way."""
        for bound in self._denied:
            if proposal.strategy_id in bound.strategies:
                told = functools.partial(bound.rule.on_denied, mine=bound.id == author)
                self._owed.extend(self._answered(bound, told, proposal, proposal.now))

    def _react[T](
        self, bound: BoundRule, observe: Callable[[T], Reaction | None], event: T, now: int
    ) -> None:
        scope = self._answered(bound, observe, event, now)
        if scope:
            self._flatten_now(scope)

    def _answered[T](
        self, bound: BoundRule, observe: Callable[[T], Reaction | None], event: T, now: int
    ) -> Sequence[str]:
        """The strategies to flatten, halted when the rule says so."""
        try:
            reaction = observe(event)
            if reaction is None:
                return ()
            scope = reaction.strategies or bound.strategies
            strays = [sid for sid in scope if sid not in bound.strategies]
            if strays:
                raise PluginError(f'rule "{bound.id}" does not cover {", ".join(strays)}')  # noqa: TRY301
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a rule is a plugin; see the docstring
            self._break(bound, error, now)
            return ()
        if isinstance(reaction, Halt):
            fresh = [self._latch(sid, reaction.reason, bound.id, now) for sid in scope]
            if not any(fresh):
                return ()
        self._note("halt" if isinstance(reaction, Halt) else "flatten", bound.id, reaction.reason, scope, now)
        return scope

    def _flatten_now(self, scope: Iterable[str]) -> None:
        self._flattening = True
        try:
            self._flatten(scope)
        finally:
            self._flattening = False

    def _latch(self, scope: str, reason: str, rule: str, now: int) -> bool:
        return self.kill.latch(Latch(scope, reason, rule, now))

    def _break(self, bound: BoundRule, error: BaseException, now: int) -> None:
        reason = f"rule failed: {type(error).__name__}: {error}"
        if self._latch(KillSwitch.ALL, reason, bound.id, now):
            self._note("halt", bound.id, reason, bound.strategies, now)
        self._failed(bound.id, error)

    def _note(self, verdict: Any, rule: str, reason: str, scope: Iterable[str], now: int) -> None:
        self.decisions.append(
            Decision(ts=now, verdict=verdict, rule=rule, reason=reason, scope=", ".join(scope))
        )


def exits(proposal: Proposal) -> bool:
    """Whether a latch lets it through: it reduces, and cannot fill later and open another position."""
    if not proposal.reduces:
        return False
    order = proposal.order
    at_once = order.order_type == OrderType.MARKET or order.time_in_force in AT_ONCE
    return bool(at_once or order.is_reduce_only)


def _size(verdict: Resize) -> Decimal:
    return verdict.quantity.as_decimal()
