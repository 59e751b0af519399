"""From what a client wants to the terminal's request: checked against symbol, account, clock and caps."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from framework_mt5_server import words
from framework_mt5_server.refusal import Refused
from framework_mt5_server.terminal import TerminalError

if TYPE_CHECKING:
    from framework_mt5_server.schema import Amount, NewOrder, OrderChange, PositionChange
    from framework_mt5_server.settings import LimitSettings
    from framework_mt5_server.store import Store
    from framework_mt5_server.terminal import Asker
    from framework_mt5_server.wallclock import ServerClock

HALTED = "halted"
"""The flag that is up while trading is stopped; its value is the reason."""
ACCOUNT = "account"
"""The flag whose value is the account that was traded on last."""
DEMO = 0
TAG_AND_SPACE = 14


class Requests:
    """Makes requests and sends them; everything here runs on the terminal's thread.

    There is one account: `login`, or where that is 0 the one that was traded on last, or else the first one
    that the terminal shows.
    """

    def __init__(self, store: Store, clock: ServerClock, limits: LimitSettings, login: int) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._login = login or int(store.flag(ACCOUNT) or 0)

    def new(self, ask: Asker, order: NewOrder, tag: str) -> dict[str, Any]:
        """The request for a new order.

        Raises:
            Refused: It is beyond a cap, or nothing may be traded now.
            TerminalError: The terminal cannot be asked.
        """
        closes = order.position is not None
        self._may_trade(ask, order.symbol, closes=closes)
        info = _known(ask, order.symbol)
        comment = f"{tag} {order.comment}".strip()
        request: dict[str, Any] = {"symbol": order.symbol, "magic": order.magic, "comment": comment}
        if order.type == "close_by":
            return request | {
                "action": words.ACTION_CLOSE_BY,
                "position": order.position,
                "position_by": order.position_by,
            }
        assert order.side is not None  # noqa: S101 - the schema demands them
        assert order.volume is not None  # noqa: S101
        tick = ask("symbol_info_tick", order.symbol)
        self._clock.observe(order.symbol, tick.time_msc)
        at = tick.ask if order.side == "buy" else tick.bid
        if not closes:
            self._within_caps(ask, info, order, at)
        request |= {
            "action": words.ACTION_DEAL if order.type == "market" else words.ACTION_PENDING,
            "type": words.ORDER_TYPES[order.side, order.type],
            "volume": float(order.volume),
            "type_filling": words.FILLINGS[order.filling],
            "type_time": words.TIMES[order.time],
        }
        if order.type == "market":
            request |= {
                "deviation": order.deviation,
                "price": float(at if order.price is None else order.price),
            }
            if closes:
                request["position"] = order.position
        else:
            assert order.price is not None  # noqa: S101 - the schema demands it
            request["price"] = float(order.price)
        for name, field in (("stop_limit", "stoplimit"), ("sl", "sl"), ("tp", "tp")):
            value: Amount | None = getattr(order, name)
            if value:
                request[field] = float(value)
        if order.expiration is not None:
            request["expiration"] = self._clock.to_wall_ms(int(order.expiration.timestamp() * 1000)) // 1000
        return request

    def change_order(self, ask: Asker, row: Any, change: OrderChange) -> dict[str, Any]:
        """The request that changes a pending order; what is not given stays as it is."""
        self._may_trade(ask, row.symbol, closes=False)
        held = {
            "price": row.price_open,
            "stop_limit": row.price_stoplimit,
            "sl": row.sl,
            "tp": row.tp,
        }
        wanted = {
            name: float(held[name] if getattr(change, name) is None else getattr(change, name))
            for name in held
        }
        request = {
            "action": words.ACTION_MODIFY,
            "order": row.ticket,
            "symbol": row.symbol,
            "price": wanted["price"],
            "sl": wanted["sl"],
            "tp": wanted["tp"],
            "type_time": row.type_time,
            "expiration": row.time_expiration,
        }
        if wanted["stop_limit"]:
            request["stoplimit"] = wanted["stop_limit"]
        if change.expiration is not None:
            request["type_time"] = words.TIMES["specified"]
            request["expiration"] = self._clock.to_wall_ms(int(change.expiration.timestamp() * 1000)) // 1000
        return request

    def change_position(self, ask: Asker, row: Any, change: PositionChange) -> dict[str, Any]:
        """The request that sets a position's stop and target."""
        self._may_trade(ask, row.symbol, closes=True)
        return {
            "action": words.ACTION_SLTP,
            "symbol": row.symbol,
            "position": row.ticket,
            "sl": float(row.sl if change.sl is None else change.sl),
            "tp": float(row.tp if change.tp is None else change.tp),
        }

    def remove(self, ask: Asker, row: Any) -> dict[str, Any]:
        """The request that removes a pending order: allowed on any account that may be traded."""
        self._right_account(ask)
        return {"action": words.ACTION_REMOVE, "order": row.ticket, "symbol": row.symbol}

    def send(self, ask: Asker, request: dict[str, Any], deviation: int = 0) -> tuple[dict[str, Any], str]:
        """Send a request; a market order whose price has moved within `deviation` points is sent once more.

        Returns:
            The terminal's answer, and DONE, REJECTED or IN_DOUBT.
        """
        answer, state = _sent(ask, request)
        if answer.get("retcode") not in words.AGAIN or request["action"] != words.ACTION_DEAL:
            return answer, state
        try:
            tick, info = ask("symbol_info_tick", request["symbol"]), ask("symbol_info", request["symbol"])
        except TerminalError:
            return answer, state
        now = tick.ask if request["type"] == words.ORDER_TYPES["buy", "market"] else tick.bid
        moved = abs(Decimal(repr(now)) - Decimal(repr(request["price"])))
        if moved > deviation * Decimal(repr(info.point)):
            return answer, state
        return _sent(ask, {**request, "price": now})

    def is_account(self, ask: Asker) -> bool:
        """Whether the terminal is logged in to this server's account."""
        return self.is_login(ask("account_info").login)

    def is_login(self, login: int) -> bool:
        """Whether a login is that of this server's account; the first one is."""
        self._login = self._login or login
        return bool(self._login == login)

    def refuse_other(self, ask: Asker) -> None:
        """Refuse what was read from, or is about, another account's books.

        Raises:
            Refused: The terminal is logged in to another account.
        """
        login = ask("account_info").login
        if not self.is_login(login):
            raise Refused(
                "OTHER_ACCOUNT",
                f"the terminal is logged in to account {login}, and this server is for {self._login}: "
                "log it in to that one, or set `login`",
                409,
            )

    def _may_trade(self, ask: Asker, symbol: str, *, closes: bool) -> None:
        if not closes and (reason := self._store.flag(HALTED)):
            raise Refused("HALTED", f"trading is stopped: {reason}", 403)
        if self._limits.symbols and symbol not in self._limits.symbols:
            raise Refused("SYMBOL_NOT_ALLOWED", f"{symbol} is not among the symbols that may be traded", 403)
        self._right_account(ask)
        tick = _tick(ask, symbol)
        self._clock.observe(symbol, tick.time_msc)
        trouble = self._clock.trouble()
        if trouble is not None:
            raise Refused("CLOCK_UNKNOWN", trouble, 409)

    def _right_account(self, ask: Asker) -> None:
        self.refuse_other(ask)
        account = ask("account_info")
        if account.trade_mode != DEMO and not self._limits.allow_real:
            raise Refused("REAL_ACCOUNT", "this is no demo account, and `allow_real` is not set", 403)
        if self._store.flag(ACCOUNT) != str(self._login):
            self._store.raise_flag(ACCOUNT, str(self._login))

    def _within_caps(self, ask: Asker, info: Any, order: NewOrder, at: float) -> None:
        assert order.volume is not None  # noqa: S101 - the schema demands it
        if order.volume > self._limits.max_lots:
            raise Refused("MAX_LOTS", f"{order.volume} lots are more than max_lots {self._limits.max_lots}")
        price = Decimal(repr(at)) if order.type == "market" or order.price is None else order.price
        if not info.trade_tick_size or not info.trade_tick_value:
            raise Refused(
                "NO_TICK_VALUE", f"the terminal does not say what a tick of {order.symbol} is worth"
            )
        per_unit = Decimal(repr(info.trade_tick_value)) / Decimal(repr(info.trade_tick_size))
        notional = order.volume * price * per_unit
        if notional > self._limits.max_notional:
            raise Refused(
                "MAX_NOTIONAL",
                f"{notional:.2f} {ask('account_info').currency} are more than max_notional "
                f"{self._limits.max_notional}",
            )


