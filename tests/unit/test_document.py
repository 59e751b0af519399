import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from framework.config import document, strict_yaml
from framework.config.document import dump, parse, read
from framework.errors import ConfigError

TEXT = """\
# a node
name: first
items:
  - id: a
    "quoted key": [1, 2.5, true, null]
  - id: b
empty: {}
"""


def refused(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.yaml")
    assert caught.value.remedy
    return caught.value


def test_values_are_those_of_yaml_1_2():
    assert parse(TEXT).value == {
        "name": "first",
        "items": [{"id": "a", "quoted key": [1, 2.5, True, None]}, {"id": "b"}],
        "empty": {},
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), "f.yaml:2:1", "f.yaml:2:1"),
        (("name",), "f.yaml:2:7", "f.yaml:2:1"),
        (("items",), "f.yaml:4:3", "f.yaml:3:1"),
        (("items", 0), "f.yaml:4:5", "f.yaml:4:5"),
        (("items", 0, "id"), "f.yaml:4:9", "f.yaml:4:5"),
        (("items", 0, "quoted key"), "f.yaml:5:19", "f.yaml:5:5"),
        (("items", 0, "quoted key", 2), "f.yaml:5:28", "f.yaml:5:28"),
        (("items", 1, "id"), "f.yaml:6:9", "f.yaml:6:5"),
        (("items", 1, "missing", 3, "deeper"), "f.yaml:6:5", "f.yaml:6:5"),
        (("missing",), "f.yaml:2:1", "f.yaml:2:1"),
    ],
)
def test_every_value_and_key_has_its_place(path, value, key):
    parsed = parse(TEXT, "f.yaml")
    assert parsed.where(path) == value
    assert parsed.where_key(path) == key


def test_columns_count_characters_not_bytes():
    assert parse('{"é€": x}', "f").where(("é€",)) == "f:1:8"


def test_a_path_is_written_as_a_reader_would():
    path = ("strategies", 0, "config", "leverages", "EUR/USD.SIM", 12)
    assert strict_yaml.yaml_path(path) == 'strategies[0].config.leverages["EUR/USD.SIM"][12]'
    assert strict_yaml.yaml_path(()) == ""


def test_a_value_that_is_not_written_has_the_default():
    parsed = parse(TEXT)
    assert parsed.get(("items", 1, "id")) == "b"
    assert parsed.get(("items", 5), "none") == "none"
    assert parsed.get(("name", "deeper"), "none") == "none"


def test_a_document_cannot_be_changed():
    with pytest.raises(AttributeError):
        parse(TEXT).value = {}


def test_a_duplicate_key_cites_both_lines():
    error = refused("a: 1\nb:\n  c: 1\n  d: 2\n  'c': 3\n")
    assert (error.where, error.path) == ("f.yaml:5:3", "b.c")
    assert "line 3" in error.message
    assert error.remedy == "Keep one of lines 3 and 5."


def test_the_same_key_in_two_mappings_is_no_duplicate():
    assert parse("a: {k: 1}\nb: {k: 1}\n").value == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a: &x 1\n", "f.yaml:1:4", "anchor"),
        ("&x a: 1\n", "f.yaml:1:1", "anchor"),
        ("a: *x\n", "f.yaml:1:4", "alias"),
        ("a: !!str 1\n", "f.yaml:1:4", "!!str is a tag"),
        ("a: ! 1\n", "f.yaml:1:4", "! is a tag"),
        ("a: !!python/name:os.system x\n", "f.yaml:1:4", "tag"),
        ("- !custom {a: 1}\n", "f.yaml:1:3", "tag"),
        ("<<: {a: 1}\n", "f.yaml:1:1", "merges"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1", "second document"),
        ("%YAML 1.1\n---\na: 1\n", "f.yaml:1:1", "directives"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "f.yaml:1:1", "directives"),
        ("1: a\n", "f.yaml:1:1", "not text"),
        ("true: a\n", "f.yaml:1:1", "not text"),
        ("[a]: b\n", "f.yaml:1:1", "a key must be text"),
        ("{? {a: 1} : b}\n", "f.yaml:1:4", "a key must be text"),
        ("on: a\n", "f.yaml:1:1", "unquoted on is true"),
        ("a:\n\t- b\n", "f.yaml:2:1", "tab"),
        ("a: b: c\n", "f.yaml:1:5", "a colon where no key can be"),
        ("a: 'x\n", "f.yaml:1:4", "never closed"),
        ("a: [1, 2\n", "f.yaml:1:4", "not closed"),
        ("a: {b: 1\nc: 2\n", "f.yaml:1:4", "not closed"),
        ('a: "\\q"\n', "f.yaml:1:5", "backslash"),
        ('a: "\\0"\n', "f.yaml:1:4", "escape for no character"),
        ("a: 1\n  2\n", "f.yaml:1:4", "goes on until line 2"),
        ("a: b\u200bc\n", "f.yaml:1:4", "U+200B"),
        ("a: 1\u20282\n", "f.yaml:1:5", "U+2028"),
        ("a: \x01\n", "f.yaml:1:4", "U+0001"),
        ("", "f.yaml:1:1", "says nothing"),
        ("# only this\n", "f.yaml:1:1", "says nothing"),
        ("---\n", "f.yaml:1:1", "says nothing"),
    ],
)
def test_what_is_not_strict_yaml_is_refused_at_its_place(text, where, message):
    error = refused(text)
    assert error.where == where
    assert message in error.message


def test_one_document_may_be_marked_as_such():
    assert parse("%YAML 1.2\n---\na: 1\n...\n").value == {"a": 1}


