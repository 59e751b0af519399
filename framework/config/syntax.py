"""What is wrong with text that is no YAML, in the words of someone who is writing it."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

ANOTHER_LINE = "Check the indentation, quotes and colons of this line and of the one above it."


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A place and what is wrong there; line and column count from 1."""

    message: str
    line: int
    column: int
    remedy: str


def explain(error: yaml.YAMLError, text: str, long_quote: tuple[int, int] | None = None) -> SyntaxProblem:
    """The problem behind the parser's error.

    Args:
        error: What the parser raised.
        text: What it was reading.
        long_quote: Where the last quote was opened whose end is on another line.
    """
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return SyntaxProblem(f"not YAML: {error}", 1, 1, "Save the file as plain UTF-8 text.")
    mark, opened = error.problem_mark, error.context_mark or error.problem_mark
    at, back = (mark.line + 1, mark.column + 1), (opened.line + 1, opened.column + 1)
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    problem, context = str(error.problem or ""), str(error.context or "")
    return next(
        found
        for found in (
            _tab(line, mark.column, at[0]),
            _unclosed(problem, context, at[0], back),
            _long_quote(at[0], long_quote),
            _known(problem, line[mark.column : mark.column + 1], at, back),
            SyntaxProblem(f"not YAML: {problem}", *at, ANOTHER_LINE),
        )
        if found is not None
    )


def _tab(line: str, column: int, number: int) -> SyntaxProblem | None:
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" not in indentation and line[column : column + 1] != "\t":
        return None
    return SyntaxProblem(
        "a tab is used as indentation",
        number,
        line.index("\t") + 1,
        "Replace the tab by spaces: YAML takes only spaces there.",
    )


def _unclosed(problem: str, context: str, number: int, back: tuple[int, int]) -> SyntaxProblem | None:
    if "quoted scalar" in context and "end of stream" in problem:
        return SyntaxProblem("the quote opened here is never closed", *back, "Close it.")
    if "flow" not in context or "node" in context:
        return None
    opens, closes = ("[", "]") if "sequence" in context else ("{", "}")
    return SyntaxProblem(
        f"the {opens} opened here is not closed before line {number}, or a comma is missing",
        *back,
        f"Close it with {closes}; put a comma between its parts, and text with brackets in quotes.",
    )


def _long_quote(number: int, opened: tuple[int, int] | None) -> SyntaxProblem | None:
    if opened is None or opened[0] >= number:
        return None
    return SyntaxProblem(
        f"the text quoted from here goes on for lines, and line {number} makes no sense after it",
        *opened,
        "Close the quote on its own line.",
    )


def _known(problem: str, char: str, at: tuple[int, int], back: tuple[int, int]) -> SyntaxProblem | None:
    for sign, message, place, remedy in (
        (
            "mapping values are not allowed",
            "a colon where no key can be",
            at,
            "Indent the line like its neighbours, or put the text in quotes when the colon belongs to it.",
        ),
        (
            "could not find expected ':'",
            "a key without its colon",
            back,
            "Write `key: value`, with a space after the colon.",
        ),
        ("cannot start any token", f"unquoted text cannot begin with {char}", at, "Put the text in quotes."),
        ("expected key", "the line fits none of those above it", at, ANOTHER_LINE),
        ("expected <block end>", "the line fits none of those above it", at, ANOTHER_LINE),
        (
            "expected '-' indicator",
            "the line is indented like a list and is no item of it",
            at,
            "Begin an item with `- `, or indent the key like the one that the list belongs to.",
        ),
        (
            "escape character",
            "a backslash that begins no escape",
            at,
            "Use single quotes, or write the backslash twice.",
        ),
    ):
        if sign in problem:
            return SyntaxProblem(message, *place, remedy)
    return None