def _known(ask: Asker, symbol: str) -> Any:
    try:
        info = ask("symbol_info", symbol)
    except TerminalError as error:
        if error.code in {-1, -4}:
            raise Refused("NO_SUCH_SYMBOL", f"the terminal has no symbol {symbol!r}", 404) from error
        raise
    if not info.visible:
        ask("symbol_select", symbol, True)
    return info


def _tick(ask: Asker, symbol: str) -> Any:
    _known(ask, symbol)
    try:
        return ask("symbol_info_tick", symbol)
    except TerminalError as error:
        if error.code in {-1, -4}:
            raise Refused("NO_PRICE", f"{symbol} has no price yet", 409) from error
        raise


def _sent(ask: Asker, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    try:
        result = ask("order_send", request)
    except TerminalError as error:
        if error.code == -2:  # noqa: PLR2004 - RES_E_INVALID_PARAMS: refused before it left the package
            return {"retcode": error.code, "comment": str(error)}, "REJECTED"
        return {"retcode": error.code, "comment": str(error)}, "IN_DOUBT"
    answer = {
        "retcode": result.retcode,
        "order": result.order or None,
        "deal": result.deal or None,
        "volume": words.number(result.volume),
        "price": words.number(result.price) if result.price else None,
        "bid": words.number(result.bid) if result.bid else None,
        "ask": words.number(result.ask) if result.ask else None,
        "comment": result.comment,
    }
    if result.retcode in words.DONE:
        return answer, "DONE"
    return answer, "IN_DOUBT" if result.retcode in words.UNKNOWN else "REJECTED"
