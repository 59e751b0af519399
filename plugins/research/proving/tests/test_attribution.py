"""Where profit came from: every way of dividing it adds up, and what is said of risk and regimes is right."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from framework_proving.attribution import attribute
from framework_proving.regime import Regimes
from framework_proving.tails import tails
from scipy.optimize import minimize_scalar

from framework import ClosedTrade, ConfigError, Row, Study
from framework.testkit import simulate

CHECKOUT = Path(__file__).resolve().parents[4]
SHARED = CHECKOUT / "examples" / "two_strategies_shared_risk" / "node.yaml"
UTC = ZoneInfo("UTC")
NOTHING = SimpleNamespace(at=lambda instrument, ts: "usual")
HOUR = 3_600 * 10**9


def nanos(text):
    return pd.Timestamp(text, tz="UTC").value


def trade(**changed):
    facts = {
        "strategy": "a",
        "instrument_id": "X.SIM",
        "entry": "BUY",
        "opened": nanos("2024-01-10T09:30"),
        "closed": nanos("2024-01-10T11:00"),
        "profit": Decimal("1.25"),
        "commission": Decimal("0.10"),
        "currency": "USD",
    }
    return ClosedTrade(**facts | changed)


def row(*trades, began=100.0, ended="100", **other):
    curve = {"USD": [(nanos("2024-01-10"), began), (nanos("2024-01-12"), float(ended))]}
    return Row(number=0, trades=list(trades), curve=curve | other, equity={"USD": Decimal(ended)})


def parts(found, way):
    return {
        part.name: (part.trades, part.won, part.gross, part.commission, part.net) for part in found.by[way]
    }


def test_trades_are_divided_to_the_last_digit():
    trades = (
        trade(),
        trade(profit=Decimal("-3.40"), strategy="b", entry="SELL"),
        trade(profit=Decimal("0.1")),
    )
    found = attribute("n", row(*trades, ended="97.95"), NOTHING, UTC)
    assert parts(found, "strategy") == {
        "a": (2, 2, Decimal("1.55"), Decimal("0.20"), Decimal("1.35")),
        "b": (1, 0, Decimal("-3.30"), Decimal("0.10"), Decimal("-3.40")),
    }
    assert {name: part[-1] for name, part in parts(found, "side").items()} == {
        "long": Decimal("1.35"),
        "short": Decimal("-3.40"),
    }
    assert found.total.net == Decimal("-2.05")
    assert found.unexplained == 0


def test_what_is_in_no_closed_trade_is_shown_apart():
    found = attribute("n", row(trade(), ended="105.5"), NOTHING, UTC)
    assert found.unexplained == Decimal("4.25")


@pytest.mark.parametrize(
    ("zone", "opened", "hour"),
    [
        ("UTC", "2024-01-10T23:59", "23:00"),
        ("Europe/London", "2024-07-10T07:15", "08:00"),  # summer time
        ("America/New_York", "2024-03-10T07:30", "03:00"),  # the hour after the clock jumped
        ("Asia/Kolkata", "2024-01-10T00:29", "05:00"),
    ],
)
def test_the_hour_is_that_of_the_place(zone, opened, hour):
    found = attribute("n", row(trade(opened=nanos(opened))), NOTHING, ZoneInfo(zone))
    assert list(parts(found, "hour")) == [hour]


def test_a_trade_in_another_currency_is_not_mixed_in():
    both = row(trade(), trade(currency="EUR", profit=Decimal(50)), EUR=[(0, 1.0), (1, 51.0)], ended="101.25")
    with pytest.raises(ConfigError, match="USD, EUR"):
        attribute("n", both, NOTHING, UTC)
    found = attribute("n", both, NOTHING, UTC, currency="USD")
    assert (found.total.trades, found.total.net, found.unexplained) == (1, Decimal("1.25"), 0)


def test_no_trade_at_all_is_an_answer():
    found = attribute("n", row(), NOTHING, UTC)
    assert (found.total.trades, found.by["hour"], found.unexplained) == (0, (), 0)


@pytest.fixture(scope="module")
def shared():
    study = Study.open(SHARED)
    plan = study.plan({"end": "2017-03-31"})
    (ran,) = Study.rows([(0, plan)], workers=1, keep=["equity", "trades"])
    return plan, ran, attribute(plan.name, ran, Regimes(Study.tapes(plan)), ZoneInfo("Europe/London"))


def test_every_way_adds_up_to_what_the_account_gained(shared):
    _, ran, found = shared
    assert found.total.trades > 20
    for way, shares in found.by.items():
        for figure in ("trades", "won", "gross", "commission", "net"):
            assert sum(getattr(part, figure) for part in shares) == getattr(found.total, figure), (
                way,
                figure,
            )
    assert found.began + found.total.net + found.unexplained == ran.equity["USD"]
    assert found.began == 100_000


def test_each_strategys_profit_is_what_its_fills_say(shared):
    """Cash in less cash out and fees, from the engine's report of fills: no position is looked at."""
    plan, _, found = shared
    fills = Study.result(plan).fills
    for strategy in ("breakout", "reversion"):
        own = fills[fills["strategy_id"].str.contains(strategy)]
        cash = fees = quantity = Decimal(0)
        for fill in own.to_dict("records"):
            sign = 1 if fill["order_side"] == "SELL" else -1
            cash += sign * Decimal(fill["last_qty"]) * Decimal(fill["last_px"])
            quantity += sign * Decimal(fill["last_qty"])
            fees += Decimal(str(fill["commission"]).split()[0])
        assert quantity == 0
        (share,) = (part for part in found.by["strategy"] if part.name == strategy)
        assert share.commission == fees
        assert float(share.net) == pytest.approx(
            float(cash - fees), abs=0.01 * len(own)
        )  # each fill is rounded