def test_text_over_several_lines_is_fine_in_quotes_and_blocks():
    assert parse("a: 'x\n  y'\nb: |\n  x\n  y\nc: >\n  x\n  y\n").value == {
        "a": "x y",
        "b": "x\ny\n",
        "c": "x y\n",
    }


def test_nesting_is_read_to_its_limit_and_refused_beyond_it():
    deepest = strict_yaml.DEEPEST
    value = parse("[" * deepest + "]" * deepest).value
    for _ in range(deepest - 1):
        (value,) = value
    assert value == []
    assert refused("[" * (deepest + 1) + "]" * (deepest + 1)).where == f"f.yaml:1:{deepest + 1}"


MEGABYTE = document.LARGEST_FILE - 16


@pytest.mark.parametrize(
    "text",
    [
        "[" * MEGABYTE,
        "{a: " * (MEGABYTE // 4),
        "- " * (MEGABYTE // 2),
        "? " * (MEGABYTE // 2),
        "[\n" * (MEGABYTE // 2),
        "- 1\n" * (MEGABYTE // 4),
        "[" + "1," * (MEGABYTE // 2) + "1]",
        "a: " + "9" * MEGABYTE,
        "a: " + "1:" * (MEGABYTE // 2),
        "a: " + "1_" * (MEGABYTE // 2),
        "a: " + "0" * MEGABYTE,
        "a: *" + "a" * MEGABYTE,
        "a" * (MEGABYTE // 2) + ": &" + "b" * (MEGABYTE // 2),
        '"' + "a" * MEGABYTE,
        "a\n" * (MEGABYTE // 2),
        "#" * MEGABYTE,
    ],
    ids=lambda text: text[:6].replace("\n", "n"),
)
def test_no_megabyte_takes_a_second_or_a_screen_to_refuse(text):
    start = time.process_time()
    error = refused(text)
    assert time.process_time() - start < 1.0
    assert len(str(error)) < 1000


def test_a_file_is_named_relative_to_the_current_directory_when_below_it(tmp_path, monkeypatch):
    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "node.yaml").write_text("a: 1\n")
    monkeypatch.chdir(tmp_path)
    assert read(folder / "node.yaml").file == "nodes/node.yaml"
    assert read("nodes/node.yaml").file == "nodes/node.yaml"
    monkeypatch.chdir(folder)
    assert read("../nodes/node.yaml").file == "../nodes/node.yaml"
    other = tmp_path / "other.yaml"
    other.write_text("a: 1\n")
    assert read(other).file == str(other)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    file = tmp_path / "node.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n")
    parsed = read(file)
    assert parsed.value == {"a": 1, "b": ["x"]}
    assert parsed.where(("b", 0)).endswith(":3:5")
    assert parsed.where_key(("a",)).endswith(":1:1")


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"a: 1\nname: caf\xe9\n", ":2:10", "0xE9 is not UTF-8"),
        ("a: 1".encode("utf-16"), ":1:1", "not UTF-8"),
        (b"a: 1\nb: \x00\n", ":2:4", r"U\+0000"),
        (b"", ":1:1", "says nothing"),
    ],
)
def test_bytes_that_are_no_text_are_refused_at_their_place(tmp_path, data, place, message):
    file = tmp_path / "node.yaml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        read(file)
    assert caught.value.where.endswith(f"node.yaml{place}")


def test_a_file_may_have_exactly_the_largest_size(tmp_path):
    file = tmp_path / "node.yaml"
    file.write_bytes(b"a: 1\n" + b"#" * (document.LARGEST_FILE - 5))
    assert read(file).value == {"a": 1}
    file.write_bytes(b"a: 1\n" + b"#" * (document.LARGEST_FILE - 4))
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        read(file)


def test_what_is_no_file_is_a_typed_error(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no such file"):
        read(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match=r"node\.yaml"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read("nul\0l.yaml")
    file = tmp_path / "node.yaml"
    file.write_text("a: 1\n")

    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    # Root may read everything, so the refusal is made here instead of by the file's mode.
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ConfigError, match="may not be read") as caught:
        read(file)
    assert caught.value.remedy == "Make it readable."


def test_the_pure_python_parser_gives_the_same_values_and_places(monkeypatch):
    fast = parse(TEXT)
    monkeypatch.setattr(document, "PARSER", yaml.Loader)
    slow = parse(TEXT)
    assert slow == fast
    for text in (
        "a: b: c\n",
        "a: 'x\n",
        "a: [1\n",
        "a\n- b: c\n",
        "a:\n\t- b\n",
        "a: @b\n",
        "a: 1\n---\n",
        "a: &b 1\n",
    ):
        assert refused(text).where


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
    | st.sampled_from(
        ["no", "12:30", "010", "1_000", "1e3", "0o17", "~", "", "null", ".nan", "a: b", "# x", "<<", " x "]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8).filter(lambda t: "\0" not in t), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "no", "12:30", "1e3", "é", ""]), VALUES, min_size=1))
def test_what_is_dumped_is_read_back_as_the_same_value(value):
    try:
        text = dump(value)
        text.encode()
    except UnicodeEncodeError:
        return
    assert parse(text).value == value


def test_long_text_and_shared_values_are_dumped_so_that_they_can_be_read():
    shared = ["word " * 100]
    assert parse(dump({"a": shared, "b": shared})).value == {"a": shared, "b": shared}


def test_shown_survives_a_current_directory_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError:
        pytest.skip("this system keeps the current directory of a process")
    assert document.shown(str(tmp_path / "node.yaml")) == os.fspath(tmp_path / "node.yaml")
