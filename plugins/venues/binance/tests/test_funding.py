"""Funding in a backtest, against what Binance's rule gives by hand."""

from decimal import Decimal

import pytest
from framework_binance.funding import EVERY, schedule

from framework import DataError


def test_a_constant_rate_falls_due_every_eight_hours_utc():
    plan = schedule("0.0001")
    assert plan.due(0, EVERY - 1) == []
    assert plan.due(EVERY - 1, EVERY) == [Decimal("0.0001")]
    assert plan.due(EVERY, 3 * EVERY + 5) == [Decimal("0.0001")] * 2


@pytest.mark.parametrize("header", ["", "calc_time,funding_interval_hours,last_funding_rate\n"])
def test_a_dump_gives_each_time_its_rate(tmp_path, header):
    file = tmp_path / "BTCUSDT-fundingRate-2024-01.csv"
    file.write_text(header + "1704067200000,8,0.00037409\n1704096000008,8,-0.00029618\n")
    plan = schedule(str(file))
    first = 1704067200000 * 1_000_000
    assert plan.due(first - 1, first) == [Decimal("0.00037409")]
    assert plan.due(first, first + EVERY) == []  # it was 8 ms late
    assert plan.due(first, first + 2 * EVERY) == [Decimal("-0.00029618")]


@pytest.mark.parametrize(
    "text", ["", "1704067200000,8,5\n", "1704096000000,8,0.1\n1704067200000,8,0.1\n", "a,b\nc,d\n"]
)
def test_what_is_no_dump_is_refused(tmp_path, text):
    file = tmp_path / "rates.csv"
    file.write_text(text)
    with pytest.raises(DataError):
        schedule(str(file))
    with pytest.raises(DataError, match="missing.csv"):
        schedule(str(tmp_path / "missing.csv"))
    with pytest.raises(DataError, match="no funding rate"):
        schedule("0.5")
