"""The terminal's window on the broker: the official calls, answered from the books as plain values."""

from __future__ import annotations

import copy
import fnmatch
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from framework_mt5_terminal import constants as c
from framework_mt5_terminal.broker.books import BUYS, ZERO, Deal, Order
from framework_mt5_terminal.broker.desk import Answer, Desk
from framework_mt5_terminal.broker.market import tick_row
from framework_mt5_terminal.records import SymbolInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework_mt5_terminal.broker.house import House
    from framework_mt5_terminal.broker.listed import Listed

OK = [1, "Success"]
NOT_FOUND = [-4, "Terminal: Not found"]
FAILED = [-1, "Terminal: Call failed"]
PARAMS = [-2, "Terminal: Invalid params"]
BUILD = 5430
SYMBOL_FIELDS = SymbolInfo._fields
_EMPTY: dict[str, Any] = dict.fromkeys(
    ("basis", "category", "bank", "exchange", "formula", "isin", "page"), ""
)
MINUTES = {
    **{minutes: minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{hours | 0x4000: hours * 60 for hours in (1, 2, 3, 4, 6, 8, 12, 24)},
    c.TIMEFRAME_W1: 7 * 1440,
    c.TIMEFRAME_MN1: 30 * 1440,
}
"""Minutes in a bar; weeks and months are counted in days from 1970."""


class Refusal(Exception):  # noqa: N818 - an answer, not a malfunction
    """A call has no result; carries the official error."""

    def __init__(self, error: list[Any]) -> None:
        super().__init__(error)
        self.error = error


class Window:
    """Answers calls by name."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._desk = Desk(house)
        self._requests = 0
        self.calls: dict[str, Callable[..., Any]] = {
            "initialize": self._login,
            "login": self._login,
            "version": lambda: [500, BUILD, "01 Nov 2026"],
            "terminal_info": self._terminal,
            "account_info": self._account,
            "symbols_total": lambda: len(house.listed),
            "symbols_get": self._symbols,
            "symbol_info": lambda name: self._symbol(self._listed(name, NOT_FOUND)),
            "symbol_info_tick": self._tick,
            "symbol_select": self._select,
            "market_book_add": lambda name: bool(self._listed(name)),
            "market_book_get": self._book,
            "market_book_release": lambda name: bool(self._listed(name)),
            "copy_rates_from": self._rates_from,
            "copy_rates_from_pos": self._rates_from_pos,
            "copy_rates_range": self._rates_range,
            "copy_ticks_from": self._ticks_from,
            "copy_ticks_range": self._ticks_range,
            "orders_total": lambda: len(house.shown.orders),
            "orders_get": self._orders,
            "positions_total": lambda: len(house.shown.positions),
            "positions_get": self._positions,
            "history_orders_total": lambda a, b: len(self._history_orders(a, b, None, None, None)),
            "history_deals_total": lambda a, b: len(self._history_deals(a, b, None, None, None)),
            "history_orders_get": self._history_orders,
            "history_deals_get": self._history_deals,
            "order_check": self._check,
            "order_send": self._send,
            "order_calc_margin": self._calc_margin,
            "order_calc_profit": self._calc_profit,
        }

    def answer(self, call: str, arguments: list[Any]) -> tuple[Any, list[Any]]:
        """Result and error of a call."""
        try:
            return self.calls[call](*arguments), OK
        except Refusal as refusal:
            return None, refusal.error

    # the terminal and the account

    def _login(self, login: int | None, password: str | None, server: str | None) -> bool:  # noqa: ARG002
        if login not in {None, self._house.account.login}:
            raise Refusal([-6, "Terminal: Authorization failed"])
        return True

    def _terminal(self) -> list[Any]:
        house = self._house
        return [
            False, False, house.connected, True, house.trade_allowed, False, False, False, False, False,
            BUILD, 100_000, 0, 25_000, 0.0, 0.0, house.account.company, "Simulated Terminal 5", "English",
            "", "", "",
        ]  # fmt: skip

    def _account(self) -> list[Any]:
        house, account = self._house, self._house.account
        margin, equity = house.margin(), house.equity
        level = (equity / margin * 100).quantize(Decimal("0.01")) if margin else ZERO
        mode = c.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
        if not account.hedging:
            mode = c.ACCOUNT_MARGIN_MODE_RETAIL_NETTING
        return [
            account.login, account.trade_mode, account.leverage, 200, c.ACCOUNT_STOPOUT_MODE_PERCENT,
            house.trade_allowed, True, mode, account.digits, False, float(account.balance), 0.0,
            float(house.profit), float(equity), float(margin), float(equity - margin), float(level),
            float(account.margin_call), float(account.stop_out), 0.0, 0.0, 0.0, 0.0, 0.0, "Simulated",
            account.server, account.currency, account.company,
        ]  # fmt: skip

    # symbols and prices

    def _listed(self, name: str, error: list[Any] = FAILED) -> Listed:
        listed = self._house.listed.get(name)
        if listed is None:
            raise Refusal(error)
        return listed

    def _symbols(self, group: str | None) -> list[Any]:
        return [
            self._symbol(listed) for listed in self._house.listed.values() if _in_group(listed.name, group)
        ]

    def _symbol(self, listed: Listed) -> list[Any]:
        last = self._house.markets[listed.name].last
        bid, ask = (last.bid, last.ask) if last else (ZERO, ZERO)
        per_tick = listed.contract * listed.point * listed.tick_value_off
        value_profit = self._tick_value(per_tick, listed, gain=True)
        value_loss = self._tick_value(per_tick, listed, gain=False)
        values: dict[str, Any] = {
            "select": listed.selected, "visible": listed.selected,
            "time": last.wall_ms // 1000 if last else 0,
            "digits": listed.digits, "spread": int((ask - bid) / listed.point), "spread_float": True,
            "trade_calc_mode": listed.calc_mode, "trade_mode": listed.trade_mode,
            "trade_stops_level": listed.stops_level, "trade_freeze_level": listed.freeze_level,
            "trade_exemode": listed.exemode, "swap_mode": c.SYMBOL_SWAP_MODE_POINTS,
            "swap_rollover3days": c.DAY_OF_WEEK_WEDNESDAY, "expiration_mode": 15,
            "filling_mode": listed.filling, "order_mode": 127, "bid": float(bid), "ask": float(ask),
            "point": float(listed.point), "trade_tick_value": value_profit,
            "trade_tick_value_profit": value_profit, "trade_tick_value_loss": value_loss,
            "trade_tick_size": float(listed.point), "trade_contract_size": float(listed.contract),
            "volume_min": float(listed.volume_min), "volume_max": float(listed.volume_max),
            "volume_step": float(listed.volume_step), "volume_limit": float(listed.volume_limit),
            "swap_long": float(listed.swap_long), "swap_short": float(listed.swap_short),
            "currency_base": listed.base, "currency_profit": listed.profit,
            "currency_margin": listed.margin, "description": listed.name, "name": listed.name,
            "path": f"{listed.path}\\{listed.name}",
        }  # fmt: skip
        return [values.get(name, _EMPTY.get(name, 0)) for name in SYMBOL_FIELDS]

    def _tick_value(self, per_tick: Decimal, listed: Listed, *, gain: bool) -> float:
        home = self._house.account.currency
        if listed.profit == home:
            return float(per_tick)
        # Large enough that rounding to cents does not show in the value of one tick.
        million = Decimal(1_000_000)
        way = 1 if gain else -1
        amount = self._house.ledger.converted(per_tick * million * way, listed.profit) * way / million
        return float(amount.quantize(Decimal("0.00000001"), ROUND_HALF_UP))

    def _tick(self, name: str) -> list[Any]:
        last = self._house.markets[self._listed(name, NOT_FOUND).name].last
        if last is None:
            raise Refusal(NOT_FOUND)
        seconds, bid, ask, price, volume, ms, flags, real = tick_row(last)
        return [seconds, bid, ask, price, volume, ms, flags, real]

    def _select(self, name: str, enable: bool) -> bool:
        self._listed(name, NOT_FOUND).selected = enable
        return True

    def _book(self, name: str) -> list[Any]:
        self._listed(name)
        return []  # no symbol has a depth of market

    def _bars(self, name: str, timeframe: int) -> list[list[float]]:
        listed = self._listed(name)
        if timeframe not in MINUTES:
            raise Refusal(PARAMS)
        return self._house.markets[listed.name].bars(MINUTES[timeframe])

    def _rates_from(self, name: str, timeframe: int, start: int, count: int) -> list[list[float]]:
        rows = [row for row in self._bars(name, timeframe) if row[0] <= start]
        return rows[-_positive(count) :]

    def _rates_from_pos(self, name: str, timeframe: int, start: int, count: int) -> list[list[float]]:
        rows = self._bars(name, timeframe)
        if start < 0:
            raise Refusal(PARAMS)
        rows = rows[: len(rows) - start]
        return rows[-_positive(count) :]

    def _rates_range(self, name: str, timeframe: int, start: int, end: int) -> list[list[float]]:
        return [row for row in self._bars(name, timeframe) if start <= row[0] <= end]

    def _ticks_from(self, name: str, start: int, count: int, flags: int) -> list[list[float]]:  # noqa: ARG002
        return self._house.markets[self._listed(name).name].ticks(start * 1000, None, _positive(count))

    def _ticks_range(self, name: str, start: int, end: int, flags: int) -> list[list[float]]:  # noqa: ARG002
        return self._house.markets[self._listed(name).name].ticks(start * 1000, end * 1000, None)

    # orders, deals, positions

    def _orders(self, symbol: str | None, group: str | None, ticket: int | None) -> list[Any]:
        return [
            order.row(self._house.current(order.symbol, buys=order.buys))
            for order in self._house.shown.orders.values()
            if _wanted(order.symbol, order.ticket, symbol, group, ticket)
        ]

    def _positions(self, symbol: str | None, group: str | None, ticket: int | None) -> list[Any]:
        house = self._house
        return [
            p.row(house.current(p.symbol, buys=not p.buys), house.ledger.floating(p))
            for p in house.shown.positions.values()
            if _wanted(p.symbol, p.ticket, symbol, group, ticket)
        ]

    def _history_orders(
        self, start: int | None, end: int | None, group: str | None, ticket: int | None, position: int | None
    ) -> list[Any]:
        def kept(order: Order) -> bool:
            return (
                (start is None or end is None or start <= order.setup_ms // 1000 <= end)
                and _in_group(order.symbol, group)
                and ticket in {None, order.ticket}
                and position in {None, order.position}
            )

        now = self._house.now_ns()
        return [o.row(o.price) for o in self._house.shown.past.values() if o.seen_ns <= now and kept(o)]

    def _history_deals(
        self, start: int | None, end: int | None, group: str | None, ticket: int | None, position: int | None
    ) -> list[Any]:
        def kept(deal: Deal) -> bool:
            return (
                (start is None or end is None or start <= deal.wall_ms // 1000 <= end)
                and _in_group(deal.symbol, group)
                and ticket in {None, deal.order}
                and position in {None, deal.position}
            )

        now = self._house.now_ns()
        return [deal.row() for deal in self._house.shown.deals if deal.seen_ns <= now and kept(deal)]

    def _send(self, request: dict[str, Any]) -> list[Any]:
        self._requests += 1
        fault = self._house.faults.due("order_send", "before", {"retcode", "cut"})
        if fault is None:
            answer = self._desk.send(request)
        elif fault.kind == "cut":
            answer = self._cut_off(request)
        else:
            answer = Answer(fault.retcode)
        self._house.sent.append({**request, "retcode": answer.retcode, "ticket": answer.order})
        return answer.row(self._requests)

    def _cut_off(self, request: dict[str, Any]) -> Answer:
        """The broker does what was asked; the terminal has lost it before it hears of that."""
        before = copy.deepcopy(self._house.shown)
        self._desk.send(request)
        self._house.remembered = before
        return Answer(c.TRADE_RETCODE_CONNECTION)

    def _check(self, request: dict[str, Any]) -> list[Any]:
        answer = self._desk.check(request)
        house, margin = self._house, self._house.margin()
        money = [float(house.account.balance), float(house.equity), float(house.profit), float(margin)]
        return [answer.retcode, *money, float(house.equity - margin), 0.0, answer.comment]

    def _calc_margin(self, action: int, name: str, volume: float, price: float) -> float:
        listed = self._listed(name)
        if action not in {c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL}:
            raise Refusal(PARAMS)
        return float(self._house.ledger.margin(listed, Decimal(str(volume)), Decimal(str(price))))

    def _calc_profit(self, action: int, name: str, volume: float, opened: float, closed: float) -> float:
        listed = self._listed(name)
        if action not in {c.ORDER_TYPE_BUY, c.ORDER_TYPE_SELL}:
            raise Refusal(PARAMS)
        return float(
            self._house.ledger.profit(
                listed,
                buys=action in BUYS,
                volume=Decimal(str(volume)),
                opened=Decimal(str(opened)),
                closed=Decimal(str(closed)),
            )
        )


def _positive(count: int) -> int:
    if count < 1:
        raise Refusal(PARAMS)
    return count


def _in_group(symbol: str, group: str | None) -> bool:
    """Whether a symbol is in an official group: masks with `*`, `!` for what is left out, by commas."""
    if group is None:
        return True
    masks = [mask.strip() for mask in group.split(",")]
    wanted = [mask for mask in masks if not mask.startswith("!")] or ["*"]
    unwanted = [mask[1:] for mask in masks if mask.startswith("!")]
    inside = any(fnmatch.fnmatchcase(symbol, mask) for mask in wanted)
    return inside and not any(fnmatch.fnmatchcase(symbol, mask) for mask in unwanted)


def _wanted(name: str, number: int, symbol: str | None, group: str | None, ticket: int | None) -> bool:
    return symbol in {None, name} and ticket in {None, number} and _in_group(name, group)
