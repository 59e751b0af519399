"""The run in a terminal, wide or narrow, and from the files again."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from framework.report.summary import facts, render


def shown(source, width=100):
    console = Console(width=width, no_color=True, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.file:
        console.print(render(source))
        return console.export_text()


def lines(text):
    return {line[:14].strip(): line[14:].strip() for line in text.splitlines()}


def test_the_figures_of_the_run_are_shown(a_run):
    said = lines(shown(a_run()))
    assert said["Period"] == "2024-01-02 10:00 to 2024-04-30 10:00 UTC"
    assert said["Data"] == "1,234 bars, 5 trades"
    assert (said["Orders"], said["Fills"], said["Denials"]) == ("10", "7", "1")
    assert said["Net profit"] == "+6.50 USD (+6.50%)"
    assert said["Max drawdown"] == "-10.00% of USD equity"
    assert said["Sharpe"] == "1.23"
    assert said["Win rate"] == "66.7% of 3 closed positions"


def test_the_record_shows_the_same_as_the_run(a_run):
    run = a_run()
    assert shown(json.loads(json.dumps(facts(run), allow_nan=False))) == shown(run)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal(a_run, width):
    run = a_run(name="n" * 90, instruments=tuple(f"INSTRUMENT{i}.VENUE" for i in range(9)))
    text = shown(run, width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_undefined_figures_are_a_dash(an_empty_run):
    said = lines(shown(an_empty_run))
    assert (said["Sharpe"], said["Win rate"]) == ("-", "- of 0 closed positions")


def test_text_cannot_drive_the_terminal(a_run, a_decision):
    run = a_run(name="\x1b[2J\x07[bold]x", decisions=(a_decision(verdict="halt", reason="\x1b]0;owned\x07"),))
    text = shown(run)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x" in text


def test_every_letter_exists_in_a_windows_terminal(a_run):
    shown(a_run()).encode("cp1252")
