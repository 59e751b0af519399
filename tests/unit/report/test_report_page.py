"""The page as text: complete, closed to the network, and safe whatever a plugin calls itself."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from framework.report import page, trades

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> & <b>"


class Page(HTMLParser):
    """What a browser would see: elements with attributes, scripts, and the text of everything else."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append([dict(attributes), ""])
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data + "\n"

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def charts(read):
    (payload,) = [text for attributes, text in read.scripts if attributes.get("id") == "charts"]
    return json.loads(payload)


@pytest.fixture
def hostile(a_run, a_decision):
    run = a_run()
    positions = run.positions.assign(strategy_id=HOSTILE, instrument_id=HOSTILE)
    decisions = tuple(
        a_decision(verdict=verdict, rule=HOSTILE, reason=HOSTILE, scope=HOSTILE, quantity=HOSTILE)
        for verdict in ("deny", "resize", "flatten", "halt")
    )
    return a_run(
        name=HOSTILE,
        instruments=(HOSTILE,) * 9,
        positions=positions,
        decisions=decisions,
        equity=run.equity.rename(columns={"USD": HOSTILE}),
        prices={HOSTILE: run.prices["AAA.SIM"]},
        config={HOSTILE: {HOSTILE: HOSTILE}},
        versions={HOSTILE: HOSTILE},
        data={HOSTILE: HOSTILE},
        statistics={"pnl": {HOSTILE: {HOSTILE: 1.0}}, "returns": {HOSTILE: None}, "general": {}},
    )


def test_the_page_has_every_section_and_balanced_elements(a_run):
    read = Page(page.render(a_run()))
    assert read.open == []
    for title in (
        "a small run",
        "Equity and drawdown",
        "Monthly returns",
        "Trades on price",
        "Statistics",
        "Profit by strategy",
        "Positions",
        "Risk decisions",
        "Configuration",
        "Provenance",
    ):
        assert f"{title}\n" in read.text
    assert {"equity", "prices", "strategies"} == set(charts(read))


def test_the_analyzers_figures_are_shown_as_they_are(a_run):
    text = Page(page.render(a_run())).text
    assert "Sharpe ratio\n1.23\n252 days" in text
    assert "Net profit\n+6.50 USD\n+6.50% of the starting balance" in text
    assert "Win rate\n66.7%\nof 3 closed positions" in text
    worst = "Deepest drawdown \N{MINUS SIGN}10.00% \N{MINUS SIGN}11.00 USD by 2024-03-20"
    assert worst in " ".join(text.split())
    assert "Tail Ratio\n\N{EM DASH}" in text


def test_monthly_returns_are_those_of_the_equity(a_run):
    text = Page(page.render(a_run())).text
    # 100 -> 110, -> 104.5, -> 99, -> 106.5, and over the year 100 -> 106.5
    row = "2024\n+10.00%\n−5.00%\n−5.26%\n+7.58%\n+6.50%\n"  # noqa: RUF001 - the page's minus sign
    assert row in text


def test_text_from_plugins_stays_text(hostile):
    read = Page(page.render(hostile))
    assert read.open == []
    assert read.all("img") == []
    assert read.all("b") == []
    assert len(read.scripts) == 3
    assert not any("onerror" in attributes for _, attributes in read.elements)
    assert HOSTILE in read.text


def test_text_from_plugins_is_escaped_once_more_where_the_chart_library_reads_tags(hostile):
    drawn = json.dumps(charts(Page(page.render(hostile))))
    labels = re.findall(r"alert\(1\)", drawn)
    assert labels
    for chart in charts(Page(page.render(hostile))).values():
        for variant in chart:
            for trace in variant["data"]:
                for text in [*trace.get("text", []), trace.get("name", ""), trace.get("hovertemplate", "")]:
                    assert "<script" not in text
                    assert "<img" not in text


