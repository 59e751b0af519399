"""The report in a real browser: drawn, quiet, alone, and usable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from framework.report import page
from framework.result import Result
from framework.risk.decision import Decision

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
OUTSIDE = "http://192.0.2.1/outside.png"  # an address reserved for documentation, which nothing answers


TEXT = ("--text", "--muted", "--accent", "--up", "--down", "--warn")


def a_run(
    *, points=4_000, positions=60, instruments=("AAA.SIM", "BBB.SIM"), name="two strategies", said="limit"
):
    """A run of made-up rows: what is tested is the drawing, and every number in it is checked elsewhere."""
    stamps = pd.date_range("2024-01-01", periods=points, freq="h", tz="UTC")
    wave = pd.Series(100 + 5 * np.sin(np.arange(points) / 40) + np.arange(points) / 500, index=stamps)
    rows = np.arange(positions) * (points // (positions + 1))
    held = points // (positions + 1) // 2
    profits = np.where(np.arange(positions) % 3, 12.5, -20.0)
    table = pd.DataFrame(
        {
            "strategy_id": [["trend", said][row % 2] for row in range(positions)],
            "instrument_id": [instruments[row % len(instruments)] for row in range(positions)],
            "entry": [["BUY", "SELL"][row // 2 % 2] for row in range(positions)],
            "side": ["FLAT"] * (positions - 1) + ["LONG"] if positions else [],
            "peak_qty": "10",
            "avg_px_open": wave.iloc[rows].to_numpy(),
            "avg_px_close": wave.iloc[rows + held].to_numpy(),
            "ts_opened": stamps[rows],
            "ts_closed": stamps[rows + held],
            "duration_ns": held * 3_600 * 10**9,
            "realized_pnl": [f"{profit:.2f} USD" for profit in profits],
            "realized_return": profits / 1000,
            "price_precision": 2,
        }
    )
    orders = pd.DataFrame({"strategy_id": table["strategy_id"], "status": "FILLED", "reason": None})
    decisions = tuple(
        Decision(
            ts=stamps[row * 7].as_unit("ns").value,
            verdict=verdict,
            rule=said,
            reason=said,
            scope=said,
            instrument_id=instruments[0],
            quantity="1",
        )
        for row, verdict in enumerate(["deny", "resize", "flatten", "halt"])
    )
    return Result(
        name=name,
        mode="backtest",
        instruments=tuple(instruments),
        start=stamps[0].as_unit("ns").value,
        end=stamps[-1].as_unit("ns").value,
        bars=points,
        quotes=0,
        trades=0,
        tables={
            "orders": orders,
            "fills": pd.DataFrame({"commission": ["0.10 USD"] * positions * 2}),
            "positions": table,
        },
        equity=pd.DataFrame({"USD": wave * 1000}),
        decisions=decisions if positions else (),
        statistics={"pnl": {"USD": {"PnL (total)": 90.0, "Win Rate": 0.66}}, "returns": {}, "general": {}},
        prices={
            instrument: pd.DataFrame({"open": wave, "high": wave + 1, "low": wave - 1, "close": wave})
            for instrument in instruments
        },
        config={"name": said},
        versions={"framework": "0.1.0"},
        data={},
        elapsed=1.0,
    )


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of a run and waits until its charts are drawn."""

    def show(result, **options):
        file = tmp_path / "report.html"
        file.write_text(page.render(result), encoding="utf-8", newline="\n")
        browser.open(file, **options)
        browser.wait("document.documentElement.dataset.drawn === 'true'")
        return browser

    return show


def test_the_charts_are_drawn(opened):
    tab = opened(a_run())
    assert tab.run("document.querySelectorAll('.chart').length") == 3
    assert tab.run("[...document.querySelectorAll('.chart')].every(c => c.querySelector('svg.main-svg'))")
    lines = "document.querySelectorAll('#chart-equity .scatterlayer .trace path.js-line').length"
    assert tab.run(lines) == 2  # the equity and the drawdown
    assert tab.run("document.querySelectorAll('#chart-prices .scatterlayer .points path').length") > 50
    assert tab.run("document.querySelector('#chart-equity').getBoundingClientRect().height") == 460


def test_few_bars_are_drawn_as_candles(opened):
    tab = opened(a_run(points=200, positions=8))
    assert tab.run("document.querySelectorAll('#chart-prices .boxlayer path.box').length") == 200


@pytest.mark.parametrize(
    ("dark", "width"),
    [
        (False, 390),
        *(pytest.param(*view, marks=pytest.mark.slow) for view in [(True, 390), (False, 1280), (True, 1280)]),
    ],
)
def test_the_console_is_silent_and_only_the_file_is_read(opened, dark, width):
    tab = opened(a_run(), dark=dark, width=width)
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_page_that_does_reach_out_is_noticed(browser, tmp_path):
    file = tmp_path / "leak.html"
    file.write_text(f"<!doctype html><img src='{OUTSIDE}'><script>console.error('x')</script>")
    browser.open(file)
    assert OUTSIDE in browser.requests
    assert browser.complaints


