"""The result hash: equal for equal runs, different when anything that happened is different."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from framework.hashing import result_hash
from framework.risk.decision import Decision

A = "3f2b8c1e-0d4a-4b7e-9c55-1a2b3c4d5e6f"
B = "9d0e1f2a-3b4c-4d5e-8f60-718293a4b5c6"

NO_ORDERS = pd.DataFrame()


def orders(**changes):
    rows = {
        "client_order_id": ["O-1", "O-2"],
        "strategy_id": ["ema-x", "ema-x"],
        "side": ["BUY", "SELL"],
        "quantity": ["1000", "1000"],
        "avg_px": ["1.10080", None],
        "ts_init": [1_600_000_000_000_000_000, 1_600_000_060_000_000_000],
        "init_id": [A, B],
        "tags": [["ENTRY"], None],
    }
    return pd.DataFrame(rows | changes).set_index("client_order_id")


def hash_of(orders=NO_ORDERS, fills=NO_ORDERS, decisions=(), **facts):
    return result_hash(orders, fills, decisions, facts=facts)


def decision(**changes):
    fields = {"ts": 1, "verdict": "deny", "rule": "limits", "reason": "too big", "scope": "ema-x"}
    return Decision(**(fields | changes))


def test_the_hash_is_sha256_in_hexadecimal():
    assert len(hash_of()) == 64
    assert int(hash_of(), 16) >= 0


def test_random_event_identifiers_do_not_count():
    assert hash_of(orders()) == hash_of(orders(init_id=[B, A]))


def test_row_order_column_order_and_index_do_not_count():
    plain = orders().reset_index()
    shuffled = plain.iloc[::-1][sorted(plain.columns, reverse=True)]
    assert hash_of(orders()) == hash_of(shuffled)


def test_types_do_not_count_and_values_do():
    frame = pd.DataFrame({"n": [5, 7]})
    same = hash_of(fills=frame)
    assert same == hash_of(fills=frame.astype(float))
    assert same == hash_of(fills=frame.astype("Int64"))
    assert same == hash_of(fills=frame.astype(object))
    assert same != hash_of(fills=pd.DataFrame({"n": [5, 8]}))


def test_times_are_equal_as_timestamps_and_as_nanoseconds():
    nanoseconds = pd.DataFrame({"ts_event": [1_600_000_000_123_456_789]})
    stamps = pd.DataFrame({"ts_event": pd.to_datetime([1_600_000_000_123_456_789], utc=True)})
    assert hash_of(fills=nanoseconds) == hash_of(fills=stamps)


def test_an_empty_column_is_the_same_as_no_column():
    with_empty = orders().assign(
        trigger_price=None, expire_time_ns=np.nan, closed=pd.NaT, size=pd.array([pd.NA, pd.NA], "Int64")
    )
    assert hash_of(orders()) == hash_of(with_empty)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": ["1000", "1001"]},
        {"side": ["BUY", "BUY"]},
        {"avg_px": ["1.10081", None]},
        {"avg_px": [None, "1.10080"]},
        {"ts_init": [1_600_000_000_000_000_001, 1_600_000_060_000_000_000]},
        {"client_order_id": ["O-1", "O-3"]},
        {"tags": [["EXIT"], None]},
    ],
)
def test_any_change_in_what_happened_changes_the_hash(changes):
    assert hash_of(orders()) != hash_of(orders(**changes))


def test_a_missing_or_doubled_row_changes_the_hash():
    assert hash_of(orders()) != hash_of(orders().iloc[:1])
    assert hash_of(orders()) != hash_of(pd.concat([orders(), orders().iloc[:1]]))


def test_the_same_row_in_another_table_changes_the_hash():
    assert hash_of(orders=orders()) != hash_of(fills=orders())


def test_random_names_of_netting_positions_are_numbered_not_compared():
    def positions(first, second):
        return pd.DataFrame(
            {"position_id": [f"EUR/USD.SIM-x-{first}", f"EUR/USD.SIM-x-{second}"], "pnl": ["1 USD", "2 USD"]}
        )

    assert hash_of(fills=positions(A, B)) == hash_of(fills=positions(B, A))
    assert hash_of(fills=positions(A, B)) != hash_of(fills=positions(A, A))


def test_rounding_noise_past_twelve_digits_does_not_count():
    noisy = pd.DataFrame({"avg_px_open": [0.1 + 0.2]})
    exact = pd.DataFrame({"avg_px_open": [0.3]})
    assert hash_of(fills=noisy) == hash_of(fills=exact)
    assert hash_of(fills=exact) != hash_of(fills=pd.DataFrame({"avg_px_open": [0.30000000001]}))


def test_decisions_count_in_their_order():
    one, two = decision(reason="one"), decision(reason="two")
    assert hash_of(decisions=[one]) != hash_of()
    assert hash_of(decisions=[one, two]) != hash_of(decisions=[two, one])
    assert hash_of(decisions=[one]) == hash_of(decisions=[decision(reason="one")])


def test_facts_count_and_their_order_does_not():
    assert hash_of(bars=1, end=2) == hash_of(end=2, bars=1)
    assert hash_of(bars=1, end=2) != hash_of(bars=1, end=3)


def test_nested_records_lose_their_random_identifiers_too():
    def adjusted(event_id, amount):
        return pd.DataFrame({"adjustments": [[{"event_id": event_id, "amount": amount}]]})

    assert hash_of(fills=adjusted(A, "1 USD")) == hash_of(fills=adjusted(B, "1 USD"))
    assert hash_of(fills=adjusted(A, "1 USD")) != hash_of(fills=adjusted(A, "2 USD"))


RUN = """
    import sys
    from decimal import Decimal
    from pathlib import Path
    import tempfile

    import msgspec
    from nautilus_trader.backtest import (
        BacktestDataConfig, BacktestEngineConfig, BacktestNode, BacktestRunConfig, BacktestVenueConfig,
    )
    from nautilus_trader.common import LoggerConfig
    from nautilus_trader.execution import MakerTakerFeeModel
    from nautilus_trader.model import (
        Bar, BarType, InstrumentId, NautilusDataType, OrderSide, Price, Quantity, StrategyId, Venue,
    )
    from nautilus_trader.persistence import ParquetDataCatalog
    from nautilus_trader.testkit.providers import TestInstrumentProvider
    from nautilus_trader.trading import Strategy

    from framework.hashing import result_hash

    oms, every = sys.argv[1], int(sys.argv[2])
    instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD", Venue("SIM"))
    bar_type = BarType.from_str("EUR/USD.SIM-1-MINUTE-LAST-EXTERNAL")

    class Settings(msgspec.Struct, frozen=True, kw_only=True):
        instrument_id: InstrumentId
        bar_type: BarType
        strategy_id: StrategyId
        order_id_tag: str | None = None

    class Flip(Strategy):
        def on_start(self):
            self.bars = 0
            self.subscribe_bars(self.config.bar_type)

        def on_bar(self, bar):
            self.bars += 1
            if self.bars % every:
                return
            side = OrderSide.BUY if self.bars // every % 2 else OrderSide.SELL
            close = float(bar.close)
            up = 1 if side == OrderSide.BUY else -1
            self.close_all_positions(self.config.instrument_id)
            self.cancel_all_orders(self.config.instrument_id)
            self.submit_order_list(self.order_factory.bracket(
                instrument_id=self.config.instrument_id, order_side=side, quantity=Quantity(5000, 0),
                sl_trigger_price=Price(close * (1 - up * 0.002), 5),
                tp_price=Price(close * (1 + up * 0.002), 5),
            ))

    bars = []
    for i in range(400):
        price = lambda offset: Price(1.10000 + (i * 37 % 101) * 0.00005 + offset, 5)
        ts = 1_600_000_000_000_000_000 + i * 60_000_000_000
        bars.append(Bar(bar_type, price(0), price(0.0003), price(-0.0003), price(0.0001),
                        Quantity(10000, 0), ts, ts))
    with tempfile.TemporaryDirectory() as folder:
        catalog = ParquetDataCatalog(folder)
        catalog.write_instruments([instrument])
        catalog.write_bars(bars)
        venue = BacktestVenueConfig("SIM", oms, "MARGIN", ["100000 USD"], default_leverage=Decimal(10),
                                    fee_model=MakerTakerFeeModel(Decimal("0.0001"), Decimal("0.0002")))
        data = BacktestDataConfig(NautilusDataType.Bar, folder, instrument_ids=[instrument.id],
                                  bar_types=[str(bar_type)])
        engine = BacktestEngineConfig(logging=LoggerConfig(), bypass_logging=True)
        node = BacktestNode([BacktestRunConfig(venues=[venue], data=[data], engine=engine, id="run",
                                               dispose_on_completion=False, raise_exception=True)])
        node.build()
        node.add_strategy("run", Flip(Settings(
            instrument_id=instrument.id, bar_type=bar_type, strategy_id=StrategyId("flip-x"))))
        node.run()
        fills, positions = node.generate_fills_report("run"), node.generate_positions_report("run")
        assert len(positions) > 10, len(positions)
        print("HASH", result_hash(node.generate_orders_report("run"), fills, ()))
"""


def run_in_a_fresh_process(oms, every):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(RUN), oms, str(every)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("HASH ")]
    return line.removeprefix("HASH ")


@pytest.mark.slow
@pytest.mark.parametrize("oms", ["NETTING", "HEDGING"])
def test_fresh_processes_running_the_engine_agree_and_another_strategy_setting_differs(oms):
    first = run_in_a_fresh_process(oms, 7)
    assert first == run_in_a_fresh_process(oms, 7)
    assert first != run_in_a_fresh_process(oms, 8)
