"""The functions of the official package: what they take, what they refuse, what they answer."""

from __future__ import annotations

import calendar
import os
from datetime import datetime
from typing import Any

import numpy as np

from framework_mt5_terminal import records
from framework_mt5_terminal.ipc import Pipe

COMMENT_CHARACTERS = 31
DEFAULT_TIMEOUT = 60_000
_pipe = Pipe()
_REQUEST: dict[str, type | tuple[type, ...]] = {
    "action": int,
    "magic": int,
    "order": int,
    "symbol": str,
    "volume": (int, float),
    "price": (int, float),
    "stoplimit": (int, float),
    "sl": (int, float),
    "tp": (int, float),
    "deviation": int,
    "type": int,
    "type_filling": int,
    "type_time": int,
    "expiration": int,
    "comment": str,
    "position": int,
    "position_by": int,
}
_UNNAMED = "Unnamed arguments not allowed"
_NUMBER = "Invalid number of arguments"
_ARGUMENTS = "Invalid arguments"
_WHICH = tuple(f"Invalid {which} unnamed argument" for which in ("1st", "2nd", "3rd"))


def initialize(*args: Any, **kwargs: Any) -> bool:
    """Connect: `initialize([path],[server],[login],[password],[timeout],[portable])`.

    The path is `HOST:PORT`; without one it is that of the environment's MT5_TERMINAL, as the official package
    finds the terminal that is installed.
    """
    kinds = {"path": str, "login": int, "password": str, "server": str, "timeout": int, "portable": bool}
    if len(args) > 1 or (args and not isinstance(args[0], str)):
        _pipe.refuse("Invalid 1st unnamed argument" if len(args) == 1 else _NUMBER)
        return False
    if args:
        kwargs["path"] = args[0]
    if not _named(kwargs, kinds):
        return False
    if not _pipe.open(
        kwargs.get("path") or os.environ.get("MT5_TERMINAL", ""), kwargs.get("timeout", DEFAULT_TIMEOUT)
    ):
        return False
    return bool(_pipe.ask("initialize", kwargs.get("login"), kwargs.get("password"), kwargs.get("server")))


def login(*args: Any, **kwargs: Any) -> bool:
    """Log in to another account: `login(login,[password],[server],[timeout])`."""
    kinds = {"login": int, "password": str, "server": str, "timeout": int}
    if len(args) > 1 or (args and not isinstance(args[0], int)):
        _pipe.refuse("Invalid 1st unnamed argument" if len(args) == 1 else _NUMBER)
        return False
    if args:
        kwargs["login"] = args[0]
    if not _named(kwargs, kinds):
        return False
    return bool(_pipe.ask("login", kwargs.get("login"), kwargs.get("password"), kwargs.get("server")))


def shutdown(*args: Any) -> Any:
    """Disconnect."""
    if args:
        return _refused(_NUMBER)
    _pipe.close()
    return True


def last_error() -> tuple[int, str]:
    """Code and words of the last call's outcome."""
    return _pipe.error


def version(*args: Any) -> tuple[int, int, str] | None:
    """Version, build and release date of the terminal."""
    found = _plain("version", args)
    return None if found is None else (int(found[0]), int(found[1]), str(found[2]))


def terminal_info(*args: Any) -> Any:
    """State of the terminal."""
    return _record(records.TerminalInfo, _plain("terminal_info", args))


def account_info(*args: Any) -> Any:
    """The account."""
    return _record(records.AccountInfo, _plain("account_info", args))


def symbols_total(*args: Any) -> Any:
    """How many symbols there are."""
    return _plain("symbols_total", args)


def symbols_get(*args: Any, **kwargs: Any) -> Any:
    """Symbols, by `group`."""
    if len(args) > 1 or (args and not isinstance(args[0], str)):
        return _refused("Invalid 1st unnamed argument")
    if args:
        kwargs["group"] = args[0]
    if not _named(kwargs, {"group": str}):
        return None
    return _rows(records.SymbolInfo, _pipe.ask("symbols_get", kwargs.get("group")))


def symbol_info(*args: Any) -> Any:
    """One symbol."""
    return _record(records.SymbolInfo, _by_symbol("symbol_info", args))


def symbol_info_tick(*args: Any) -> Any:
    """The last tick of a symbol."""
    return _record(records.Tick, _by_symbol("symbol_info_tick", args))


