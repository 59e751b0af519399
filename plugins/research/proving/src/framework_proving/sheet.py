"""A page of results as one HTML file, with the pictures inside: no network, readable without this package."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import plotly.graph_objects as go

from framework import ConfigError

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .2rem 1.2rem .2rem 0; text-align: right; }
th { font-weight: 600; border-bottom: 1px solid; } p { max-width: 46rem; }
th:first-child, td:first-child { text-align: left; } td { font-variant-numeric: tabular-nums; }
"""
HEIGHT = "420px"
FONT = {"family": "system-ui, sans-serif", "size": 13}


class Sheet:
    """A page, written from top to bottom.

    Args:
        title: Its heading, and what the browser's tab says.
    """

    def __init__(self, title: str) -> None:
        self._title = html.escape(title)
        self._parts = [f"<h1>{self._title}</h1>"]
        self._scripted = False

    def heading(self, text: str) -> None:
        """A heading of a section."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph; what stands between backticks is a command."""
        self._parts.append(f"<p>{re.sub('`([^`]+)`', r'<code>\1</code>', html.escape(text))}</p>")

    def table(self, heads: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
        """A table; the first column is a name, the others are figures."""
        head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in line) + "</tr>"
            for line in lines
        )
        self._parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def figure(self, figure: go.Figure, height: str = HEIGHT) -> None:
        """A picture; the library that draws it comes with the first one."""
        figure.update_layout(
            template="plotly_white", font=FONT, margin={"t": 20, "l": 70, "r": 20, "b": 50}, title=None
        )
        self._parts.append(
            figure.to_html(
                full_html=False,
                include_plotlyjs=not self._scripted,
                default_height=height,
                config={"displayModeBar": False},
            )
        )
        self._scripted = True

    def html(self) -> str:
        """The page."""
        head = f'<meta charset="utf-8"><title>{self._title}</title><style>{STYLE}</style>'
        return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(self._parts)}</body></html>\n"

    def write(self, path: Path) -> Path:
        """Write the page, and the folder it is in.

        Raises:
            ConfigError: It cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.html(), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"the page cannot be written: {error}", where=str(path)) from error
        return path
