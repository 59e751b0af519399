"""The same run in two processes: what is equal and what is random by design."""

from __future__ import annotations

import json
import re

import pytest
from nautilus_trader.model import OrderSide

TWICE = """
    import json
    def step(s, bar):
        if s.n % 10 == 5:
            s.market(OrderSide.BUY, 1000)
            s.limit(OrderSide.BUY, 1000, "1.05000")
        if s.n % 10 == 9:
            s.cancel_all_orders(lab.id)
            s.close_all_positions(lab.id)
    probe = Probe(plan={"every": step})
    node = lab.node(lab.catalog(lab.wavy(100)), [probe])
    (result,) = node.run()
    tables = {
        "orders": node.generate_orders_report("run"),
        "fills": node.generate_fills_report("run"),
        "positions": node.generate_positions_report("run"),
        "account": node.generate_account_report("run", Venue("SIM")),
    }
    cells = {}
    for name, table in tables.items():
        table = table.reset_index()
        cells[name] = {str(column): [str(cell) for cell in table[column]] for column in table.columns}
    cells["events"] = {"names": probe.events()}
    parts = [result.stats_returns, result.stats_general]
    statistics = [result.stats_pnls, *(sorted(part.items()) for part in parts)]
    cells["statistics"] = {"all": str(statistics)}
    print(json.dumps(cells))
"""


@pytest.mark.contract(
    "C-901",
    says="Two processes differ in orders.init_id, fills.event_id, positions.position_id "
    "(closed ones) and .events only.",
    leans="framework/hashing.py leaves these out of the result hash, or numbers them, and keeps the rest.",
)
def test_only_identifiers_are_random(lab):
    first, second = (json.loads(lab.script(TWICE).stdout) for _ in range(2))
    assert len(first["fills"]["client_order_id"]) >= 20, "a comparison of nothing shows nothing"
    random = {
        name: [
            column for column in first[name] if sorted(first[name][column]) != sorted(second[name][column])
        ]
        for name in first
    }
    assert {name: sorted(columns) for name, columns in random.items()} == {
        "orders": ["init_id"],
        "fills": ["event_id"],
        "positions": ["events", "position_id"],
        "account": [],
        "events": [],
        "statistics": [],
    }


@pytest.mark.contract(
    "C-902",
    says="The id of a closed NETTING position in the report is the position's id and a random UUID.",
    leans="framework/hashing.py numbers UUIDs in order of appearance.",
)
def test_closed_netting_positions_have_a_random_suffix(lab):
    plan = {
        2: lambda s, bar: s.market(OrderSide.BUY, 1000),
        4: lambda s, bar: s.close_all_positions(lab.id),
        6: lambda s, bar: s.market(OrderSide.BUY, 1000),
    }
    _, engine = lab.run(plan)
    ids = sorted(engine.generate_positions_report().reset_index()["position_id"].astype(str), key=len)
    assert ids[0] == "EUR/USD.SIM-probe-001"
    assert re.fullmatch(r"EUR/USD\.SIM-probe-001-[0-9a-f-]{36}", ids[1])


@pytest.mark.contract(
    "C-903",
    says="Client order ids, venue order ids and trade ids are the same in every run of one strategy.",
    leans="framework/report: orders may be compared by id between runs.",
)
def test_order_and_trade_ids_are_repeatable(lab):
    seen = []
    for _ in range(2):
        _probe, engine = lab.run({2: lambda s, bar: s.market(OrderSide.BUY, 1000)})
        (order,) = engine.cache.orders()
        seen.append((str(order.client_order_id), str(order.venue_order_id), str(order.last_trade_id)))
    assert seen[0] == seen[1]
    assert seen[0][:2] == ("O-20200913-122900-001-001-1", "SIM-1-1")