def symbol_select(*args: Any) -> Any:
    """Show a symbol in MarketWatch, or hide it: `symbol_select(symbol,[enable])`."""
    if not args or len(args) > 2:  # noqa: PLR2004 - symbol and enable
        return _refused(_NUMBER)
    if not isinstance(args[0], str):
        return _refused("Invalid 1st unnamed argument")
    found = _pipe.ask("symbol_select", args[0], bool(args[1]) if len(args) > 1 else True)
    return None if found is None else bool(found)


def market_book_add(*args: Any) -> bool | None:
    """Subscribe to the depth of market; no symbol here has one."""
    found = _by_symbol("market_book_add", args)
    return None if found is None else bool(found)


def market_book_get(*args: Any) -> Any:
    """The depth of market."""
    return _rows(records.BookInfo, _by_symbol("market_book_get", args))


def market_book_release(*args: Any) -> bool | None:
    """Unsubscribe from the depth of market."""
    found = _by_symbol("market_book_release", args)
    return None if found is None else bool(found)


def copy_rates_from(*args: Any) -> Any:
    """Bars that open at or before a time: `copy_rates_from(symbol, timeframe, date_from, count)`."""
    return _series("copy_rates_from", args, (str, int, datetime, int), records.RATES)


def copy_rates_from_pos(*args: Any) -> Any:
    """Bars by position, 0 is the newest: `copy_rates_from_pos(symbol, timeframe, start_pos, count)`."""
    return _series("copy_rates_from_pos", args, (str, int, int, int), records.RATES)


def copy_rates_range(*args: Any) -> Any:
    """Bars that open between two times: `copy_rates_range(symbol, timeframe, date_from, date_to)`."""
    return _series("copy_rates_range", args, (str, int, datetime, datetime), records.RATES)


def copy_ticks_from(*args: Any) -> Any:
    """Ticks from a time on: `copy_ticks_from(symbol, date_from, count, flags)`."""
    return _series("copy_ticks_from", args, (str, datetime, int, int), records.TICKS)


def copy_ticks_range(*args: Any) -> Any:
    """Ticks between two times: `copy_ticks_range(symbol, date_from, date_to, flags)`."""
    return _series("copy_ticks_range", args, (str, datetime, datetime, int), records.TICKS)


def orders_total(*args: Any) -> Any:
    """How many orders are active."""
    return _plain("orders_total", args)


def orders_get(*args: Any, **kwargs: Any) -> Any:
    """Active orders, by symbol, group or ticket."""
    return _open("orders_get", records.TradeOrder, args, kwargs)


def positions_total(*args: Any) -> Any:
    """How many positions are open."""
    return _plain("positions_total", args)


def positions_get(*args: Any, **kwargs: Any) -> Any:
    """Open positions, by symbol, group or ticket."""
    return _open("positions_get", records.TradePosition, args, kwargs)


def history_orders_total(*args: Any) -> Any:
    """How many orders of the past there are between two times."""
    return _between("history_orders_total", args)


def history_deals_total(*args: Any) -> Any:
    """How many deals there are between two times."""
    return _between("history_deals_total", args)


def history_orders_get(*args: Any, **kwargs: Any) -> Any:
    """Orders of the past, between two times, or by ticket or position."""
    return _past("history_orders_get", records.TradeOrder, args, kwargs)


def history_deals_get(*args: Any, **kwargs: Any) -> Any:
    """Deals, between two times, or by order ticket or position."""
    return _past("history_deals_get", records.TradeDeal, args, kwargs)


def order_check(*args: Any) -> Any:
    """Whether there is money for a request."""
    return _request("order_check", records.OrderCheckResult, args)


def order_send(*args: Any) -> Any:
    """Send a request to the trade server."""
    return _request("order_send", records.OrderSendResult, args)


def order_calc_margin(*args: Any) -> Any:
    """Margin of an order in the account's currency: `order_calc_margin(action, symbol, volume, price)`."""
    return _calculated("order_calc_margin", args, 4)


def order_calc_profit(*args: Any) -> Any:
    """Profit in the account's currency: `order_calc_profit(action, symbol, volume, open, close)`."""
    return _calculated("order_calc_profit", args, 5)


def _refused(words: str) -> Any:
    _pipe.refuse(words)
    return None


def _named(kwargs: dict[str, Any], kinds: dict[str, type]) -> bool:
    for name, value in kwargs.items():
        if name not in kinds:
            _pipe.refuse(_ARGUMENTS)
            return False
        if not isinstance(value, kinds[name]):
            _pipe.refuse(f'Invalid "{name}" argument')
            return False
    return True


