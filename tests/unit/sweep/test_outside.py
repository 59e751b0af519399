"""What a run turns to beside its data: files are named, code is not, however it is compiled."""

from __future__ import annotations

import importlib
import os
import sys

import pytest

from framework.sweep.outside import Outside

MODULE = """
import numba

@numba.njit(cache=True)
def twice(number):
    return 2 * number
"""


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """A module that Numba compiles when it is called, and keeps what it compiled beside it."""
    (tmp_path / "outside_compiled.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    def load():
        sys.modules.pop("outside_compiled", None)
        return importlib.import_module("outside_compiled")

    yield load
    sys.modules.pop("outside_compiled", None)


def test_what_numba_compiled_is_code_when_it_is_written_and_when_it_is_read(compiled, tmp_path):
    outside = Outside(tmp_path / "catalog")
    for _ in range(2):
        with outside.watching():
            assert compiled().twice(21) == 42
    kept = [path.suffix for path in tmp_path.rglob("*") if path.suffix in {".nbi", ".nbc"}]
    assert sorted(kept) == [".nbc", ".nbi"]
    # Numba asks every distribution on the path for extensions, and other tests may have put some there.
    assert [place for place in outside.seen if place.startswith(os.path.realpath(tmp_path))] == []


@pytest.mark.parametrize("name", ["signals.csv", "nbi", "model.nbi.csv", "calls.tmp.0a1b", "x.nbi.tmp.zz"])
def test_any_other_file_is_named(tmp_path, name):
    file = tmp_path / name
    outside = Outside(tmp_path / "catalog")
    with outside.watching():
        file.write_text("1", encoding="utf-8")
    assert outside.seen == [os.path.realpath(file)]
