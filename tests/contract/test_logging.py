"""What the engine prints and when it is silent, each in its own process: the logger is one a process."""

from __future__ import annotations

import pytest

RUN = """
    def boom(s, bar): raise ValueError("boom")
    for level in {levels}:
        sys.stdout.write("RUN " + str(level) + chr(10)); sys.stdout.flush()
        node = lab.node(lab.catalog(lab.wavy(5)), [Probe(plan={{2: boom}})], engine={engine})
        node.run()
        node.dispose()
"""


def lines(text):
    """Lines printed between two RUN lines."""
    return [len(part.splitlines()) - 1 for part in text.split("RUN ")[1:]]


@pytest.mark.contract(
    "C-201",
    says="LoggerConfig(bypass_logging=True) is silent on stdout and stderr; swallowed "
    "tracebacks vanish with it.",
    leans="framework/engine/guard.py keeps exceptions itself, so they survive any log level.",
)
def test_bypassing_the_logger_is_silent_even_about_exceptions(lab):
    done = lab.script(RUN.format(levels="[0]", engine="dict(logging=LoggerConfig(bypass_logging=True))"))
    assert lines(done.stdout) == [0]
    assert done.stderr == ""


@pytest.mark.contract(
    "C-202",
    says="stdout_level=OFF keeps the banner and everything else off stdout; errors still go to stderr.",
    leans="framework/engine/backtest.py LEVELS['off'] and `--json`, whose stdout must be JSON "
    "and nothing else.",
)
def test_level_off_leaves_errors_on_stderr(lab):
    done = lab.script(
        RUN.format(levels="[0]", engine="dict(logging=LoggerConfig(stdout_level=LogLevel.OFF))")
    )
    assert lines(done.stdout) == [0]
    assert "ValueError: boom" in done.stderr


@pytest.mark.contract(
    "C-203",
    says="BacktestEngineConfig(bypass_logging=True) alone does not silence the engine.",
    leans="framework/engine/backtest.py sets LoggerConfig instead.",
)
def test_the_engine_configs_own_bypass_does_not_silence_it(lab):
    done = lab.script(RUN.format(levels="[0]", engine="dict(bypass_logging=True, logging=LoggerConfig())"))
    assert lines(done.stdout)[0] > 20
    assert "NAUTILUS TRADER" in done.stdout


@pytest.mark.contract(
    "C-204",
    says="The first engine of a process decides about logging; later LoggerConfigs are ignored.",
    leans="framework/engine/backtest.py: `log:` of the first node run in a process holds for the others.",
)
def test_the_first_engine_of_a_process_decides_about_logging(lab):
    engine = "dict(logging=LoggerConfig(stdout_level=level))"
    quiet_first = lab.script(RUN.format(levels="[LogLevel.OFF, LogLevel.INFO]", engine=engine))
    loud_first = lab.script(RUN.format(levels="[LogLevel.INFO, LogLevel.OFF]", engine=engine))
    assert lines(quiet_first.stdout) == [0, 0]
    assert min(lines(loud_first.stdout)) > 20
