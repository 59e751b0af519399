"""The log of a node: levels, formats, rotation, and what cannot be written."""

import json
import logging
import os
import sys
from types import SimpleNamespace

import pytest

from framework import RunError, Secret
from framework.config import LogEntry, LogFileEntry
from framework.config.node import JournalEntry, PromotionEntry
from framework.engine import logs
from framework.secret import Mask, secrets_in


def plan(folder, **log):
    config = SimpleNamespace(
        log=LogEntry(**log),
        journal=JournalEntry(key=Secret("env:LOGS_KEY")),
        promotion=PromotionEntry(key=Secret("env:LOGS_PROMOTION_KEY")),
    )
    parts = {"venues": (), "strategies": (), "rules": ()}
    return SimpleNamespace(mode="paper", state=folder, config=config, **parts)


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("LOGS_KEY", "canary of the key")


def lines(folder):
    return (folder / "logs" / "node.log").read_text().splitlines()


def test_what_is_printed_and_what_is_kept_have_levels_of_their_own(tmp_path, capfd, key):
    said = plan(tmp_path, level="error", file=LogFileEntry(level="info"))
    before = logging.getLogger().handlers
    with logs.logging_to(said):
        logging.getLogger("framework.live").debug("one")
        logging.getLogger("framework.live").info("two")
        logging.getLogger("a.library").error("three canary of the key")
    assert logging.getLogger().handlers is before
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.endswith(" ERROR a.library: three [env:LOGS_KEY]\n")
    assert [line.partition(" ")[2] for line in lines(tmp_path)] == [
        "INFO framework.live: two",
        "ERROR a.library: three [env:LOGS_KEY]",
    ]


def test_the_engines_lines_and_prints_come_the_same_way(tmp_path, capfd, key):
    said = plan(tmp_path, level="off", format="json", file=LogFileEntry(level="warning"))
    engine = "\x1b[1m2026-11-25T10:46:48.602682996Z\x1b[0m \x1b[36m[%s] TRADER-001.Engine: %s\x1b[0m\n"
    with logs.logging_to(said):
        os.write(1, (engine % ("INFO", "left out")).encode())
        os.write(1, (engine % ("WARN", "canary of the key")).encode())
        os.write(1, (engine % ("ERROR", "")).encode())
        os.write(2, b"printed canary of the key\n")
        sys.stderr.write("complained: canary of the key\n")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert sorted(printed.err.splitlines()) == ["complained: [env:LOGS_KEY]", "printed [env:LOGS_KEY]"]
    assert [json.loads(line) for line in lines(tmp_path)] == [
        {
            "ts": "2026-11-25T10:46:48.602Z",
            "level": level,
            "logger": "engine.TRADER-001.Engine",
            "message": message,
        }
        for level, message in (("warning", "[env:LOGS_KEY]"), ("error", ""))
    ]


def test_a_traceback_is_a_field_of_its_own_and_masked(tmp_path, key):
    with logs.logging_to(plan(tmp_path, level="off", format="json")):
        error = LookupError("canary of the key")
        logging.getLogger("x").error("it failed", exc_info=error)
    [line] = map(json.loads, lines(tmp_path))
    assert line["message"] == "it failed"
    assert line["traceback"].endswith("LookupError: [env:LOGS_KEY]")


def test_without_a_file_nothing_is_kept(tmp_path, key):
    with logs.logging_to(plan(tmp_path, file=None)):
        logging.getLogger("x").error("gone")
    assert not (tmp_path / "logs").exists()


def test_a_large_file_is_set_aside_and_so_many_are_kept(tmp_path, key):
    said = plan(tmp_path, level="off", file=LogFileEntry(level="error", megabytes=1, keep=2))
    with logs.logging_to(said):
        for number in range(35):
            logging.getLogger("x").error("%d %s", number, "x" * 100_000)
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "logs").iterdir()}
    assert set(sizes) == {"node.log", "node.log.1", "node.log.2"}
    assert max(sizes.values()) <= 1_000_000