def _plain(call: str, args: tuple[Any, ...]) -> Any:
    return _refused(_NUMBER) if args else _pipe.ask(call)


def _by_symbol(call: str, args: tuple[Any, ...]) -> Any:
    if len(args) != 1:
        return _refused(_NUMBER)
    return _pipe.ask(call, args[0]) if isinstance(args[0], str) else _refused("Invalid 1st unnamed argument")


def _series(call: str, args: tuple[Any, ...], kinds: tuple[type, ...], dtype: Any) -> Any:
    if len(args) != len(kinds):
        return _refused(_NUMBER)
    sent: list[Any] = []
    for number, (value, kind) in enumerate(zip(args, kinds, strict=True)):
        wanted = (datetime, int) if kind is datetime else kind
        if not isinstance(value, wanted):
            return _refused(_WHICH[number] if number < len(_WHICH) else _ARGUMENTS)
        sent.append(_seconds(value) if kind is datetime else value)
    found = _pipe.ask(call, *sent)
    return None if found is None else np.array([tuple(row) for row in found], dtype=dtype)


def _seconds(when: Any) -> int:
    """A time as the terminal takes it: an aware one as UTC, a naive one as the machine's own."""
    if isinstance(when, int):
        return when
    return calendar.timegm(when.utctimetuple()) if when.tzinfo else int(when.timestamp())


def _open(call: str, record: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if args:
        return _refused(_UNNAMED)
    if not _named(kwargs, {"symbol": str, "group": str, "ticket": int}):
        return None
    found = _pipe.ask(call, kwargs.get("symbol"), kwargs.get("group"), kwargs.get("ticket"))
    return _rows(record, found)


def _between(call: str, args: tuple[Any, ...]) -> Any:
    if len(args) != 2:  # noqa: PLR2004 - from and to
        return _refused(_NUMBER)
    if not all(isinstance(when, (datetime, int)) for when in args):
        return _refused(_ARGUMENTS)
    return _pipe.ask(call, _seconds(args[0]), _seconds(args[1]))


def _past(call: str, record: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if len(args) not in {0, 2} or not all(isinstance(when, (datetime, int)) for when in args):
        return _refused(_ARGUMENTS)
    if not _named(kwargs, {"group": str, "ticket": int, "position": int}):
        return None
    if not args and not {"ticket", "position"} & kwargs.keys():
        return _refused(_ARGUMENTS)
    times: list[int | None] = [_seconds(when) for when in args]
    times = times or [None, None]
    found = _pipe.ask(call, *times, kwargs.get("group"), kwargs.get("ticket"), kwargs.get("position"))
    return _rows(record, found)


def _request(call: str, record: Any, args: tuple[Any, ...]) -> Any:
    if len(args) != 1 or not isinstance(args[0], dict):
        return _refused(_NUMBER if len(args) != 1 else _ARGUMENTS)
    request = args[0]
    for name, value in request.items():
        if name not in _REQUEST:
            return _refused(_ARGUMENTS)
        # A float that is not a number crosses the official package's door and is refused by the terminal.
        long = name == "comment" and isinstance(value, str) and len(value) > COMMENT_CHARACTERS
        if not isinstance(value, _REQUEST[name]) or long:
            return _refused(f'Invalid "{name}" argument')
    found = _pipe.ask(call, {name: _plain_number(value) for name, value in request.items()})
    if found is None:
        return None
    zero = {
        name: "" if kind is str else 0.0 if kind == (int, float) else 0 for name, kind in _REQUEST.items()
    }
    return record(*found, records.TradeRequest(**{**zero, **request}))


def _plain_number(value: Any) -> Any:
    return float(value) if isinstance(value, float) else value


def _calculated(call: str, args: tuple[Any, ...], count: int) -> Any:
    if len(args) != count:
        return _refused(_NUMBER)
    numbers = all(isinstance(value, (int, float)) for value in args[2:])
    if not (isinstance(args[0], int) and isinstance(args[1], str) and numbers):
        return _refused(_ARGUMENTS)
    return _pipe.ask(call, *args)


def _record(kind: Any, values: Any) -> Any:
    return None if values is None else kind(*values)


def _rows(kind: Any, rows: Any) -> Any:
    return None if rows is None else tuple(kind(*row) for row in rows)
