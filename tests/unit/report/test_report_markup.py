"""Text becomes markup only by being escaped."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from framework.report.markup import Markup, join, tag


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def read(markup):
    reader = Reader()
    reader.feed(markup)
    reader.close()
    return reader


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n")))
def test_a_browser_reads_back_the_text_and_nothing_else(text):
    reader = read(tag("p", text, title=text))
    assert reader.text == text
    assert reader.tags == [("p", {"title": text})]


def test_control_characters_become_visible():
    assert tag("p", "\x1b[31m\0\x7f\x9b", title="\x07") == (
        '<p title="\N{SYMBOL FOR BELL}">\N{SYMBOL FOR ESCAPE}[31m\N{SYMBOL FOR NULL}\N{SYMBOL FOR DELETE}'
        "\N{REPLACEMENT CHARACTER}</p>"
    )


def test_markup_is_not_escaped_twice():
    assert tag("p", tag("b", "<")) == "<p><b>&lt;</b></p>"


def test_several_children_and_nothing():
    assert tag("p", "a", None, ["b", Markup("<br>")]) == "<p>ab<br></p>"
    assert join(None) == ""


def test_attributes_lose_a_trailing_underscore_and_gain_hyphens():
    assert tag("th", class_="a", aria_label="b", hidden=True, id=None, lang=False) == (
        '<th class="a" aria-label="b" hidden></th>'
    )


def test_elements_without_content_have_no_end():
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
