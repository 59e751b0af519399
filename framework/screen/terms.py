"""What a node must be for arrays to give what the engine gives; anything else is refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_trader.backtest import BacktestVenueConfig
    from nautilus_trader.model import Currency

    from framework.compose import Plan, StrategyPlan, Stream

SWEEP = "Use `framework sweep`, which runs every point on the event engine."
FEES = re.compile(
    r"MakerTakerFeeModel \{ schedule: MakerTakerFeeSchedule \{ "
    r"default: MakerTakerFeeRates \{ maker: [0-9.-]+, taker: (?P<taker>[0-9.-]+) \}, overrides: \{\} \} \}"
)
FILLS = re.compile(
    r"DefaultFillModel \{ state: ProbabilisticFillState \{ prob_fill_on_limit: [0-9.]+, "
    r"prob_slippage: 0\.0, .*"
)
"""The engine's models say what they are in their repr, and nowhere else."""
AS_IT_COMES: dict[str, Any] = {
    "bar_execution": True,
    "bar_adaptive_high_low_ordering": False,
    "liquidity_consumption": False,
    "frozen_account": False,
    "liquidation_enabled": False,
    "use_market_order_acks": False,
    "use_reduce_only": True,
    "price_protection_points": 0,
    "margin_model": None,
    "latency_model": None,
    "modules": [],
    "queue_position": False,
}
"""Settings of a venue under which arrays were shown to give what the engine gives."""
LINEAR = {"CurrencyPair", "CryptoPerpetual", "CryptoFuture", "Equity", "FuturesContract", "PerpetualContract"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading costs and what it is done with.

    Attributes:
        taker: The fee of a market order, as a share of its notional.
        balance: What the account starts with.
        currency: Its currency.
        leverage: Of the instrument.
    """

    taker: Decimal
    balance: Decimal
    currency: Currency
    leverage: Decimal


def the_strategy(plan: Plan) -> StrategyPlan:
    """The plan's one strategy, which offers signals.

    Raises:
        CompositionError: There are more, one that offers none, or something else in the node is in the way.
    """
    if plan.mode != "backtest":
        raise _refused(f"mode is {plan.mode}, and arrays only know the past", "mode")
    if len(plan.strategies) != 1:
        names = ", ".join(strategy.id for strategy in plan.strategies)
        raise _refused(
            f"the node has {len(plan.strategies)} strategies ({names}), which share one account", "strategies"
        )
    strategy = plan.strategies[0]
    if strategy.spec.signals is None:
        raise _refused(
            f'strategy "{strategy.id}" ({strategy.spec.name}) offers no signals: it cannot say its positions '
            "as arrays",
            "strategies[0].use",
        )
    if strategy.filter is not None:
        raise _refused("a filter judges signal by signal, and the node has one", "strategies[0].filter")
    if plan.rules:
        names = ", ".join(rule.id for rule in plan.rules)
        raise _refused(f"risk rules judge order by order, and the node has {names}", "risk")
    return strategy


def the_stream(plan: Plan) -> Stream:
    """The plan's one stream, of bars that were traded at one price.

    Raises:
        CompositionError: There is another one, or it is of another kind.
    """
    if len(plan.streams) != 1:
        names = ", ".join(stream.name for stream in plan.streams)
        raise _refused(f"the node has {len(plan.streams)} streams of data ({names})", "data")
    stream = plan.streams[0]
    if stream.bar_type is None:
        raise _refused(f"{stream.name} is a stream of {stream.kind}, not of bars", "data[0]")
    if str(stream.bar_type.spec.price_type) not in {"LAST", "MID", "PriceType.LAST", "PriceType.MID"}:
        raise _refused(f"{stream.name} holds one side of the market only", "data[0]")
    from framework.compose import bar_types  # noqa: PLC0415 - composed already

    for other in bar_types(plan.strategies[0].config):
        if other != stream.bar_type:
            raise _refused(f"the strategy trades on {other}, which the engine builds itself", "strategies[0]")
    return stream


def the_terms(plan: Plan, instrument: Any) -> Terms:
    """What the plan's venue charges for the instrument.

    Raises:
        CompositionError: The venue does something that arrays do not.
    """
    kind = type(instrument).__name__
    if kind not in LINEAR or instrument.is_inverse or getattr(instrument, "is_quanto", False):
        raise _refused(f"{instrument.id} is a {kind} that is not paid in its quote currency", "data[0]")
    (plan_of_venue,) = [venue for venue in plan.venues if venue.name == str(instrument.id.venue)]
    index = plan.venues.index(plan_of_venue)
    path = f"venues[{index}].config"
    build = plan_of_venue.spec.backtest
    if build is None:  # pragma: no cover - compose refuses it
        raise _refused(f'venue "{plan_of_venue.name}" has no backtest', path)
    venue = build(plan_of_venue.name, plan_of_venue.config, plan.seed)
    for problem in _problems(venue):
        raise _refused(f'venue "{plan_of_venue.name}": {problem}', path)
    fees = FEES.fullmatch(repr(venue.fee_model))
    if fees is None:
        raise _refused(
            f'venue "{plan_of_venue.name}" charges by {_kind(venue.fee_model)}, and arrays know shares of '
            "the notional only",
            path,
        )
    balance, currency = _balance(venue, instrument, path)
    leverage = (venue.leverages or {}).get(instrument.id, venue.default_leverage or Decimal(1))
    return Terms(Decimal(fees["taker"]), balance, currency, Decimal(leverage))


def check_limits(instrument: Any, orders: tuple[int, int], prices: tuple[Decimal, Decimal]) -> None:
    """Refuse orders that the instrument may not take.

    Args:
        instrument: The engine's.
        orders: The smallest and the largest, in steps of the size precision.
        prices: The lowest and the highest that they may be filled at.

    Raises:
        CompositionError: One is beyond a limit, or could be.
    """
    if not any(orders):
        return
    smallest, largest = (Decimal(order).scaleb(-instrument.size_precision) for order in orders)
    low, high = (price * instrument.multiplier.as_decimal() for price in prices)
    limits = {
        "min_quantity": (instrument.min_quantity, smallest, 1),
        "max_quantity": (instrument.max_quantity, largest, -1),
        "min_notional": (instrument.min_notional, smallest * low, 1),
        "max_notional": (instrument.max_notional, largest * high, -1),
    }
    for name, (limit, value, sign) in limits.items():
        if limit is not None and sign * (limit.as_decimal() - value) > 0:
            raise _refused(
                f"orders of {smallest} to {largest} cross {name} {limit} of {instrument.id}",
                "strategies[0].config",
            )
    increment = instrument.size_increment.as_decimal()
    if smallest % increment or largest % increment:
        raise _refused(f"orders are not whole steps of {increment}", "strategies[0].config")


def _problems(venue: BacktestVenueConfig) -> Iterator[str]:
    if "NETTING" not in str(venue.oms_type):
        yield "it keeps a position for every entry (hedging), arrays keep one"
    if "MARGIN" not in str(venue.account_type):
        yield "a cash account refuses what it cannot pay order by order"
    if venue.fill_model is not None and FILLS.fullmatch(repr(venue.fill_model)) is None:
        yield f"{_kind(venue.fill_model)}, or slippage, decides what fills"
    for name, wanted in AS_IT_COMES.items():
        found = getattr(venue, name)
        if found != wanted:
            yield f"{name} is {_kind(found)}, and arrays know {wanted}"


def _balance(venue: BacktestVenueConfig, instrument: Any, path: str) -> tuple[Decimal, Currency]:
    from nautilus_trader.model import Money  # noqa: PLC0415 - the engine's model is loaded by now

    currency = instrument.quote_currency
    if venue.base_currency not in {None, currency}:
        raise _refused(
            f"the account is kept in {venue.base_currency}, {instrument.id} is paid in {currency}", path
        )
    for text in venue.starting_balances:
        money = Money.from_str(str(text))
        if money.currency == currency:
            return money.as_decimal(), currency
    raise _refused(f"the account holds no {currency}, in which {instrument.id} is paid", path)


def _kind(value: object) -> str:
    return re.split(r"[ (<{]", repr(value).lstrip("<"), maxsplit=1)[0] or repr(value)


def _refused(message: str, path: str) -> CompositionError:
    return CompositionError(f"the array pass cannot screen this node: {message}", path=path, remedy=SWEEP)