def test_the_policy_stops_a_script_and_a_connection_that_get_in(opened):
    tab = opened(a_run())
    tab.run(
        f"const i = new Image(); i.src = '{OUTSIDE}'; const s = document.createElement('script');"
        " s.textContent = 'window.ran = true'; document.body.append(i, s)"
    )
    assert tab.run("window.ran === undefined")
    assert tab.run(f"fetch('{OUTSIDE}').then(() => 'sent', () => 'refused')") == "refused"
    assert sum("Content Security Policy" in said for said in tab.complaints) >= 2


def test_nothing_uploads_a_chart(opened):
    tab = opened(a_run())
    titles = tab.run("[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert titles
    assert set(titles) == {"Zoom", "Pan", "Reset axes", "Download plot as a PNG"}


def test_names_of_plugins_stay_text_everywhere(opened):
    tab = opened(a_run(name=HOSTILE, said=HOSTILE, instruments=(HOSTILE, "BBB.SIM")))
    assert tab.complaints == []
    assert tab.run("document.title").startswith(HOSTILE)
    assert tab.run("document.querySelector('h1').textContent") == HOSTILE
    assert tab.run("document.querySelectorAll('main img').length") == 0
    legend = "[...document.querySelectorAll('#chart-strategies .legendtext')].map(t => t.textContent).join()"
    assert "</script><script>" in tab.run(legend)


def test_a_click_sorts_by_value_and_another_turns_it_round(opened):
    tab = opened(a_run())
    profits = (
        "[...[...document.querySelectorAll('table')].find(t => t.caption.textContent === 'Positions')"
        ".tBodies[0].rows].map(r => Number(r.cells[9].dataset.key))"
    )
    button = (
        "[...document.querySelectorAll('th button')].find(b => b.textContent === 'Profit'"
        " && b.closest('table').caption.textContent === 'Positions')"
    )
    unsorted = tab.run(profits)
    assert unsorted != sorted(unsorted)
    tab.run(f"{button}.click()")
    assert tab.run(profits) == sorted(unsorted)
    assert tab.run(f"{button}.closest('th').getAttribute('aria-sort')") == "ascending"
    tab.run(f"{button}.click()")
    assert tab.run(profits) == sorted(unsorted, reverse=True)


def test_the_drop_down_shows_another_instrument(opened):
    tab = opened(a_run())
    label = "document.querySelector('#chart-prices').getAttribute('aria-label')"
    assert tab.run(label).startswith("Price of AAA.SIM")
    tab.run(
        "const s = document.querySelector('select[data-for=prices]'); s.value = '1';"
        " s.dispatchEvent(new Event('change'))"
    )
    assert tab.run(label).startswith("Price of BBB.SIM")


@pytest.mark.parametrize(
    "name",
    ["W" * 300, *(pytest.param(name, marks=pytest.mark.slow) for name in ("short", "a long name " * 30))],
)
def test_nothing_is_wider_than_a_phone(opened, name):
    tab = opened(
        a_run(name=name, said=name, instruments=tuple(f"{name[:60]}{i}.SIM" for i in range(20))), width=390
    )
    assert tab.run("document.documentElement.scrollWidth") == 390


def test_the_charts_follow_the_theme(opened):
    colour = "getComputedStyle(document.querySelector('#chart-equity path.js-line')).stroke"
    light = opened(a_run()).run(colour)
    dark = opened(a_run(), dark=True).run(colour)
    assert light == "rgb(34, 85, 196)"
    assert dark == "rgb(127, 168, 255)"


def luminance(colour):
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_the_contrast_wcag_asks_for(opened, dark):
    tab = opened(a_run(points=100, positions=2), dark=dark)

    def colour(variable):
        return tab.run(
            "(() => { const d = document.createElement('i'); document.body.append(d);"
            f" d.style.color = 'var({variable})'; return getComputedStyle(d).color }})()"
        )

    pairs = [(name, ground) for name in TEXT for ground in ("--panel", "--bg")]
    for name, ground in [*pairs, ("--text", "--warn-bg"), ("--warn", "--warn-bg")]:
        darker, lighter = sorted((luminance(colour(name)), luminance(colour(ground))))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (name, ground)


def test_a_run_in_which_nothing_happened_is_drawn_too(opened):
    tab = opened(a_run(positions=0))
    assert tab.complaints == []
    assert tab.run("document.querySelectorAll('.chart svg.main-svg').length") > 0


def test_a_large_run_is_drawn(opened):
    tab = opened(a_run(points=50_000, positions=3_000, instruments=tuple(f"S{i:02d}.SIM" for i in range(20))))
    assert tab.complaints == []
    assert tab.run("document.querySelectorAll('select[data-for=prices] option').length") == 20