def test_value_at_risk_of_a_hundred_known_days_is_the_sixth_worst():
    """McNeil, Frey and Embrechts, "Quantitative Risk Management": the lower quantile of the losses."""
    days = np.random.default_rng(0).permutation(-np.arange(1, 101) / 100)
    at95, at99 = tails(days)
    assert at95.value_at_risk == pytest.approx(0.95)
    assert at95.shortfall == pytest.approx(np.mean([0.96, 0.97, 0.98, 0.99, 1.00]))
    assert at99.value_at_risk == pytest.approx(0.99)
    assert at99.shortfall == pytest.approx(1.00)


@pytest.mark.parametrize("count", [137, 250, 1_000])
def test_shortfall_is_the_least_of_rockafellar_and_uryasevs_function(count):
    """Their theorem 10: CVaR is the minimum over a of a + E[(loss - a)+] / (1 - level)."""
    days = np.random.default_rng(count).standard_t(3, count) / 100
    for tail in tails(days, (0.9, 0.95)):

        def function(a, level=tail.level):
            return a + np.mean(np.maximum(-days - a, 0)) / (1 - level)

        least = minimize_scalar(function, bounds=(-1, 1), method="bounded", options={"xatol": 1e-12})
        assert tail.shortfall == pytest.approx(least.fun, abs=1e-9)
        assert function(tail.value_at_risk) == pytest.approx(least.fun, abs=1e-9)


def test_a_tail_that_was_never_seen_is_not_made_up():
    at95, at99 = tails(np.linspace(-0.01, 0.01, 60))
    assert at95.value_at_risk is not None
    assert (at99.value_at_risk, at99.shortfall) == (None, None)
    assert tails(np.array([]))[0].value_at_risk is None


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    market = simulate(tmp_path_factory.mktemp("regimes") / "market", ["EURUSD"], length=24 * 90, seed=4)
    return market.tapes[0]


def test_what_is_said_of_a_day_does_not_change_when_later_days_are_known(tape):
    name = str(tape.instrument.id)
    whole = Regimes([tape], window=5)
    cut = tape.rows[len(tape.rows) // 2].ts
    short = Regimes([tape.until(cut)], window=5)
    asked = [row.ts + 1 for row in tape.rows if row.ts < cut]
    said = [whole.at(name, ts) for ts in asked]
    assert said == [short.at(name, ts) for ts in asked]
    assert set(said) == {"calm", "usual", "turbulent", "too early to say"}


def test_days_after_a_storm_broke_are_turbulent_and_after_it_settled_calm(tape):
    def with_moves(*sizes):
        """One bar a day; the price goes up and down by so many ticks."""
        rows, price = [], 100_000
        for day, size in enumerate(sizes, start=1):
            price += size if day % 2 else -size
            rows.append(tape.rows[0]._replace(ts=day * 24 * HOUR, prices=(price,) * 4))
        return replace(tape, rows=tuple(rows))

    name = str(tape.instrument.id)
    storm = Regimes([with_moves(*range(100, 140), *[2_000] * 10, *[10] * 12)], window=5)
    assert storm.at(name, 3 * 24 * HOUR) == "too early to say"
    assert storm.at(name, 46 * 24 * HOUR) == "turbulent"
    assert storm.at(name, 62 * 24 * HOUR) == "calm"
    assert storm.at("OTHER.SIM", 62 * 24 * HOUR) == "too early to say"


def framework(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "framework", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_command_says_it_in_json_and_draws_a_page(tmp_path, shared):
    page = tmp_path / "new" / "page.html"
    said = ("--set", "end=2017-03-31", "--time-zone", "Europe/London")
    done = framework("attribute", SHARED, *said, "--out", page, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["total"]["net"] == str(shared[2].total.net)
    assert [tail["level"] for tail in facts["tails"]] == [0.95, 0.99]
    text = page.read_text(encoding="utf-8")
    assert "By the hour of the entry, Europe/London" in text
    assert "<code>framework walkforward</code>" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--time-zone", "Mars/Olympus"], "IANA"),
        (["--time-zone", "../../etc/passwd"], "IANA"),
        (["--currency", "EUR", "--set", "end=2017-01-10"], "equity is in USD"),
        (["--set", "strategies.breakout.config.qantity=1"], "quantity"),
    ],
)
def test_a_mistake_is_explained(arguments, says):
    done = framework("attribute", SHARED, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
