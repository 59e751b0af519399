"""A stand-in for the official `MetaTrader5` package, on top of a simulated broker in another process.

    import framework_mt5_terminal as mt5

    mt5.initialize("127.0.0.1:PORT")        # where framework-mt5-terminal printed that it listens
    mt5.order_send({"action": mt5.TRADE_ACTION_DEAL, ...})

Same functions, same constants, same records, same errors; a call that the official package would refuse is
refused here. It is never installed under the official name: whoever wants it says so. Like the official one
it keeps one connection for the process and is not made for threads; calls that overlap are counted, and the
broker tells.
"""

from __future__ import annotations

from framework_mt5_terminal.calls import (
    account_info,
    copy_rates_from,
    copy_rates_from_pos,
    copy_rates_range,
    copy_ticks_from,
    copy_ticks_range,
    history_deals_get,
    history_deals_total,
    history_orders_get,
    history_orders_total,
    initialize,
    last_error,
    login,
    market_book_add,
    market_book_get,
    market_book_release,
    order_calc_margin,
    order_calc_profit,
    order_check,
    order_send,
    orders_get,
    orders_total,
    positions_get,
    positions_total,
    shutdown,
    symbol_info,
    symbol_info_tick,
    symbol_select,
    symbols_get,
    symbols_total,
    terminal_info,
    version,
)
from framework_mt5_terminal.constants import *  # noqa: F403 - the official package has them at its top level
from framework_mt5_terminal.records import (
    AccountInfo,
    BookInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)

__version__ = "5.0.6231"
"""Of the official package whose surface this is."""

FUNCTIONS = (
    account_info,
    copy_rates_from,
    copy_rates_from_pos,
    copy_rates_range,
    copy_ticks_from,
    copy_ticks_range,
    history_deals_get,
    history_deals_total,
    history_orders_get,
    history_orders_total,
    initialize,
    last_error,
    login,
    market_book_add,
    market_book_get,
    market_book_release,
    order_calc_margin,
    order_calc_profit,
    order_check,
    order_send,
    orders_get,
    orders_total,
    positions_get,
    positions_total,
    shutdown,
    symbol_info,
    symbol_info_tick,
    symbol_select,
    symbols_get,
    symbols_total,
    terminal_info,
    version,
)
RECORDS = (
    AccountInfo,
    BookInfo,
    OrderCheckResult,
    OrderSendResult,
    SymbolInfo,
    TerminalInfo,
    Tick,
    TradeDeal,
    TradeOrder,
    TradePosition,
    TradeRequest,
)