def test_the_page_allows_its_own_scripts_and_no_connection(a_run):
    read = Page(page.render(a_run()))
    (policy,) = [
        attributes["content"]
        for attributes in read.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    code = [text for attributes, text in read.scripts if "type" not in attributes]
    assert {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code} == allowed
    assert len(code) == 2


def test_nothing_in_the_page_refers_to_anything_outside_it(a_run):
    for _, attributes in Page(page.render(a_run())).elements:
        assert not {"src", "srcset", "action", "data", "poster"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")


def test_a_run_in_which_nothing_happened_says_so(an_empty_run):
    text = Page(page.render(an_empty_run)).text
    assert "No strategy sent an order, so there is nothing to judge." in text
    assert "Every order passed the risk rules untouched." in text
    assert "No position was opened." in text
    assert "undefined for this run" in text


def test_a_run_without_equity_and_prices_is_still_a_page(an_empty_run):
    bare = dataclasses.replace(an_empty_run, equity=pd.DataFrame(), prices={}, statistics={}, data={})
    read = Page(page.render(bare))
    assert charts(read) == {}
    assert "The analyzer had nothing to measure." in read.text


def test_every_table_names_its_columns_and_every_chart_says_what_it_shows(a_run):
    read = Page(page.render(a_run()))
    assert all(attributes.get("scope") in {"col", "row"} for attributes in read.all("th"))
    assert len(read.all("table")) == len(read.all("caption"))
    pictures = [attributes for attributes in read.all("div") if attributes.get("role") == "img"]
    assert len(pictures) == 3
    assert "Equity went from 100.00 USD to 106.50 USD" in pictures[0]["aria-label"]


def test_headings_are_one_h1_and_then_h2(a_run):
    names = [name for name, _ in Page(page.render(a_run())).elements if re.fullmatch(r"h\d", name)]
    assert names[0] == "h1"
    assert set(names[1:]) == {"h2"}


def test_secrets_in_the_configuration_are_masked(a_run):
    config = {"venues": [{"config": {"api_key": "k-123", "api_secret": ["s-456"], "account": "main"}}]}
    text = page.render(a_run(config=config))
    assert "k-123" not in text
    assert "s-456" not in text
    assert "account: main" in text


def test_long_lists_end_with_how_many_more_and_where(a_run, a_decision):
    run = a_run()
    read = Page(
        page.render(
            a_run(
                positions=pd.concat([run.positions] * 100),
                decisions=tuple(a_decision(reason=f"reason {letter}") for letter in "ab" * 150),
            )
        )
    )
    assert "The first 250 in time order; 150 more are in positions.parquet." in read.text
    assert "The first 200; 100 more are in decisions.parquet beside this page." in read.text
    assert "One by one (300 decisions)" in read.text


def test_few_bars_are_candles_and_many_a_thinned_line(a_run):
    stamps = pd.date_range("2024-01-01", periods=5_000, freq="h", tz="UTC")
    wave = pd.Series(np.sin(np.arange(5_000) / 50) + 2, index=stamps)
    wave.iloc[3_333] = 9.0
    many = pd.DataFrame({"open": wave, "high": wave, "low": wave, "close": wave})
    run = a_run()
    drawn = charts(Page(page.render(a_run(prices={"AAA.SIM": run.prices["AAA.SIM"], "BBB.SIM": many}))))
    few, line = drawn["prices"]
    assert few["data"][0]["type"] == "candlestick"
    assert few["data"][0]["close"] == [1.0, 2.0, 3.0, 4.0, 4.25]
    assert line["data"][0]["mode"] == "lines"
    assert len(line["data"][0]["y"]) <= 2 * trades.PRICE_POINTS
    assert max(line["data"][0]["y"]) == 9.0
    assert f"The line joins {len(line['data'][0]['y']):,} closes" in line["note"]


def test_each_closed_position_is_linked_from_its_entry_to_its_exit(a_run):
    chart = charts(Page(page.render(a_run())))["prices"][0]
    named = {trace["name"]: trace for trace in chart["data"] if "name" in trace}
    assert {"Profit (2)", "Long entry (2)", "Short entry (1)"} <= set(named)
    (link,) = [trace for trace in chart["data"] if trace.get("hoverinfo") == "skip"]
    assert link["x"][:3] == ["2024-01-02 10:00:00", "2024-01-31 10:00:00", None]
    assert link["y"][:3] == [1.0, 2.0, None]
    assert "+10.00 USD on long 10" in named["Profit (2)"]["text"][0]
    assert "still open" in named["Short entry (1)"]["text"][0]


def test_more_positions_than_fit_are_chosen_evenly_and_said_so(a_run):
    run = a_run()
    ours = run.positions[run.positions["instrument_id"] == "AAA.SIM"]
    chart = charts(Page(page.render(a_run(positions=pd.concat([ours] * 400)))))["prices"][0]
    assert "500 of 1,200 positions are marked, evenly chosen." in chart["note"]


def test_the_equity_is_thinned_without_losing_its_deepest_point(a_run):
    stamps = pd.date_range("2024-01-01", periods=50_000, freq="min", tz="UTC")
    equity = pd.DataFrame({"USD": np.linspace(100.0, 200.0, 50_000)}, index=stamps)
    equity.iloc[31_337] = 50.0
    drawn = charts(Page(page.render(a_run(equity=equity))))["equity"][0]
    assert len(drawn["data"][0]["y"]) < 4_000
    assert min(drawn["data"][0]["y"]) == 50.0
    assert "of 50,000 points are drawn" in drawn["note"]


def test_halts_and_flattens_are_marked_on_the_equity(a_run, a_decision):
    decisions = (a_decision(), a_decision(verdict="flatten"), a_decision(verdict="halt", reason="too deep"))
    drawn = charts(Page(page.render(a_run(decisions=decisions))))["equity"][0]
    halt = next(trace for trace in drawn["data"] if trace["name"] == "Halt (1)")
    assert halt["y"] == [110.0]  # the equity at that time
    assert halt["text"] == ["limits: too deep<br>covers slow"]
    assert any(trace["name"] == "Flatten (1)" for trace in drawn["data"])


def test_one_strategy_needs_no_attribution(a_run):
    run = a_run()
    alone = a_run(positions=run.positions.assign(strategy_id="slow"))
    read = Page(page.render(alone))
    assert "Profit by strategy" not in read.text
    assert set(charts(read)) == {"equity", "prices"}


def test_many_instruments_are_counted_and_folded_away(a_run):
    text = Page(page.render(a_run(instruments=tuple(f"S{number}.SIM" for number in range(9))))).text
    assert "S0.SIM, S1.SIM, S2.SIM, S3.SIM, S4.SIM, S5.SIM\nand 3 more\nS6.SIM, S7.SIM, S8.SIM" in text


def test_only_currencies_with_a_profit_have_a_card_and_the_one_that_moved_comes_first(a_run):
    run = a_run()
    pnl = {
        "BTC": {"PnL (total)": 0.0, "PnL% (total)": 0.0},
        "EUR": {"PnL (total)": -3.0, "PnL% (total)": None},
        **run.statistics["pnl"],
    }
    text = Page(page.render(a_run(statistics={**run.statistics, "pnl": pnl}))).text
    assert text.count("Net profit\n") == 2
    assert text.index("+6.50 USD") < text.index("\N{MINUS SIGN}3.00 EUR")


def test_an_account_that_starts_in_debt_has_no_drawdown_in_percent(a_run):
    read = Page(page.render(a_run(equity=a_run().equity - 1_000.0)))
    assert "Deepest drawdown" not in read.text
    assert "Final equity\n\N{MINUS SIGN}893.50 USD" in read.text


def test_a_changed_order_and_a_resized_one_read_as_such(a_run, a_decision):
    decisions = (
        a_decision(verdict="resize", resized_to="20"),
        a_decision(action="modify"),
        a_decision(verdict="flatten", instrument_id=""),
    )
    text = Page(page.render(a_run(decisions=decisions))).text
    assert "BUY 50 \N{RIGHTWARDS ARROW} 20 AAA.SIM" in text
    assert "change to BUY 50 AAA.SIM" in text


def test_undefined_points_are_left_out_of_the_equity(a_run):
    run = a_run()
    with_gap = run.equity.copy()
    with_gap.iloc[2] = np.nan
    drawn = charts(Page(page.render(a_run(equity=with_gap))))["equity"][0]
    assert drawn["data"][0]["y"] == [100.0, 110.0, 99.0, 106.5]
