"""What the journal row writes: the bodies that a live node keeps of one order, and how they are counted."""

import sqlite3
from contextlib import closing

INTENT = {
    "action": "submit", "at": 1795612199530630403,
    "order": {
        "account_id": None, "avg_px": None, "client_order_id": "O-20261125-130959-001-b764-1",
        "commissions": None, "contingency_type": None, "display_qty": None, "emulation_trigger": None,
        "exec_algorithm_id": None, "exec_algorithm_params": None, "exec_spawn_id": None,
        "expire_time_ns": None, "filled_qty": "0", "init_id": "c27837d0-230e-4b9c-b78f-f352f7685907",
        "instrument_id": "EUR/USD.SIM", "is_post_only": False, "is_quote_quantity": False,
        "is_reduce_only": False, "last_trade_id": None, "linked_order_ids": None,
        "liquidity_side": "NO_LIQUIDITY_SIDE", "order_list_id": None, "parent_order_id": None,
        "position_id": None, "price": "0.77004", "quantity": "1", "side": "BUY", "slippage": None,
        "status": "INITIALIZED", "strategy_id": "drill-b764", "tags": None, "time_in_force": "GTC",
        "trader_id": "TRADER-001", "trigger_instrument_id": None, "ts_init": 1795612199530295334,
        "ts_last": 1795612199530295334, "type": "LIMIT", "venue_order_id": None,
    },
}  # fmt: skip
"""An intent as a node wrote it."""
EVENTS = [
    {
        "account_id": "SIM-001", "at": 1795612199572139373, "causation_id": None,
        "client_order_id": "O-20261125-130959-001-b764-1",
        "event_id": "4943a039-ee2b-460d-8d81-0f23bd056c69", "instrument_id": "EUR/USD.SIM",
        "reconciliation": False, "strategy_id": "drill-b764", "trader_id": "TRADER-001",
        "ts_event": 1795612199570228550, "ts_init": 1795612199571265382, "type": kind,
        "venue_order_id": "1",
    }
    for kind in ("OrderSubmitted", "OrderAccepted", "OrderFilled")
]  # fmt: skip
"""What came after it."""


def kept(path):
    """Rows of each kind in a journal nobody has open, read without the framework."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT kind, count(*) FROM rows GROUP BY kind").fetchall())