def test_an_old_file_is_set_aside(tmp_path, key):
    said = plan(tmp_path, level="off", file=LogFileEntry(level="error", days=2))
    with logs.logging_to(said):
        logging.getLogger("x").error("first")
    with logs.logging_to(said):
        logging.getLogger("x").error("second")
    assert len(lines(tmp_path)) == 2
    file = tmp_path / "logs" / "node.log"
    text = file.read_text()
    file.write_text("2026-01-01" + text[10:])
    with logs.logging_to(said):
        logging.getLogger("x").error("third")
        logging.getLogger("x").error("fourth")
    assert [line[-6:] for line in lines(tmp_path)] == [" third", "fourth"]
    assert len((tmp_path / "logs" / "node.log.1").read_text().splitlines()) == 2


def test_a_log_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path, capfd, key):
    with logs.logging_to(plan(tmp_path, level="off")):
        handler = logging.getLogger().handlers[1]
        handler.shouldRollover = lambda record: 1 / 0
        for _ in range(3):
            logging.getLogger("x").error("canary of the key")
    assert capfd.readouterr().err.count("the log cannot be written") == 1


def test_the_keys_of_the_journal_and_of_the_promotions_are_hidden(tmp_path, monkeypatch, key):
    monkeypatch.setenv("LOGS_PROMOTION_KEY", "canary of promotions")
    mask = logs.mask_of(plan(tmp_path))
    assert mask("canary of the key, canary of promotions") == "[env:LOGS_KEY], [env:LOGS_PROMOTION_KEY]"


def test_an_error_leaves_without_a_credential(tmp_path, capfd, key):
    text = "canary of the key"
    with pytest.raises(RunError) as caught, logs.masked(plan(tmp_path)):
        raise RunError(text, where=text, remedy=text) from LookupError(text)
    assert str(caught.value) == "[env:LOGS_KEY]: [env:LOGS_KEY]\n  [env:LOGS_KEY]"
    assert caught.value.__cause__ is None
    assert caught.value.path is None
    printed = capfd.readouterr().err
    assert "LookupError: [env:LOGS_KEY]" in printed
    with pytest.raises(SystemExit) as ended, logs.masked(plan(tmp_path)):
        raise ZeroDivisionError(text)
    assert ended.value.code == 1
    printed += capfd.readouterr().err
    assert "ZeroDivisionError: [env:LOGS_KEY]" in printed
    assert text not in printed


def test_where_nothing_is_secret_errors_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("LOGS_KEY", raising=False)
    for error in (RunError("x"), ZeroDivisionError("y")):
        with pytest.raises(type(error)) as caught, logs.masked(plan(tmp_path)):
            raise error
        assert caught.value is error


def test_a_program_without_a_stdout_logs_all_the_same(tmp_path, monkeypatch, key):
    monkeypatch.setattr(sys, "stdout", None)
    with logs.logging_to(plan(tmp_path, level="off")):
        logging.getLogger("x").error("kept")
    assert lines(tmp_path)[0].endswith("kept")


def test_the_engine_is_asked_for_what_either_needs():
    assert LogEntry(level="off").finest == "warning"
    assert LogEntry(level="debug").finest == "debug"
    assert LogEntry(level="error", file=None).finest == "error"


def test_a_value_is_hidden_in_every_usual_spelling(monkeypatch):
    monkeypatch.setenv("ONE", 'a"b/c d ef')
    monkeypatch.setenv("TWO", 'a"b/c d ef and more')
    monkeypatch.setenv("SHORT", "abc")
    config = {"nested": [{"one": Secret("env:ONE")}], "two": (Secret("env:TWO"), Secret("env:SHORT"))}
    mask = Mask([*secrets_in(config), Secret("env:NOT_SET_ANYWHERE")])
    assert mask(
        'a"b/c d ef and more, a"b/c d ef, a\\"b/c d ef, a%22b%2Fc%20d%20ef, YSJiL2MgZCBlZg==, abc'
    ) == ("[env:TWO], [env:ONE], [env:ONE], [env:ONE], [env:ONE]==, abc")
    assert mask.plain({"x": ['a"b/c d ef', 1, None]}) == {"x": ["[env:ONE]", 1, None]}
    nothing = Mask([])
    assert not nothing.hides
    assert nothing("text") == "text"
