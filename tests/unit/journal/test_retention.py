"""What a start still knows when old days were moved out of the journal by the starts before it."""

from decimal import Decimal

import pytest

from framework.journal import Journal, verify
from framework.journal.archives import archive_path
from framework.journal.heads import DAY
from framework.journal.restoring import restoration
from framework.journal.retention import retain
from framework.journal.state import load

EURUSD = "EUR/USD.SIM"


@pytest.fixture
def start(path, clock):
    """A start with `retention: 30`: what is put back, and what the journal says is held."""

    def run(session):
        with Journal.open(path, session=session, clock=clock) as journal:
            journal.append("session_started", {"mode": "live"})
            state = load(path)
            retain(journal, keep_days=30, now=clock.now)
        put_back = restoration(state, ["vwap"])
        return [(fill.trade_id, fill.side, fill.quantity) for fill in put_back.fills], state.positions

    return run


def trade(journal, key, side, quantity, ts):
    order = {"instrument_id": EURUSD, "side": side, "quantity": quantity, "client_order_id": key}
    journal.append("intent", {"action": "submit", "order": order}, strategy="vwap", order_id=key)
    fill = {"type": "OrderFilled", "client_order_id": key, "trade_id": f"T{key}", "order_side": side}
    fill |= {"instrument_id": EURUSD, "last_qty": quantity, "last_px": "1.10", "ts_event": ts}
    journal.append("event", fill, strategy="vwap", order_id=key)


def test_a_position_older_than_the_retention_is_put_back_at_every_start(path, clock, start):
    with Journal.open(path, session="first", clock=clock) as journal:
        trade(journal, "A", "BUY", "70", clock.now)
        trade(journal, "B", "SELL", "70", clock.now)
        clock.now += DAY // 2
        trade(journal, "C", "BUY", "150", clock.now)
        trade(journal, "D", "SELL", "50", clock.now)
    opened, held = [("TC", "BUY", 150), ("TD", "SELL", 50)], {"vwap": {EURUSD: Decimal(100)}}
    clock.now += 31 * DAY
    assert start("second") == (opened, held)
    assert [file.name for file in archive_path(path).iterdir()] == ["2025-11-21.jsonl.gz"]
    assert list(load(path).orders) == ["C", "D"]
    for session in ("third", "fourth"):
        clock.now += 31 * DAY
        assert start(session) == (opened, held)
    assert verify(path).findings == ()
